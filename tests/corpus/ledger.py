"""Joins the facts of one appliance, in the order of its lines, into the expected events.

Rules, from the description of the logs:

- A `New` line starts a connection, whatever was known of its number.
- Anything else said of an unknown number belongs to a connection whose `New` line is missing.
- `close` and `lost` end a connection; a `close` after `lost` finds none and says nothing.
- A session is reported only for an inbound connection on which a login succeeded.
- ICID 0 is the appliance itself and no connection.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict

from tests.corpus.facts import (
    Aborted,
    Addressed,
    Attempted,
    Ended,
    Fact,
    Judged,
    Opened,
    Secured,
    Side,
    Sized,
    Started,
    Verdict,
)
from tests.corpus.truth import Expected


class Place(NamedTuple):
    """Where and when a line stands."""

    appliance: str
    path: str
    offset: int
    line: bytes
    time: datetime
    utc_offset: timedelta
    serial: str | None


@dataclass(slots=True)
class _Message:
    recipients: int = 0
    size: int | None = None


@dataclass(slots=True)
class _Connection:
    opened: Opened | None = None
    start: datetime | None = None
    verdict: Verdict | None = None
    secured: Secured | None = None
    lines: Counter[bytes] = field(default_factory=Counter)
    successes: int = 0
    failures: int = 0
    users: list[bytes] = field(default_factory=list)
    messages: dict[int, _Message] = field(default_factory=dict)


class _Context(TypedDict, total=False):
    correlated: bool
    start: datetime | None
    source: str | None
    destination: str | None
    port: int | None
    listener: str | None
    reverse_dns: str | None
    verified: bool | None
    policy: str
    group: str
    match: str | None
    sbrs: float | None
    country: str | None
    tls_established: bool
    tls_protocol: str | None
    tls_cipher: str | None


class Ledger:
    """The open connections of one appliance, and what was expected of it so far."""

    def __init__(self) -> None:
        self.expected: list[Expected] = []
        self._connections: dict[tuple[Side, int], _Connection] = {}
        self._messages: dict[int, _Connection] = {}
        # Lines that name no connection are counted over the appliance.
        self._nowhere = _Connection()

    def feed(self, fact: Fact, place: Place) -> None:
        """Take in the next line.

        Args:
            fact: What the line means.
            place: Where it stands.
        """
        match fact:
            case Opened(side=side, number=number):
                self._end(side, number, "superseded", place)
                self._connections[side, number] = _Connection(fact, place.time)
            case Judged(number=0):
                pass
            case Judged(number=number, verdict=verdict):
                self._at("inbound", number).verdict = verdict
            case Secured(side=side, number=number):
                self._at(side, number).secured = fact
            case Attempted():
                self._attempt(fact, place)
            case Ended(side=side, number=number, reason=reason):
                self._end(side, number, reason, place)
            case Started() | Addressed() | Sized() | Aborted():
                self._send(fact)

    def _send(self, fact: Started | Addressed | Sized | Aborted) -> None:
        mid = fact.mid
        if isinstance(fact, Started):
            if fact.number == 0:
                return
            connection = self._at("inbound", fact.number)
            if connection.successes:
                connection.messages[mid] = _Message()
                self._messages[mid] = connection
            return
        sender = self._messages.get(mid)
        if sender is None:
            return
        match fact:
            case Addressed():
                sender.messages[mid].recipients += 1
            case Sized(size=size):
                sender.messages[mid].size = size
            case Aborted():
                del sender.messages[mid]
                del self._messages[mid]

    def _at(self, side: Side, number: int) -> _Connection:
        return self._connections.setdefault((side, number), _Connection())

    def _attempt(self, fact: Attempted, place: Place) -> None:
        known = self._nowhere if fact.number is None else self._at(fact.side, fact.number)
        ordinal = known.lines[place.line]
        known.lines[place.line] += 1
        if fact.action == "smtp-authentication":
            if fact.outcome == "success":
                known.successes += 1
                if fact.user is not None and fact.user not in known.users:
                    known.users.append(fact.user)
            else:
                known.failures += 1
        context = _context(known)
        if fact.destination is not None:
            context["destination"] = fact.destination
        self.expected.append(
            Expected(
                **place._asdict(),
                **context,
                action=fact.action,
                outcome=fact.outcome,
                direction=fact.side,
                number=fact.number,
                ordinal=ordinal,
                user=fact.user,
                mechanism=fact.mechanism,
                profile=fact.profile,
                server=fact.server,
                reason=fact.reason,
                response_code=fact.response_code,
                enhanced_code=fact.enhanced_code,
                response_text=" ".join(fact.response_texts) or None,
                response_texts=fact.response_texts,
            )
        )

    def _end(self, side: Side, number: int, reason: str, place: Place) -> None:
        connection = self._connections.pop((side, number), None)
        if connection is None:
            return
        messages = connection.messages.values()
        for mid in connection.messages:
            del self._messages[mid]
        if side == "outbound" or not connection.successes:
            return
        sizes = [message.size for message in messages if message.size is not None]
        self.expected.append(
            Expected(
                **place._asdict(),
                **_context(connection),
                action="smtp-session-closed",
                outcome="success",
                direction=side,
                number=number,
                ordinal=0,
                auth_successes=connection.successes,
                auth_failures=connection.failures,
                users=tuple(connection.users),
                messages=len(messages),
                recipients=sum(message.recipients for message in messages),
                bytes=sum(sizes) if sizes else None,
                close_reason=reason,
            )
        )


def _context(connection: _Connection) -> _Context:
    """Return what the earlier lines of a connection said of it."""
    context: _Context = {"correlated": connection.opened is not None, "start": connection.start}
    if (opened := connection.opened) is not None:
        context["source"] = opened.source
        context["destination"] = opened.destination
        context["port"] = opened.port
        context["listener"] = opened.listener
        context["reverse_dns"] = opened.reverse_dns
        context["verified"] = opened.verified
    if (verdict := connection.verdict) is not None:
        context["policy"] = verdict.policy
        context["group"] = verdict.group
        context["match"] = verdict.match
        context["sbrs"] = verdict.sbrs
        context["country"] = verdict.country
    if (secured := connection.secured) is not None:
        context["tls_established"] = secured.established
        context["tls_protocol"] = secured.protocol
        context["tls_cipher"] = secured.cipher
    return context
