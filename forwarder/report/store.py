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
from forwarder.events import Action, Event
from forwarder.report.definitions import IPV4_BITS, IPV6_BITS, PRIVATE, READABLE

CACHE_KIB = 64 << 10  # of the database that is kept in memory

_SCHEMA = """
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
_INSERT = {
    "login": "INSERT INTO login VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "session": "INSERT INTO session VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)",
    "relay": "INSERT INTO relay VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)",
}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")  # errors that are not the program's

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


class Line(NamedTuple):
    """A line of a log."""

    path: str  # `-` for standard input
    offset: int
    text: str


class _Source(NamedTuple):
    """What is known of an address by itself."""

    text: str
    network: str | None
    is_public: bool
    is_chosen: bool


class Store:
    """The logins of all logs."""

    def __init__(self, chosen: Chosen) -> None:
        self.chosen = chosen
        # An empty name is a temporary file, which is used when the cache is full.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};"
            f"BEGIN;{_SCHEMA}"
        )
        self._files: dict[str | None, int] = {}
        self._sources = BoundedCache(self._read_source)
        self._accounts = BoundedCache(account_of)
        self.actions: Counter[tuple[Action, str | None]] = Counter()
        """Events that are part of the report, by action and outcome."""

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    def add(self, events: Iterable[Event]) -> None:
        """Store events."""
        rows: dict[str, list[tuple[Any, ...]]] = {"login": [], "session": [], "relay": []}
        for event in events:
            origin, outcome, _, time, user, connection, offset, _, original, _, _, session = event
            opened = tls = source = None
            joined = None
            if connection is not None:
                _, _, opened, joined, _, tls = connection
                source = None if opened is None else self._sources[opened[1:3]]
            account = (self._accounts[user] or user) if user else None
            action = outcome.action
            shown = self._is_chosen(time.epoch, account, source)
            if shown:
                self.actions[action, outcome.result] += 1
            file = self._files.get(origin.path) or self._add_file(origin.path)
            where = (file, offset, original)
            address = None if source is None else source.text
            if session is not None:
                counts = session.messages, session.recipients, session.size, session.reason.value
                rows["session"].append((time.epoch, shown, address, account, *counts, *where))
            elif action is Action.OUTBOUND:
                good = outcome.result == "success"
                what = good, address, outcome.profile, outcome.reason, joined, origin.appliance
                rows["relay"].append((time.epoch, shown, *what, *where))
            elif action is Action.INBOUND:
                network, public = (None, False) if source is None else source[1:3]
                rows["login"].append(
                    (
                        *(time.epoch, shown, outcome.result == "success"),
                        *(address, network, public, account),
                        outcome.mechanism in READABLE,
                        tls is not None and tls.established,
                        *(joined, origin.appliance, *where),
                    )
                )
        with disk_errors():
            for table, own in rows.items():
                if own:
                    self._database.executemany(_INSERT[table], own)

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
        """Return lines by the ids of their rows."""
        for number in ids:
            question = (
                f"SELECT path, offset, line FROM {table} JOIN file ON file.id = file"
                f" WHERE {table}.id = ? AND line IS NOT NULL"
            )
            for path, offset, line in self.ask(question, number):
                yield Line(path or "-", offset, line.decode("utf-8", "backslashreplace"))

    def _add_file(self, path: str | None) -> int:
        number = self._files[path] = len(self._files) + 1
        self._database.execute("INSERT INTO file VALUES (?, ?)", (number, path))
        return number

    def _is_chosen(self, time: int, account: str | None, source: _Source | None) -> bool:
        since, until, wanted, network = self.chosen
        return (
            (since is None or time >= since)
            and (until is None or time < until)
            and (wanted is None or account == wanted)
            and (network is None or (source is not None and source.is_chosen))
        )

    def _read_source(self, opened: tuple[bytes, str | None]) -> _Source:
        raw, version = opened
        text = raw.decode("utf-8", "replace")
        if version is None:  # a name, or what a client wrote
            return _Source(text, None, is_public=False, is_chosen=self.chosen.source is None)
        if version == "ipv4":
            begin = text.rsplit(".", 2)[0]
            network, is_public = f"{begin}.0.0/{IPV4_BITS}", begin not in _PRIVATE_BEGINNINGS
        else:
            address = ipaddress.IPv6Address(text)
            network = str(ipaddress.ip_network((address, IPV6_BITS), strict=False))
            is_public = not any(address in x for x in _PRIVATE if x.version == address.version)
        return _Source(text, network, is_public, self._is_chosen_source(text))

    def _is_chosen_source(self, text: str) -> bool:
        source = self.chosen.source
        if source is None:
            return True
        address = ipaddress.ip_address(text)
        return source.version == address.version and address in source


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
