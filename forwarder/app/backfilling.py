"""Reads logs again for one output alone, up to where they were read, and keeps nothing else of it.

What was read for all outputs stays as it is: how far each log is, and what is remembered of its
appliance. All before a saved position is in documents, and all behind it will be, for every output;
so the two meet where they should.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from forwarder.app.core import Core
from forwarder.app.core_settings import CoreSettings
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.file_handle import FileHandle, MovedError
from forwarder.inputs.files.paths import time_in_name
from forwarder.inputs.files.reader import modified_at
from forwarder.inputs.files.rewind import Again
from forwarder.inputs.files.scanner import FileStat
from forwarder.spool.segments import MAX_BLOCK_BYTES
from forwarder.text import quoted

_BLOCK_BYTES = 1 << 17


class BackfillError(ForwarderError):
    """A log cannot be read as it was."""


def read_again(logs: Iterable[Again], settings: CoreSettings) -> Iterator[Sequence[Document]]:
    """Make the documents that logs came to; as if for the first time.

    Args:
        logs: As :func:`forwarder.inputs.files.rewind.rewind` gives them; those that are gone are
            left out.
        settings: As the service has them.

    Raises:
        ForwarderError: A log cannot be read, or not as far as it was.
    """
    core = Core(settings, ())
    made: list[Document] = []
    size = 0
    for log in logs:
        for piece in _pieces(log, log.sighting) if log.sighting else ():
            documents = core.take(piece)
            made += documents
            size += sum([len(x.body) for x in documents])
            if size >= MAX_BLOCK_BYTES:
                yield made
                made, size = [], 0
        core.consumed()
        core.saved()
    yield made


def _pieces(log: Again, sighting: FileStat) -> Iterator[Chunk]:
    end, at = log.position.fingerprint.size, 0
    common = Chunk(
        key=log.key,
        appliance=log.position.appliance,
        path=sighting.path,
        near=time_in_name(sighting.path) or modified_at(sighting),
        data=b"",
        kind=Kind.MORE,
        resume=b"",
        offset=0,
        named=sighting.named,
        input=sighting.input,
    )
    try:
        with closing(FileHandle(sighting.path, sighting.inode)) as source:
            while at < end:
                data = source.read(min(_BLOCK_BYTES, end - at))
                if not data and not source.pending:
                    break
                yield common._replace(data=data, offset=at, resume=None if at else b"")
                at += len(data)
    except (OSError, MovedError) as error:
        why = getattr(error, "strerror", None) or "it was moved"
        raise BackfillError(f"{quoted(sighting.path)} cannot be read: {why}") from error
    if at < end:
        raise BackfillError(
            f"{quoted(sighting.path)} has only {at:,} bytes of the {end:,} that were read of it"
        )
    yield common._replace(kind=Kind.END, offset=at, resume=None if at else b"")
