"""A batch in flight: what the output answered, and what is left to deliver."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from forwarder.ecs.filters import Filter, passes
from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.cursors import Batch
from forwarder.spool.dead_letters import DeadLetter, Replay, dead_letter


class WrongAnswerError(Exception):
    """A bug of an output: the answer of ``write`` breaks the contract."""


def check_answer(answer: Iterable[object]) -> Sequence[Failure]:
    """Return the answer of an output's ``write``; raises WrongAnswerError for a wrong one."""
    if not isinstance(answer, Iterable):
        raise _wrong(f"it returned {answer!r}")
    failures = []
    for failure in answer:
        if not isinstance(failure, Failure) or not isinstance(failure.document, Document):
            raise _wrong(f"its answer contains {failure!r}")
        if not isinstance(failure.reason, str):
            raise _wrong(f"its answer has a reason that is not text: {failure.reason!r}")
        failures.append(failure)
    return failures


def _wrong(what: str) -> WrongAnswerError:
    return WrongAnswerError(
        "write() has to return a list of Failure, one for each document that was not delivered, and"
        f" an empty list if all were; {what}"
    )


class InFlightBatch:
    """A batch that an output was given, and the state of each of its documents."""

    def __init__(self, output: str, batch: Batch, rules: Filter | None = None) -> None:
        self._output = output
        self._rules = rules
        self.extend(batch)
        self.handed = 0  # how many documents, from the first, the output has seen before
        self.reason: str | None = None
        """Why the last answer postponed documents; None where it postponed none."""
        self.is_aside = False
        """Whether the documents that were left are to be kept with the dead letters."""
        self._letters: dict[int, DeadLetter] = {}
        self._postponed: dict[int, Failure] = {}

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
        found = {x: by_id[y] for x, y in ids.items() if y in by_id}
        for identity in by_id.keys() - ids.values():
            raise WrongAnswerError(
                f"output {self._output!r} names document {identity!r} as a failure, which was not"
                " handed to it"
            )
        self._postponed = {x: y for x, y in found.items() if y.retryable or not keeps}
        self.left = list(self._postponed)
        self.reason = next((x.reason for x in self._postponed.values()), None)
        rejected = {
            x: self._letter(x, y, now) for x, y in found.items() if x not in self._postponed
        }
        self._letters |= rejected
        return list(rejected.values())

    def step_aside(self, now: datetime) -> None:
        """Let what is left be kept with the dead letters."""
        for position, failure in self._postponed.items():
            letter = self._letter(position, failure, now)
            self._letters[position] = letter._replace(replay=Replay.POSTPONED)
        self.left = ()
        self.is_aside = True

    def done(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return all before the first document that is left, to be stored."""
        end = self.left[0] if self.left else len(self.batch.documents)
        letters = [self._letters[x] for x in sorted(self._letters) if x < end]
        filtered = end - sum(x < end for x in self.wanted)
        return self.batch.part(0, end)._replace(filtered=filtered), letters

    def _letter(self, position: int, failure: Failure, now: datetime) -> DeadLetter:
        # The document as it was handed over, whatever the output made of it.
        failure = failure._replace(document=self.batch.documents[position])
        letter = dead_letter(self._output, failure, now)
        if self.batch.letters:
            letter = letter._replace(number=self.batch.letters[position].number)
        return letter
