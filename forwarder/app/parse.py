"""``esa-forwarder parse``: logs to documents on standard output, once, with nothing kept.

Rules:

* Appliances have nothing in common, so each may have a process of its own. Its documents go to a
  temporary file, so that it does not wait for those before it; the parts go out in the order of the
  appliances, and the output is the same for any number of processes.
* Where no process or temporary file can be had, this process does the work, and a warning says so.
* Of a file that cannot be read to its end, what was readable is parsed.
"""

import gc
import os
import resource
import select
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import tzinfo
from functools import partial
from io import BytesIO
from itertools import groupby
from shutil import copyfileobj
from typing import IO, TYPE_CHECKING, NamedTuple

from forwarder.cache import GC_THRESHOLDS
from forwarder.errors import ForwarderError, StoreError, WriteError
from forwarder.events import Counters
from forwarder.inputs.block_reader import (
    STDIN,
    ReadError,
    file_time,
    last_change,
    plain_bytes,
    read_blocks,
)
from forwarder.inputs.files.discovery import Found, LogFile, find, say_passed_over
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.mail_logs.subscriptions import OtherLog, say_others
from forwarder.pipeline import LogParser, Settings
from forwarder.text import escaped_json, shown

if TYPE_CHECKING:
    from pathlib import Path

    from forwarder.inputs.files.scanner import FileStat
    from forwarder.pipeline import FileParser

READ_BYTES = 1 << 17
"""128 KiB at once: what one block touches stays in a processor's second-level cache."""

MIN_PARALLEL_BYTES = 32 << 20
"""On disk, of all logs. To read so much takes as long as to start two processes; with less, one is
faster than several."""

_MAX_KEPT_BYTES = 4 << 20
"""Memory for the documents of a block that is kept for the next one: four times what a block gives
when every fourth line is a login."""

_OWN = ("/dev/", "/proc/")
"""What lies here may be another thing to another process, as ``/dev/fd/63`` is."""

Progress = Callable[[int, int], None]
"""Gets the bytes on disk that were read since the last call, and of all files; 0 if unknown."""

_Step = Callable[[int], None]
"""Gets the bytes on disk that were read since the last call."""


class ParseOptions(NamedTuple):
    """What to parse, and how."""

    paths: tuple[str, ...]
    appliance: str | None
    settings: Settings
    zone: tzinfo | None
    """Of stamps that no file header covers."""
    jobs: int
    header: str = ""
    """Goes before all documents, as a line of text; empty for none."""
    row: Callable[[bytes], str] | None = None
    """Shows a document as a line of text; a function of a module, for processes of their own."""
    follow_symlinks: bool = False
    """Whether to follow links within folders and patterns."""
    for_terminal: bool = False
    """Whether a terminal gets the documents: it obeys characters that JSON need not escape."""


class Outcome(NamedTuple):
    """How it went."""

    files: int
    counts: Counters
    problems: tuple[str, ...]
    """One sentence each."""
    warnings: tuple[str, ...]
    """What went another way than asked for, and did no harm; one sentence each."""
    repeated: tuple[tuple[str, str], ...]
    """Files that were left out, and those that hold the same and were read."""
    complete: bool
    """Whether it came to the end; if not, counts say nothing."""
    seconds: float
    cpu_seconds: float


def parse(options: ParseOptions, out: IO[bytes], progress: Progress) -> Outcome:
    """Parse files, and write their documents to ``out``: one a line, or a table.

    Raises:
        BrokenPipeError: The reader of ``out`` has closed it.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    begun, cpu_begun = time.monotonic(), _cpu_seconds()
    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)
    total = _Parsed(Counters(), [*found.problems], [], [], [])
    if found.links:
        advice = "name it, or give --follow-symlinks, to have it read"
        total.warnings.append(say_passed_over(found.links, advice))
    output = Writer(out, "standard output")
    complete = False
    try:
        if options.header and found.files:
            output.write(options.header.encode() + b"\n")
        with closing(_parse_all(options, found, output, progress)) as appliances:
            for parsed in appliances:
                total.add(parsed)
        output.flush()
        complete = True
    except ForwarderError as error:
        total.problems.append(str(error))
    # Beside logs there may be anything; with nothing else, something is wrong.
    only_foreign = len(total.foreign) == len(found.files)
    (total.problems if only_foreign else total.warnings).extend(total.foreign)
    return Outcome(
        files=len(found.files),
        counts=total.counts,
        problems=tuple(total.problems),
        warnings=(*dict.fromkeys(total.warnings), *say_others(total.others)),
        repeated=found.repeated,
        complete=complete,
        seconds=time.monotonic() - begun,
        cpu_seconds=_cpu_seconds() - cpu_begun,
    )


class _Parsed(NamedTuple):
    """What came of some files, besides documents."""

    counts: Counters
    problems: list[str]
    warnings: list[str]
    foreign: list[str]
    """A sentence for each file that is not a log, unless the user named it."""
    others: list[tuple[str, OtherLog]]
    """Logs of other subscriptions, by their paths."""

    def add(self, other: "_Parsed") -> None:
        """Add what came of other files."""
        self.counts.add(other.counts)
        self.problems.extend(other.problems)
        self.warnings.extend(other.warnings)
        self.foreign.extend(other.foreign)
        self.others.extend(other.others)


def _parse_all(
    options: ParseOptions, found: Found, out: "Writer", progress: Progress
) -> Generator[_Parsed, None, None]:
    """Parse appliance by appliance; several at a time where that was asked for and is worth it."""
    groups = [list(files) for _, files in groupby(found.files, key=lambda x: x.appliance)]
    sizes = [_disk_bytes(x) for x in found.files]
    known = sum(x or 0 for x in sizes)
    whole = 0 if None in sizes else known

    def step(size: int) -> None:
        progress(size, whole)

    jobs = min(options.jobs, len(groups)) if known >= MIN_PARALLEL_BYTES else 1
    apart = [files for files in groups if jobs > 1 and all(map(_is_for_all, files))]
    with closing(_parse_apart(apart, options, jobs, step)) as results:
        for files in groups:
            result = next(results) if files in apart else None
            if isinstance(result, tuple):
                parsed, path = result
                with path.open("rb") as store:
                    copyfileobj(store, out, READ_BYTES)
                parsed.warnings.extend(_moved_folder(path))
            else:
                parsed = _parse_files(files, options, out, step)
                if result is not None:
                    parsed.warnings.append(
                        f"{result}; the logs of an appliance were parsed without it, one after the"
                        " other, which is slower. TMPDIR names the folder for temporary files."
                    )
            yield parsed


def _is_for_all(file: LogFile) -> bool:
    """Tell whether another process can read a file: not standard input, nor what has no name."""
    path = file.path
    return path != STDIN and not path.startswith(_OWN) and os.path.isfile(path)  # noqa: PTH113


def _parse_apart(
    groups: list[list[LogFile]], options: ParseOptions, jobs: int, step: _Step
) -> Generator["tuple[_Parsed, Path] | StoreError", None, None]:
    """Parse appliances in processes of their own, as :mod:`forwarder.app.workers` does."""
    if groups:
        from forwarder.app.workers import run_in_order  # noqa: PLC0415 - takes time to import

        yield from run_in_order(partial(_parse_to_file, options), groups, jobs, step)


def _parse_to_file(
    options: ParseOptions, files: list[LogFile], path: "Path", step: _Step
) -> _Parsed:
    """Parse the files of one appliance in a process of its own."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        with path.open("wb") as store:
            out = Writer(store, "a temporary file")
            parsed = _parse_files(files, options, out, step)
            out.flush()
    except (WriteError, OSError) as error:
        raise StoreError(str(error).removesuffix("; some are missing")) from error
    return parsed


def _moved_folder(path: "Path") -> Iterator[str]:
    """Say that another folder is used for temporary files than was named."""
    named, used = os.environ.get("TMPDIR"), str(path.parent.parent)
    if named and os.path.abspath(named) != used:  # noqa: PTH100
        yield f"no file can be made in {named!r}, which TMPDIR names; {used!r} was used."


def _parse_files(
    files: list[LogFile], options: ParseOptions, out: "Writer", step: _Step
) -> _Parsed:
    """Parse the files of one appliance, in their order."""
    parser, row = LogParser(options.settings), options.row
    parsed = _Parsed(parser.counts, [], [], [], [])
    for file in files:
        meter = _Meter(file, step)
        try:
            reading = open_file(parser, file, options.zone)
            for documents in _documents(reading, file, meter):
                if row is not None:
                    out.write_lines(row(x).encode() + b"\n" for x in documents)
                elif options.for_terminal:
                    out.write_lines(escaped_json(x.decode()).encode() for x in documents)
                else:
                    out.write_lines(documents)
        except ReadError as error:
            parsed.problems.append(str(error))
        else:
            other = reading.other
            if other is not None and not other.is_foreign:
                parsed.others.append((file.path, other))
            elif other is not None:
                named = parsed.problems if file.outright else parsed.foreign
                named.append(other.say(shown(file.path)))
        meter.finish()
    return parsed._replace(counts=parser.counts)


def open_file(parser: LogParser, file: "LogFile | FileStat", zone: tzinfo | None) -> "FileParser":
    """Begin to parse a file that is read once; ``zone`` is of stamps that no header covers."""
    # What comes through a pipe has no name of its own.
    named = "" if file.path.startswith((STDIN, *_OWN)) else _unicode(file.path)
    return parser.open(
        file.appliance,
        None if file.path == STDIN else _unicode(file.path),
        base=base_name(named),
        folder=log_folder(named),
        near=file_time(file.path),
        latest=last_change(file.path),
        hosts=not file.named,
        zone=zone,
    )


def _documents(reading: "FileParser", file: LogFile, meter: "_Meter") -> Iterator[Iterable[bytes]]:
    """Read a file; what was readable before an error is finished first."""
    error = None
    with closing(read_blocks(file.path, block_bytes=READ_BYTES)) as blocks:
        try:
            for block in blocks:
                yield reading.feed(block)
                meter.step(len(block))
        except ReadError as raised:
            error = raised
    yield reading.finish()
    if error is not None:
        raise error


class _Meter:
    """Tells how much of a file has been read, in bytes on disk."""

    def __init__(self, file: LogFile, step: _Step) -> None:
        self._step = step
        self._left = _disk_bytes(file)
        # How much of a compressed file was read is not known before its end.
        self._compressed = self._left is not None and not _is_plain(file.path)

    def step(self, size: int) -> None:
        """Tell of a block."""
        if self._compressed:
            return
        if self._left is not None:
            size = min(size, self._left)  # it may have grown
            self._left -= size
        self._step(size)

    def finish(self) -> None:
        """Tell of what is left."""
        if self._left:
            self._step(self._left)


class Writer:
    """Writes documents to a stream, in whole pieces, whatever kind of stream it is."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        """Start; an error says the name."""
        self._stream = stream
        self._name = name
        self._lines = BytesIO()

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Write lines, in one piece."""
        self._lines.seek(0)
        self._lines.writelines(lines)
        with self._lines.getbuffer() as view:
            self.write(view[: self._lines.tell()])
        if self._lines.tell() > _MAX_KEPT_BYTES:
            self._lines = BytesIO()

    def write(self, text: bytes | memoryview) -> None:
        """Write whole lines, or parts of them."""
        left = memoryview(text)
        try:
            # With PYTHONUNBUFFERED, as in containers, a write may take a part, or nothing.
            while left:
                left = left[self._take(left) :]
        except OSError as error:
            raise self._refused(error) from error

    def _take(self, text: memoryview) -> int:
        """Write as much as goes; wait where nothing does: it may be a pipe that does not block."""
        try:
            taken = self._stream.write(text)
        except BlockingIOError as error:
            taken = error.characters_written
        if not taken:
            select.select([], [self._stream], [])
        return taken or 0

    def flush(self) -> None:
        """Write what is buffered."""
        while True:
            try:
                return self._stream.flush()
            except BlockingIOError:
                select.select([], [self._stream], [])
            except OSError as error:
                raise self._refused(error) from error

    def _refused(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error
        return WriteError(
            f"documents cannot be written to {self._name}: {error.strerror}; some are missing"
        )


def _is_plain(path: str) -> bool:
    try:
        return plain_bytes(path) is not None
    except ReadError:  # reading it says why
        return False


def _unicode(path: str) -> str:
    """Return a path that can stand in JSON: bytes that are no UTF-8 as replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def _disk_bytes(file: LogFile) -> int | None:
    """Return the size on disk, 0 for what is gone; None for a stream, which has none."""
    if file.path == STDIN:
        return None
    try:
        status = os.stat(file.path)  # noqa: PTH116 - bytes names
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of those it has waited for."""
    usages = [resource.getrusage(x) for x in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(x.ru_utime + x.ru_stime for x in usages)
