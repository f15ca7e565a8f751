"""Events to documents of the Elastic Common Schema.

``layout`` says where each value goes. A document has some sixty fields, most of them the same for
many logins: the appliance, the listener, the action. So a document is laid out once for each
combination of these, with slots where values differ, and serialised: a template. For the next event
of that kind only the slots are filled. The bytes are those that serialising it whole gives.
"""

from operator import itemgetter
from typing import Any

import orjson
from orjson import dumps as _quote

from forwarder.appliances import Appliances
from forwarder.cache import BoundedCache
from forwarder.ecs.layout import (
    SHORT_KEYWORD,
    SLOTS,
    Common,
    cut,
    lay_out,
    lay_out_sender,
    lay_out_session,
    lay_out_syslog,
    lay_out_tls,
    lay_out_user,
    shorten,
    without_empty,
)
from forwarder.events import Action, Event, Origin

MAX_TEMPLATES = 1024
"""Of some 10 KB each. An appliance needs a few dozen; a hostile log must not fill memory."""

_QUOTED = {"time", "id", "message", "number", "connection", "start"}
"""Values without quotes; those around them are part of the template. The same goes for an address
that is an IP address, which needs no escapes."""


class _Template:
    """A serialised document with slots."""

    def __init__(self, layout: dict[str, Any]) -> None:
        text = orjson.dumps(layout, option=orjson.OPT_APPEND_NEWLINE)
        self.parts = text.split(b"\0")
        """The text around the slots, and the slots: every second one."""
        self.pick = itemgetter(*map(int, self.parts[1::2]))
        """Takes the values that go into the slots, in the order of these."""


class Encoder:
    """Makes documents of events."""

    def __init__(
        self,
        common: Common = Common(),  # noqa: B008 - it is frozen
        appliances: Appliances = Appliances(),  # noqa: B008 - it is not changed
    ) -> None:
        self._common = common
        self._appliances = appliances.by_name
        self._keeps_original = common.original
        self._templates: dict[object, _Template] = {}
        self._users = BoundedCache(lay_out_user)
        self._senders = BoundedCache(lay_out_sender)
        self._tls = BoundedCache(lay_out_tls)
        self._syslogs = BoundedCache(lay_out_syslog)
        # Of the last event; the next one is nearly always of the same file.
        self._origin: Origin | None = None
        self._host: bytes | None = None
        self._serial: bytes | None = None
        self._path: bytes | None = None
        self._sender: bytes | None = None
        self._namespace: bytes | None = None
        self._labels: bytes | None = None
        self._lacks = 0  # which of these are None, a bit each
        self._appliance = b""  # as it begins the id of a connection, without quotes

    # In one piece: this is the hot path of a storm.
    def encode(self, event: Event) -> bytes:  # noqa: C901, PLR0912
        """Return the document of an event: one JSON object, UTF-8, with a newline behind."""
        origin, outcome, name, time, user, connection, offset, level, line, at, syslog, ends = event
        epoch, utc, _, zone = time
        if origin is not self._origin:
            self._take(origin)
        original = message = user_text = names = account = related = address = domain = None
        number = begun = sender = tls = session = start = duration = header = None
        listener = version = port = verified = correlated = None
        if syslog is not None:
            header = self._syslogs[syslog]
        if line is not None:
            original = _quote(line.decode("utf-8", "replace"))
            # A file's timestamp and level need no escapes: the message ends the line's JSON.
            message = (
                original[at + 1 : -1]
                if syslog is None
                else _quote(line[at:].decode("utf-8", "replace"))[1:-1]
            )
            if not self._keeps_original:
                original = None
        if user:
            user_text, names, account, related = self._users[user]
        if connection is not None:
            number, begun, opened, correlated, policy, encryption = connection
            if opened is not None:
                listener, host, version, port, host_name, verified = opened
                address = (
                    _quote(shorten(host.decode("utf-8", "replace"))) if version is None else host
                )
                if host_name is not None:
                    domain = _quote(
                        host_name if len(host_name) < SHORT_KEYWORD else shorten(host_name)
                    )
            if policy is not None or verified is not None:
                sender = self._senders[policy, verified]
            if encryption is not None:
                tls = self._tls[encryption]
            if begun is not None and ends is not None:
                start = begun.utc
                duration = b"%d" % max(0, (epoch - begun.epoch) * 10**9)
        if ends is not None:
            session = lay_out_session(ends)
        # fmt: off
        # What makes a template: values that many events share, and which slots there are.
        key = (
            outcome, level, zone, listener, version, port, correlated, names is None,
            account is None, domain is None, sender is None, tls is None, begun is None,
            header is None, self._lacks,
        )
        # In the order of SLOTS.
        values = (
            utc, name.encode(), original, message, self._path,
            None if offset is None else _quote(offset), user_text, names, account, related,
            address, domain, number, self._appliance, None if begun is None else begun.compact,
            sender, tls, session, start, duration,
            self._host, self._serial, header, self._sender, self._namespace, self._labels,
        )
        # fmt: on
        template = self._templates.get(key)
        if template is None:
            template = self._add_template(key, event, values)
        parts = template.parts.copy()
        parts[1::2] = template.pick(values)
        return b"".join(parts)

    def _take(self, origin: Origin) -> None:
        """Serialise what the events of a file share; a template outlives the file."""
        self._origin = origin
        known = self._appliances.get(origin.appliance)
        serial, namespace, labels = origin.serial, None, None
        if known is not None:
            serial, namespace = serial or known.serial, known.namespace
            if known.labels:
                labels = orjson.dumps(dict((*self._common.labels, *known.labels)))
        texts = (cut(origin.appliance), cut(serial), cut(origin.path), origin.sender, namespace)
        values = (*(None if x is None else _quote(x) for x in texts), labels)
        self._host, self._serial, self._path, self._sender, self._namespace, self._labels = values
        self._lacks = sum(1 << number for number, x in enumerate(values) if x is None)
        # The number (20 digits) and the start (16 characters) follow it.
        self._appliance = _quote(origin.appliance[: SHORT_KEYWORD - 64])[1:-1]

    def _add_template(
        self, key: tuple[object, ...], event: Event, values: tuple[bytes | None, ...]
    ) -> _Template:
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        layout = lay_out(event, _slots(event, values), self._common)
        template = self._templates[key] = _Template(without_empty(layout))
        return template


def _slots(event: Event, values: tuple[bytes | None, ...]) -> dict[str, orjson.Fragment | None]:
    """Make slots for the values there are.

    No JSON text holds a NUL byte, so nothing that comes from a log can look like a slot.
    """
    known = zip(SLOTS, enumerate(values), strict=True)
    marks = {name: b"\0%d\0" % place for name, (place, value) in known if value is not None}
    if "number" in marks:
        kind = b"dcid" if event.outcome.action is Action.OUTBOUND else b"icid"
        parts = marks["appliance"], kind, marks["number"], marks.get("begun")
        marks["connection"] = b":".join(x for x in parts if x is not None)
    opened = event.connection and event.connection.opened
    quoted = _QUOTED | {"address"} if opened and opened.ip_version else _QUOTED
    slots: dict[str, orjson.Fragment | None] = dict.fromkeys((*SLOTS, "connection"))
    for name, mark in marks.items():
        slots[name] = orjson.Fragment(b'"%b"' % mark if name in quoted else mark)
    return slots
