"""``esa-forwarder parse``: logs to documents on standard output, once, with nothing kept.

Rules:

* Appliances have nothing in common, so each may have a process of its own. Its documents go to a
  temporary file, so that it does not wait for those before it; the parts go out in the order of the
  appliances, and the output is the same for any number of processes.
* Of a file that cannot be read to its end, what was readable is parsed.
"""

import os
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import tzinfo
from functools import partial
from itertools import groupby
from typing import IO, TYPE_CHECKING, NamedTuple

from forwarder.cache import keep_freed_memory, tune_gc
from forwarder.errors import ForwarderError
from forwarder.events import Counters, Unparsed
from forwarder.inputs.block_reader import STDIN, ReadError, file_times, read_blocks
from forwarder.inputs.files.discovery import Found, LogFile, find, say_passed_over
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.mail_logs.subscriptions import OtherLog, say_others
from forwarder.pipeline import LogParser, Settings
from forwarder.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from forwarder.inputs.files.scanner import FileStat
    from forwarder.pipeline import FileParser

READ_BYTES = 1 << 17  # what one block touches stays in a processor's second-level cache

MIN_PARALLEL_BYTES = 32 << 20
"""On disk, of all logs. To read so much takes as long as to start two processes; with less, one is
faster than several."""

_BUFFER_BYTES = 1 << 19  # what one block gives when every fourth line is a login goes out at once

_OWN = ("/dev/", "/proc/")  # another thing to another process, as `/dev/fd/63` is

Progress = Callable[[int, int], None]
"""Gets the bytes on disk that were read since the last call, and of all files; 0 if unknown."""

_Step = Callable[[int], None]  # gets the bytes on disk that were read since the last call


class ParseOptions(NamedTuple):
    """What to parse, and how."""

    paths: tuple[str, ...]
    appliance: str | None
    settings: Settings
    zone: tzinfo | None  # of stamps that no file header covers
    jobs: int
    header: str = ""  # goes before all documents, as a line of text; empty for none
    row: Callable[[bytes], str] | None = None
    """Shows a document as a line of text; a function of a module, for processes of their own."""
    follow_symlinks: bool = False  # whether to follow links within folders and patterns
    unparsed: Callable[[Unparsed], str] | None = None
    """Shows a line that was not understood as a line of text; these are written, and no document.
    A function of a module, too."""


class Outcome(NamedTuple):
    """How it went."""

    files: int
    counts: Counters
    problems: tuple[str, ...]  # one sentence each
    warnings: tuple[str, ...]  # what is not a problem and may surprise; one sentence each
    repeated: tuple[tuple[str, str], ...]
    """Files that were left out, and those that hold the same and were read."""
    complete: bool  # whether it came to the end; if not, counts say nothing
    seconds: float


class _Parsed(NamedTuple):
    counts: Counters
    problems: list[str]
    foreign: list[str]  # a sentence for each file that is not a log, unless the user named it
    others: list[tuple[str, OtherLog]]  # logs of other subscriptions, by their paths


def parse(options: ParseOptions, out: IO[bytes], progress: Progress) -> Outcome:
    """Parse files, and write documents to ``out``; BrokenPipeError if its reader has gone."""
    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)

    def work() -> Iterator["_Parsed"]:
        with _writing("standard output"):
            stream = _buffered(out)
            if options.header and found.files:
                stream.write(options.header.encode() + b"\n")
            with closing(_parse_all(options, found.files, stream, progress)) as appliances:
                yield from appliances
            stream.flush()

    return _conclude(found, work())


class Watcher(LogParser):
    """Parses the logs of one appliance for what it sees of them; no document is made."""

    def look(self) -> None:
        """Look at what came of the bytes that were just read."""

    def end(self) -> None:
        """Take the end of all its files."""


def read_through(
    options: ParseOptions, begin: Callable[[], Watcher], progress: Progress
) -> Outcome:
    """Read files, those of each appliance by a watcher of its own."""
    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)
    whole = sum(_disk_bytes(x) or 0 for x in found.files)

    def step(size: int) -> None:
        progress(size, whole)

    def work() -> Iterator["_Parsed"]:
        for _, files in groupby(found.files, key=lambda x: x.appliance):
            watcher = begin()
            parsed = _Parsed(watcher.counts, [], [], [])
            for _ in _read_files(watcher, files, options.zone, parsed, step):
                watcher.look()
            watcher.end()
            yield parsed._replace(counts=watcher.counts)

    return _conclude(found, work())


def _conclude(found: Found, work: Iterator["_Parsed"]) -> Outcome:
    """Do the work, appliance by appliance, and say how it went."""
    begun = time.monotonic()
    keep_freed_memory()
    counts, problems, foreign = Counters(), [*found.problems], list[str]()
    others: list[tuple[str, OtherLog]] = []
    complete = False
    try:
        for parsed in work:
            counts.add(parsed.counts)
            problems += parsed.problems
            foreign += parsed.foreign
            others += parsed.others
        complete = True
    except ForwarderError as error:
        problems.append(str(error))
    warnings = []
    if found.links:
        advice = "name it, or give --follow-symlinks, to have it read"
        warnings.append(say_passed_over(found.links, advice))
    # Beside logs there may be anything; with nothing else, something is wrong.
    (problems if len(foreign) == len(found.files) else warnings).extend(foreign)
    return Outcome(
        files=len(found.files),
        counts=counts,
        problems=tuple(problems),
        warnings=(*warnings, *say_others(others)),
        repeated=found.repeated,
        complete=complete,
        seconds=time.monotonic() - begun,
    )


@contextmanager
def _writing(name: str, advice: str = "") -> Iterator[None]:
    """Say where documents could not be written to; reading raises errors of its own."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ForwarderError(
            f"documents cannot be written to {name}: {error.strerror}; some are missing{advice}"
        ) from error


def _buffered(out: IO[bytes]) -> IO[bytes]:
    """Return a stream of which each write takes everything, also with PYTHONUNBUFFERED."""
    try:
        number = out.fileno()
    except OSError:  # it is in memory
        return out
    os.set_blocking(number, True)  # another program may have set the pipe so
    return open(number, "wb", _BUFFER_BYTES, closefd=False)


def _parse_all(
    options: ParseOptions, found: Sequence[LogFile], out: IO[bytes], progress: Progress
) -> Generator[_Parsed, None, None]:
    """Parse appliance by appliance; several at a time where that was asked for and is worth it."""
    groups = [list(files) for _, files in groupby(found, key=lambda x: x.appliance)]
    sizes = [_disk_bytes(x) for x in found]
    has_streams = None in sizes  # which are of this process alone
    whole = 0 if has_streams else sum(x or 0 for x in sizes)

    def step(size: int) -> None:
        progress(size, whole)

    if has_streams or whole < MIN_PARALLEL_BYTES or 1 in {options.jobs, len(groups)}:
        for files in groups:
            yield _parse_files(files, options, out, step)
        return
    # These take time to import.
    from shutil import copyfileobj  # noqa: PLC0415

    from forwarder.app.workers import run_in_order  # noqa: PLC0415

    work = partial(_parse_to_file, options)
    with closing(run_in_order(work, groups, options.jobs)) as results:
        for files, (parsed, path) in zip(groups, results, strict=True):
            with path.open("rb") as store:
                copyfileobj(store, out, READ_BYTES)
            step(sum(_disk_bytes(x) or 0 for x in files))
            yield parsed


def _parse_to_file(options: ParseOptions, files: list[LogFile], path: "Path") -> _Parsed:
    """Parse the files of one appliance in a process of its own."""
    tune_gc()
    keep_freed_memory()
    advice = "; run again with --jobs 1, or with TMPDIR set to a folder that has space"
    with _writing("a temporary file", advice), path.open("wb", _BUFFER_BYTES) as store:
        return _parse_files(files, options, store, lambda _: None)


def _parse_files(
    files: list[LogFile], options: ParseOptions, out: IO[bytes], step: _Step
) -> _Parsed:
    parser = LogParser(options.settings)
    parsed = _Parsed(parser.counts, [], [], [])
    for documents in _read_files(parser, files, options.zone, parsed, step):
        if options.unparsed is not None:
            lines = parser.counts.take_unparsed()
            out.writelines(options.unparsed(x).encode() + b"\n" for x in lines)
        elif options.row is not None:
            out.writelines(options.row(x).encode() + b"\n" for x in documents)
        else:
            out.writelines(documents)
        out.flush()  # the next ones may be long in coming
    return parsed._replace(counts=parser.counts)


def _read_files(
    parser: LogParser,
    files: Iterable[LogFile],
    zone: tzinfo | None,
    parsed: _Parsed,
    step: _Step,
) -> Iterator[Iterable[bytes]]:
    """Read files, and note what is wrong with them."""
    for file in files:
        try:
            reading = open_file(parser, file, zone)
            yield from _documents(reading, file, step)
        except ReadError as error:
            parsed.problems.append(str(error))
            continue
        other = reading.other
        if other is not None and not other.is_foreign:
            parsed.others.append((file.path, other))
        elif other is not None:
            what = other.say(shown(file.path))
            (parsed.problems if file.outright else parsed.foreign).append(what)


def open_file(parser: LogParser, file: "LogFile | FileStat", zone: tzinfo | None) -> "FileParser":
    """Begin to parse a file that is read once; ``zone`` is of stamps that no header covers."""
    # In JSON, bytes of a name that are not UTF-8 are replacement characters.
    path = os.fsencode(file.path).decode("utf-8", "replace")
    # What comes through a pipe has no name of its own.
    named = "" if file.path.startswith((STDIN, *_OWN)) else path
    near, latest = file_times(file.path)
    return parser.open(
        file.appliance,
        None if file.path == STDIN else path,
        base=base_name(named),
        folder=log_folder(named),
        near=near,
        latest=latest,
        hosts=not file.named,
        zone=zone,
    )


def _documents(reading: "FileParser", file: LogFile, step: _Step) -> Iterator[Iterable[bytes]]:
    """Read a file, and tell its progress; what was readable before an error is finished first."""
    is_plain = not file.path.endswith(".gz")
    error = None
    with closing(read_blocks(file.path, block_bytes=READ_BYTES)) as blocks:
        try:
            for block in blocks:
                yield reading.feed(block)
                if is_plain:
                    step(len(block))
        except ReadError as raised:
            error = raised
    yield reading.finish()
    if not is_plain:  # how much of it was read is not known before its end
        step(_disk_bytes(file) or 0)
    if error is not None:
        raise error


def _disk_bytes(file: LogFile) -> int | None:
    """Return the size on disk, 0 for what is gone; None for a stream, which has none."""
    if file.path.startswith((STDIN, *_OWN)):
        return None
    try:
        status = os.stat(file.path)  # noqa: PTH116 - bytes names
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None
