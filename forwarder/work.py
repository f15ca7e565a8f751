"""A batch in hand, and what its output has said of the documents in it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from forwarder.documents import Document
from forwarder.output import Failure
from forwarder.spool.letters import DeadLetter, dead_letter
from forwarder.spool.progress import Batch


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
        self.is_stuck = False
        """Whether something was refused for which there is no room among the dead letters."""
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
    def can_step_aside(self) -> bool:
        """Whether what is left may be kept elsewhere: most of the batch was taken or refused.

        What was put off before, or was refused once, may in any case.
        """
        return bool(self.batch.letters) or len(self.left) * 2 <= len(self.batch.documents)

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
    ) -> tuple[str | None, Sequence[DeadLetter]]:
        """Take an answer in.

        Returns:
            The reason of one of those that are to come again, if there are any, and what was
            refused.

        Raises:
            WrongAnswerError: The answer names a document that was not handed over.
        """
        by_id = {x.document.id: x for x in failures}
        left: list[int] = []
        refused: list[DeadLetter] = []
        self._put_off = {}
        found = set[str]()
        for position in self.left if by_id else ():
            document = self.batch.documents[position]
            failure = by_id.get(document.id)
            if failure is None:
                continue
            found.add(document.id)
            if failure.retryable:
                left.append(position)
                self._put_off[position] = failure
            else:
                self._refused[position] = self._letter(position, failure, now)
                refused.append(self._refused[position])
        for identity in by_id.keys() - found:
            raise WrongAnswerError(
                f"the output {self._output!r} names document {identity!r} as a failure, which was"
                " not handed to it"
            )
        self.left = left
        return (self._put_off[left[0]].reason if left else None), refused

    def step_aside(self, now: datetime) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return the batch, with what was refused of it and what is left, to be kept."""
        letters = dict(self._refused)
        for position, failure in self._put_off.items():
            letter = self._letter(position, failure, now)
            letters[position] = letter._replace(replay=True, put_off=True)
        return self.batch, [letters[x] for x in sorted(letters)]

    def take_back_refused(self) -> None:
        """Have what was refused handed over again."""
        self.left = sorted(self._refused)
        self._refused = {}
        self.is_stuck = True

    def whole(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return the batch, and what was refused of it."""
        return self.batch, [self._refused[x] for x in sorted(self._refused)]

    def before_first_left(self) -> tuple[Batch, Sequence[DeadLetter]]:
        """Return what lies before the first document that is left, and what was refused of it."""
        end = self.left[0] if self.left else len(self.batch.documents)
        refused = [self._refused[x] for x in sorted(self._refused) if x < end]
        return self.batch.first(end), refused

    def _letter(self, position: int, failure: Failure, now: datetime) -> DeadLetter:
        # The document as it was handed over, whatever the output has made of it.
        failure = failure._replace(document=self.batch.documents[position])
        letter = dead_letter(self._output, failure, now)
        if self.batch.letters:
            letter = letter._replace(number=self.batch.letters[position].number)
        return letter
