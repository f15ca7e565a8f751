"""Documents and readers for tests of the spool."""

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from forwarder.cli.dead_letters import change_letters
from forwarder.delivery.worker import Delivery
from forwarder.events import Document
from forwarder.spool.cursors import Batch
from forwarder.spool.dead_letters import Selection, mark, remove
from forwarder.spool.segments import RECENT_BYTES
from forwarder.spool.spool import Spool
from forwarder.spool.writer import DiskUsage

MANY = 1 << 40


def documents(first: int, end: int, *, size: int = 0) -> list[Document]:
    """Make documents with numbers from first to before end.

    Args:
        first: The first one.
        end: Behind the last one.
        size: Bytes of text in each that packs badly.
    """
    return [document(x, size=size) for x in range(first, end)]


def document(number: int, *, size: int = 0) -> Document:
    """Make a document with a number."""
    text = random.Random(number).randbytes(size // 2).hex()
    log = f'"log":{{"file":{{"path":"/srv/esa/mail.log"}},"offset":{number * 10}}}'
    return Document(f"{number:032x}", f'{{"number":{number},{log},"text":"{text}"}}'.encode())


def numbers(found: Sequence[Document]) -> list[int]:
    """Return the numbers of documents."""
    return [int(x.id, 16) for x in found]


def read(spool: Spool, output: str, most: int = MANY) -> Batch:
    """Read a batch of any size."""
    return spool.read(output, max_documents=most, max_bytes=MANY)


def take(spool: Spool, output: str, most: int = MANY) -> list[int]:
    """Deliver everything that there is for an output, in batches."""
    taken: list[int] = []
    while (batch := read(spool, output, most)).documents:
        taken += numbers(batch.documents)
        spool.advance(output, batch)
    return taken


def opened(
    folder: Path,
    *outputs: str,
    max_bytes: int = 1 << 30,
    max_letter_bytes: int = 250_000_000,
    recent_bytes: int = RECENT_BYTES,
) -> Spool:
    """Open a spool for some outputs."""
    spool = Spool(
        folder,
        max_bytes=max_bytes,
        max_letter_bytes=max_letter_bytes,
        recent_bytes=recent_bytes,
    )
    spool.add_outputs(outputs)
    return spool


def is_full(spool: Spool) -> bool:
    """Tell whether ingest should pause."""
    return spool.blocked_reason is not None


def usage(spool: Spool) -> DiskUsage:
    """Return what a spool takes on disk, as it was measured last."""
    return spool._writer.usage  # noqa: SLF001 - there is no public way


@contextmanager
def busy(folder: Path) -> Iterator[None]:
    """Be another process that writes to the database of a folder, and does not come to an end."""
    with closing(sqlite3.connect(folder / "spool.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def is_running(delivery: Delivery) -> bool:
    """Tell whether the worker's thread is alive."""
    return delivery._thread.is_alive()  # noqa: SLF001 - there is no public way


def wait_until_drained(delivery: Delivery, timeout: timedelta) -> bool:
    """Wait until nothing is left to be delivered, or the worker has ended; tell which."""
    deadline = time.monotonic() + timeout.total_seconds()
    while not delivery.is_drained and is_running(delivery) and time.monotonic() < deadline:
        time.sleep(0.005)
    return delivery.is_drained


def replay_letters(folder: Path, selection: Selection) -> list[int]:
    """Mark dead letters to be delivered again; return their numbers."""
    return change_letters(folder, selection, mark)


def purge_letters(folder: Path, selection: Selection) -> list[int]:
    """Delete dead letters for good; return their numbers."""
    return change_letters(folder, selection, remove)
