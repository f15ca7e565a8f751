"""The service: one configuration after another runs until a signal or, with ``--once``, the end.

The main thread only waits for signals. Reading has a thread, and each output one; they meet in the
spool and nowhere else.

Rules:

* SIGTERM and SIGINT end it: what was read is committed, and each batch in flight delivered, within
  :data:`~forwarder.app.runtime.STOP_WITHIN`. A second one ends it at once; nothing is lost, some
  work is repeated.
* SIGHUP reloads the configuration. If it is valid, everything stops and starts with it; if not,
  everything continues as it was, and the log says why. Several signals that come meanwhile count as
  one, and SIGTERM comes before SIGHUP.
* With ``--once`` the service exits when it makes no progress for ``--give-up-after``.
* A damaged database is quarantined, and a new one opened.
"""

import math
import os
import queue
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from forwarder import log
from forwarder.app.geoip import require_databases
from forwarder.app.runtime import LiveInputs, Runtime, build_outputs
from forwarder.app.status import Observation
from forwarder.app.taps import Taps
from forwarder.config.load import Config, syslog_listeners
from forwarder.config.secret_settings import mask_of
from forwarder.config.types import format_duration
from forwarder.errors import ForwarderError
from forwarder.inputs.syslog.sockets import server_context
from forwarder.output import Output
from forwarder.spool.errors import BlockedError, DamagedError, GoneError
from forwarder.text import cut, escaped, many

if TYPE_CHECKING:
    from types import FrameType

    from forwarder.app.web import HttpServer, Site
    from forwarder.config.models import HttpSettings

GIVE_UP_AFTER = timedelta(minutes=5)  # without progress; a server that restarts is back by then
_LOOK_SECONDS = 0.5  # between the main thread's looks at the other threads
_RETRY_SECONDS = 5.0  # between attempts to open a spool
_ENDED = 128  # and the number of the signal, as shells count
_MAX_STATUS = 200  # characters: `systemctl status` shows one line
_OFTEN = 3  # signs of life within the time after which systemd would kill the service

_log = structlog.get_logger(__name__)


class Service:
    """Runs a configuration, and others after reloads."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        once: bool = False,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> None:
        """Prepare; ``reload`` reads the configuration again, or raises ForwarderError.

        With ``once``, the service ends when all is read and delivered, or when it gives up.
        """
        self._config = config
        self._reload = reload
        self._once = once
        self._give_up_after = give_up_after
        self._deadline = math.inf  # when to give up, in seconds of the monotonic clock
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._is_good = True
        self._live = LiveInputs()  # outlive each configuration
        self._taps = Taps()
        self._systemd = Systemd()
        self._http: HttpServer | None = None
        self._site: Site | None = None

    def run(self) -> bool:
        """Run until the end; return whether all was done, or a signal ended it.

        Raises ForwarderError if it cannot start.
        """
        try:
            with self._receiving_signals():
                runtime = self._start(self._config, _prepare(self._config))
                while runtime is not None:
                    runtime = self._attend(runtime)
        finally:
            self._taps.close()
            if self._http is not None:
                self._http.close()
            self._live.close()
        return self._is_good

    def _attend(self, runtime: Runtime) -> Runtime | None:
        """Wait for a signal or an end; return what runs afterwards, None at the end."""
        number = self._wait(runtime)
        if number == signal.SIGHUP:
            return self._change(runtime)
        if number is None and isinstance(runtime.error, DamagedError):
            _log.error("The spool is damaged; it is quarantined.", reason=str(runtime.error))
            runtime.stop(reloads=True)
            return self._start(self._config, build_outputs(self._config))
        self._systemd.tell("STOPPING=1")
        runtime.stop()
        self._conclude(runtime, number)
        return None

    def _wait(self, runtime: Runtime) -> int | None:
        """Wait for a signal; None if everything has ended, or cannot go on."""
        progress: list[int] = []
        while True:
            number = self._next_signal(_LOOK_SECONDS / (5 if self._once else 1))
            if number is not None:
                return number
            is_read = runtime.is_read.is_set()
            self._systemd.tell_alive(time.monotonic() if is_read else runtime.ingest.alive_at)
            if runtime.error is not None:
                return None
            if is_read and all(x.is_drained or x.error is not None for x in runtime.deliveries):
                return None
            before, progress = progress, [x.judged for x in runtime.deliveries]
            if progress != before or not (is_read or runtime.ingest.committer.is_blocked):
                self._renew_deadline()
            elif time.monotonic() >= self._deadline:
                self._give_up()
                return None

    def _renew_deadline(self) -> None:
        if self._once:
            self._deadline = time.monotonic() + self._give_up_after.total_seconds()

    def _conclude(self, runtime: Runtime, number: int | None) -> None:
        """Log how it ended: by a signal, by an error, or because all is done."""
        error = runtime.error
        is_gone = isinstance(error, GoneError)
        losses = [] if is_gone or (number is not None and not self._once) else runtime.losses
        for loss in losses:
            _log.error("Run incomplete.", reason=loss)
        if losses or error is not None:
            self._is_good = False
        if is_gone:
            _log.error("The spool is gone; the service cannot continue.", reason=str(error))
        elif isinstance(error, ForwarderError):
            _log.error("Reading has ended.", reason=str(error))
        elif error is not None:
            _log.error("Reading has ended because of a bug in the program.", exc_info=error)
        _log.info("The service has ended.")

    def _start(self, config: Config, outputs: Mapping[str, Output]) -> Runtime | None:
        """Start a configuration; wait while the spool cannot be opened."""
        is_logged = False
        self._renew_deadline()
        self._serve(config.http)
        runtime: Runtime | None = None
        while runtime is None:
            try:
                show = self._show if self._systemd.listens or self._http else None
                runtime = Runtime(config, outputs, self._live, show, once=self._once)
            except BlockedError as error:
                if not is_logged:
                    is_logged = True
                    _log.error("The spool cannot be opened now; retrying.", reason=str(error))
                    # systemd would kill a service that is not ready in time.
                    self._systemd.tell("READY=1")
                    self._systemd.tell_status(f"the spool cannot be opened: {error}")
                self._systemd.tell_alive(time.monotonic())
                left = self._deadline - time.monotonic()
                if left <= 0:
                    self._give_up()
                    return None
                number = self._next_signal(min(left, _RETRY_SECONDS))
                if number == signal.SIGHUP:
                    config, outputs = self._load() or (config, outputs)
                    self._serve(config.http)
                elif number is not None:
                    self._is_good = not self._once
                    return None
        self._config = config
        log.configure(config.log.format, config.log.level, mask_of(config))
        self._taps.open(config.state)
        runtime.spool.tell = self._taps.tell
        runtime.start()
        self._systemd.tell("READY=1")
        known = {"outputs": ",".join(config.outputs), "state": str(config.state)}
        if config.http is not None and not self._once:
            known["http"] = config.http.place
        _log.info("The service has begun.", inputs=len(config.inputs), **known)
        return runtime

    def _show(self, seen: Observation) -> None:
        self._systemd.show(seen)
        if self._site is not None:
            self._site.show(seen)

    def _serve(self, settings: "HttpSettings | None") -> None:
        """Serve the status page as it is configured now."""
        if self._http is not None:
            self._http.close()
            self._http = None
        if settings is None or self._once:
            return
        # They need asyncio and h11, which take time and memory.
        from forwarder.app.web import HttpServer, Site  # noqa: PLC0415

        self._site = self._site or Site()
        self._http = HttpServer(settings, self._site.answer)

    def _change(self, runtime: Runtime) -> Runtime | None:
        """Switch to the configuration as it is now, or keep the old one if that is not valid."""
        self._systemd.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}")
        new = self._load()
        if new is None:
            self._systemd.tell("READY=1")
            return runtime
        runtime.stop(reloads=True)
        number = self._next_signal(0)
        if number == signal.SIGHUP:
            self._signals.put(number)
        elif number is not None:
            self._conclude(runtime, number)
            return None
        try:
            changed = self._start(*new)
        except ForwarderError as error:
            _log.error("The new configuration does not work; the old one stays.", reason=str(error))
            return self._start(self._config, build_outputs(self._config))
        _log.info("The new configuration is in use.")
        return changed

    def _load(self) -> tuple[Config, Mapping[str, Output]] | None:
        """Read the configuration and build its outputs; None if it is not valid."""
        try:
            config = self._reload()
            outputs = _prepare(config)
        except ForwarderError as error:
            for line in str(error).splitlines():
                _log.error("The new configuration is not valid; the old one stays.", reason=line)
            return None
        _log.info("The configuration was read again.")
        return config, outputs

    def _give_up(self) -> None:
        self._is_good = False
        _log.error(
            "The service gives up: nothing could be delivered or read for a while. What is left"
            " stays in the spool and in the logs for the next run.",
            after=format_duration(self._give_up_after),
        )

    def _next_signal(self, seconds: float) -> int | None:
        """Wait for a signal; of several, return one that ends the service, if there is any."""
        found = None
        with suppress(queue.Empty):
            found = self._signals.get(timeout=seconds)
            while True:
                number = self._signals.get_nowait()
                found = number if found == signal.SIGHUP else found
        if found not in {None, signal.SIGHUP}:
            _log.info("The service was asked to end.", signal=signal.Signals(found).name)
        return found

    @contextmanager
    def _receiving_signals(self) -> Iterator[None]:
        ends = 0

        def receive(number: int, _: "FrameType | None") -> None:
            nonlocal ends
            if number != signal.SIGHUP:
                ends += 1
                if ends > 1:
                    os._exit(_ENDED + number)
            self._signals.put(number)

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {x: signal.signal(x, receive) for x in numbers}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)


def _prepare(config: Config) -> dict[str, Output]:
    """Build the outputs; raise ForwarderError if these, databases or certificates do not work."""
    outputs = build_outputs(config)
    require_databases(config.documents.geoip or ())
    listeners = [x.tls for x in syslog_listeners(config.inputs)]
    for tls in (*listeners, config.http.tls_files if config.http else None):
        if tls is not None:
            server_context(tls)
    return outputs


class Systemd:
    """Notifies systemd, if that runs the service: sd_notify(3).

    READY, RELOADING and STOPPING say what the service does, STATUS how it is doing, and WATCHDOG
    that it is alive: without that, systemd kills and restarts it, which loses nothing.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take the address of the socket from the environment."""
        self._path = environment.get("NOTIFY_SOCKET", "")
        self.listens = bool(self._path)  # whether there is anything to tell it
        self._watched_seconds = int(environment.get("WATCHDOG_USEC") or 0) / 1_000_000
        self._told = ""
        self._told_alive = 0.0

    def show(self, seen: Observation) -> None:
        """Send the first thing that needs attention as the status."""
        said = [x.sentence for x in seen.status["attention"]]
        waiting = max(x["waiting"] for x in seen.status["outputs"].values())
        well = f"all is well; {many(waiting, 'document')} waiting"
        more = f" ({len(said) - 1} more)" if len(said) > 1 else ""
        self.tell_status(said[0] + more if said else well)

    def tell_status(self, text: str) -> None:
        """Send a status, if it has changed."""
        text = cut(escaped(text), _MAX_STATUS)
        if text != self._told:
            self._told = text
            self.tell(f"STATUS={text}")

    def tell_alive(self, at: float) -> None:
        """Send a sign of life, unless the last work, by the monotonic clock, is long ago."""
        now, seconds = time.monotonic(), self._watched_seconds
        if now - at < seconds and now - self._told_alive >= seconds / _OFTEN:
            self._told_alive = now
            self.tell("WATCHDOG=1")

    def tell(self, text: str) -> None:
        """Send a notification."""
        if not self.listens:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.setblocking(False)  # noqa: FBT003 - its only argument
            systemd.sendto(text.encode(), address)
