"""Events to documents of the Elastic Common Schema.

``layout`` says where each value goes. A document has some sixty fields, most of them the same for
many logins: the appliance, the listener, the action. So a document is laid out once for each
combination of these, with slots where values differ, and serialised: a template. What the events of
a file share is put into it once for the file; for the next event of that kind only the other slots
are filled. The bytes are those that serialising it whole gives.
"""

from collections.abc import Iterable
from operator import itemgetter

import orjson
from orjson import dumps as _quote

from forwarder.appliances import Appliances
from forwarder.cache import BoundedCache
from forwarder.ecs.layout import (
    FILE_SLOTS,
    SHORT_KEYWORD,
    SLOTS,
    Common,
    account_of,
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

_QUOTED = {"time", "id", "message", "number", "connection", "start"}
"""Values without quotes; those around them are part of the template. The same goes for an address
that is an IP address, which needs no escapes."""


class _Template:
    """A serialised document with slots for the values of an event."""

    def __init__(self, text: bytes) -> None:
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
        self._layouts: dict[object, bytes] = {}
        """Serialised, with slots for the file as well; a layout outlives the file."""
        self._templates: dict[object, _Template] = {}
        self._senders = BoundedCache(lay_out_sender)
        self._tls = BoundedCache(lay_out_tls)
        self._syslogs = BoundedCache(lay_out_syslog)

    # In one piece: this is the hot path of a storm.
    def encode(self, event: Event) -> bytes:  # noqa: C901, PLR0912, PLR0915
        """Return the document of an event: one JSON object, UTF-8, with a newline behind."""
        origin, outcome, name, time, user, connection, offset, level, line, at, syslog, ends = event
        epoch, utc, _, zone = time
        if line is None:
            original = message = None
        else:
            original = _quote(line.decode("utf-8", "replace"))
            # A file's timestamp and level need no escapes: the message ends the line's JSON.
            message = (
                original[at + 1 : -1]
                if syslog is None
                else _quote(line[at:].decode("utf-8", "replace"))[1:-1]
            )
            if not self._keeps_original:
                original = None
        if not user:
            user_text = user_domain = account = mail = has_account = None
        else:
            user_text = _quote(user if len(user) < SHORT_KEYWORD else shorten(user))
            mail, user_domain, account = "@" in user, None, None
            if "\\" in user and user[0] != "\\":
                user_domain = _quote(shorten(user[: user.index("\\")]))
            plain = account_of(user)
            has_account = plain != ""
            if has_account and plain != user:
                account = _quote(plain if len(plain) < SHORT_KEYWORD else shorten(plain))
                if account == user_text:
                    account = None
        if connection is None:
            number = begun = opened = correlated = policy = encryption = None
        else:
            number, begun, opened, correlated, policy, encryption = connection
        if opened is None:
            listener = address = version = port = domain = verified = None
        else:
            listener, host, version, port, host_name, verified = opened
            address = _quote(shorten(host.decode("utf-8", "replace"))) if version is None else host
            domain = None
            if host_name is not None:
                domain = _quote(host_name if len(host_name) < SHORT_KEYWORD else shorten(host_name))
        has_sender = policy is not None or verified is not None
        sender = self._senders[policy, verified] if has_sender else None
        tls = None if encryption is None else self._tls[encryption]
        header = None if syslog is None else self._syslogs[syslog]
        session = start = duration = None
        if ends is not None:
            session = lay_out_session(ends)
            if begun is not None:
                start = begun.utc
                duration = b"%d" % max(0, (epoch - begun.epoch) * 10**9)
        # fmt: off
        # What makes a template: values that many events share, and which slots there are.
        key = (
            origin, outcome, level, zone, listener, version, port, correlated, mail, has_account,
            user_domain is None, account is None, domain is None, sender is None, tls is None,
            begun is None, header is None,
        )
        # In the order of SLOTS.
        values = (
            utc, name.encode(), original, message,
            None if offset is None else b"%d" % offset, user_text, user_domain, account,
            address, domain, number, None if begun is None else begun.compact,
            sender, tls, session, start, duration, header,
        )
        # fmt: on
        template = self._templates.get(key)
        if template is None:
            template = self._add_template(key, event, values)
        parts = template.parts.copy()
        parts[1::2] = template.pick(values)
        return b"".join(parts)

    def _add_template(
        self, key: tuple[object, ...], event: Event, values: tuple[bytes | None, ...]
    ) -> _Template:
        file = self._serialise(event.origin)
        kind = (*file, *key[1:])
        text = self._layouts.get(kind)
        if text is None:
            if len(self._layouts) >= MAX_TEMPLATES:
                self._layouts.clear()
            layout = without_empty(lay_out(event, _slots(event, values, file), self._common))
            text = orjson.dumps(layout, option=orjson.OPT_APPEND_NEWLINE)
            self._layouts[kind] = text
        for name, value in file.items():
            text = text.replace(_mark_file(name), value)
        if len(self._templates) >= MAX_TEMPLATES:
            self._templates.clear()
        template = self._templates[key] = _Template(text)
        return template

    def _serialise(self, origin: Origin) -> dict[str, bytes]:
        """Serialise what the events of a file share, as far as it is known."""
        known = self._appliances.get(origin.appliance)
        serial, namespace, labels = origin.serial, None, None
        if known is not None:
            serial, namespace = serial or known.serial, known.namespace
            if known.labels:
                labels = orjson.dumps(dict((*self._common.labels, *known.labels)))
        values = {
            "host": cut(origin.appliance),
            "serial": cut(serial),
            "path": cut(origin.path),
            "log_source": origin.sender,
            "namespace": namespace,
        }
        texts = {name: _quote(x) for name, x in values.items() if x is not None}
        if labels is not None:
            texts["labels"] = labels
        # The number (20 digits) and the start (16 characters) follow it, without quotes.
        texts["appliance"] = _quote(origin.appliance[: SHORT_KEYWORD - 64])[1:-1]
        return texts


def _mark_file(name: str) -> bytes:
    """Return the slot of a value that all events of a file share."""
    return b"\1%b\1" % name.encode()


def _slots(
    event: Event, values: tuple[bytes | None, ...], file: Iterable[str]
) -> dict[str, orjson.Fragment | None]:
    """Make slots for the values there are: those of an event, by place, and of a file, by name.

    No JSON text holds a control character, so nothing that comes from a log can look like a slot.
    """
    known = zip(SLOTS, enumerate(values), strict=True)
    marks = {name: b"\0%d\0" % place for name, (place, value) in known if value is not None}
    marks |= {name: _mark_file(name) for name in file}
    if "number" in marks:
        kind = b"dcid" if event.outcome.action is Action.OUTBOUND else b"icid"
        parts = marks["appliance"], kind, marks["number"], marks.get("begun")
        marks["connection"] = b":".join(x for x in parts if x is not None)
    opened = event.connection and event.connection.opened
    quoted = _QUOTED | {"address"} if opened and opened.ip_version else _QUOTED
    slots: dict[str, orjson.Fragment | None] = dict.fromkeys((*SLOTS, *FILE_SLOTS, "connection"))
    for name, mark in marks.items():
        slots[name] = orjson.Fragment(b'"%b"' % mark if name in quoted else mark)
    return slots
