"""The service: inputs, spool and outputs at work together, until somebody says stop.

The main thread only waits for signals. Ingest has a thread, and each output one; they meet in the
spool and nowhere else.

Rules:

* SIGTERM and SIGINT end it: what was read is committed, the batch in hand delivered, all within
  :data:`~forwarder.app.runtime.STOP_WITHIN`. A second one ends it at once; nothing is lost, some is
  done again.
* SIGHUP reads the configuration again. If it is good, everything is stopped and begun anew with it;
  if not, everything goes on as it was, and the log says why. Several that come meanwhile are one,
  and none comes before an end.
* Who runs it once waits for an end: when nothing can be done for a while, it gives up.
* A damaged database is set aside and opened anew.
"""

import os
import queue
import signal
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from forwarder import log
from forwarder.app.making import make_outputs
from forwarder.app.runtime import Running
from forwarder.config.load import Config, mask_of
from forwarder.config.types import format_duration
from forwarder.errors import ForwarderError
from forwarder.output import Output
from forwarder.spool import BlockedError, DamagedError, GoneError

if TYPE_CHECKING:
    from types import FrameType

    from forwarder.inputs.stdin import StandardInput

_ENDED = 128
"""And the number of the signal, as shells count."""

_LOOK_SECONDS = 0.5
"""How often the main thread looks whether the others are still at work."""

GIVE_UP_AFTER = timedelta(minutes=5)
"""So long nothing may be possible before a service that runs once gives up: a server that starts
anew is there again by then."""

_RETRY_SECONDS = 5.0
"""How often a spool that cannot be opened now is tried again."""

_log = structlog.get_logger(__name__)


class Patience:
    """How long there is still to wait for something that cannot be done."""

    def __init__(self, length: timedelta | None) -> None:
        """Begin.

        Args:
            length: How long in all; None for ever.
        """
        self.length = length
        self._achieved: Hashable = None
        self.renew()

    def renew(self) -> None:
        """Begin anew: something can be done."""
        self._since = time.monotonic()

    def ends(self, achieved: Hashable = None) -> bool:
        """Say whether nothing could be done for so long.

        Args:
            achieved: How far things are; with another value than before it begins anew.
        """
        if achieved != self._achieved:
            self._achieved = achieved
            self.renew()
        return self._left() <= 0

    def at_most(self, seconds: float) -> float:
        """Say how long to wait before the next attempt."""
        return max(0.0, min(seconds, self._left()))

    def _left(self) -> float:
        if self.length is None:
            return float("inf")
        return self._since + self.length.total_seconds() - time.monotonic()


class Service:
    """Runs a configuration, and another one when told to."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        once: bool = False,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> None:
        """Prepare.

        Args:
            config: To begin with.
            reload: Reads the configuration again; raises ForwarderError if it is not good.
            once: Whether to end when everything is read and delivered.
            give_up_after: With ``once``, so long nothing may be possible before it ends.
        """
        self._config = config
        self._reload = reload
        self._once = once
        self._patience = Patience(give_up_after if once else None)
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._is_good = True
        self._gave_up = False
        self._standard_input: StandardInput | None = None
        """Outlives each configuration."""

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
        return self._is_good and not self._gave_up

    def _attend(self, running: Running) -> Running | None:
        """Wait for what happens; give what runs afterwards, None at the end."""
        number = self._wait(running)
        if number == signal.SIGHUP:
            return self._change(running)
        error = running.error or next((x.error for x in running.deliveries if x.error), None)
        if number is None and isinstance(error, DamagedError):
            _log.error("The spool is damaged; it is set aside and opened anew.", reason=str(error))
            running.stop()
            self._standard_input = running.ingest.standard_input
            return self._start(self._config)
        if number is not None:
            _say_end(number)
        running.stop()
        self._conclude(running, number, error)
        return None

    def _conclude(
        self, running: Running, number: int | None, error: BaseException | None = None
    ) -> None:
        """Say how it ended: what is stopped now, by a signal or not, or what stopped an output."""
        losses = running.losses if number is None or self._once else []
        if isinstance(error, GoneError):
            losses = []  # of which nobody knows
        self._is_good = running.error is None and not losses
        for loss in losses:
            _log.error("Not everything was done.", reason=loss)
        if isinstance(error, GoneError):
            self._is_good = False
            _log.error("The spool is gone; nothing can go on.", reason=str(error))
        elif isinstance(running.error, ForwarderError):
            _log.error("Reading has ended.", reason=str(running.error))
        elif running.error is not None:
            _log.error("Reading has ended by a fault of the program.", exc_info=running.error)
        _log.info("The service has ended.")

    def _wait(self, running: Running) -> int | None:
        """Wait for a signal; None if there is nothing more to wait for, or no use in it."""
        self._patience.renew()
        while True:
            number = self._next_signal(_LOOK_SECONDS / (5 if self._once else 1))
            if number is not None:
                return number
            if any(isinstance(x.error, DamagedError | GoneError) for x in running.deliveries):
                return None
            if running.error is not None:
                return None
            if running.is_read.is_set() and running.is_delivered:
                return None
            if not running.waits_for_outputs:
                self._patience.renew()
            elif self._patience.ends(running.achieved):
                self._give_up()
                return None

    def _start(self, config: Config, outputs: Mapping[str, Output] | None = None) -> Running | None:
        """Begin with a configuration; wait while the disk has no room for it."""
        said = False
        if outputs is None:
            outputs = self._make(config)
        self._patience.renew()
        while (running := self._try(config, outputs, said=said)) is None:
            said = True
            if self._patience.ends():
                self._give_up()
                return None
            number = self._next_signal(self._patience.at_most(_RETRY_SECONDS))
            if number == signal.SIGHUP:
                config, outputs = self._read_again() or (config, outputs)
            elif number is not None:
                self._is_good = not self._once
                return None
        before, self._config = self._config, config
        log.configure(config.log.format, config.log.level, mask_of(config))
        running.start()
        _log.info(
            "The service has begun.",
            inputs=len(config.inputs),
            outputs=",".join(config.outputs),
            state=str(config.state),
        )
        if os.path.realpath(config.state) != os.path.realpath(before.state):
            _log.warning(
                "The state folder changed. The new one does not know what was delivered before:"
                " all logs are read again, and outputs that do not recognise ids, such as files,"
                " may get documents twice.",
                before=str(before.state),
            )
        return running

    def _make(self, config: Config) -> Mapping[str, Output]:
        """Make outputs; a signal does not wait for those that take long."""
        return make_outputs(config, lambda: not self._signals.empty())

    def _try(self, config: Config, outputs: Mapping[str, Output], *, said: bool) -> Running | None:
        """Prepare a configuration; None if the disk has no room for it, which is said once."""
        try:
            return Running(config, outputs, once=self._once, standard_input=self._standard_input)
        except BlockedError as error:
            if not said:
                _log.error("The spool cannot be opened now; it is tried again.", reason=str(error))
            return None

    def _give_up(self) -> None:
        self._gave_up = True
        _log.error(
            "The service gives up: nothing could be delivered or read for a while. What waits stays"
            " in the spool and in the logs, and goes on with the next run.",
            after=format_duration(self._patience.length or timedelta()),
        )

    def _change(self, running: Running) -> Running | None:
        """Go on with the configuration as it is now; with the old one if that is not good."""
        new = self._read_again()
        if new is None:
            return running
        running.stop()
        self._standard_input = running.ingest.standard_input
        number = self._next_signal(0)
        if number == signal.SIGHUP:
            self._signals.put(number)
        elif number is not None:
            _say_end(number)
            self._conclude(running, number)
            return None
        try:
            changed = self._start(*new)
        except ForwarderError as error:
            _log.error("The new configuration does not work; the old one stays.", reason=str(error))
            return self._start(self._config)
        _log.info("The new configuration is at work.")
        return changed

    def _read_again(self) -> tuple[Config, Mapping[str, Output]] | None:
        """Read the configuration and make its outputs; None if it is not good."""
        try:
            config = self._reload()
            outputs = self._make(config)
        except ForwarderError as error:
            for line in str(error).splitlines():
                _log.error("The new configuration is not good; the old one stays.", reason=line)
            return None
        _log.info("The configuration was read again.")
        return config, outputs

    def _next_signal(self, seconds: float) -> int | None:
        """Wait for a signal, and take all that have come: an end, if there is one among them."""
        found = None
        with suppress(queue.Empty):
            found = self._signals.get(timeout=seconds)
            while True:
                number = self._signals.get_nowait()
                found = number if found == signal.SIGHUP else found
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


def _say_end(number: int) -> None:
    _log.info("The service was asked to end.", signal=signal.Signals(number).name)
