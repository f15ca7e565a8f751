"""The parser process: chunks of logs in; documents, and what has to be saved, out.

The service's side, with the messages, is :mod:`forwarder.app.parser_client`. The process ends when
the pipe from the service is closed, for whatever reason.
"""

import os
import pickle
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from forwarder import __version__
from forwarder.app.geoip import GeoIp, require_databases
from forwarder.app.parser_client import (
    PREFIX,
    Begin,
    Checkpoint,
    CheckpointReply,
    Parsed,
    ParserSettings,
    Tick,
    get,
    put,
)
from forwarder.cache import keep_freed_memory, tune_gc
from forwarder.ecs.filters import passes
from forwarder.events import Document
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.pipeline import Documents, LogParser, Settings
from forwarder.text import quoted

if TYPE_CHECKING:
    from forwarder.inputs.files.checkpoint import RewoundLog
    from forwarder.inputs.files.discovery import FileStat
    from forwarder.mail_logs.subscriptions import OtherLog
    from forwarder.pipeline import FileParser

_ENOUGH_BYTES = 1 << 16
"""A file without a line of a mail log in so many bytes is not one: no line is longer."""

MAX_SAMPLE = 10  # lines of each kind that were not understood, for `status`

_READ_BYTES = 1 << 17
_YIELD_BYTES = 1 << 20  # documents that are given at once when logs are read again


class ParserPool:
    """Parses the chunks of all inputs."""

    def __init__(self, settings: ParserSettings, state: Iterable[tuple[str, bytes]]) -> None:
        """Continue from a saved state: all pairs whose key begins with :data:`PREFIX`."""
        self._inputs = settings.inputs
        self._rules = settings.rules
        self._geoip = GeoIp(settings.geoip) if settings.geoip else None
        self._parser = LogParser(
            Settings(
                sessions=settings.sessions,
                common=settings.common,
                count_lines=settings.count_lines,
                appliances=settings.appliances,
                count_appliances=True,
                keep_unparsed=MAX_SAMPLE,
            )
        )
        self._parser.restore((key.removeprefix(PREFIX), value) for key, value in state)
        self._readings: dict[str, FileParser] = {}
        self._input_of: dict[str, int] = {}  # of senders: the input of the last message
        self._touched: dict[str, Kind] = {}  # logs since the last checkpoint; the last kind
        self._leaving: set[str] = set()  # logs that have ended, and whose end is being saved
        self._others: set[str] = set()  # logs that the service knows not to be mail logs

    def take(self, chunk: Chunk) -> list[Document]:
        """Parse a chunk; return its documents, in the order of their lines."""
        reading = self._reading_of(chunk)
        self._touched[chunk.key] = chunk.kind
        documents = [] if chunk.path else self.release(chunk.near.timestamp())
        documents += self._make(reading.feed(chunk.data))
        if chunk.kind is Kind.END:
            documents += self._make(reading.finish())
        elif chunk.kind is Kind.IDLE:
            documents += self._make(reading.settle())
        return documents

    @property
    def due(self) -> float | None:
        """When :meth:`release` will return more, in seconds since 1970; None if nothing waits."""
        return self._parser.due

    def release(self, now: float) -> list[Document]:
        """Note the time; return the documents of messages that have waited long enough."""
        return self._make(self._parser.release(now))

    def _make(self, documents: Documents) -> list[Document]:
        """Return the documents that pass the filter, with the places of their sources."""
        made, rules, geoip = documents.values(), self._rules, self._geoip
        if rules is not None:
            kept = [x for x in made if passes(x, rules)]
            self._parser.counts.filtered_documents += len(made) - len(kept)
            made = kept
        return made if geoip is None else [*map(geoip.add, made)]

    def _reading_of(self, chunk: Chunk) -> "FileParser":
        path = (
            None if chunk.path in {"-", ""} else os.fsencode(chunk.path).decode("utf-8", "replace")
        )
        reading, state = self._readings.get(chunk.key), chunk.resume
        if not chunk.path:
            before = self._input_of.get(chunk.key)
            self._input_of[chunk.key] = chunk.input
            if reading is not None and before != chunk.input:
                # It continues with the settings of the other input.
                state = state or reading.state
        if reading is None or state is not None:
            reading = self._readings[chunk.key] = self._parser.open(
                chunk.appliance,
                path,
                base=base_name(path or ""),
                folder=log_folder(path or ""),
                near=chunk.near,
                hosts=not chunk.named,
                messages=not chunk.path,
                sender=chunk.sender or None,
                **self._inputs[chunk.input]._asdict(),
                state=state or None,
                offset=chunk.offset,
                head=chunk.head,
            )
        elif path is not None:
            reading.rename(path)
        if not chunk.path:
            reading.date(chunk.near)
        return reading

    def checkpoint(self, forgotten: Iterable[str] = ()) -> CheckpointReply:
        """Return the progress, and what changed since the last checkpoint, which is saved now.

        So logs that had ended by then are forgotten: if one grows again, its next chunk brings what
        was saved. Logs with half a line at their end are kept: they may go on within it.
        """
        for key in (*(self._leaving - self._touched.keys()), *forgotten):
            self._readings.pop(key, None)
            self._input_of.pop(key, None)
            self._others.discard(key)
        if self._geoip is not None:
            self._geoip.look()
        consumed: dict[str, tuple[int, bytes]] = {}
        others: dict[str, OtherLog | None] = {}
        self._leaving = set()
        for key, kind in self._touched.items():
            reading = self._readings.get(key)
            if reading is None:
                continue
            consumed[key] = reading.position, reading.state
            if kind is Kind.END and not reading.is_within_line:
                self._leaving.add(key)
            if key in self._others or _is_no_mail_log(reading, kind):
                others[key] = reading.other
        self._others |= others.keys()
        self._others -= {key for key, other in others.items() if other is None}
        self._touched.clear()
        return CheckpointReply(
            consumed,
            [(PREFIX + key, value) for key, value in self._parser.changes()],
            self._parser.counts,
            self._parser.open_connections,
            self._parser.take_appliance_counts(),
            others,
            None if self._geoip is None else self._geoip.trouble,
        )


def _is_no_mail_log(reading: "FileParser", kind: Kind) -> bool:
    """Return whether a log is known by now not to be a mail log.

    A small log that is still written to may become one, unless it is known to be something else.
    """
    other = reading.other
    if other is None or kind is Kind.END or reading.position >= _ENOUGH_BYTES:
        return other is not None
    tells = other.is_foreign or other.subscription is not None
    return kind is Kind.IDLE and tells and not reading.is_within_line


def read_again(
    logs: "Iterable[RewoundLog]", settings: ParserSettings
) -> Iterator[Sequence[Document]]:
    """Parse logs again for one output, from the start up to their saved positions.

    What is behind those will be read for every output. Logs that are gone are left out; ReadError
    if one cannot be read as far as it was, ConfigError if a GeoIP database cannot be read.
    """
    require_databases(settings.geoip)
    pool = ParserPool(settings, ())
    documents: list[Document] = []
    size = 0
    for log in logs:
        for chunk in _chunks(log, log.file) if log.file else ():
            more = pool.take(chunk)
            documents += more
            size += sum([len(x.body) for x in more])
            if size >= _YIELD_BYTES:
                yield documents
                documents, size = [], 0
        pool.checkpoint()
    yield documents


def _chunks(log: "RewoundLog", file: "FileStat") -> Iterator[Chunk]:
    # The process does not need this.
    from forwarder.inputs.block_reader import ReadError, file_times, read_blocks  # noqa: PLC0415

    end, at = log.position.fingerprint.size, 0
    chunk = Chunk(
        key=log.key,
        appliance=log.position.appliance,
        path=file.path,
        near=file_times(file.path)[0],
        data=b"",
        kind=Kind.MORE,
        resume=b"",
        offset=0,
        named=file.named,
        input=file.input,
    )
    with closing(read_blocks(file.path, block_bytes=_READ_BYTES)) as blocks:
        while at < end and (data := next(blocks, b"")[: end - at]):
            yield chunk._replace(data=data, offset=at, resume=None if at else b"")
            at += len(data)
    if at < end:
        raise ReadError(
            f"{quoted(file.path)} has only {at:,} bytes of the {end:,} that were read of it"
        )
    yield chunk._replace(kind=Kind.END, offset=at, resume=None if at else b"")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the service ends; raises EOFError or BrokenPipeError then."""
    try:
        begin = get(requests)
        assert isinstance(begin, Begin)  # noqa: S101 - nothing else comes first
        pool = ParserPool(begin.settings, begin.state)
        while True:
            match request := get(requests):
                case Chunk():
                    put(Parsed.of(pool.take(request), pool.due), answers)
                case Tick():
                    put(Parsed.of(pool.release(request.now), pool.due), answers)
                case Checkpoint():
                    put(pool.checkpoint(request.forgotten), answers)
                case _:
                    raise TypeError(f"{request!r} is not understood")  # noqa: TRY301
    except (EOFError, BrokenPipeError):
        raise
    except Exception:  # noqa: BLE001 - the service raises it, and logs it
        put(f"a fault of the program: {traceback.format_exc()}", answers)


def main() -> None:
    """Answer requests from standard input; arguments are the service's version and a pipe."""
    tune_gc()
    keep_freed_memory()
    try:
        version, descriptor = sys.argv[1:]
        answers = os.fdopen(int(descriptor), "wb")
        if version == __version__:
            serve(sys.stdin.buffer, answers)
        else:  # messages differ from version to version
            put(
                f"the service has version {version}, and the program was upgraded to"
                f" {__version__} while it ran; restart the service, and it continues where it was",
                answers,
            )
    except (EOFError, OSError, pickle.UnpicklingError):
        pass  # the service has ended, perhaps within a message
    finally:
        os._exit(0)  # what is left in a buffer has no reader


if __name__ == "__main__":
    main()
