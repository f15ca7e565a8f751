"""Documents that an output postponed while it delivered others: how many, and when to retry."""

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from forwarder.delivery.backoff import NO_TIME, DeliverySettings, backoff

MAX_POSTPONED = 10_000
"""Documents. An output that postpones more is waited for, with everything behind them."""
_WARN_SECONDS = 30.0
"""After which it is logged: an overloaded server delivers most of it much sooner."""
_AGAIN_SECONDS = 3_600.0

_log = structlog.get_logger(__name__)


class Postponed:
    """Postponed documents of one output; for its worker's thread, except :attr:`number`."""

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        chance: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._settings = settings
        self._chance = chance
        self._clock = clock
        self.number = 0
        self._failures = 0
        self._due = self._since = clock()
        self._quiet_until = self._due

    @property
    def is_due(self) -> bool:
        """Whether there are some to retry now."""
        return self.number > 0 and self._clock() >= self._due

    @property
    def wait(self) -> timedelta | None:
        """How long until some are due; None where there are none."""
        return timedelta(seconds=max(0.0, self._due - self._clock())) if self.number else None

    def add(self, number: int) -> None:
        """Note how many there are after a batch went on without some of its documents."""
        if not self.number:
            self._failures = 0
            self._since = self._clock()
            self._plan()
        self.number = number

    def succeed(self, number: int) -> None:
        """Note how many are left after some were delivered or rejected."""
        self.number = number
        self._failures = 0
        self._due = self._since = self._clock()

    def fail(self, number: int, reason: str) -> None:
        """Note that a retry delivered none of them, and why."""
        self.number = number
        self._plan()
        now = self._clock()
        if now - self._since >= _WARN_SECONDS and now >= self._quiet_until:
            self._quiet_until = now + _AGAIN_SECONDS
            _log.warning(
                "Output postpones some documents and delivers others; they are retried. List them"
                " with esa-forwarder dead-letters list.",
                output=self._name,
                documents=number,
                reason=reason,
            )

    def _plan(self) -> None:
        self._failures += 1
        wait = backoff(self._failures, self._settings, NO_TIME, self._chance())
        self._due = self._clock() + wait.total_seconds()
