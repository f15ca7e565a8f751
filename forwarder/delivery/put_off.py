"""What an output has put off while it took others: how much it is, and when it is tried again.

It does not stand in the way: the cursor is behind it, and the worker tries it between other
batches.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from forwarder.delivery.pausing import NO_TIME, DeliverySettings, pause

MOST = 10_000
"""Documents. An output that puts off more than that is waited for, with everything behind them."""
_WARN_SECONDS = 30.0
"""After which it is logged: an overloaded server takes most of it much sooner."""
_AGAIN_SECONDS = 3_600.0

_log = structlog.get_logger(__name__)


class PutOff:
    """That of one output; for the thread of its worker, but for :attr:`number`."""

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        chance: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with none.

        Args:
            name: Of the output in the configuration.
            settings: How long pauses may be.
            chance: Numbers from 0 to 1, for the jitter.
            clock: Seconds.
        """
        self._name = name
        self._settings = settings
        self._chance = chance
        self._clock = clock
        self.number = 0
        """Documents that are kept."""
        self._failures = 0
        self._due = self._since = clock()
        self._quiet_until = self._due

    @property
    def is_due(self) -> bool:
        """Whether there are some to be tried now."""
        return self.number > 0 and self._clock() >= self._due

    @property
    def wait(self) -> timedelta | None:
        """How long until there are; None where there are none at all."""
        return timedelta(seconds=max(0.0, self._due - self._clock())) if self.number else None

    def add(self, number: int) -> None:
        """Take notice of how many there are, now that a batch went on without some of it."""
        if not self.number:
            self._failures = 1
            self._since = self._clock()
            self._plan()
        self.number = number

    def succeed(self, number: int) -> None:
        """Take notice of how many there are left, of which some were taken or refused just now."""
        self.number = number
        self._failures = 0
        self._due = self._since = self._clock()

    def fail(self, number: int, reason: str) -> None:
        """Take notice that none of those that were tried was taken, and why."""
        self.number = number
        self._failures += 1
        self._plan()
        now = self._clock()
        if now - self._since >= _WARN_SECONDS and now >= self._quiet_until:
            self._quiet_until = now + _AGAIN_SECONDS
            _log.warning(
                "An output puts off some documents and takes others; it is tried again until it"
                " takes them. They are listed by esa-forwarder dead-letters list.",
                output=self._name,
                documents=number,
                reason=reason,
            )

    def _plan(self) -> None:
        wait = pause(self._failures, self._settings, NO_TIME, self._chance())
        self._due = self._clock() + wait.total_seconds()
