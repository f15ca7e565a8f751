"""Stories of connections: all lines of each, in order, and their events.

The join keeps only what logins need. A story has every line that names the connection or one of its
messages, even after its end, until the messages are delivered.

Rules:

* A line belongs to what is named at the beginning of its message: ``MID 6 Subject 'ICID 5 close'``
  belongs to message 6. Numbers are separate for each host in syslog headers.
* ``New`` begins a story, whatever was known about its number. A login that names no connection is a
  story by itself.
* At most :data:`MAX_OPEN` stories are open, with :data:`MAX_LINES` lines each and
  :data:`MAX_BYTES` in total. The oldest are told before their end; further lines are only counted.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from forwarder.events import Action, Event, SyslogHeader
from forwarder.mail_logs import grammar
from forwarder.mail_logs.scanner import Block

MAX_OPEN = 65_536
MAX_LINES = 1_000
MAX_BYTES = 128 << 20
_LINE_BYTES = 250  # of a line, besides its text
MAX_CLOSED = 256  # the last ones: `close` follows `lost`, and relays mix lines

_LINE = re.compile(
    rb"\n(?s:.{25})" + grammar.LEVEL + rb": ++(?P<message>"
    rb"(?:(?:New|Start|SMTP|smtp|Auth:?|Delivery|start|Message|done|finished|aborted|server"
    rb"|connection|killed|Bounced:|Delayed:|RPC) ++)*+"
    rb"\(?(?P<kind>[ID]CID|MID):? ++(?P<number>\d{1,20})(?!\d)"
    rb"(?: ++(?:ICID (?P<icid>\d{1,20})|MID (?P<mid>\d{1,20}))(?!\d))?[^\n]*+"
    rb"|(?:Version: |Time offset from UTC: )[^\n]*+)"
)
_NEW = (b"New SMTP", b"New smtp")
_OVER = (b"Message finished", b"Message aborted")


class StoryLine(NamedTuple):
    """A line of a story in its file."""

    path: str | None
    offset: int  # bytes from the start of the file
    original: bytes
    message: int  # where the message begins in it, in bytes
    header: SyslogHeader | None


@dataclass(eq=False, slots=True)
class Story:
    """What a log says about one connection."""

    appliance: str
    name: str  # `ICID 5`
    lines: list[StoryLine] = field(default_factory=list)
    is_wanted: bool = False
    more: int = 0  # lines beyond the limit
    events: list[Event] = field(default_factory=list)
    headers: tuple[StoryLine, ...] = ()  # of its files
    has_ended: bool = False  # whether a line says so
    is_over: bool = False  # whether no further line about the connection is expected
    mids: set[bytes] = field(default_factory=set)  # of messages still to be delivered
    size: int = 0  # memory of its lines, in bytes


_Name = tuple[str | None, bytes, bytes]  # host, `ICID` or `DCID`, number

Wanted = Callable[[Story, StoryLine | None, Event | None], bool]
"""Decides whether a story is wanted, by one of its lines or events."""


class Stories:
    """Collects the wanted stories of one appliance, and tells each when it ends."""

    def __init__(self, wanted: Wanted, tell: Callable[[Story], None]) -> None:
        self._wanted, self._tell = wanted, tell
        self._open: dict[_Name, Story] = {}
        self._closed: dict[_Name, Story] = {}
        self._mids: dict[tuple[str | None, bytes], Story] = {}
        self._headers: dict[bytes, StoryLine] = {}
        """Header lines of the current file, by how they begin."""
        self._path: str | None = None
        self._ended: list[Story] = []
        self._size = 0

    def take(self, block: Block, appliance: str, path: str | None, events: list[Event]) -> None:
        """Take a block and its events."""
        if path != self._path:
            self._path, self._headers = path, {}
        placed: dict[int, Story] = {}
        for found in _LINE.finditer(block.text, block.start, block.end):
            line = StoryLine(path, *block.line_at(found.start())[1:])
            if found["kind"] is None:
                self._headers[found["message"][:4]] = line
                continue
            for story in self._find(block.host, appliance, found):
                self._add(story, line)
                # If a line belongs to two, the first one has the session that ends with it.
                placed.setdefault(line.offset, story)
        for event in events:
            if event.connection is None:
                self._add_alone(appliance, event)
            else:
                self._place(block.host, event.connection[0], event, placed)
        self._tell_ended()
        while self._size > MAX_BYTES:
            oldest = _pop_oldest(self._open or self._closed or self._mids)
            self._give_up(oldest, block.host)
            self._tell_ended()

    def finish(self) -> None:
        """Tell the remaining stories, the oldest first."""
        left = (*self._mids.values(), *self._closed.values(), *self._open.values())
        self._ended = [*dict.fromkeys(left)]
        self._open, self._closed, self._mids = {}, {}, {}
        self._tell_ended()

    def _tell_ended(self) -> None:
        for story in self._ended:
            self._size -= story.size
            if story.is_wanted:
                self._tell(story)
        self._ended = []

    def _find(self, host: str | None, appliance: str, found: re.Match[bytes]) -> Iterator[Story]:
        """Yield the stories that a line belongs to, and note what it begins and ends."""
        kind, number, message = found["kind"], found["number"], found["message"]
        if kind == b"MID":
            yield from self._find_message(host, found)
            return
        name = host, kind, number
        if message.startswith(_NEW):
            if name in self._closed:
                self._end(self._closed.pop(name))
            if name in self._open:
                # Its session, if any, ends with this line.
                old = self._open.pop(name)
                old.has_ended = True
                yield old
                self._end(old)
        story = self._open.get(name) or self._closed.get(name)
        if story is None:
            story = self._open[name] = Story(appliance, f"{kind.decode()} {number.decode()}")
            if len(self._open) > MAX_OPEN:
                self._end(_pop_oldest(self._open))
        yield story
        if found["mid"] is not None and (host, found["mid"]) in self._mids:
            yield self._mids[host, found["mid"]]
        if name in self._open and _is_end(message):
            story.has_ended = True
            self._closed[name] = self._open.pop(name)
            if len(self._closed) > MAX_CLOSED:
                self._end(_pop_oldest(self._closed))

    def _find_message(self, host: str | None, found: re.Match[bytes]) -> Iterator[Story]:
        mid, message = (host, found["number"]), found["message"]
        connection = self._open.get((host, b"ICID", found["icid"] or b""))
        if connection is not None and message.startswith(b"Start"):
            if mid in self._mids:  # the number is reused
                self._end_message(mid)
            connection.mids.add(mid[1])
            self._mids[mid] = connection
            if len(self._mids) > MAX_OPEN:
                self._end_message(next(iter(self._mids)))
        story = self._mids.get(mid, connection)
        if story is not None:
            yield story
            if message.startswith(_OVER) and mid in self._mids:
                self._end_message(mid)

    def _add(self, story: Story, line: StoryLine) -> None:
        if len(story.lines) < MAX_LINES:
            if not story.lines or story.lines[-1].path != line.path:
                story.headers += tuple(self._headers.values())
            story.lines.append(line)
            size = _LINE_BYTES + len(line.original)
            story.size += size
            self._size += size
        else:
            story.more += 1
        story.is_wanted = story.is_wanted or self._wanted(story, line, None)

    def _add_alone(self, appliance: str, event: Event) -> None:
        """Add a story of a login that names no connection."""
        story = Story(appliance, "Login without a connection", has_ended=True)
        at = event.origin.path, event.offset or 0, event.original or b""
        self._add(story, StoryLine(*at, event.message, event.syslog))
        story.events.append(event)
        story.is_wanted = story.is_wanted or self._wanted(story, None, event)
        self._ended.append(story)

    def _place(
        self, host: str | None, number: bytes, event: Event, placed: dict[int, Story]
    ) -> None:
        """Add an event to the story of its line, or to the open one if it has no line."""
        story = None if event.offset is None else placed.get(event.offset)
        if story is None:
            outbound = event.outcome.action is Action.OUTBOUND
            story = self._open.get((host, b"DCID" if outbound else b"ICID", number))
        if story is not None:
            story.events.append(event)
            story.is_wanted = story.is_wanted or self._wanted(story, None, event)

    def _end_message(self, mid: tuple[str | None, bytes]) -> None:
        story = self._mids.pop(mid)
        story.mids.discard(mid[1])
        if story.is_over:
            self._end(story)

    def _give_up(self, story: Story, host: str | None) -> None:
        for mid in story.mids:
            self._mids.pop((host, mid), None)
        story.mids.clear()
        self._end(story)

    def _end(self, story: Story) -> None:
        """Note that no more lines about the connection itself are expected."""
        story.is_over = True
        if not story.mids:
            self._ended.append(story)


def _pop_oldest(stories: dict[Any, Story]) -> Story:
    return stories.pop(next(iter(stories)))


def find_line(block: Block, path: str | None, offset: int) -> StoryLine | None:
    """Find the line of a block that contains a byte of its file."""
    if block.lines is None:
        at = offset - block.offset
        if not block.start < at <= block.end:
            return None
        line = block.line_at(block.text.rfind(b"\n", block.start, at))
    else:
        before = bisect_right(block.lines, offset, key=lambda x: x.offset)
        line = block.lines[before - 1]
        if not before or offset > line.offset + len(line.original):
            return None
    return StoryLine(path, *line[1:])


def _is_end(message: bytes) -> bool:
    found = grammar.match(grammar.CONNECTION_ENDED, message.rstrip(b"\r"))
    return found is not None or message.startswith(b"SMTP server connection killed")
