"""Logins in a temporary database: as many as a disk takes, in the memory of one.

SQLite keeps the file to itself, in the folder for temporary files, and it is gone with the process,
however that ends. It has the logins of all appliances in the order of reading; questions are asked
of it when everything is read.
"""

import ipaddress
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Self

from forwarder.appliances import Network, read_ip
from forwarder.cache import BoundedCache
from forwarder.ecs.layout import account_of
from forwarder.errors import ForwarderError
from forwarder.events import Action, Event, Opened

CACHE_KIB = 64 << 10  # of the database that is kept in memory

SCHEMA = """
CREATE TABLE login (
  id INTEGER PRIMARY KEY, time INT, shown INT, good INT, source TEXT, network TEXT, public INT,
  account TEXT, exposed INT, joined INT, appliance TEXT, path TEXT, offset INT, line BLOB
);
CREATE TABLE session (
  id INTEGER PRIMARY KEY, time INT, shown INT, source TEXT, account TEXT, messages INT,
  recipients INT, bytes INT, path TEXT, offset INT, line BLOB
);
CREATE TABLE relay (
  id INTEGER PRIMARY KEY, time INT, shown INT, good INT, host TEXT, profile TEXT, answer TEXT,
  path TEXT, offset INT, line BLOB
);
"""

READABLE = ("PLAIN", "LOGIN")  # mechanisms that send the password itself (RFC 4616)

PRIVATE = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
    *("fc00::/7", "fe80::/10", "::1/128"),
)
"""Networks that no stranger of the internet comes from."""

IPV4_BITS, IPV6_BITS = 16, 32
"""Of an address that make its network, where nothing else tells: about one provider's customers."""

# To find a member in its class takes as long as a call.
_INBOUND, _OUTBOUND = Action.INBOUND, Action.OUTBOUND

_PRIVATE = tuple(map(ipaddress.ip_network, PRIVATE))

_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")  # errors that are not the program's


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


class Store:
    """The logins of all logs."""

    def __init__(self, chosen: Chosen) -> None:
        self.chosen = chosen
        # An empty name is a temporary file, which is used when the cache is full.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};"
            f"BEGIN;{SCHEMA}"
        )
        self._accounts = BoundedCache(account_of)
        self.actions: Counter[tuple[Action, str | None]] = Counter()
        """Events that are part of the report, by action and outcome."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Delete the database, and say where it could not be written."""
        self._database.close()
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname.startswith(_DISK):
            raise ForwarderError(
                f"the temporary database cannot be used: {error}; run again with SQLITE_TMPDIR set"
                " to a folder that has space"
            ) from error

    def add(self, events: Iterable[Event]) -> None:
        """Store events."""
        logins: list[tuple[Any, ...]] = []
        sessions: list[tuple[Any, ...]] = []
        relays: list[tuple[Any, ...]] = []
        for event in events:
            origin, outcome, _, time, user, connection, offset, _, original, _, _, session = event
            epoch, action = time.epoch, outcome.action
            joined = source = network = None
            public = has_tls = False
            if connection is not None:
                _, _, opened, joined, _, tls = connection
                has_tls = tls is not None and tls.established
                if opened is not None:
                    source, network, public = _read_source(opened)
            account = (self._accounts[user] or user) if user else None
            shown = self._is_chosen(epoch, account, source)
            if shown:
                self.actions[action, outcome.result] += 1
            good = outcome.result == "success"
            place = origin.path or "-", offset, original
            if session is not None:
                sent = session.messages, session.recipients, session.size
                sessions.append((epoch, shown, source, account, *sent, *place))
            elif action is _INBOUND:
                exposed = public and joined and not has_tls and outcome.mechanism in READABLE
                login = source, network, public, account, exposed, joined, origin.appliance
                logins.append((epoch, shown, good, *login, *place))
            elif action is _OUTBOUND:
                relay = source, outcome.profile, outcome.reason
                relays.append((epoch, shown, good, *relay, *place))
        for table, rows in (("login", logins), ("session", sessions), ("relay", relays)):
            if rows:
                places = ",?" * len(rows[0])
                self._database.executemany(f"INSERT INTO {table} VALUES (NULL{places})", rows)

    def ask(self, question: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query, or change something."""
        return self._database.execute(question, values)

    def _is_chosen(self, time: int, account: str | None, source: str | None) -> bool:
        _, _, wanted, network = self.chosen
        if network is not None:
            try:
                if read_ip(source or "") not in network:
                    return False
            except ValueError:
                return False
        return self.chosen.has(time) and wanted in {None, account}


def _read_source(opened: Opened) -> tuple[str, str | None, bool]:
    """Return the address of the other end, its network, and whether it is public."""
    text = opened.address.decode("utf-8", "replace")
    if opened.ip_version is None:  # a name, or what a client wrote
        return text, None, False
    # No network of IPv4 that counts is smaller than the first two numbers tell.
    key = f"{text.rsplit('.', 2)[0]}.0.0" if opened.ip_version == "ipv4" else text
    return text, *_read_network(key)


@lru_cache(1 << IPV4_BITS)  # all of IPv4
def _read_network(text: str) -> tuple[str, bool]:
    address = read_ip(text)
    bits = IPV4_BITS if address.version == 4 else IPV6_BITS  # noqa: PLR2004 - IPv4
    network = ipaddress.ip_network((address, bits), strict=False)
    return str(network), not any(address in x for x in _PRIVATE)
