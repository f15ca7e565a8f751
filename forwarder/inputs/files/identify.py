"""Finds out which log a file is, by its content; a block at a time, so that others have their turn.

- A file that begins with all that was read of a log goes on where that ends, if the log's current
  file is gone: it was renamed, moved or compressed.
- If the log's current file is there, both files are compared as far as both go. A file that differs
  is a log of its own, whatever the two begin with. A file that is a beginning of the other is a
  copy and needs no reading. A file that is longer takes the place of a closed one (an upload that
  broke off and was made again); beside a live one it is a log of its own.
- A file that is a beginning of a log whose file is gone may be a copy on its way, or another log
  that has not differed yet. A live one is read at once; others, when they rest. So nothing is lost;
  what may happen is that the copy of a file that is gone, cut short, is read once more.
- A closed file that is just what was read of another appliance's log stays that one's, if the log's
  file is gone. If it is there, the file is a log of its own appliance.
"""

import sys
from collections.abc import Callable, Generator, Mapping
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from forwarder.inputs.block_reader import GZIP_MAGIC
from forwarder.inputs.files.checkpoint import LogState
from forwarder.inputs.files.file_handle import (
    NOTHING,
    TAIL_BYTES,
    FileError,
    FileHandle,
    Fingerprint,
    MovedError,
)
from forwarder.inputs.files.registry import Event, File, Files, State

BLOCK_BYTES = 1 << 17  # 128 KiB at once, as much as is read of a log

MAX_RIVALS = 8
"""Files that one is compared with byte by byte. More of them can only be many logs that begin with
the whole content of the file; then it is read as one of its own."""

_SKIP_HEAD_BYTES = 8192
"""Read of a file whose content is skipped, to know it again: beyond any header."""
_SKIP_LINE_BYTES = 1 << 16
"""The longest line whose beginning is looked for, to begin with a whole one."""
_HINT_BYTES = 4096
"""Read of a file whose inode is known, to see that its beginning is that of one log only."""

T = TypeVar("T")
Steps = Generator[None, None, T]  # yields after each block


class Relation(Enum):
    """How a file relates to the current file of a log, as far as both go."""

    NO_FILE = auto()
    BEGINNING = auto()  # it is the same or a beginning of it
    LONGER = auto()  # it begins with all of the other
    DIFFERENT = auto()


class Identity(Enum):
    """What a file is."""

    CONTINUE = auto()  # the log goes on in this file
    COPY = auto()  # all of it is in the log already, or is about to be read there
    NEW = auto()  # it is another log
    WAIT = auto()  # it cannot be told yet


class Comparison(NamedTuple):
    """What is known of a file beside a log that it may be."""

    whole: bool  # whether it begins with all that was read of the log; if not, it ends within that
    relation: Relation
    live: bool  # whether it may be written to, by its name
    other_live: bool  # whether the log's current file may be written to
    settled: bool  # whether it has not changed for so long that it is complete


class Candidates(NamedTuple):
    """The logs that a file may be."""

    whole: tuple[str, ...]  # keys of those of which it holds all that was read, the longest first
    beginning: tuple[str, ...]  # keys of those that it is a beginning of, as far as can be told


def decide(file: Comparison) -> Identity:
    """Decide what a file is, beside one log that it is like."""
    match file.relation:
        case Relation.DIFFERENT:
            return Identity.NEW
        case Relation.BEGINNING:
            return Identity.COPY
        case Relation.LONGER:
            if not file.whole:  # the other is damaged; there is nothing in this one that is new
                return Identity.COPY
            return Identity.NEW if file.other_live else Identity.CONTINUE
        case Relation.NO_FILE:
            if file.whole:
                return Identity.CONTINUE
            return Identity.NEW if file.live or file.settled else Identity.WAIT


def match_fingerprints(handle: FileHandle, known: Mapping[str, Fingerprint]) -> Steps[Candidates]:
    """Compare a file, from its beginning, with what was read of logs; ``known`` has that by key."""
    handle.restart()
    own = NOTHING
    whole: list[str] = []
    for key, other in sorted(known.items(), key=lambda item: item[1].size):
        while own.size < other.size and own.may_be(other):
            data = handle.read(min(BLOCK_BYTES, other.size - own.size))
            if not data and not handle.pending:
                longer = [x for x, y in known.items() if y.size > own.size and own.may_be(y)]
                return Candidates(tuple(reversed(whole)), tuple(sorted(longer)))
            own = own.extend(data)
            yield
        if own.equals(other):
            whole.append(key)
    return Candidates(tuple(reversed(whole)), ())


def compare_content(handle: FileHandle, other: FileHandle) -> Steps[Relation]:
    """Compare a file with another, byte by byte as far as both go."""
    handle.restart()
    other.restart()
    while True:
        ours = yield from _read_block(handle, BLOCK_BYTES)
        theirs = yield from _read_block(other, BLOCK_BYTES)
        common = min(len(ours), len(theirs))
        if ours[:common] != theirs[:common]:
            return Relation.DIFFERENT
        if common < BLOCK_BYTES:
            return Relation.BEGINNING if len(ours) == common else Relation.LONGER
        yield


def _read_block(handle: FileHandle, size: int) -> Steps[bytes]:
    """Read a full block, or to the end: what is decompressed may come in less."""
    block = b""
    while len(block) < size:
        data = handle.read(size - len(block))
        if handle.pending:
            yield
        elif not data:
            break
        block += data
    return block


class FileIdentifier:
    """Finds out which logs files are."""

    def __init__(self, files: Files, release: Callable[[File], None]) -> None:
        """Work on files; ``release`` takes one from its log because it holds something else."""
        self._files = files
        self._logs = files.logs
        self._release = release

    def identify(self, file: File, *, settled: bool) -> Steps[bool]:
        """Find out which log a file is, and let it be read, if it has to be.

        ``settled`` if it has not changed for so long that it is complete.

        Returns:
            Whether to try again when it has settled.
        """
        was_open = file.inode in self._files.handles
        handle = self._files.handles.open(file.path, file.inode)
        if was_open:
            handle.restart()  # it may have been shorter then, or something else
        if handle.unclear and (not settled or handle.bytes_at(0, 2) in {b"", GZIP_MAGIC[:1]}):
            self._files.on(file, Event.UNCLEAR)
            return not settled and handle.stamp[0] > 0
        hint = self._logs.find_by_inode(file.inode)
        if hint is not None and self._is_hinted(handle, hint):
            file.is_gzip = False
            closed = hint.ended and file.here and not file.is_live
            if closed and handle.stamp[0] == hint.read.size:  # nothing is left to read or to tell
                self._files.set_log(file, hint, Event.ENDED)
                self._files.handles.close(file.inode)
            else:
                self._files.set_log(file, hint)
            return False
        identity, log = yield from self._identify(file, handle, settled=settled)
        if identity is Identity.WAIT:
            self._files.on(file, Event.UNCLEAR)
            return True
        if log is not None and identity is Identity.COPY:
            self._files.copy(file, log)
            return False
        if log is None:
            log = self._logs.begin(file.stat.appliance, file.path)
            if file.skip:
                yield from self._skip(handle, log, file.skip)
        yield from self._go_to(handle, log.read.size)
        file.is_gzip = handle.is_gzip
        file.skip = 0  # what takes its place under this name is new
        self._files.set_log(file, log)
        return False

    def _identify(
        self, file: File, handle: FileHandle, *, settled: bool
    ) -> Steps[tuple[Identity, LogState | None]]:
        handle.restart()
        own = NOTHING.extend(handle.read(BLOCK_BYTES))
        while handle.pending:
            yield
            own = NOTHING.extend(handle.read(BLOCK_BYTES))
        if not own.size:
            return Identity.NEW, None
        logs = {x.key: x for x in self._logs.find(file.stat.appliance, own) if x.read.size}
        # A log that was read as another appliance's stays that, whatever name it has now.
        hint = self._logs.find_by_inode(file.inode)
        if hint is not None and hint.read.size and hint.read.may_be(own):
            logs[hint.key] = hint
        found: dict[Identity, LogState] = {}
        if logs:
            alike = yield from match_fingerprints(handle, {x: y.read for x, y in logs.items()})
            for key in alike.whole[:MAX_RIVALS] + alike.beginning[:MAX_RIVALS]:
                log = self._logs.get(key)
                if log is None:  # forgotten meanwhile
                    continue
                home, relation = yield from self._compare(file, handle, log)
                live, other_live = file.is_live, home is not None and home.is_live
                whole = key in alike.whole
                comparison = Comparison(whole, relation, live, other_live, settled)
                found.setdefault(decide(comparison), log)
        # A copy is proven, byte by byte. Then the longest that may go on.
        for identity in (Identity.COPY, Identity.CONTINUE):
            if identity in found:
                return identity, found[identity]
        if Identity.WAIT in found:
            return Identity.WAIT, None
        return (yield from self._identify_elsewhere(file, handle, own, settled=settled))

    def _identify_elsewhere(
        self, file: File, handle: FileHandle, own: Fingerprint, *, settled: bool
    ) -> Steps[tuple[Identity, LogState | None]]:
        """Find out whether a closed file is a log that another appliance had, and has no more.

        Only if it holds just what was read of that: logs of two appliances may begin alike. Beside
        the other's own file it is a log of its own, once that is not being moved any more.
        """
        others = [] if file.is_live else self._logs.find_elsewhere(file.stat.appliance, own)
        known = {log.key: log.read for log in others}
        if not known:
            return Identity.NEW, None
        alike = yield from match_fingerprints(handle, known)
        size = handle.position
        same = [x for x in alike.whole[:MAX_RIVALS] if known[x].size == size]
        if same and (yield from _read_block(handle, 1)):
            same = []
        if not settled and (same or alike.beginning):
            return Identity.WAIT, None
        for log in map(self._logs.get, same if handle.complete else []):
            if log is not None and log.read.size == size and self._is_gone(log, file):
                return Identity.CONTINUE, log
        return Identity.NEW, None

    def _is_gone(self, log: LogState, visitor: File) -> bool:
        """Whether the file that a log is read from is gone; a gzip file may wait its turn."""
        if self._home(log, visitor) is not None:
            return False
        other = self._files.get(log.position.inode)
        if other is None or other is visitor or other.log is not None:
            return True
        return other.path != log.position.path

    def _compare(
        self, file: File, handle: FileHandle, log: LogState
    ) -> Steps[tuple[File | None, Relation]]:
        """Compare a file with the current one of a log."""
        home = self._home(log, file)
        relation = Relation.NO_FILE
        if home is not None:
            try:
                other = FileHandle(home.path, home.inode)
                try:
                    relation = yield from compare_content(handle, other)
                finally:
                    other.close()
            except (MovedError, FileError):
                relation = Relation.NO_FILE
            if self._home(log, file) is not home:  # it was written again meanwhile
                relation = Relation.NO_FILE
        return home, relation

    def _home(self, log: LogState, visitor: File) -> File | None:
        """Return the file that a log is read from, if it is not the visitor and still holds it."""
        home = self._files.get(log.current_file or log.position.inode)
        if home is None or home is visitor or not home.here:
            return None
        # After a restart a log's file may wait for its turn, where the log was last.
        waits = log.current_file is None
        if waits and (home.log is not None or home.state is not State.COMPARE):
            return None
        try:
            other = FileHandle(home.path, home.inode)
        except (MovedError, FileError):
            return None
        try:
            # A gzip file that changed was taken from its log when that was seen.
            if waits:
                holds = self._is_hinted(other, log)
            else:
                holds = home.is_gzip if other.is_gzip else other.still_matches(log.read)
        finally:
            other.close()
        if holds and waits:  # under whatever name: a hard link may be all that is left
            home.comparison = None
            self._files.set_log(home, log)
        elif not holds and not waits:
            self._release(home)
        return home if holds else None

    def _is_hinted(self, handle: FileHandle, log: LogState) -> bool:
        """Whether a plain file at the inode of a log is the log, and no other may be meant."""
        known = log.read
        if handle.is_gzip or not known.size:
            return False
        data = handle.bytes_at(0, _HINT_BYTES)
        if not known.is_of(data):  # all of a small file; of others, what is enough
            if not handle.still_matches(known):
                return False
            known = NOTHING.extend(data)
        return self._logs.find(log.position.appliance, known) == [log]

    def _go_to(self, handle: FileHandle, size: int) -> Steps[None]:
        """Go to a position in a gzip file, by decompressing all before it."""
        if not handle.is_gzip or handle.position == size:
            return
        handle.restart()
        while handle.position < size:
            data = handle.read(min(BLOCK_BYTES, size - handle.position))
            if not data and not handle.pending:
                raise MovedError  # it was whole when it was compared
            yield

    def _skip(self, handle: FileHandle, log: LogState, size: int) -> Steps[None]:
        """Skip what a file held at the start, up to the end of its last whole line.

        Of a gzip file, all: its size does not tell what is in it.
        """
        handle.restart()
        if not handle.is_gzip and size > _SKIP_HEAD_BYTES + _SKIP_LINE_BYTES:
            last = handle.bytes_at(size - _SKIP_LINE_BYTES, _SKIP_LINE_BYTES)
            size -= len(last) - (last.rfind(b"\n") + 1 or len(last))
            head = NOTHING.extend(handle.bytes_at(0, _SKIP_HEAD_BYTES))
            tail = handle.bytes_at(size - TAIL_BYTES, TAIL_BYTES)
            self._logs.skip(log, head.skip_to(size, tail))
            return
        own, after_line = NOTHING, NOTHING
        limit = sys.maxsize if handle.is_gzip else size
        while True:
            data = handle.read(min(BLOCK_BYTES, limit - handle.position))
            if not data and not handle.pending:
                break
            newline = data.rfind(b"\n") + 1
            after_line = own.extend(data[:newline]) if newline else after_line
            own = own.extend(data)
            yield
        self._logs.skip(log, own if handle.is_gzip else after_line)
