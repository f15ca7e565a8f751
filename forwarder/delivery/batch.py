"""A batch in flight: what the output answered, and what is left to deliver."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.cursors import Batch
from forwarder.spool.dead_letters import DeadLetter, dead_letter


class WrongAnswerError(Exception):
    """A bug of an output: the answer of ``write`` breaks the contract."""


def check_answer(answer: Iterable[object]) -> Sequence[Failure]:
    """Return the answer of an output's ``write`` if it keeps the contract.

    Raises:
        WrongAnswerError: It does not.
    """
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
    """A batch that an output was given, and the state of each of its documents.

    Attributes:
        batch: As the spool gave it.
        left: Positions of documents that are neither delivered nor rejected.
        handed: How many documents, from the first, the output has seen before.
        is_stored: Whether the cursor is behind the whole batch.
        stored: How many documents, from the first, the cursor has passed.
        probe: How many documents are handed over at most, where a rejected one did not fit into the
            dead letters; 0 for any number.
    """

    def __init__(self, output: str, batch: Batch) -> None:
        """Start with no answer; ``output`` is the name in the configuration."""
        self._output = output
        self.batch = batch
        self.left: Sequence[int] = range(len(batch.documents))
        self.handed = 0
        self.is_stored = False
        self.stored = 0
        self.probe = 0
        self._rejected: dict[int, DeadLetter] = {}
        self._postponed: dict[int, Failure] = {}

    @property
    def was_postponed(self) -> bool:
        """Whether its documents are those that the output postponed before."""
        return bool(self.batch.letters) and self.batch.letters[0].postponed

    @property
    def again(self) -> int:
        """How many documents the last answer postponed."""
        return len(self._postponed)

    @property
    def can_step_aside(self) -> bool:
        """Whether the rest may be kept with the dead letters: most of the batch was answered.

        Documents that were postponed or rejected before always may; unasked ones never.
        """
        return len(self.left) == len(self._postponed) and (
            bool(self.batch.letters) or len(self.left) * 2 <= len(self.batch.documents)
        )

    @property
    def next(self) -> Sequence[int]:
        """Positions of the documents to hand over now."""
        return self.left[: self.probe] if self.probe else self.left

    def extend(self, batch: Batch) -> None:
        """Replace the batch, of which nothing was delivered, by a longer one."""
        self.batch = batch
        self.left = range(len(batch.documents))
        self._postponed = {}

    def judge(
        self, failures: Sequence[Failure], now: datetime
    ) -> tuple[str | None, Mapping[int, DeadLetter]]:
        """Apply the answer to the documents of :attr:`next`.

        Returns:
            The reason of one postponed document, if there is any, and the rejected documents by
            their positions.

        Raises:
            WrongAnswerError: The answer names a document that was not handed over.
        """
        by_id = {x.document.id: x for x in failures}
        handed = self.next
        rejected: dict[int, DeadLetter] = {}
        self._postponed = {}
        found = set[str]()
        for position in handed if by_id else ():
            failure = by_id.get(self.batch.documents[position].id)
            if failure is None:
                continue
            found.add(failure.document.id)
            if failure.retryable:
                self._postponed[position] = failure
            else:
                rejected[position] = self._letter(position, failure, now)
        for identity in by_id.keys() - found:
            raise WrongAnswerError(
                f"output {self._output!r} names document {identity!r} as a failure, which was not"
                " handed to it"
            )
        self._rejected |= rejected
        self.left = [*self._postponed, *self.left[len(handed) :]]
        return next((x.reason for x in self._postponed.values()), None), rejected

    def step_aside(self, now: datetime) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return the rest of the batch with its rejected and postponed documents, to be stored."""
        batch, letters = self._part(len(self.batch.documents))
        for position, failure in self._postponed.items():
            letter = self._letter(position, failure, now)
            letters[position] = letter._replace(replay=True, postponed=True)
        return batch, [letters[x] for x in sorted(letters)]

    @property
    def rejected(self) -> Sequence[DeadLetter]:
        """Rejected documents that are not stored yet."""
        return list(self._part(len(self.batch.documents))[1].values())

    def take_back(self, positions: Iterable[int]) -> None:
        """Hand some rejected documents over again, one at first."""
        taken = set(positions)
        self._rejected = {x: y for x, y in self._rejected.items() if x not in taken}
        self.left = sorted(taken.union(self.left))
        self.probe = 1

    def before_first_left(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return all before the first document that is left, to be stored."""
        batch, rejected = self._part(self.left[0] if self.left else len(self.batch.documents))
        return batch, [rejected[x] for x in sorted(rejected)]

    def _part(self, end: int) -> tuple[Batch, dict[int, DeadLetter]]:
        rejected = {x: y for x, y in self._rejected.items() if self.stored <= x < end}
        return self.batch.part(self.stored, end), rejected

    def _letter(self, position: int, failure: Failure, now: datetime) -> DeadLetter:
        # The document as it was handed over, whatever the output made of it.
        failure = failure._replace(document=self.batch.documents[position])
        letter = dead_letter(self._output, failure, now)
        if self.batch.letters:
            letter = letter._replace(number=self.batch.letters[position].number)
        return letter
