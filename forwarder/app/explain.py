"""``esa-forwarder trace`` and ``explain``: stories of connections, and what is made of a line.

``trace`` finds stories by number, user or address. ``explain`` tells nothing by heart: the line
goes through the code that parses logs. Which line gave a field is found out by taking it away: the
lines of a connection are parsed again, each time with the message of one of them crossed out, and
what is missing then was given by it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from itertools import groupby, takewhile
from typing import Any, NamedTuple

import orjson

from forwarder.app.parse import Outcome, ParseOptions, Progress, Watcher, open_file, read_through
from forwarder.ecs.layout import account_of
from forwarder.errors import ForwarderError
from forwarder.events import Event, Opened, Unparsed
from forwarder.inputs.block_reader import STDIN
from forwarder.inputs.files.discovery import LogFile
from forwarder.inputs.files.paths import UNKNOWN_APPLIANCE
from forwarder.mail_logs.connections import MAX_LINE
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.grammar import FORMS, STAMP_BYTES, Form, find_form
from forwarder.mail_logs.messages import MessageParser
from forwarder.mail_logs.scanner import Block
from forwarder.mail_logs.stories import Stories, Story, StoryLine, Wanted, find_line
from forwarder.pipeline import LogParser, Settings
from forwarder.text import decoded, escaped

MAX_CROSSED_OUT = 200  # lines of a connection that are tried; each costs a millisecond
MAX_WORDS = 100  # of a message that are compared with those of samples
LEAST_LIKE = 0.5  # of the words of a message and a sample that agree; with less, none is near

FIXED = frozenset(
    (
        *("agent.type", "agent.version", "data_stream.dataset", "data_stream.namespace"),
        *("data_stream.type", "ecs.version", "event.dataset", "event.kind", "event.module"),
        *("event.provider", "network.protocol", "network.transport", "observer.product"),
        *("observer.type", "observer.vendor", "tags", "event.id", "log.file.path", "log.offset"),
    )
)
"""Fields that are the same in every document, or tell where the line is."""

Fields = dict[str, Any]  # values of a document by their full names

Tell = Callable[[Story], None]
"""Gets each story that is wanted when it has ended."""

_NUMBER = re.compile(r"(?:(?P<kind>[ID]CID):? *)?(?P<number>\d{1,20})", re.IGNORECASE)


class Tracer(Watcher):
    """Parses logs, collects stories, and looks for the line with a certain byte.

    Lines that were not understood, where ``settings`` keep them, are reported as well: all of them,
    or the one with the byte.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        tell: Tell,
        tell_unparsed: Callable[[Unparsed], None] = lambda _: None,
        offset: int | None = None,
    ) -> None:
        super().__init__(settings)
        self._stories = Stories(wanted, tell)
        self._tell_unparsed = tell_unparsed
        self._offset = offset
        self.line: StoryLine | None = None

    def read(self, block: Block, header: FileHeader, arrival: datetime | None) -> list[Event]:
        """Join the lines of a block, and add them to their stories."""
        events = super().read(block, header, arrival)
        path = header.origin.path
        self._stories.take(block, header.origin.appliance, path, events)
        if self._offset is not None and self.line is None:
            self.line = find_line(block, path, self._offset)
        return events

    def look(self, _: Iterable[bytes] = ()) -> None:
        """Report what was not understood."""
        for line in self.counts.take_unparsed():
            if self._offset is None or 0 <= self._offset - line.offset <= len(line.text):
                self._tell_unparsed(line)

    def end(self) -> None:
        """Report the stories that have no end."""
        self._stories.finish()


def trace(options: ParseOptions, wanted: Wanted, tell: Tell, progress: Progress) -> Outcome:
    """Read files, and report the stories that are wanted, each when it has ended."""
    return read_through(options, lambda: Tracer(options.settings, wanted, tell), progress)


def read_query(text: str) -> Wanted:
    """Read what to look for: ``ICID 5``, ``5``, ``DCID 5``, a network, or else a user."""
    if number := _NUMBER.fullmatch(text.strip()):
        name = f"{(number['kind'] or 'ICID').upper()} {number['number']}"
        return lambda story, _line, _event: story.name == name
    with suppress(ValueError):
        return _by_network(ipaddress.ip_network(text, strict=False))
    if not text.strip():
        raise ForwarderError("it is empty; name a connection, a user or an address")
    user = text.casefold()
    return lambda _story, _line, event: event is not None and user in _names(event)


def _names(event: Event) -> Iterator[str]:
    """Yield the users of an event, with and without domains, and as tables show them."""
    for name in (*(event.session.users if event.session else ()), event.user or ""):
        for each in (name, account_of(name)):
            yield from (each.casefold(), escaped(each).casefold())


def _by_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Wanted:
    parser = MessageParser()
    # Only an address of IPv4 is written in one way.
    is_exact = network.version == 4 and network.num_addresses == 1  # noqa: PLR2004 - IPv4
    written = str(network.network_address).encode() if is_exact else b"address"

    def is_it(opened: Opened | None) -> bool:
        with suppress(ValueError):
            return opened is not None and ipaddress.ip_address(opened.address.decode()) in network
        return False

    def wanted(_story: Story, line: StoryLine | None, event: Event | None) -> bool:
        if event is not None:
            return event.connection is not None and is_it(event.connection.opened)
        if line is None or written not in line.original:
            return False
        # Both read a line that has its timestamp where a file has it.
        text = (b" " * STAMP_BYTES + b"Info: " + line.original[line.message :])[:MAX_LINE]
        return is_it(parser.read_opened(text) or parser.read_delivery_opened(text))

    return wanted


class Source(NamedTuple):
    """A line of a connection, and what a document has from it."""

    line: StoryLine
    form: Form | None
    fields: Fields
    is_own: bool  # whether it is the line that the document is of
    is_needed: bool  # whether there is no document without it


def explain_file(
    options: ParseOptions,
    offset: int | None,
    tell: Tell,
    tell_unparsed: Callable[[Unparsed], None],
    progress: Progress,
) -> tuple[Outcome, StoryLine | None]:
    """Read a file, and report the connection of the line with a byte, or all that have a login.

    Lines that were not understood are reported, too: that one, or all. Returns the line with that
    byte, if it is a line of a mail log.
    """
    settings = options.settings._replace(keep_unparsed=None)
    readers: list[Tracer] = []

    def wanted(_story: Story, line: StoryLine | None, event: Event | None) -> bool:
        if offset is None or line is None:
            return offset is None and event is not None
        return 0 <= offset - line.offset <= len(line.original)

    def begin() -> Tracer:
        readers.append(Tracer(settings, wanted, tell, tell_unparsed, offset))
        return readers[-1]

    outcome = read_through(options, begin, progress)
    return outcome, next((x.line for x in readers if x.line is not None), None)


def explain_text(
    options: ParseOptions, text: bytes, tell: Tell, tell_unparsed: Callable[[Unparsed], None]
) -> StoryLine | None:
    """Read a single line, as if it were a whole file; return None if it is not of a mail log."""
    settings = options.settings._replace(keep_unparsed=None)
    reader = Tracer(settings, lambda *_: True, tell, tell_unparsed, 0)
    file = LogFile(STDIN, options.appliance or UNKNOWN_APPLIANCE, named=bool(options.appliance))
    reading = open_file(reader, file, options.zone)
    reading.feed(text + b"\n")
    reading.finish()
    reader.look()
    reader.end()
    return reader.line


def message_of(line: StoryLine) -> bytes:
    """Return what is behind the framing of a line."""
    return line.original[line.message :].removesuffix(b"\r")


def find_sources(story: Story, event: Event | None, options: ParseOptions) -> list[Source]:
    """Find the fields of a document that each line of its connection gave, in order.

    What no other line gave is from the document's own line, or from lines that it needs.
    """
    paths = [x.path for x in story.lines]
    lines = [*story.headers, *story.lines]
    lines.sort(key=lambda x: (paths.index(x.path), x.offset))
    place = None if event is None else (event.origin.path, event.offset)
    own = next((i for i, x in enumerate(lines) if (x.path, x.offset) == place), None)
    whole = None if own is None else _parse(story, lines, own, None, options)
    sources: list[Source] = []
    given: set[str] = set()
    tried = 0
    for number, line in enumerate(lines):
        form, is_own = find_form(message_of(line)), number == own
        source = Source(line, form, {}, is_own=is_own, is_needed=is_own)
        if whole is not None and not is_own and form and tried < MAX_CROSSED_OUT:
            tried += 1
            rest = _parse(story, lines, own or 0, number, options)
            if rest is None:
                source = source._replace(is_needed=True)
            else:
                fields = {x: y for x, y in whole.items() if rest.get(x) != y and x not in FIXED}
                given |= fields.keys()
                source = source._replace(fields=fields)
        sources.append(source)
    left = {x: y for x, y in (whole or {}).items() if x not in given and x not in FIXED}
    return [x._replace(fields=left) if x.is_own else x for x in sources]


def _parse(
    story: Story, lines: list[StoryLine], own: int, crossed: int | None, options: ParseOptions
) -> Fields | None:
    """Parse lines, one of which may be crossed out; return the document of line ``own``."""
    parser = LogParser(options.settings)
    found: Fields | None = None
    for path, numbered in groupby(enumerate(lines), key=lambda x: x[1].path):
        file = LogFile(path or STDIN, story.appliance, named=bool(options.appliance))
        reading = open_file(parser, file, options.zone)
        at = size = 0
        text = b""
        for number, line in numbered:
            original = line.original
            if number == crossed:
                original = original[: line.message] + b"-" * (len(original) - line.message)
            at = size if number == own else at
            text += original + b"\n"
            size += len(original) + 1
        is_own = path == lines[own].path
        for document in (*reading.feed(text), *reading.finish()):
            if is_own and (value := flatten(orjson.loads(document))).get("log.offset") == at:
                found = value
    return found


class Near(NamedTuple):
    """The form that a message is most like, and where they part."""

    form: Form
    own: str  # the words of the message there; empty at its end
    expected: str  # those of the form's sample


def find_nearest(message: bytes) -> Near | None:
    """Find the form that an unknown message is most like; None if it is like none."""
    own = decoded(message).split()[:MAX_WORDS]
    samples: dict[Sequence[str], Form] = {
        tuple(_alike(x.sample.decode().split())): x for x in FORMS
    }
    found = get_close_matches(_alike(own), samples, 1, LEAST_LIKE)
    if not found:
        return None
    form = samples[found[0]]
    pairs = zip(_alike(own), found[0], strict=False)
    at = sum(1 for _ in takewhile(lambda x: x[0] == x[1], pairs))
    expected = form.sample.decode().split()
    return Near(form, " ".join(own[at : at + 3]), " ".join(expected[at : at + 3]))


def _alike(words: list[str]) -> list[str]:
    """Make all numbers equal."""
    return [re.sub(r"[0-9]+", "0", x) for x in words]


def flatten(document: dict[str, Any], before: str = "") -> Fields:
    """Return the values of a document by their full names."""
    fields = Fields()
    for name, value in document.items():
        if isinstance(value, dict):
            fields |= flatten(value, f"{before}{name}.")
        else:
            fields[before + name] = value
    return fields
