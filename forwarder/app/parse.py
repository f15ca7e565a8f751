"""``esa-forwarder parse``: logs to documents on standard output, once, with nothing kept.

Rules:

* Appliances have nothing in common, so each may have a process of its own. Its documents go to a
  temporary file, so that it does not wait for those before it; the files are written out in the
  order of the appliances, so the output is the same for any number of processes.
* These processes do not see the signals that end the program: it kills them, then deletes the
  files. If it is killed itself, they end. If one of them dies, parsing ends with an error.
* If a file cannot be read to its end, what was readable is parsed.
"""

import os
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import tzinfo
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGTERM, pthread_sigmask
from threading import Thread
from typing import IO, TYPE_CHECKING, NamedTuple

from forwarder.cache import keep_freed_memory, tune_gc
from forwarder.errors import ForwarderError
from forwarder.events import Counters, Unparsed
from forwarder.inputs.block_reader import STDIN, ReadError, file_times, read_blocks
from forwarder.inputs.files.discovery import LogFile, describe_links, find
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.mail_logs.subscriptions import OtherLog, say_others
from forwarder.pipeline import LogParser, Settings
from forwarder.text import shown

if TYPE_CHECKING:
    from forwarder.inputs.files.discovery import FileStat
    from forwarder.pipeline import FileParser

READ_BYTES = 1 << 17  # what one block touches stays in a processor's second-level cache

MIN_PARALLEL_BYTES = 32 << 20
"""On disk, of all logs. Parsing so much takes as long as starting two processes; with less, one
process is faster than several."""

_BUFFER_BYTES = 1 << 19  # the documents of a block in which every fourth line is a login

_OWN = ("/dev/", "/proc/")  # something else to another process, as `/dev/fd/63` is

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
    """What came of reading files."""

    files: int
    counts: Counters
    problems: tuple[str, ...]  # one sentence each
    warnings: tuple[str, ...]  # what is not a problem and may surprise; one sentence each
    repeated: tuple[tuple[str, str], ...]
    """Files that were left out, each with the file of the same content that was read."""
    complete: bool  # whether the end was reached; if not, counts mean nothing
    seconds: float


class _Parsed(NamedTuple):
    counts: Counters
    problems: list[str]
    foreign: list[str]  # a sentence for each file that is not a log, unless the user named it
    others: list[tuple[str, OtherLog]]  # logs of other subscriptions, by their paths


_Groups = list[list[LogFile]]  # the files of each appliance
_Work = Callable[[_Groups, _Step], Generator[_Parsed, None, None]]


class Watcher(LogParser):
    """Parses the logs of one appliance and observes them; no documents are made."""

    def look(self, _: Iterable[bytes] = ()) -> None:
        """Handle what came of the block that was just read."""

    def end(self) -> None:
        """Handle the end of the files."""


def parse(options: ParseOptions, out: IO[bytes], progress: Progress) -> Outcome:
    """Parse files, and write documents to ``out``; BrokenPipeError if nothing reads them."""

    def work(groups: _Groups, step: _Step) -> Generator[_Parsed, None, None]:
        with _writing("standard output"):
            stream = _buffered(out)
            if options.header and groups:
                stream.write(options.header.encode() + b"\n")
            whole = _disk_bytes(chain.from_iterable(groups))
            if whole < MIN_PARALLEL_BYTES or 1 in {options.jobs, len(groups)}:
                for files in groups:
                    yield _parse_files(files, options, stream, step)
            else:
                with closing(_parse_in_processes(groups, options, stream, step)) as results:
                    yield from results
            stream.flush()

    return _read(options, work, progress)


def read_through(
    options: ParseOptions, begin: Callable[[], Watcher], progress: Progress
) -> Outcome:
    """Read files, with a new watcher for each appliance."""

    def work(groups: _Groups, step: _Step) -> Generator[_Parsed, None, None]:
        for files in groups:
            watcher = begin()
            parsed = _read_files(watcher, files, options.zone, watcher.look, step)
            watcher.end()
            yield parsed

    return _read(options, work, progress)


def _read(options: ParseOptions, work: _Work, progress: Progress) -> Outcome:
    """Find files, do the work, appliance by appliance, and return what came of it."""
    begun = time.monotonic()
    keep_freed_memory()
    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)
    groups = [[*files] for _, files in groupby(found.files, key=lambda x: x.appliance)]
    whole = _disk_bytes(found.files)
    counts, problems, foreign = Counters(), [*found.problems], list[str]()
    others: list[tuple[str, OtherLog]] = []
    complete = False
    try:
        with closing(work(groups, lambda size: progress(size, whole))) as results:
            for parsed in results:
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
        warnings.append(describe_links(found.links, advice))
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
    """Raise ForwarderError if documents cannot be written; errors of reading have other types."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ForwarderError(
            f"documents cannot be written to {name}: {error.strerror}; some are missing{advice}"
        ) from error


def _buffered(out: IO[bytes]) -> IO[bytes]:
    """Return a stream whose writes are never partial, even with PYTHONUNBUFFERED."""
    try:
        number = out.fileno()
    except OSError:  # it is in memory
        return out
    os.set_blocking(number, True)  # another program may have set the pipe so
    return open(number, "wb", _BUFFER_BYTES, closefd=False)


def _parse_files(
    files: list[LogFile], options: ParseOptions, out: IO[bytes], step: _Step
) -> _Parsed:
    parser = LogParser(options.settings)

    def write(documents: Iterable[bytes]) -> None:
        if options.unparsed is not None:
            lines = parser.counts.take_unparsed()
            out.writelines(options.unparsed(x).encode() + b"\n" for x in lines)
        elif options.row is not None:
            out.writelines(options.row(x).encode() + b"\n" for x in documents)
        else:
            out.writelines(documents)
        out.flush()  # the next ones may be long in coming

    return _read_files(parser, files, options.zone, write, step)


def _parse_in_processes(
    groups: _Groups, options: ParseOptions, out: IO[bytes], step: _Step
) -> Generator[_Parsed, None, None]:
    """Parse each appliance in a process of its own, and copy its documents when it is done.

    Raises ForwarderError if a process cannot be started, or ends without a result.
    """
    # These take longer to import than small logs to parse.
    from concurrent.futures.process import (  # noqa: PLC0415
        BrokenProcessPool,
        ProcessPoolExecutor,
    )
    from multiprocessing import (  # noqa: PLC0415
        active_children,
        get_context,
        resource_tracker,
    )
    from shutil import copyfileobj  # noqa: PLC0415
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    def kill() -> None:
        for process in active_children():
            process.kill()

    with ExitStack() as stack:
        try:
            with _signals_blocked():
                resource_tracker.ensure_running()  # which unblocks some of them
            with _signals_blocked():
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="esa-forwarder-")))
                # Not forked: a fork would copy whatever threads and locks there are.
                context = get_context("spawn")
                pool = ProcessPoolExecutor(
                    min(options.jobs, len(groups)), context, _end_with_parent
                )
                stack.callback(pool.shutdown)
                stack.callback(kill)
                paths = [folder / str(number) for number in range(len(groups))]
                work = partial(_parse_to_file, options)
                futures = [pool.submit(work, *x) for x in zip(groups, paths, strict=True)]
        except OSError as error:
            raise ForwarderError(
                f"no process or temporary file can be had: {error.strerror or error}; run again"
                " with --jobs 1, or with TMPDIR set to a folder that this user may write to"
            ) from error
        for files, future, path in zip(groups, futures, paths, strict=True):
            try:
                parsed = future.result()
            except BrokenProcessPool as error:
                raise ForwarderError(
                    "a process that parsed the logs of one appliance was killed, perhaps for lack"
                    " of memory, so documents are missing; run again with --jobs 1"
                ) from error
            with path.open("rb") as store:
                copyfileobj(store, out, READ_BYTES)
            path.unlink()
            step(_disk_bytes(files))
            yield parsed


def _parse_to_file(options: ParseOptions, files: list[LogFile], path: Path) -> _Parsed:
    tune_gc()
    keep_freed_memory()
    advice = "; run again with --jobs 1, or with TMPDIR set to a folder that has space"
    with _writing("a temporary file", advice), path.open("wb", _BUFFER_BYTES) as store:
        return _parse_files(files, options, store, lambda _: None)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block the ending signals: processes that start now never see them."""
    before = pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM, SIGHUP))
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Make this process end with the one that started it, however that ends."""
    from multiprocessing import parent_process  # noqa: PLC0415 - as above

    parent = parent_process()
    assert parent is not None  # noqa: S101 - it was started by one

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()


def _read_files(
    parser: LogParser,
    files: Iterable[LogFile],
    zone: tzinfo | None,
    take: Callable[[Iterable[bytes]], None],
    step: _Step,
) -> _Parsed:
    """Read the files of one appliance; ``take`` gets the documents of each block."""
    problems, foreign = list[str](), list[str]()
    others: list[tuple[str, OtherLog]] = []
    for file in files:
        try:
            reading = open_file(parser, file, zone)
            for documents in _documents(reading, file, step):
                take(documents)
        except ReadError as error:
            problems.append(str(error))
            continue
        other = reading.other
        if other is not None and not other.is_foreign:
            others.append((file.path, other))
        elif other is not None:
            what = other.say(shown(file.path))
            (problems if file.outright else foreign).append(what)
    return _Parsed(parser.counts, problems, foreign, others)


def open_file(parser: LogParser, file: "LogFile | FileStat", zone: tzinfo | None) -> "FileParser":
    """Begin to parse a file that is read once; ``zone`` is for stamps that no header covers."""
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
    """Parse a file and report progress; what was readable is finished before an error is raised."""
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
        step(_disk_bytes([file]))
    if error is not None:
        raise error


def _disk_bytes(files: Iterable[LogFile]) -> int:
    """Return the size of files on disk, without those that are gone; 0 if one is a stream."""
    size = 0
    for file in files:
        if file.path.startswith((STDIN, *_OWN)):
            return 0
        with suppress(OSError):
            status = os.stat(file.path)  # noqa: PTH116 - bytes names
            if not stat.S_ISREG(status.st_mode):
                return 0
            size += status.st_size
    return size
