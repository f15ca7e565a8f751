"""The service: inputs, spool and outputs at work together, until somebody says stop.

The main thread only waits for signals. Ingest has a thread, and each output one; they meet in the
spool and nowhere else.

Rules:

* SIGTERM and SIGINT end it: what was read is committed, the batch in hand delivered, all within
  :data:`STOP_WITHIN`. A second one ends it at once; nothing is lost, some is done again.
* SIGHUP reads the configuration again. If it is good, everything is stopped and begun anew with it;
  if not, everything goes on as it was, and the log says why.
* A damaged database is set aside and opened anew.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from forwarder import log
from forwarder.config import Config, OutputConfig
from forwarder.delivery import Delivery
from forwarder.errors import ForwarderError
from forwarder.ingest import Ingest
from forwarder.pausing import DeliverySettings
from forwarder.spool import BlockedError, DamagedError, Spool

if TYPE_CHECKING:
    from types import FrameType

STOP_WITHIN = timedelta(seconds=8)
"""For all there is to end; whoever sent the signal was promised ten seconds."""

ENDED_AT_ONCE = 130
"""As a shell has it for SIGINT."""

_LOOK_SECONDS = 0.5
"""How often the main thread looks whether the others are still at work."""

_RETRY_SECONDS = 5.0
"""How often a spool that cannot be opened now is tried again."""

_log = structlog.get_logger(__name__)


class Running:
    """One configuration at work."""

    def __init__(self, config: Config, *, once: bool = False, begun: bytes = b"") -> None:
        """Open the spool and prepare everything; nothing is read or delivered yet.

        Raises:
            ForwarderError: It cannot be.
        """
        outputs = {name: x.plugin.build(x.settings) for name, x in config.outputs.items()}
        folder = Path(os.path.abspath(config.state))  # noqa: PTH100 - .. stays
        self.spool = Spool.open(folder, max_bytes=config.spool.max_bytes)
        try:
            self.spool.add_outputs(outputs)
            self.before = {x: self.spool.progress(x).rejected for x in outputs}
            self.deliveries = [
                Delivery(name, output, self.spool, _delivery_settings(config.outputs[name]))
                for name, output in outputs.items()
            ]
            self.ingest = Ingest(
                config.inputs, config.documents, self.spool, once=once, begun=begun
            )
        except BaseException:
            self.spool.close()
            raise
        self._once = once
        self.error: BaseException | None = None
        """What ended ingest, other than the end."""
        self.losses: list[str] = []
        """What was not read or not delivered when it was stopped, as sentences."""
        self.is_read = threading.Event()
        """Set when ingest has ended."""
        self._thread = threading.Thread(target=self._ingest, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin."""
        for delivery in self.deliveries:
            delivery.start()
        self._thread.start()

    def stop(self) -> bool:
        """End, with everything committed that was read and every batch in hand delivered.

        Returns:
            Whether all ended in time. What hangs is left behind; should it come back, it finds the
            spool closed.
        """
        end = time.monotonic() + STOP_WITHIN.total_seconds()
        for delivery in self.deliveries:
            delivery.ask_to_stop()
        self.ingest.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(end - time.monotonic())
        ended = not self._thread.is_alive()
        for delivery in self.deliveries:
            left = timedelta(seconds=max(0.1, end - time.monotonic()))
            ended &= delivery.stop(left)
        self.losses = list(self._find_losses())
        self.spool.close()
        if not ended:
            _log.warning("An output does not come back; it is left behind, and nothing is lost.")
        return ended

    def _ingest(self) -> None:
        try:
            self.ingest.run()
        except Exception as error:  # noqa: BLE001 - the main thread decides
            self.error = error
        finally:
            self.is_read.set()
            for delivery in self.deliveries:
                delivery.expect_no_more()

    @property
    def is_delivered(self) -> bool:
        """Whether every output has had everything, or has stopped for good."""
        return all(x.is_drained or x.error is not None for x in self.deliveries)

    def _find_losses(self) -> Iterator[str]:
        if self._once and not self.ingest.is_complete:
            yield "the logs were not read to their end"
        if self.ingest.problems:
            yield f"{self.ingest.problems} problems with the logs; see above"
        for delivery in self.deliveries:
            progress = self.spool.progress(delivery.name)
            rejected = progress.rejected - self.before[delivery.name]
            waiting = self.spool.pending(delivery.name)
            if rejected:
                yield (
                    f"output {delivery.name!r} refused {rejected} documents;"
                    " see esa-forwarder dead-letters list"
                )
            if waiting:
                yield f"{waiting} documents still wait for output {delivery.name!r}"


class Service:
    """Runs a configuration, and another one when told to."""

    def __init__(self, config: Config, reload: Callable[[], Config], *, once: bool = False) -> None:
        """Prepare.

        Args:
            config: To begin with.
            reload: Reads the configuration again; raises ForwarderError if it is not good.
            once: Whether to end when everything is read and delivered.
        """
        self._config = config
        self._reload = reload
        self._once = once
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._is_good = True
        self._begun = b""
        """What was read of a line of standard input, by what ran before."""

    def run(self) -> bool:
        """Run until the end.

        Returns:
            Whether all was done that was to be done. A service that is told to end has done it.

        Raises:
            ForwarderError: It could not begin.
        """
        with self._receiving_signals():
            running: Running | None = self._start(self._config)
            while running is not None:
                running = self._attend(running)
        return self._is_good

    def _attend(self, running: Running) -> Running | None:
        """Wait for what happens; give what runs afterwards, None at the end."""
        number = self._wait(running)
        if number == signal.SIGHUP:
            return self._change(running)
        error = running.error or next((x.error for x in running.deliveries if x.error), None)
        if number is None and isinstance(error, DamagedError):
            _log.error("The spool is damaged; it is set aside and opened anew.", reason=str(error))
            running.stop()
            self._begun = running.ingest.begun
            return self._start(self._config)
        if number is not None:
            _log.info("The service was asked to end.", signal=signal.Signals(number).name)
        running.stop()
        losses = running.losses if number is None or self._once else []
        self._is_good = running.error is None and not losses
        for loss in losses:
            _log.error("Not everything was done.", reason=loss)
        if running.error is not None:
            _log.error("Reading has ended by a fault of the program.", exc_info=running.error)
        _log.info("The service has ended.")
        return None

    def _wait(self, running: Running) -> int | None:
        """Wait for a signal; None if there is nothing more to wait for."""
        while True:
            number = self._next_signal(_LOOK_SECONDS / (5 if self._once else 1))
            if number is not None:
                return number
            if any(isinstance(x.error, DamagedError) for x in running.deliveries):
                return None
            if running.error is not None:
                return None
            if running.is_read.is_set() and running.is_delivered:
                return None

    def _start(self, config: Config) -> Running | None:
        """Begin with a configuration; wait while the disk has no room for it."""
        said = False
        while (running := self._try(config, said=said)) is None:
            said = True
            number = self._next_signal(_RETRY_SECONDS)
            if number == signal.SIGHUP:
                config = self._read_again() or config
            elif number is not None:
                self._is_good = not self._once
                return None
        self._config = config
        log.configure(config.log.format, config.log.level)
        running.start()
        _log.info(
            "The service has begun.",
            inputs=len(config.inputs),
            outputs=",".join(config.outputs),
            state=str(config.state),
        )
        return running

    def _try(self, config: Config, *, said: bool) -> Running | None:
        """Prepare a configuration; None if the disk has no room for it, which is said once."""
        try:
            return Running(config, once=self._once, begun=self._begun)
        except BlockedError as error:
            if not said:
                _log.error("The spool cannot be opened now; it is tried again.", reason=str(error))
            return None

    def _change(self, running: Running) -> Running | None:
        """Go on with the configuration as it is now; with the old one if that is not good."""
        config = self._read_again()
        if config is None:
            return running
        running.stop()
        self._begun = running.ingest.begun
        try:
            changed = self._start(config)
        except ForwarderError as error:
            _log.error("The new configuration does not work; the old one stays.", reason=str(error))
            return self._start(self._config)
        _log.info("The new configuration is at work.")
        return changed

    def _read_again(self) -> Config | None:
        """Read the configuration; None if it is not good."""
        try:
            config = self._reload()
            for output in config.outputs.values():
                output.plugin.build(output.settings)
        except ForwarderError as error:
            for line in str(error).splitlines():
                _log.error("The new configuration is not good; the old one stays.", reason=line)
            return None
        _log.info("The configuration was read again.")
        return config

    def _next_signal(self, seconds: float) -> int | None:
        try:
            return self._signals.get(timeout=seconds)
        except queue.Empty:
            return None

    @contextmanager
    def _receiving_signals(self) -> Iterator[None]:
        ends = 0

        def receive(number: int, _: "FrameType | None") -> None:
            nonlocal ends
            if number != signal.SIGHUP:
                ends += 1
                if ends > 1:
                    os._exit(ENDED_AT_ONCE)
            self._signals.put(number)

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {x: signal.signal(x, receive) for x in numbers}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)


def _delivery_settings(output: OutputConfig) -> DeliverySettings:
    batch, retry = output.delivery.batch, output.delivery.retry
    return DeliverySettings(
        max_documents=batch.max_documents,
        max_bytes=batch.max_bytes,
        max_age=batch.max_age,
        initial_pause=retry.initial_pause,
        max_pause=retry.max_pause,
    )
