"""Logins in a temporary database: as many as a disk takes, in the memory of one.

SQLite keeps the file to itself, in the folder for temporary files, and it is gone with the process,
however that ends. It has the logins of all appliances in the order of reading; questions are asked
of it when everything is read.
"""

import ipaddress
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from forwarder.cache import BoundedCache
from forwarder.ecs.layout import account_of
from forwarder.errors import ForwarderError
from forwarder.events import Action, Event, Opened, Outcome
from forwarder.report.definitions import IPV4_BITS, IPV6_BITS, PRIVATE, READABLE
from forwarder.text import decoded

CACHE_KIB = 64 << 10  # of the database that is kept in memory

SCHEMA = """
CREATE TABLE login (
  id INTEGER PRIMARY KEY, time INT, shown INT, good INT, source TEXT, network TEXT, public INT,
  account TEXT, readable INT, tls INT, joined INT, appliance TEXT, file INT, offset INT, line BLOB
);
CREATE TABLE session (
  id INTEGER PRIMARY KEY, time INT, shown INT, source TEXT, account TEXT, messages INT,
  recipients INT, bytes INT, reason TEXT, file INT, offset INT, line BLOB
);
CREATE TABLE relay (
  id INTEGER PRIMARY KEY, time INT, shown INT, good INT, host TEXT, profile TEXT, answer TEXT,
  joined INT, appliance TEXT, file INT, offset INT, line BLOB
);
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT);
CREATE TABLE suspect (account TEXT, source TEXT, since INT, PRIMARY KEY (account, source));
"""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")  # errors that are not the program's

# To find a member in its class takes as long as a call.
_INBOUND, _OUTBOUND = Action.INBOUND, Action.OUTBOUND

_PRIVATE = tuple(map(ipaddress.ip_network, PRIVATE))
_PRIVATE_BEGINNINGS = {
    str(part.network_address).rsplit(".", 2)[0]
    for network in _PRIVATE
    if network.version == 4  # noqa: PLR2004 - IPv4
    for part in network.subnets(new_prefix=IPV4_BITS)
}
"""Of IPv4, where all networks that count are as large as these at least: text is quicker."""


class Chosen(NamedTuple):
    """Which logins the report is about; the others count as what was known before."""

    since: float | None = None  # seconds since 1970
    until: float | None = None  # the first that is not part of it
    account: str | None = None
    source: Network | None = None

    def has(self, time: int) -> bool:
        """Whether a time is part of it."""
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )


class Line(NamedTuple):
    """A line of a log."""

    path: str  # `-` for standard input
    offset: int
    text: str


class Store:
    """The logins of all logs."""

    def __init__(self, chosen: Chosen) -> None:
        self.chosen = chosen
        self._is_all = chosen == Chosen()
        # An empty name is a temporary file, which is used when the cache is full.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};"
            f"BEGIN;{SCHEMA}"
        )
        self._files: dict[str | None, int] = {}
        self._networks = BoundedCache(_read_ipv6)
        self._accounts = BoundedCache(account_of)
        self.actions: Counter[tuple[Action, str | None]] = Counter()
        """Events that are part of the report, by action and outcome."""

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    # A call for each kind of event costs as much again in a storm.
    def add(self, events: Iterable[Event]) -> None:  # noqa: C901
        """Store events."""
        logins: list[tuple[Any, ...]] = []
        sessions: list[tuple[Any, ...]] = []
        relays: list[tuple[Any, ...]] = []
        outcomes: list[Outcome] = []
        for event in events:
            origin, outcome, _, time, user, connection, offset, _, original, _, _, session = event
            epoch = time.epoch
            tls = joined = source = network = None
            public = False
            if connection is not None:
                _, _, opened, joined, _, tls = connection
                if opened is not None:
                    source, network, public = self._read_source(opened)
            account = (self._accounts[user] or user) if user else None
            shown = self._is_all or self._is_chosen(epoch, account, source)
            if shown:
                outcomes.append(outcome)
            file = self._files.get(origin.path) or self._add_file(origin.path)
            good = outcome.result == "success"
            # fmt: off
            if session is not None:
                sessions.append((
                    epoch, shown, source, account, session.messages, session.recipients,
                    session.size, session.reason.value, file, offset, original,
                ))
            elif outcome.action is _INBOUND:
                logins.append((
                    epoch, shown, good, source, network, public, account,
                    outcome.mechanism in READABLE, tls is not None and tls.established,
                    joined, origin.appliance, file, offset, original,
                ))
            elif outcome.action is _OUTBOUND:
                relays.append((
                    epoch, shown, good, source, outcome.profile, outcome.reason, joined,
                    origin.appliance, file, offset, original,
                ))
            # fmt: on
        for outcome, number in Counter(outcomes).items():
            self.actions[outcome.action, outcome.result] += number
        with disk_errors():
            for table, rows in (("login", logins), ("session", sessions), ("relay", relays)):
                if rows:
                    places = ",?" * len(rows[0])
                    self._database.executemany(f"INSERT INTO {table} VALUES (NULL{places})", rows)

    def ask(self, question: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query."""
        with disk_errors():
            yield from self._database.execute(question, values)

    def do(self, order: str) -> None:
        """Execute a statement without a result."""
        with disk_errors():
            self._database.execute(order)

    def suspect(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """Note accounts with a source, and since when what they send is of interest."""
        with disk_errors():
            self._database.executemany("INSERT OR REPLACE INTO suspect VALUES (?, ?, ?)", rows)

    def lines(self, table: str, ids: Iterable[int]) -> Iterator[Line]:
        """Return lines by the ids of their rows, in order of time."""
        numbers = [*ids]
        question = (
            f"SELECT path, offset, line FROM {table} JOIN file ON file.id = file"
            f" WHERE {table}.id IN ({','.join('?' * len(numbers))}) AND line IS NOT NULL"
            f" ORDER BY time, {table}.id"
        )
        for path, offset, line in self.ask(question, *numbers):
            yield Line(path or "-", offset, decoded(line))

    def _add_file(self, path: str | None) -> int:
        number = self._files[path] = len(self._files) + 1
        self._database.execute("INSERT INTO file VALUES (?, ?)", (number, path))
        return number

    def _is_chosen(self, time: int, account: str | None, source: str | None) -> bool:
        _, _, wanted, network = self.chosen
        if network is not None:
            try:
                address = ipaddress.ip_address(source or "")
            except ValueError:
                return False
            if address.version != network.version or address not in network:
                return False
        return self.chosen.has(time) and wanted in {None, account}

    def _read_source(self, opened: Opened) -> tuple[str, str | None, bool]:
        """Return the address of the other end, its network, and whether it is public."""
        text = opened.address.decode("utf-8", "replace")
        if opened.ip_version == "ipv4":
            begin = text.rsplit(".", 2)[0]
            return text, f"{begin}.0.0/{IPV4_BITS}", begin not in _PRIVATE_BEGINNINGS
        if opened.ip_version is None:  # a name, or what a client wrote
            return text, None, False
        return text, *self._networks[text]


def _read_ipv6(text: str) -> tuple[str, bool]:
    address = ipaddress.IPv6Address(text)
    network = ipaddress.ip_network((address, IPV6_BITS), strict=False)
    is_public = not any(address in x for x in _PRIVATE if x.version == address.version)
    return str(network), is_public


@contextmanager
def disk_errors() -> Iterator[None]:
    """Say where the temporary file cannot be written."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(_DISK):
            raise
        raise ForwarderError(
            f"the temporary database cannot be used: {error}; run again with SQLITE_TMPDIR set to a"
            " folder that has space"
        ) from error
