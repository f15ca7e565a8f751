"""``esa-forwarder parse``: logs to standard output, once, with nothing kept.

The edge around the pure core: it finds files, reads them, writes documents, and says in plain
words what went wrong. Appliances have nothing to do with one another, so each may have a process
of its own; their documents come out in the same order all the same.
"""

import gc
import os
import resource
import stat
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import tzinfo
from itertools import groupby
from shutil import copyfileobj
from tempfile import gettempdir
from typing import IO, NamedTuple

from forwarder.app.writing import WriteError, Writer
from forwarder.cache import GC_THRESHOLDS
from forwarder.counts import Counts
from forwarder.errors import ForwarderError
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
from forwarder.pipeline import Flow, Settings
from forwarder.reading import Documents
from forwarder.text import escaped_json, shown

READ_BYTES = 1 << 17
"""128 KiB at once: what one block touches stays in a processor's second-level cache."""

MIN_PARALLEL_BYTES = 32 << 20
"""On disk, of all logs. To read so much takes as long as to start two processes; with less, one is
faster than several."""

Progress = Callable[[int, int], None]
"""Is told how many bytes on disk have been read since the last call, and how many there are in all
files; 0 if nobody knows."""

_Step = Callable[[int], None]
"""Is told of bytes that were read."""

_OWN = ("/dev/", "/proc/")
"""What lies here may be another thing to another process, as ``/dev/fd/63`` is."""


class _OtherError(ForwarderError):
    """A file is no mail log."""

    def __init__(self, path: str, other: OtherLog) -> None:
        """Take what it is instead."""
        super().__init__(other.say(shown(path)))
        self.path = path
        self.other = other


class Request(NamedTuple):
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
    """Whether links that nobody named are followed."""
    for_terminal: bool = False
    """Whether a terminal gets the documents: it obeys characters that JSON need not escape."""


class Outcome(NamedTuple):
    """How it went."""

    files: int
    counts: Counts
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


def parse(request: Request, out: IO[bytes], progress: Progress) -> Outcome:
    """Parse files, and write their documents.

    Args:
        request: What to parse, and how.
        out: Gets the documents, one a line, or a table.
        progress: Is told how far it got.

    Raises:
        BrokenPipeError: Nobody reads ``out`` any longer.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    begun, cpu_begun = time.monotonic(), _cpu_seconds()
    found = find(request.paths, request.appliance, follow_symlinks=request.follow_symlinks)
    counts = Counts()
    problems = list(found.problems)
    warnings: list[str] = []
    if found.links:
        warnings.append(
            say_passed_over(found.links, "name it, or give --follow-symlinks, to have it read")
        )
    foreign: list[str] = []
    others: list[tuple[str, OtherLog]] = []
    output = Writer(out, "standard output")
    complete = False
    try:
        if request.header and found.files:
            output.write(request.header.encode() + b"\n")
        with closing(_parse_all(request, found, output, progress)) as appliances:
            for parsed in appliances:
                counts.add(parsed.counts)
                problems += parsed.problems
                warnings += parsed.warnings
                foreign += parsed.foreign
                others += parsed.others
        output.flush()
        complete = True
    except ForwarderError as error:
        problems.append(str(error))
    # Beside logs there may be anything; with nothing else, something is wrong.
    (problems if len(foreign) == len(found.files) else warnings).extend(foreign)
    return Outcome(
        files=len(found.files),
        counts=counts,
        problems=tuple(problems),
        warnings=(*dict.fromkeys(warnings), *say_others(others)),
        repeated=found.repeated,
        complete=complete,
        seconds=time.monotonic() - begun,
        cpu_seconds=_cpu_seconds() - cpu_begun,
    )


class _Parsed(NamedTuple):
    """What came of the files of one appliance."""

    counts: Counts
    problems: list[str]
    warnings: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    """Of each file that is no log, and that nobody said is one."""
    others: tuple[tuple[str, OtherLog], ...] = ()
    """Logs of other subscriptions, by their paths."""


def _parse_all(
    request: Request,
    found: Found,
    out: Writer,
    progress: Progress,
) -> Generator[_Parsed, None, None]:
    """Parse appliance by appliance; several at a time where that was asked for."""
    groups = [list(files) for _, files in groupby(found.files, key=lambda x: x.appliance)]
    sizes = [_disk_bytes(x) for x in found.files]
    # Of a stream nobody knows how long it is.
    whole = 0 if None in sizes else sum(x or 0 for x in sizes)

    def step(size: int) -> None:
        progress(size, whole)

    jobs = request.jobs if sum(x or 0 for x in sizes) >= MIN_PARALLEL_BYTES else 1
    # Each appliance has a store of its own, so that none waits for those before it to be written.
    pieces = {
        files[0].appliance: _Piece(files, request)
        for files in groups
        if min(jobs, len(groups)) > 1 and all(map(_is_for_all, files))
    }
    if not pieces:
        for files in groups:
            yield _parse_files(files, request, out, step)
        return
    # What starts processes is a tenth of the start-up of one that starts none.
    from forwarder.app.workers import StoreError, run_in_order  # noqa: PLC0415

    aside = run_in_order(_parse_aside, list(pieces.values()), jobs, step)
    with closing(aside) as finished:
        for files in groups:
            result = next(finished) if files[0].appliance in pieces else None
            if result is None:
                yield _parse_files(files, request, out, step)
            elif isinstance(result, StoreError):
                parsed = _parse_files(files, request, out, step)
                yield parsed._replace(warnings=(*parsed.warnings, _without_store(result)))
            else:
                with result.store as store:
                    copyfileobj(store, out, READ_BYTES)
                yield result.value._replace(warnings=(*result.value.warnings, *_moved_folder()))


def _without_store(reason: ForwarderError) -> str:
    return (
        f"{reason}; the logs of an appliance were parsed without it, one after the other, which is"
        " slower. TMPDIR names the folder for temporary files."
    )


def _moved_folder() -> Iterator[str]:
    """Say that another folder is used for temporary files than was named."""
    named = os.environ.get("TMPDIR")
    if named and os.path.abspath(named) != (used := gettempdir()):  # noqa: PTH100
        yield f"no file can be made in {named!r}, which TMPDIR names; {used!r} was used."


def _is_for_all(file: LogFile) -> bool:
    """Say whether another process can read a file: not so standard input and what has no name."""
    path = file.path
    return path != STDIN and not path.startswith(_OWN) and os.path.isfile(path)  # noqa: PTH113


class _Piece(NamedTuple):
    """The logs of one appliance, for a process of its own."""

    files: list[LogFile]
    request: Request


def _parse_aside(piece: _Piece, store: IO[bytes], progress: _Step) -> _Parsed:
    """Parse the files of one appliance in a process of its own."""
    from forwarder.app.workers import StoreError  # noqa: PLC0415 - here it is imported already

    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    out = Writer(store, "a temporary file")
    try:
        parsed = _parse_files(piece.files, piece.request, out, progress)
        out.flush()
    except WriteError as error:
        raise StoreError(str(error).removesuffix("; some are missing")) from error
    return parsed


def _parse_files(files: list[LogFile], request: Request, out: Writer, progress: _Step) -> _Parsed:
    """Parse the files of one appliance, in their order."""
    flow, row = Flow(request.settings), request.row
    problems: list[str] = []
    foreign: list[str] = []
    others: list[tuple[str, OtherLog]] = []
    for file in files:
        meter = _Meter(file, progress)
        try:
            for documents in _documents(flow, file, request.zone, meter):
                if row is not None:
                    out.write_lines(row(x).encode() + b"\n" for x in documents)
                elif request.for_terminal:
                    out.write_lines(escaped_json(x.decode()).encode() for x in documents)
                else:
                    out.write_lines(documents)
        except ReadError as error:
            problems.append(str(error))
        except _OtherError as error:
            if not error.other.is_foreign:
                others.append((error.path, error.other))
            else:
                (problems if file.outright else foreign).append(str(error))
        meter.finish()
    return _Parsed(flow.counts, problems, foreign=tuple(foreign), others=tuple(others))


class _Meter:
    """Tells how much of a file has been read, in bytes on disk."""

    def __init__(self, file: LogFile, progress: _Step) -> None:
        self._progress = progress
        self._left = _disk_bytes(file)
        # How far a packed file was read, nobody says before its end.
        self._packed = self._left is not None and not _is_plain(file.path)

    def step(self, size: int) -> None:
        """Tell of a block."""
        if self._packed:
            return
        if self._left is not None:
            size = min(size, self._left)  # it may have grown
            self._left -= size
        self._progress(size)

    def finish(self) -> None:
        """Tell of what is left."""
        if self._left:
            self._progress(self._left)


def _documents(
    flow: Flow, file: LogFile, zone: tzinfo | None, meter: _Meter
) -> Iterator[Documents]:
    """Read a file; what was readable before an error is finished first."""
    # What comes through a pipe has no name of its own.
    named = "" if file.path.startswith((STDIN, *_OWN)) else _unicode(file.path)
    reading = flow.open(
        file.appliance,
        None if file.path == STDIN else _unicode(file.path),
        base=base_name(named),
        folder=log_folder(named),
        near=file_time(file.path),
        latest=last_change(file.path),
        hosts=not file.named,
        zone=zone,
    )
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
    if reading.other is not None:
        raise _OtherError(file.path, reading.other)


def _is_plain(path: str) -> bool:
    try:
        return plain_bytes(path) is not None
    except ReadError:  # reading it says why
        return False


def _unicode(path: str) -> str:
    """Give a path that can stand in JSON: bytes that are no UTF-8 as replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def _disk_bytes(file: LogFile) -> int | None:
    """Give the size on disk, 0 for what is gone; None for a stream, which has none."""
    if file.path == STDIN:
        return None
    try:
        status = os.stat(file.path)  # noqa: PTH116 - bytes names
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _cpu_seconds() -> float:
    """Give the CPU time of this process and of those it has waited for."""
    usages = [resource.getrusage(x) for x in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(x.ru_utime + x.ru_stime for x in usages)
