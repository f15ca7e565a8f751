"""What an output is handed again, and when: the rest of a batch, and documents it postponed."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from forwarder.ecs.filters import Filter, passes
from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.cursors import Batch
from forwarder.spool.dead_letters import DeadLetter, Replay, dead_letter

NO_TIME = timedelta()
SOON = timedelta(seconds=1)  # longest wait before the rest of a batch that was partly delivered
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

    The other side asked for the ``least``; ``chance`` is drawn from 0 to 1 each time, so that many
    clients do not return at once.
    """
    doublings = min(max(failures, 1) - 1, _MAX_DOUBLINGS)
    longest: timedelta = min(settings.max_pause, settings.initial_pause * 2**doublings)
    return max(min(least, settings.max_pause), longest * chance)


class LeftError(Exception):
    """Some of the documents that were handed over are left; the message is the reason of one."""

    def __init__(self, reason: str, *, left: int, handed: int) -> None:
        super().__init__(reason)
        self.left = left
        self.handed = handed


class WrongAnswerError(Exception):
    """A bug of an output: the answer of ``write`` breaks the contract."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "write() has to return a list of Failure, one for each document that was not delivered,"
            f" and an empty list if all were; {what}"
        )


def check_answer(answer: object) -> Sequence[Failure]:
    """Return the answer of an output's ``write``; raises WrongAnswerError for a wrong one."""
    if not isinstance(answer, Iterable):
        raise WrongAnswerError(f"it returned {answer!r}")
    failures = []
    for failure in answer:
        if not isinstance(failure, Failure) or not isinstance(failure.document, Document):
            raise WrongAnswerError(f"its answer contains {failure!r}")
        if not isinstance(failure.reason, str):
            raise WrongAnswerError(f"its answer has a reason that is not text: {failure.reason!r}")
        failures.append(failure)
    return failures


class InFlightBatch:
    """A batch that an output was given, and the state of each of its documents."""

    def __init__(self, output: str, batch: Batch, rules: Filter | None = None) -> None:
        self._output = output
        self._rules = rules
        self.extend(batch)
        self.is_handed = False  # whether the output has had it before
        self.reason: str | None = None
        """Why the last answer postponed documents; None where it postponed none."""
        self.is_aside = False
        """Whether the documents that were left are to be kept with the dead letters."""
        self._letters: dict[int, DeadLetter] = {}  # to be stored, by position
        self._postponed: dict[int, DeadLetter] = {}  # what is left, by position

    @property
    def was_postponed(self) -> bool:
        """Whether its documents are those that the output postponed before."""
        return bool(self.batch.letters) and self.batch.letters[0].replay is Replay.POSTPONED

    @property
    def can_step_aside(self) -> bool:
        """Whether the rest may be kept with the dead letters: most of the batch was answered.

        Documents that are kept there already always may.
        """
        return bool(self.batch.letters) or len(self.left) * 2 <= len(self.wanted)

    def extend(self, batch: Batch) -> None:
        """Replace the batch, of which nothing was delivered, by a longer one."""
        self.batch = batch
        rules = self._rules
        self.wanted: Sequence[int] = [
            x for x, y in enumerate(batch.documents) if rules is None or passes(y, rules)
        ]
        """Positions of documents that are for the output."""
        self.left: Sequence[int] = self.wanted
        """Positions of those that are neither delivered nor rejected."""

    def judge(
        self, failures: Sequence[Failure], now: datetime, *, keeps: bool
    ) -> Sequence[DeadLetter]:
        """Apply the answer to the documents that were left; return those that are rejected.

        Unless the spool ``keeps`` dead letters, these count as postponed. Raises WrongAnswerError
        for a document that was not handed over.
        """
        by_id = {x.document.id: x for x in failures}
        ids = {x: self.batch.documents[x].id for x in self.left} if by_id else {}
        for identity in by_id.keys() - ids.values():
            raise WrongAnswerError(
                f"its answer names document {identity!r}, which was not handed over"
            )
        self._postponed = {}
        rejected = []
        for position, identity in ids.items():
            if failure := by_id.get(identity):
                letter = self._letter(position, failure, now)
                if failure.retryable or not keeps:
                    self._postponed[position] = letter
                else:
                    self._letters[position] = letter
                    rejected.append(letter)
        self.left = list(self._postponed)
        self.reason = next((x.reason for x in self._postponed.values()), None)
        return rejected

    def step_aside(self) -> None:
        """Let what is left be kept with the dead letters."""
        for position, letter in self._postponed.items():
            self._letters[position] = letter._replace(replay=Replay.POSTPONED)
        self.left = ()
        self.is_aside = True

    def done(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return all before the first document that is left, to be stored."""
        end = self.left[0] if self.left else len(self.batch.documents)
        letters = [self._letters[x] for x in sorted(self._letters) if x < end]
        filtered = end - sum(x < end for x in self.wanted)
        return self.batch.part(end)._replace(filtered=filtered), letters

    def _letter(self, position: int, failure: Failure, now: datetime) -> DeadLetter:
        # The document as it was handed over, whatever the output made of it.
        failure = failure._replace(document=self.batch.documents[position])
        number = self.batch.letters[position].number if self.batch.letters else 0
        return dead_letter(self._output, failure, now)._replace(number=number)


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
    def due_in(self) -> float:
        """Seconds until some are due to be retried; infinity where there are none."""
        return self._due - self._clock() if self.number else math.inf

    def add(self, number: int) -> None:
        """Note how many there are after a batch went on without some of its documents."""
        if not self.number:
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
