"""Finding out which log a file is, with the files at hand.

One step reads a block, so that a large file holds up nothing. What is decided how stands in
:mod:`forwarder.inputs.files.comparing`.
"""

import sys
from collections.abc import Callable, Generator

from forwarder.inputs.block_reader import GZIP_MAGIC
from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.comparing import (
    BLOCK_BYTES,
    MAX_RIVALS,
    Candidates,
    Comparison,
    Identity,
    Relation,
    compare_content,
    judge,
    match_fingerprints,
)
from forwarder.inputs.files.file_handle import FileHandle, HandleCache, MovedError, SourceError
from forwarder.inputs.files.fingerprints import NOTHING, TAIL_BYTES, Fingerprint
from forwarder.inputs.files.registry import File, Files, State

_JUMP_HEAD_BYTES = 8192
"""Read of a file whose content is to be passed over, to know it again: beyond any header."""

_JUMP_LINE_BYTES = 1 << 16
"""The longest line whose beginning is looked for, to begin with a whole one."""

_HINT_BYTES = 4096
"""Read of a file whose inode is known, to see that its beginning is that of one log only."""

Release = Callable[[File], None]
"""Takes a file from its log, because it holds something else by now."""


class FileIdentifier:
    """Says of files which logs they are."""

    def __init__(
        self, trails: CheckpointStore, files: Files, opened: HandleCache, release: Release
    ) -> None:
        """Work with what is remembered and what is there."""
        self._trails = trails
        self._files = files
        self._opened = opened
        self._release = release

    def recognise(self, file: File, *, settled: bool) -> Generator[None, None, bool]:
        """Find out which log a file is, and let it be read, if it has to be.

        Args:
            file: The file.
            settled: Whether it has rested for so long that nobody is at it.

        Returns:
            Whether it is to be tried again when it has settled.

        Raises:
            SourceError: It cannot be read.
            MovedError: It is not where it was.
        """
        was_open = file.inode in self._opened
        source = self._opened.open(file.path, file.inode)
        if was_open:
            source.restart()  # it may have been shorter then, or something else
        if source.unclear and (not settled or source.bytes_at(0, 2) in {b"", GZIP_MAGIC[:1]}):
            self._files.set_state(file, State.REST)
            return not settled and source.size > 0
        hint = self._trails.find_by_inode(file.inode)
        if hint is not None and self._is_hinted(source, hint):
            file.packed = False
            if hint.ended and file.here and not file.is_live and source.size == hint.read.size:
                self._files.settle(file, hint, State.REST)  # nothing is left to read or to say
                self._opened.close(file.inode)
            else:
                self._files.settle(file, hint)
            return False
        verdict, trail = yield from self._identify(file, source, settled=settled)
        if verdict is Identity.WAIT:
            self._files.set_state(file, State.REST)
            return True
        if trail is not None and verdict is Identity.COPY:
            self._files.copy(file, trail)
            return False
        if trail is None:
            trail = self._trails.begin(file.sighting.appliance, file.path)
            if file.skip:
                yield from self._skip(source, trail, file.skip)
        yield from self._stand_behind(source, trail.read.size)
        file.packed = source.packed
        file.skip = 0  # what takes its place under this name is new
        self._files.settle(file, trail)
        return False

    def _identify(
        self, file: File, source: FileHandle, *, settled: bool
    ) -> Generator[None, None, tuple[Identity, LogState | None]]:
        source.restart()
        own = NOTHING.extend(source.read(BLOCK_BYTES))
        while source.pending:
            yield
            own = NOTHING.extend(source.read(BLOCK_BYTES))
        if not own.size:
            return Identity.NEW, None
        known = {
            trail.key: trail.read
            for trail in self._trails.find(file.sighting.appliance, own)
            if trail.read.size
        }
        # A log that was read as another appliance's stays that, whatever name it has now.
        hint = self._trails.find_by_inode(file.inode)
        if hint is not None and hint.read.size and hint.read.may_be(own):
            known[hint.key] = hint.read
        if not known:
            return (yield from self._identify_elsewhere(file, source, own, settled=settled))
        alike = yield from match_fingerprints(source, known)
        found: dict[Identity, LogState] = {}
        for key in alike.whole[:MAX_RIVALS] + alike.beginning[:MAX_RIVALS]:
            trail = self._trails.get(key)
            if trail is None:  # forgotten meanwhile
                continue
            likeness = yield from self._compare(file, source, trail, alike, settled=settled)
            found.setdefault(judge(likeness), trail)
        # A copy is proven, byte by byte. Then the longest that may go on.
        for verdict in (Identity.COPY, Identity.CONTINUE):
            if verdict in found:
                return verdict, found[verdict]
        if Identity.WAIT in found:
            return Identity.WAIT, None
        return (yield from self._identify_elsewhere(file, source, own, settled=settled))

    def _identify_elsewhere(
        self, file: File, source: FileHandle, own: Fingerprint, *, settled: bool
    ) -> Generator[None, None, tuple[Identity, LogState | None]]:
        """Say whether a closed file is a log that another appliance had, and has no more.

        Only if it holds just what was read of that: logs of two appliances may begin alike. Beside
        the other's own file it is a log of its own, once nobody is at moving that any more.
        """
        others = [] if file.is_live else self._trails.find_elsewhere(file.sighting.appliance, own)
        known = {trail.key: trail.read for trail in others}
        if not known:
            return Identity.NEW, None
        alike = yield from match_fingerprints(source, known)
        size = source.position
        same = [x for x in alike.whole[:MAX_RIVALS] if known[x].size == size]
        if same:
            rest = source.read(1)
            while source.pending and not rest:
                yield
                rest = source.read(1)
            same = [] if rest else same
        if not settled and (same or alike.beginning):
            return Identity.WAIT, None
        for trail in map(self._trails.get, same if source.complete else []):
            if trail is not None and trail.read.size == size and self._is_gone(trail, file):
                return Identity.CONTINUE, trail
        return Identity.NEW, None

    def _is_gone(self, trail: LogState, visitor: File) -> bool:
        """Say whether the file that a log is read from is gone; a packed one may wait its turn."""
        if self._home(trail, visitor) is not None:
            return False
        other = self._files.get(trail.position.inode)
        if other is None or other is visitor or other.trail is not None:
            return True
        return other.path != trail.position.path

    def _compare(
        self, file: File, source: FileHandle, trail: LogState, alike: Candidates, *, settled: bool
    ) -> Generator[None, None, Comparison]:
        home = self._home(trail, file)
        relation = Relation.NO_FILE
        if home is not None:
            try:
                other = FileHandle(home.path, home.inode)
                try:
                    relation = yield from compare_content(source, other)
                finally:
                    other.close()
            except (MovedError, SourceError):
                relation = Relation.NO_FILE
            if self._home(trail, file) is not home:  # it was written anew meanwhile
                relation = Relation.NO_FILE
        return Comparison(
            whole=trail.key in alike.whole,
            relation=relation,
            live=file.is_live,
            other_live=home is not None and home.is_live,
            settled=settled,
        )

    def _home(self, trail: LogState, visitor: File) -> File | None:
        """Return the file that a log is read from, if it is not the visitor and still holds it."""
        home = self._files.get(trail.home or trail.position.inode)
        if home is None or home is visitor or not home.here:
            return None
        # After a restart a log's file may wait for its turn, where the log was last.
        waits = trail.home is None
        if waits and (home.trail is not None or home.state is not State.COMPARE):
            return None
        try:
            other = FileHandle(home.path, home.inode)
        except (MovedError, SourceError):
            return None
        try:
            # A packed one that changed was taken from its log when that was seen.
            if waits:
                holds = self._is_hinted(other, trail)
            else:
                holds = home.packed if other.packed else other.holds(trail.read)
        finally:
            other.close()
        if holds and waits:  # under whatever name: a hard link may be all that is left
            home.steps = None
            self._files.settle(home, trail)
        elif not holds and not waits:
            self._release(home)
        return home if holds else None

    def _is_hinted(self, source: FileHandle, trail: LogState) -> bool:
        """Say whether a plain file at the inode of a log is the log, and no other may be meant."""
        known = trail.read
        if source.packed or not known.size:
            return False
        data = source.bytes_at(0, _HINT_BYTES)
        if not known.is_of(data):  # all of a small file; of others, what is enough
            if not source.holds(known):
                return False
            known = NOTHING.extend(data)
        return self._trails.find(trail.position.appliance, known) == [trail]

    def _stand_behind(self, source: FileHandle, size: int) -> Generator[None, None, None]:
        """Go to a position in a packed file, by unpacking all before it."""
        if not source.packed or source.position == size:
            return
        source.restart()
        while source.position < size:
            data = source.read(min(BLOCK_BYTES, size - source.position))
            if not data and not source.pending:
                raise MovedError  # it was whole when it was compared
            yield

    def _skip(self, source: FileHandle, trail: LogState, size: int) -> Generator[None, None, None]:
        """Pass over what a file held at the start, up to the end of its last whole line.

        Of a packed one, all: its size says nothing of what is in it.
        """
        source.restart()
        if source.packed or size <= _JUMP_HEAD_BYTES + _JUMP_LINE_BYTES:
            own, behind_line = NOTHING, NOTHING
            limit = sys.maxsize if source.packed else size
            while True:
                data = source.read(min(BLOCK_BYTES, limit - source.position))
                if not data and not source.pending:
                    break
                newline = data.rfind(b"\n") + 1
                behind_line = own.extend(data[:newline]) if newline else behind_line
                own = own.extend(data)
                yield
            self._trails.skip(trail, own if source.packed else behind_line)
            return
        last = source.bytes_at(size - _JUMP_LINE_BYTES, _JUMP_LINE_BYTES)
        size -= len(last) - (last.rfind(b"\n") + 1 or len(last))
        head = NOTHING.extend(source.bytes_at(0, _JUMP_HEAD_BYTES))
        tail = source.bytes_at(size - TAIL_BYTES, TAIL_BYTES)
        self._trails.skip(trail, head.jump(size, tail))
