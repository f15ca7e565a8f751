"""A batch in hand, and what its output has said of the documents in it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.cursors import Batch
from forwarder.spool.dead_letters import DeadLetter, dead_letter


class WrongAnswerError(Exception):
    """A bug of an output; the message says it to whoever made it."""


def check_answer(answer: Iterable[object]) -> Sequence[Failure]:
    """Look whether an answer is one, whatever an output gave.

    Raises:
        WrongAnswerError: It is none.
    """
    if not isinstance(answer, Iterable):
        raise _wrong(f"it gave {answer!r}")
    failures = []
    for failure in answer:
        if not isinstance(failure, Failure) or not isinstance(failure.document, Document):
            raise _wrong(f"among what it gave is {failure!r}")
        if not isinstance(failure.reason, str):
            raise _wrong(f"it gave one whose reason is {failure.reason!r}, which is no text")
        failures.append(failure)
    return failures


def _wrong(what: str) -> WrongAnswerError:
    return WrongAnswerError(
        "write() has to give a list of Failure, one for each document that was not delivered, and"
        f" an empty one if all were; {what}"
    )


class Work:
    """A batch on its way: what is left of it, and what was refused."""

    def __init__(self, output: str, batch: Batch) -> None:
        """Begin with nothing said.

        Args:
            output: Its name.
            batch: As the spool gave it.
        """
        self._output = output
        self.batch = batch
        self.left: Sequence[int] = range(len(batch.documents))
        """Positions in the batch of what is neither delivered nor refused."""
        self.handed = 0
        """How many documents, from the first, have been handed over before."""
        self.is_stored = False
        """Whether the cursor is behind it."""
        self.stored = 0
        """How many documents, from the first, the cursor is behind already."""
        self.probe = 0
        """How many documents are handed over at most, where what was refused had no room among the
        dead letters; 0 for any number."""
        self._refused: dict[int, DeadLetter] = {}
        self._put_off: dict[int, Failure] = {}
        """Why what is left was not taken, where the output said it of the document itself."""

    @property
    def is_put_off(self) -> bool:
        """Whether its documents are those that the output put off before."""
        return bool(self.batch.letters) and self.batch.letters[0].put_off

    @property
    def is_answered(self) -> bool:
        """Whether the output said of documents one by one that it does not take them now."""
        return bool(self._put_off)

    @property
    def again(self) -> int:
        """How many documents the last answer said to hand over again."""
        return len(self._put_off)

    @property
    def can_step_aside(self) -> bool:
        """Whether what is left may be kept elsewhere: most of the batch was taken or refused.

        What was put off before, or was refused once, may in any case; what was not asked about may
        not.
        """
        return len(self.left) == len(self._put_off) and (
            bool(self.batch.letters) or len(self.left) * 2 <= len(self.batch.documents)
        )

    @property
    def next(self) -> Sequence[int]:
        """Positions of what is to be handed over now."""
        return self.left[: self.probe] if self.probe else self.left

    def extend(self, batch: Batch) -> None:
        """Take more documents, of a batch of which the output has taken nothing.

        Args:
            batch: What begins with the documents of this one.
        """
        self.batch = batch
        self.left = range(len(batch.documents))
        self._put_off = {}

    def judge(
        self, failures: Sequence[Failure], now: datetime
    ) -> tuple[str | None, Mapping[int, DeadLetter]]:
        """Take in the answer to what was :attr:`next`.

        Returns:
            The reason of one of those that are to come again, if there are any, and what was
            refused, by its position.

        Raises:
            WrongAnswerError: The answer names a document that was not handed over.
        """
        by_id = {x.document.id: x for x in failures}
        left: list[int] = []
        refused: dict[int, DeadLetter] = {}
        self._put_off = {}
        found = set[str]()
        handed = self.next
        for position in handed if by_id else ():
            document = self.batch.documents[position]
            failure = by_id.get(document.id)
            if failure is None:
                continue
            found.add(document.id)
            if failure.retryable:
                left.append(position)
                self._put_off[position] = failure
            else:
                refused[position] = self._letter(position, failure, now)
        for identity in by_id.keys() - found:
            raise WrongAnswerError(
                f"the output {self._output!r} names document {identity!r} as a failure, which was"
                " not handed to it"
            )
        reason = self._put_off[left[0]].reason if left else None
        self._refused |= refused
        self.left = [*left, *self.left[len(handed) :]]
        return reason, refused

    def step_aside(self, now: datetime) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return the batch, with what was refused of it and what is left, to be kept."""
        batch, refused = self._part(len(self.batch.documents))
        letters = dict(refused)
        for position, failure in self._put_off.items():
            letter = self._letter(position, failure, now)
            letters[position] = letter._replace(replay=True, put_off=True)
        return batch, [letters[x] for x in sorted(letters)]

    @property
    def refused(self) -> Sequence[DeadLetter]:
        """What was refused and is not stored yet."""
        return list(self._part(len(self.batch.documents))[1].values())

    def take_back(self, positions: Iterable[int]) -> None:
        """Have some of what was refused handed over again, little of it at first."""
        taken = set(positions)
        self._refused = {x: y for x, y in self._refused.items() if x not in taken}
        self.left = sorted(taken.union(self.left))
        self.probe = 1

    def before_first_left(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return what is to be stored now: all before the first document that is left."""
        batch, refused = self._part(self.left[0] if self.left else len(self.batch.documents))
        return batch, [refused[x] for x in sorted(refused)]

    def _part(self, end: int) -> tuple[Batch, dict[int, DeadLetter]]:
        """Return what is not stored up to a position, and what was refused of it."""
        refused = {x: y for x, y in self._refused.items() if self.stored <= x < end}
        return self.batch.part(self.stored, end), refused

    def _letter(self, position: int, failure: Failure, now: datetime) -> DeadLetter:
        # The document as it was handed over, whatever the output has made of it.
        failure = failure._replace(document=self.batch.documents[position])
        letter = dead_letter(self._output, failure, now)
        if self.batch.letters:
            letter = letter._replace(number=self.batch.letters[position].number)
        return letter
