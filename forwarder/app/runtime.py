"""One configuration, running: spool, inputs and outputs, each in a thread of its own.

Standard input and sockets outlive it: another configuration goes on with them.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from forwarder.app.ingest import Ingest
from forwarder.app.saved_state import open_spool
from forwarder.app.status import Observation, observe
from forwarder.config.load import Config, syslog_listeners
from forwarder.config.models import StdinSettings
from forwarder.config.secret_settings import mask_of
from forwarder.delivery.retries import DeliverySettings
from forwarder.delivery.worker import Delivery
from forwarder.errors import ForwarderError
from forwarder.inputs.chunk import Chunk
from forwarder.inputs.stdin import KEY as STDIN_KEY
from forwarder.inputs.stdin import StandardInput
from forwarder.inputs.syslog.inbox import PREFIX as SYSLOG_PREFIX
from forwarder.inputs.syslog.sockets import ListenerCounts
from forwarder.output import Output
from forwarder.spool.errors import DamagedError, GoneError, SpoolError
from forwarder.spool.spool import Spool
from forwarder.text import error_text, many, shortened

if TYPE_CHECKING:
    from forwarder.inputs.syslog.receiver import Receiver

STOP_WITHIN = timedelta(seconds=8)
"""For everything to end; users are promised ten seconds after a signal."""

LOOK_SECONDS = 2.0  # between looks at how the service is, and at calls that do not return

_log = structlog.get_logger(__name__)


class Runtime:
    """One configuration, running."""

    def __init__(
        self,
        config: Config,
        outputs: Mapping[str, Output],
        live: "LiveInputs",
        show: Callable[[Observation], None] | None = None,
        *,
        once: bool = False,
    ) -> None:
        """Open the spool and prepare everything; nothing is read yet.

        ``show`` gets an observation every :data:`LOOK_SECONDS`.
        """
        self.spool = open_spool(config)
        try:
            blocking = [x for x in outputs if config.outputs[x].delivery.when_full == "block"]
            self.spool.add_outputs(outputs, blocking=blocking)
            self._before = {x: self.spool.outputs[x] for x in outputs}
            self.deliveries = []
            for name, output in outputs.items():
                settings = config.outputs[name].delivery
                limits = DeliverySettings(
                    **dict(settings.batch),
                    **dict(settings.retry),
                    left_out=settings.documents.left_out,
                    rules=settings.filter.rules,
                )
                mask = mask_of(config, name)
                self.deliveries.append(Delivery(name, output, self.spool, limits, mask=mask))
            self.ingest = Ingest(config, self.spool, live, once=once)
        except BaseException:
            self.spool.close()
            raise
        self._once = once
        self._show = show
        self._reading_error: Exception | None = None
        self.losses: list[str] = []  # what was not read or not delivered in the end, as sentences
        self.is_read = threading.Event()  # set when reading has ended
        self._is_over = threading.Event()
        self._reading = threading.Thread(target=self._read, name="ingest", daemon=True)
        self._upkeep = threading.Thread(target=self._look_after, name="upkeep", daemon=True)

    @property
    def error(self) -> Exception | None:
        """Why reading failed, or what an output found wrong with the spool."""
        errors = (x.error for x in self.deliveries)
        of_spool = (x for x in errors if isinstance(x, DamagedError | GoneError))
        return self._reading_error or next(of_spool, None)

    def start(self) -> None:
        """Start reading and delivering."""
        for delivery in self.deliveries:
            delivery.start()
        self._reading.start()
        self._upkeep.start()

    def stop(self, *, reloads: bool = False) -> None:
        """Commit everything that was read, let every batch in flight be delivered, and stop.

        If the service ``reloads``, the next configuration continues with the sockets. What does not
        return in time is abandoned; should it return, it finds the spool closed.
        """
        end = time.monotonic() + STOP_WITHIN.total_seconds()
        for delivery in self.deliveries:
            delivery.ask_to_stop()
        self.ingest.ask_to_stop(reloads=reloads)
        self._reading.join(end - time.monotonic())
        if self._reading.is_alive():
            _log.warning("Reading did not stop in time and was abandoned; nothing is lost.")
        for delivery in self.deliveries:
            left = timedelta(seconds=max(0.1, end - time.monotonic()))
            if not delivery.stop(left):
                delivery.watchdog.abandon()
                _log.warning(
                    "Output did not stop in time and was abandoned; its documents stay in the"
                    " spool.",
                    output=delivery.name,
                )
        self._is_over.set()
        self.losses = list(self._find_losses())
        self.spool.close()

    def _read(self) -> None:
        try:
            self.ingest.run()
        except Exception as error:  # noqa: BLE001 - the main thread decides
            self._reading_error = error
        finally:
            self.is_read.set()
            for delivery in self.deliveries:
                delivery.expect_no_more()

    def _look_after(self) -> None:
        """Show the status, look for calls of outputs that do not return, and trim the spool."""
        while True:
            if self._show is not None:
                with suppress(SpoolError):
                    self._show(observe(self.spool.folder, self.deliveries))
            if self._is_over.wait(LOOK_SECONDS):
                return
            for delivery in self.deliveries:
                delivery.watchdog.look()
            with suppress(SpoolError):
                while self.spool.trim() and not self._is_over.is_set():
                    pass

    def _find_losses(self) -> Iterator[str]:
        if self._once and not self.ingest.is_complete:
            yield "the logs were not read to their end"
        if self.ingest.status.problems:
            yield f"{many(self.ingest.status.problems, 'problem')} with the logs; see above"
        if self.spool.was_damaged:
            yield "the spool was damaged and has been replaced; see above"
        for delivery in self.deliveries:
            name, waiting = delivery.name, delivery.waiting
            progress, before = self.spool.outputs[name], self._before[name]
            rejected = progress.rejected - before.rejected
            missing = progress.missing - before.missing
            dropped = progress.dropped.documents if progress.dropped else 0
            dropped -= before.dropped.documents if before.dropped else 0
            wait = "waits" if waiting == 1 else "wait"
            for number, what in (
                (rejected, f"rejected by output {name!r}; see esa-forwarder dead-letters list"),
                (dropped, f"dropped for output {name!r}, because the spool was full; see status"),
                (missing, f"for output {name!r} could not be read from the spool; see above"),
                (waiting, f"still {wait} for output {name!r}"),
            ):
                if number > 0:
                    yield f"{many(number, 'document')} {what}"


def build_outputs(config: Config) -> dict[str, Output]:
    """Build all outputs of a configuration, by name; raise ForwarderError if one fails."""
    built: dict[str, Output] = {}
    for name, output in config.outputs.items():
        try:
            built[name] = output.plugin.build(output.settings)
        except BaseException as error:  # a plugin may raise anything
            is_fault = not isinstance(error, ForwarderError)
            text = error_text(error, typed=is_fault, whole=True)
            said = shortened(mask_of(config, name)(text))
            raise ForwarderError(f"output {name!r} (type {output.plugin.name}): {said}") from error
    return built


class LiveInputs:
    """The inputs that cannot be read again; they keep what is not in documents yet."""

    def __init__(self) -> None:
        self.stdin: StandardInput | None = None
        self.syslog: Receiver | None = None

    def open(self, config: Config, spool: Spool, *, once: bool) -> None:
        """Open the inputs of a configuration, keep those that are open, and close all others."""
        listeners = syslog_listeners(config.inputs)
        if listeners and once:
            _log.warning("Syslog inputs are not opened with --once: they have no end.")
        elif listeners:
            # asyncio takes time and memory.
            from forwarder.inputs.syslog.receiver import Receiver  # noqa: PLC0415

            self.syslog = self.syslog or Receiver(spool.iter_state(SYSLOG_PREFIX))
            self.syslog.listen(listeners)
            self.syslog.rewind()
        else:
            self.close()
        before, self.stdin = self.stdin, None
        for number, settings in enumerate(config.inputs):
            if isinstance(settings, StdinSettings):
                self.stdin = before or StandardInput()
                self.stdin.reopen(settings.appliance, number)

    @property
    def sources(self) -> "list[StandardInput | Receiver]":
        """The inputs that are open."""
        return [x for x in (self.stdin, self.syslog) if x is not None]

    @property
    def counts(self) -> Mapping[str, ListenerCounts]:
        """What sockets have received so far, by address."""
        return {} if self.syslog is None else self.syslog.counts

    def settle(self, *, reloads: bool) -> Iterator[Chunk]:
        """Yield the last chunks; at the end of the service, sockets accept no more."""
        if self.stdin is not None:
            yield from self.stdin.settle()
        if self.syslog is not None:
            yield from self.syslog.read(0) if reloads else self.syslog.drain()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> Iterable[tuple[str, bytes | None]]:
        """Note up to where everything is in documents; return what to commit with them."""
        if self.stdin is not None and STDIN_KEY in consumed:
            self.stdin.save(*consumed[STDIN_KEY])
        return () if self.syslog is None else self.syslog.save(consumed)

    def close(self) -> None:
        """Close all sockets, if they are open."""
        if self.syslog is not None:
            self.syslog.close()
            self.syslog = None
