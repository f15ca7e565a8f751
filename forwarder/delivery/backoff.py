"""Sizes of batches, retries and the backoff between them, also of postponed documents."""

import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import NamedTuple, TypeVar

import structlog
import tenacity

from forwarder.delivery.health import OutputHealth
from forwarder.ecs.filters import Filter
from forwarder.output import Unavailable
from forwarder.spool.errors import BlockedError

_Result = TypeVar("_Result")

NO_TIME = timedelta()
SOON = timedelta(seconds=1)
"""Longest wait before postponed documents are retried while the output delivers others."""
MAX_POSTPONED = 10_000
"""Documents. An output that postpones more is waited for, with everything behind them."""
_MAX_DOUBLINGS = 20  # a millionfold: the longest wait is reached by then, and numbers stay small
_WARN_SECONDS = 30.0
"""After which postponed documents are logged: an overloaded server takes most much sooner."""
_AGAIN_SECONDS = 3_600.0

_log = structlog.get_logger(__name__)


class DeliverySettings(NamedTuple):
    """What an operator chooses for each output."""

    max_documents: int = 10_000  # in a batch; an output may make several requests of it
    max_bytes: int = 20_000_000  # in a batch, unless one document alone has more; as in Logstash
    max_age: timedelta = timedelta(seconds=0.1)
    """How long a batch that is not full waits for more documents after the one before."""
    initial_pause: timedelta = timedelta(seconds=1)
    """Longest wait before the first retry; it doubles with each further one."""
    max_pause: timedelta = timedelta(seconds=60)
    """Longest wait of all, whatever the other side asks for."""
    left_out: tuple[str, ...] = ()
    """What the output does not get of documents, of :data:`forwarder.ecs.filters.REPETITIONS`."""
    rules: Filter | None = None
    """Which documents it gets; None for all."""


def backoff(
    failures: int, settings: DeliverySettings, least: timedelta, chance: float
) -> timedelta:
    """Return the wait after so many failures in a row: exponential, with full jitter.

    tenacity's own wait counts the attempts of one call; here failures go on over several calls,
    until documents are delivered. The other side asked for the ``least``; ``chance`` is drawn from
    0 to 1 each time, so that many clients do not return at once.
    """
    doublings = min(max(failures, 1) - 1, _MAX_DOUBLINGS)
    longest: timedelta = min(settings.max_pause, settings.initial_pause * 2**doublings)
    return max(min(least, settings.max_pause), longest * chance)


def backoff_for_rest(
    left: int, handed: int, settings: DeliverySettings, chance: float
) -> timedelta:
    """Return the wait before the rest of a batch is retried, some of which was delivered.

    Nothing where most of it was delivered: each attempt is at most half as large as the one before.
    Otherwise as before a first retry, and never longer than :data:`SOON`.
    """
    if left * 2 <= handed:
        return NO_TIME
    longest: timedelta = min(SOON, settings.initial_pause, settings.max_pause)
    return longest * chance


class LeftError(Exception):
    """Some of the documents that were handed over are left; the message is the reason of one."""

    def __init__(self, reason: str, *, left: int, handed: int) -> None:
        super().__init__(reason)
        self.left = left
        self.handed = handed


class StopError(Exception):
    """The program ends."""


class Retrier:
    """Retries the calls of one output until they succeed, or until ``stop`` is set."""

    def __init__(
        self,
        settings: DeliverySettings,
        health: OutputHealth,
        stop: Event,
        chance: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._health = health
        self._stop = stop
        self._chance = chance
        # One for all calls: each is a cycle, and what they hold would wait for the collector.
        self._attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Unavailable, BlockedError, LeftError)),
            wait=self.next_wait,
            sleep=self._sleep,
        )

    def retry(self, act: Callable[[], _Result]) -> _Result:
        """Call until it raises neither Unavailable, BlockedError nor LeftError; or StopError."""
        result = self._attempts(act)
        self._health.prepare()
        return result

    def next_wait(self, state: tenacity.RetryCallState) -> float:
        """Note why an attempt failed; return the seconds before the next one."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, LeftError) and error.left < error.handed:
            # It delivers, if not everything at once.
            wait = backoff_for_rest(error.left, error.handed, self._settings, self._chance())
            return wait.total_seconds()
        least = (isinstance(error, Unavailable) and error.retry_after) or NO_TIME
        if error is not None:
            self._health.fail(error, of_spool=isinstance(error, BlockedError))
            _clear_frames(error)
        return backoff(self._health.failures, self._settings, least, self._chance()).total_seconds()

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StopError


def _clear_frames(error: BaseException | None) -> None:
    """Release the requests and answers in the frames of an error.

    Libraries that keep an error in a variable make a cycle of error, traceback and frame, which
    would hold them until the next garbage collection.
    """
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


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
