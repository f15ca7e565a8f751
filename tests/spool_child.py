"""A service in miniature, to be killed: commits numbers and delivers them to two files.

    python -m tests.spool_child FOLDER END

It goes on where the position in the spool says. The output ``good`` takes everything. The output
``picky`` is away at times, takes some documents only at the second attempt and rejects every
hundredth for good.
"""

import os
import random
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import structlog

from forwarder.delivery.retries import DeliverySettings
from forwarder.delivery.worker import Delivery
from forwarder.events import Document
from forwarder.output import Failure, Unavailable
from forwarder.spool.spool import Spool
from tests.spooling import documents, wait_until_drained

SETTINGS = DeliverySettings(
    max_documents=40,
    max_age=timedelta(milliseconds=2),
    initial_pause=timedelta(milliseconds=1),
    max_pause=timedelta(milliseconds=5),
)
HOUR = timedelta(hours=1)


class Lines:
    """An output that appends numbers to a file."""

    def __init__(self, path: Path, *, picky: bool) -> None:
        """Append to a file."""
        self._path = path
        self._picky = picky
        self._file = -1

    def open(self) -> None:
        """Open it."""
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Append the numbers, in one write, of what is taken."""
        failures = []
        if self._picky:
            if random.random() < 0.1:
                raise Unavailable("away")
            failures = [x for y in documents if (x := self._judge(y))]
        failed = {x.document.id for x in failures}
        taken = b"".join([b"%d\n" % int(x.id, 16) for x in documents if x.id not in failed])
        os.write(self._file, taken)
        return failures

    def close(self) -> None:
        """Close it."""
        os.close(self._file)

    @staticmethod
    def _judge(document: Document) -> Failure | None:
        if int(document.id, 16) % 100 == 0:
            return Failure(document, "never", retryable=False, status=400)
        return Failure(document, "later", retryable=True) if random.random() < 0.01 else None


def main(folder: Path, end: int) -> None:
    """Commit up to a number, and deliver all of it."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("error"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with closing(Spool(folder / "state")) as spool:
        names = ("good", "picky")
        spool.add_outputs(names)
        outputs = [Lines(folder / x, picky=x == "picky") for x in names]
        deliveries = [Delivery(x, y, spool, SETTINGS) for x, y in zip(names, outputs, strict=True)]
        for delivery in deliveries:
            delivery.start()
        sys.stdout.write("open\n")
        sys.stdout.flush()
        position = int(dict(spool.load_state("position")).get("position", b"0"))
        while position < end:
            after = min(position + random.randrange(1, 60), end)
            spool.commit(documents(position, after), [("position", b"%d" % after)])
            position = after
        for delivery in deliveries:
            wait_until_drained(delivery, HOUR)
            delivery.stop(HOUR)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
