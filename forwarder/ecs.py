"""Events to documents of the Elastic Common Schema.

``ecs_layout`` says where each value goes. A document has some sixty fields, and most of them are
the same for many logins: the appliance, the listener, the action. So a document is laid out once
for each shape, with gaps where values differ, serialised, and the next of that shape only has its
gaps filled. The bytes are those that serialising it whole gives.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import orjson
from orjson import dumps as _quote

from forwarder.ecs_layout import (
    SHORT_KEYWORD,
    Common,
    Varying,
    cut,
    lay_out,
    lay_out_sender,
    lay_out_session,
    lay_out_tls,
    shorten,
    without_empty,
)
from forwarder.events import Action, Event, Origin
from forwarder.memory import Memory

MAX_SHAPES = 1024
"""Shapes kept, at some 10 KB each. An appliance makes a few dozen; a hostile log must not fill
memory with more."""


Pick = Callable[[tuple[bytes | None, ...]], tuple[bytes, ...]]


class _Shape:
    """A serialised document with gaps."""

    __slots__ = ("pick", "text")

    def __init__(self, layout: dict[str, Any]) -> None:
        parts = (
            orjson.dumps(layout, option=orjson.OPT_APPEND_NEWLINE).replace(b"%", b"%%").split(b"\0")
        )
        self.pick: Pick = itemgetter(*map(int, parts[1::2]))
        """Takes, of all values, those that go into the gaps, in their order."""
        parts[1::2] = [b"%b"] * len(parts[1::2])
        self.text = b"".join(parts)


class Encoder:
    """Makes documents of events."""

    __slots__ = (
        *("_common", "_keeps_original", "_senders", "_shapes", "_tls"),
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
        self._senders = Memory(lay_out_sender)
        self._tls = Memory(lay_out_tls)
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
            # A file's timestamp and level need no escapes: the message ends the line's JSON.
            message = (
                b'"' + original[at + 1 :]
                if syslog is None
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
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        gaps = _gaps(event, values)
        shape = self._shapes[key] = _Shape(without_empty(lay_out(event, gaps, self._common)))
        return shape


def _gaps(event: Event, values: tuple[bytes | None, ...]) -> Varying:
    """Make the gaps for the values there are.

    A NUL byte is in no JSON text, so nothing that comes from a log can look like a gap.
    """
    marks = {
        name: b"\0%d\0" % i
        for i, (name, value) in enumerate(zip(Varying._fields, values, strict=True))
        if value is not None
    }
    bare = _BARE
    if event.connection and event.connection.opened and event.connection.opened.ip_version:
        bare = _BARE | {"address"}
    for name in bare & marks.keys():
        marks[name] = b'"%b"' % marks[name]
    if "connection" in marks:
        kind = "dcid" if event.outcome.action is Action.OUTBOUND else "icid"
        # Room for the number (20 digits) and the start (16 characters) behind it.
        prefix = orjson.dumps(f"{event.origin.appliance[: SHORT_KEYWORD - 64]}:{kind}:")
        marks["connection"] = prefix[:-1] + marks["connection"] + b'"'
    fragments = {name: orjson.Fragment(mark) for name, mark in marks.items()}
    return Varying._make(map(fragments.get, Varying._fields))


_BARE = {"time", "id", "number", "start"}
"""Values that need no escapes; the quotes around them are part of the shape. So it is with an
address that is an IP address."""
