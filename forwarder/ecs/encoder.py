"""Events to documents of the Elastic Common Schema.

``ecs_layout`` says where each value goes. A document has some sixty fields, and most of them are
the same for many logins: the appliance, the listener, the action. So a document is laid out once
for each shape, with gaps where values differ, serialised, and the next of that shape only has its
gaps filled. The bytes are those that serialising it whole gives. What is the same for all lines of
a machine is filled in once: a log may have the lines of very many.
"""

from collections.abc import Callable, Collection
from operator import itemgetter
from typing import Any

import orjson
from orjson import dumps as _quote

from forwarder.cache import BoundedCache
from forwarder.ecs.layout import (
    SHORT_KEYWORD,
    Common,
    Varying,
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

MAX_SHAPES = 1024
"""Shapes kept, at some 10 KB each. An appliance makes a few dozen; a hostile log must not fill
memory with more."""


_HOST, _SERIAL, _SYSLOG, _PREFIX = b"host", b"serial", b"syslog", b"prefix"
_MACHINE = {_HOST, _SERIAL, _SYSLOG, _PREFIX}
"""Marks of the gaps for what is the same for all lines of a machine."""

Pick = Callable[[tuple[bytes | None, ...]], tuple[bytes, ...]]


class _Shape:
    """A serialised document with gaps, those of a machine filled in."""

    __slots__ = ("pick", "text")

    def __init__(self, form: "_Form", machine: dict[bytes, bytes]) -> None:
        parts = form.parts.copy()
        for place, mark in form.machine:
            parts[place] = machine[mark]
        self.pick = form.pick
        self.text = b"".join(parts)


class _Form:
    """A serialised document with gaps, those of a machine among them."""

    __slots__ = ("machine", "parts", "pick")

    def __init__(self, layout: dict[str, Any]) -> None:
        text = orjson.dumps(layout, option=orjson.OPT_APPEND_NEWLINE).replace(b"%", b"%%")
        self.parts = text.split(b"\0")
        marks = list(enumerate(self.parts))[1::2]
        self.machine = [x for x in marks if x[1] in _MACHINE]
        gaps = [x for x in marks if x[1] not in _MACHINE]
        self.pick: Pick = itemgetter(*(int(mark) for _, mark in gaps))
        """Takes, of all values, those that go into the other gaps, in their order."""
        for place, _ in gaps:
            self.parts[place] = b"%b"


class Encoder:
    """Makes documents of events."""

    __slots__ = (
        *("_common", "_forms", "_keeps_original", "_senders", "_shapes", "_tls"),
        *("_device", "_origin", "_path"),
    )

    def __init__(self, common: Common = Common()) -> None:  # noqa: B008 - it is frozen
        """Start with no shape known.

        Args:
            common: What to add to every document.
        """
        self._common = common
        self._keeps_original = common.original
        self._shapes: dict[object, _Shape] = {}
        self._forms: dict[object, _Form] = {}
        self._senders = BoundedCache(lay_out_sender)
        self._tls = BoundedCache(lay_out_tls)
        # Of the last event; the next one is nearly always of the same file.
        self._origin: Origin | None = None
        self._device: tuple[str | None, ...] = ()
        self._path: bytes | None = None

    # In one piece: this is the hot path of a storm.
    def encode(self, event: Event) -> bytes:  # noqa: C901, PLR0912
        """Make the document of an event.

        Returns:
            One JSON object, UTF-8, with a newline behind.
        """
        origin, outcome, name, time, user, connection, offset, level, line, at, syslog, ends = event
        epoch, utc, _, zone = time
        if origin is not self._origin:
            self._turn_to(origin)
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
        # What makes a shape: values that many events share, and which gaps there are.
        key = (
            self._device,
            outcome,
            level,
            zone,
            syslog,
            listener,
            version,
            port,
            correlated,
            mail,
            user_domain is None,
            domain is None,
            sender is None,
            tls is None,
            start is None,
            self._path is None,
        )
        values = (
            utc,
            name.encode(),
            original,
            message,
            self._path,
            None if offset is None else b"%d" % offset,
            user_text,
            user_domain,
            address,
            domain,
            number,
            connection_id,
            sender,
            tls,
            session,
            start,
            duration,
        )
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._add_shape(key, event, values)
        return shape.text % shape.pick(values)

    def _turn_to(self, origin: Origin) -> None:
        """Take another file: its name is no part of a shape, which outlives it."""
        self._origin = origin
        self._device = origin.appliance, origin.serial
        path = cut(origin.path)
        self._path = None if path is None else _quote(path)

    def _add_shape(
        self,
        key: tuple[object, ...],
        event: Event,
        values: tuple[bytes | None, ...],
    ) -> _Shape:
        machine = _lay_out_machine(event)
        # The same as the key, but for what is filled in here.
        others = (*key[1:4], *key[5:], *machine)
        form = self._forms.get(others)
        if form is None:
            if len(self._forms) >= MAX_SHAPES:
                self._forms.clear()
            gaps = _gaps(event, values, machine)
            form = _Form(without_empty(lay_out(event, gaps, self._common)))
            self._forms[others] = form
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._shapes[key] = _Shape(form, machine)
        return shape


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
    # Room for the number (20 digits) and the start (16 characters) behind it.
    values[_PREFIX] = _quote(origin.appliance[: SHORT_KEYWORD - 64])[:-1]
    return {mark: value.replace(b"%", b"%%") for mark, value in values.items()}


def _gaps(event: Event, values: tuple[bytes | None, ...], machine: Collection[bytes]) -> Varying:
    """Make the gaps for the values there are.

    A NUL byte is in no JSON text, so nothing that comes from a log can look like a gap.
    """
    marks = {
        name: b"\0%d\0" % i
        for i, (name, value) in enumerate(zip(Varying._fields, values, strict=False))
        if value is not None
    }
    bare = _BARE
    if event.connection and event.connection.opened and event.connection.opened.ip_version:
        bare = _BARE | {"address"}
    for name in bare & marks.keys():
        marks[name] = b'"%b"' % marks[name]
    if "connection" in marks:
        kind = b"dcid" if event.outcome.action is Action.OUTBOUND else b"icid"
        marks["connection"] = b'\0%b\0:%b:%b"' % (_PREFIX, kind, marks["connection"])
    marks |= {
        name: b"\0%b\0" % mark
        for name, mark in (("host", _HOST), ("serial", _SERIAL), ("syslog", _SYSLOG))
        if mark in machine
    }
    fragments = {name: orjson.Fragment(mark) for name, mark in marks.items()}
    return Varying._make(map(fragments.get, Varying._fields))


_BARE = {"time", "id", "number", "start"}
"""Values that need no escapes; the quotes around them are part of the shape. So it is with an
address that is an IP address."""
