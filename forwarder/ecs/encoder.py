"""Events to documents of the Elastic Common Schema.

``layout`` says where each value goes. A document has some sixty fields, most of them the same for
many logins: the appliance, the listener, the action. So a document is laid out once for each
combination of these, with slots where values differ, and serialised: a template. For the next event
of that kind only the slots are filled. The bytes are those that serialising it whole gives. What is
the same for all lines of a machine is filled in once, because a log may have very many machines.
"""

from operator import itemgetter
from typing import Any

import orjson
from orjson import dumps as _quote

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
    shorten,
    without_empty,
)
from forwarder.events import Action, Event, Origin

MAX_TEMPLATES = 1024
"""Of some 10 KB each. An appliance needs a few dozen; a hostile log must not fill memory."""

_HOST, _SERIAL, _SYSLOG, _PREFIX = b"host", b"serial", b"syslog", b"prefix"
_MACHINE = {_HOST, _SERIAL, _SYSLOG, _PREFIX}
"""Marks of the slots for what is the same for all lines of a machine."""
_QUOTED = {"time", "id", "number", "start"}
"""Values that need no escapes; the quotes around them are part of the template. The same goes for
an address that is an IP address."""


class _Layout:
    """A serialised document with all its slots."""

    __slots__ = ("machine", "parts", "pick")

    def __init__(self, layout: dict[str, Any]) -> None:
        text = orjson.dumps(layout, option=orjson.OPT_APPEND_NEWLINE).replace(b"%", b"%%")
        self.parts = text.split(b"\0")
        marks = list(enumerate(self.parts))[1::2]
        self.machine = [x for x in marks if x[1] in _MACHINE]
        slots = [x for x in marks if x[1] not in _MACHINE]
        self.pick = itemgetter(*(int(mark) for _, mark in slots))
        """Takes the values that go into the other slots, in the order of these."""
        for place, _ in slots:
            self.parts[place] = b"%b"


class _Template:
    """A serialised document with slots, those of a machine filled in."""

    __slots__ = ("pick", "text")

    def __init__(self, layout: _Layout, machine: dict[bytes, bytes]) -> None:
        parts = layout.parts.copy()
        for place, mark in layout.machine:
            parts[place] = machine[mark]
        self.pick = layout.pick
        self.text = b"".join(parts)


class Encoder:
    """Makes documents of events."""

    __slots__ = (
        *("_common", "_keeps_original", "_layouts", "_senders", "_templates", "_tls"),
        *("_device", "_origin", "_path"),
    )

    def __init__(self, common: Common = Common()) -> None:  # noqa: B008 - it is frozen
        """Start without templates; ``common`` is added to every document."""
        self._common = common
        self._keeps_original = common.original
        self._templates: dict[object, _Template] = {}
        self._layouts: dict[object, _Layout] = {}
        self._senders = BoundedCache(lay_out_sender)
        self._tls = BoundedCache(lay_out_tls)
        # Of the last event; the next one is nearly always of the same file.
        self._origin: Origin | None = None
        self._device: tuple[str | None, ...] = ()
        self._path: bytes | None = None

    # In one piece: this is the hot path of a storm.
    def encode(self, event: Event) -> bytes:  # noqa: C901, PLR0912
        """Return the document of an event: one JSON object, UTF-8, with a newline behind."""
        origin, outcome, name, time, user, connection, offset, level, line, at, syslog, ends = event
        epoch, utc, _, zone = time
        if origin is not self._origin:
            # The path of the file is no part of a template, which outlives the file.
            self._origin = origin
            self._device = origin.appliance, origin.serial
            path = cut(origin.path)
            self._path = None if path is None else _quote(path)
        original = message = user_text = user_domain = address = domain = None
        number = connection_id = sender = tls = session = start = duration = None
        listener = version = port = verified = correlated = mail = None
        if line is not None:
            original = _quote(line.decode("utf-8", "replace"))
            # Without a tab, a file's timestamp and level need no escapes: the message ends the
            # line's JSON.
            message = (
                b'"' + original[at + 1 :]
                if syslog is None and line.find(b"\t", 0, at) < 0
                else _quote(line[at:].decode("utf-8", "replace"))
            )
            if not self._keeps_original:
                original = None
        if user:
            user_text = _quote(user if len(user) < SHORT_KEYWORD else shorten(user))
            mail = "@" in user
            if "\\" in user and user[0] != "\\":
                user_domain = _quote(shorten(user[: user.index("\\")]))
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
            if begun is None:
                connection_id = number
            else:
                connection_id = number + b":" + begun.compact
                if ends is not None:
                    start = begun.utc
                    duration = b"%d" % max(0, (epoch - begun.epoch) * 10**9)
        if ends is not None:
            session = lay_out_session(ends)
        # fmt: off
        # What makes a template: values that many events share, and which slots there are.
        key = (
            self._device, outcome, level, zone, syslog, listener, version, port, correlated, mail,
            user_domain is None, domain is None, sender is None, tls is None, start is None,
            self._path is None,
        )
        # In the order of SLOTS.
        values = (
            utc, name.encode(), original, message, self._path,
            None if offset is None else b"%d" % offset, user_text, user_domain, address, domain,
            number, connection_id, sender, tls, session, start, duration,
        )
        # fmt: on
        template = self._templates.get(key)
        if template is None:
            template = self._add_template(key, event, values)
        document: bytes = template.text % template.pick(values)
        return document

    def _add_template(
        self, key: tuple[object, ...], event: Event, values: tuple[bytes | None, ...]
    ) -> _Template:
        machine = _lay_out_machine(event)
        # The same as the key, except for what is filled in here.
        shared = (*key[1:4], *key[5:], *machine)
        layout = self._layouts.get(shared)
        if layout is None:
            if len(self._layouts) >= MAX_TEMPLATES:
                self._layouts.clear()
            slots = _slots(event, values, machine)
            layout = _Layout(without_empty(lay_out(event, slots, self._common)))
            self._layouts[shared] = layout
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        template = self._templates[key] = _Template(layout, machine)
        return template


def _lay_out_machine(event: Event) -> dict[bytes, bytes]:
    """Lay out what is the same for all lines of a machine, by its marks."""
    origin, header = event.origin, event.syslog
    values: dict[bytes, bytes] = {}
    if (host := cut(origin.appliance)) is not None:
        values[_HOST] = _quote(host)
    if (serial := cut(origin.serial)) is not None:
        values[_SERIAL] = _quote(serial)
    if header is not None and (syslog := lay_out_syslog(header)) != b"{}":
        values[_SYSLOG] = syslog
    # The number (20 digits) and the start (16 characters) follow it.
    values[_PREFIX] = _quote(origin.appliance[: SHORT_KEYWORD - 64])[:-1]
    return {mark: value.replace(b"%", b"%%") for mark, value in values.items()}


def _slots(
    event: Event, values: tuple[bytes | None, ...], machine: dict[bytes, bytes]
) -> dict[str, orjson.Fragment | None]:
    """Make slots for the values there are.

    No JSON text holds a NUL byte, so nothing that comes from a log can look like a slot.
    """
    marks = {
        name: b"\0%d\0" % i
        for i, (name, value) in enumerate(zip(SLOTS, values, strict=False))
        if value is not None
    }
    opened = event.connection and event.connection.opened
    quoted = _QUOTED | {"address"} if opened and opened.ip_version else _QUOTED
    for name in quoted & marks.keys():
        marks[name] = b'"%b"' % marks[name]
    if "connection" in marks:
        kind = b"dcid" if event.outcome.action is Action.OUTBOUND else b"icid"
        marks["connection"] = b'\0%b\0:%b:%b"' % (_PREFIX, kind, marks["connection"])
    marks |= {x.decode(): b"\0%b\0" % x for x in (_HOST, _SERIAL, _SYSLOG) if x in machine}
    return {x: orjson.Fragment(marks[x]) if x in marks else None for x in SLOTS}
