"""``esa-forwarder trace``: stories of connections, found by number, user or address."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

from forwarder.app.parse import Outcome, ParseOptions, Progress, Watcher, read_through
from forwarder.ecs.layout import account_of
from forwarder.errors import ForwarderError
from forwarder.events import Event, Opened
from forwarder.mail_logs.connections import MAX_LINE
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.grammar import STAMP_BYTES
from forwarder.mail_logs.messages import MessageParser
from forwarder.mail_logs.scanner import Block
from forwarder.mail_logs.stories import Stories, Story, StoryLine, Wanted
from forwarder.pipeline import Settings
from forwarder.text import escaped

Tell = Callable[[Story, Callable[[Event], bytes]], None]
"""Gets each story that is wanted when it has ended, and what makes a document of an event."""

_NUMBER = re.compile(r"(?:(?P<kind>[ID]CID):? *)?(?P<number>\d{1,20})", re.IGNORECASE)


class Tracer(Watcher):
    """Parses logs, and collects stories beside."""

    def __init__(self, settings: Settings, wanted: Wanted, tell: Tell) -> None:
        super().__init__(settings)
        self._stories = Stories(wanted, lambda story: tell(story, self._serialise))

    def read(  # type: ignore[explicit-override]  # not in Python 3.11
        self, block: Block, header: FileHeader, arrival: datetime | None
    ) -> list[Event]:
        """Join the lines of a block, and add them to their stories."""
        events = super().read(block, header, arrival)
        self._stories.take(block, header.origin.appliance, header.origin.path, events)
        return events

    def end(self) -> None:  # type: ignore[explicit-override]
        """Tell the stories that have no end."""
        self._stories.finish()

    def _serialise(self, event: Event) -> bytes:
        (document,) = self.encode([event])
        return document


def trace(options: ParseOptions, wanted: Wanted, tell: Tell, progress: Progress) -> Outcome:
    """Read files, and tell the stories that are wanted, each when it has ended."""
    return read_through(options, lambda: Tracer(options.settings, wanted, tell), progress)


def read_query(text: str) -> Wanted:
    """Tell what is looked for: ``ICID 5``, ``5``, ``DCID 5``, a network, or else a user."""
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
    """Yield the users of an event, with and without domains, also as tables show them."""
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
