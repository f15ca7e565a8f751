"""Attacks on the company, each with its truth: who is attacked, and from where."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from forwarder.ecs.layout import account_of
from tests.world.company import desk, home, user
from tests.world.mail_log import MailLog

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Attack(NamedTuple):
    """What happens."""

    name: str
    write: Callable[[MailLog, datetime], None]
    hour: float
    """When it begins, after the midnight at which the day of the attacks begins."""


class Trace(NamedTuple):
    """The truth about an attack, by which an alert can be told to be of it."""

    begin: datetime
    end: datetime
    accounts: frozenset[str]
    sources: frozenset[str]
    """The addresses of the clients, or of the smart host."""


def trace(attack: Attack, day: datetime) -> Trace:
    """Find out whom an attack is about, and when it is over."""
    log = MailLog(0)
    begin = day + timedelta(hours=attack.hour)
    attack.write(log, begin)
    times, users, sources = zip(*log.attempts, strict=True)
    accounts = frozenset(account_of(x) for x in users)
    return Trace(begin, max(times), accounts, frozenset(sources))


def server(network: int, number: int = 7) -> str:
    """Return the address of a server that anyone can rent in the country."""
    return f"241.{network}.0.{number}"


def bot(network: int, number: int = 7) -> str:
    """Return an address of a botnet."""
    return f"242.{network}.0.{number}"


def far(network: int, number: int = 7) -> str:
    """Return an address on another continent."""
    return f"243.{network}.0.{number}"


def _guess(
    name: Callable[[int], str], source: Callable[[int], str], tries: int, apart: timedelta
) -> Callable[[MailLog, datetime], None]:
    """Write refusals only."""

    def write(log: MailLog, begin: datetime) -> None:
        for number in range(tries):
            log.login(begin + number * apart, name(number), source(number), good=False)

    return write


def _forms(number: int) -> str:
    return ("u005", "U005@example.com", "EXAMPLE\\u005", "u005@EXAMPLE.COM")[number % 4]


def _dictionary(number: int) -> str:
    names = ("admin", "info", "test", "scan", "sales", "office", "backup", "web", "it", "hr")
    return (*names, "root", "mail")[number % 12]


def _guessed(log: MailLog, begin: datetime) -> None:
    _guess(lambda _: user(6), lambda _: bot(60), 8, _MINUTE)(log, begin)
    log.login(begin + 9 * _MINUTE, user(6), bot(60), recipients=3)


def _guessed_over_days(log: MailLog, begin: datetime) -> None:
    start = begin - timedelta(days=3)
    _guess(lambda _: user(7), lambda _: bot(61), 7, timedelta(hours=10))(log, start)
    log.login(begin, user(7), bot(61), recipients=1)


def _in_while_guessed(log: MailLog, begin: datetime) -> None:
    _guess(lambda _: user(8), lambda x: bot(70 + x % 7), 14, 5 * _MINUTE)(log, begin)
    log.login(begin + 80 * _MINUTE, user(8), server(8), recipients=2)


def _stuffed(log: MailLog, begin: datetime) -> None:
    _guess(lambda x: user(100 + x % 40), lambda _: bot(80), 40, 20 * _SECOND)(log, begin)
    log.login(begin + 15 * _MINUTE, user(131), bot(80), recipients=1)


def _abroad(log: MailLog, begin: datetime) -> None:
    log.login(begin, user(9), far(9), recipients=1)


def _rented(log: MailLog, begin: datetime) -> None:
    for number in range(20):
        log.login(begin + number * _MINUTE, user(11), server(11), recipients=100)


def _at_the_desk(log: MailLog, begin: datetime) -> None:
    for number in range(30):
        log.login(begin + number * _MINUTE, user(12), desk(12), recipients=100)


def _drip(log: MailLog, begin: datetime) -> None:
    for number in range(300):
        log.login(begin + number * 10 * _SECOND, user(13), home(13), recipients=1)


def _readable_refused(log: MailLog, begin: datetime) -> None:
    log.login(begin, user(14), far(14), good=False, mechanism="PLAIN", tls=False)


def _readable(log: MailLog, begin: datetime) -> None:
    log.login(begin, user(135), home(15), mechanism="PLAIN", tls=False)


def _travelled(log: MailLog, begin: datetime) -> None:
    log.login(begin, user(16), desk(16))
    log.login(begin + 30 * _MINUTE, user(16), bot(16), recipients=1)


def _scanner_moves(log: MailLog, begin: datetime) -> None:
    log.login(begin, "scanner2", server(17), recipients=2)


def _crm_moves(log: MailLog, begin: datetime) -> None:
    for number in range(40):
        log.login(begin + number * 10 * _MINUTE, "crm", server(18), recipients=20)


def _smart_host(log: MailLog, begin: datetime) -> None:
    for number in range(10):
        log.relay(begin + number * 5 * _MINUTE, good=False)


def _probe_stolen(log: MailLog, begin: datetime) -> None:
    log.login(begin, "probe", far(19), recipients=1)


def _slow_then_in(log: MailLog, begin: datetime) -> None:
    _guess(lambda _: "scanner3", lambda _: server(20), 6, timedelta(hours=1))(log, begin)
    log.login(begin + timedelta(hours=7), "scanner3", server(20))


ATTACKS = (
    Attack("guessing, fast", _guess(lambda _: user(1), lambda _: bot(1), 100, 6 * _SECOND), 1),
    Attack("guessing, one a minute", _guess(lambda _: user(2), lambda _: bot(2), 60, _MINUTE), 2),
    Attack(
        "guessing, three an hour", _guess(lambda _: user(3), lambda _: bot(3), 30, 20 * _MINUTE), 3
    ),
    Attack(
        "guessing at a service account",
        _guess(lambda _: "crm", lambda _: server(4), 25, 5 * _MINUTE),
        4,
    ),
    Attack("guessing, one user in four forms", _guess(_forms, lambda _: bot(5), 24, _MINUTE), 5),
    Attack("spraying, fast", _guess(user, lambda _: bot(20), 50, 6 * _SECOND), 6),
    Attack(
        "spraying, six an hour",
        _guess(lambda x: user(20 + x), lambda _: bot(21), 15, 10 * _MINUTE),
        7,
    ),
    Attack(
        "spraying in other forms",
        _guess(lambda x: f"EXAMPLE\\U{40 + x:03}", lambda _: bot(22), 12, 2 * _MINUTE),
        8,
    ),
    Attack("a list of names", _guess(_dictionary, lambda _: bot(23), 18, _MINUTE), 9),
    Attack(
        "one user from 144 addresses",
        _guess(lambda _: user(10), lambda x: bot(100 + x % 40, x), 144, 2 * _MINUTE),
        10,
    ),
    Attack(
        "200 users from 200 addresses",
        _guess(user, lambda x: far(30 + x % 50, x), 200, 15 * _SECOND),
        16.5,
    ),
    Attack(
        "one user from one IPv6 network",
        _guess(lambda _: user(17), lambda x: f"2001:db8:bad::{x + 1:x}", 40, 3 * _MINUTE),
        13,
    ),
    Attack("guessed at last", _guessed, 1.5),
    Attack("guessed over three days", _guessed_over_days, 20),
    Attack("in from elsewhere while guessed", _in_while_guessed, 12),
    Attack("a leaked list, one right", _stuffed, 14),
    Attack("right password from abroad", _abroad, 15),
    Attack("right password, rented server, 2,000 recipients", _rented, 19),
    Attack("usual address, 3,000 recipients", _at_the_desk, 11),
    Attack("300 recipients, one a session", _drip, 21),
    Attack("password without TLS, refused", _readable_refused, 3.5),
    Attack("password without TLS, accepted", _readable, 22),
    Attack("two continents in 30 minutes", _travelled, 9.5),
    Attack("account of a scanner from outside", _scanner_moves, 2.5),
    Attack("account of the CRM from outside", _crm_moves, 0.5),
    Attack("account of the probe from abroad", _probe_stolen, 4.5),
    Attack("slow guessing, then in", _slow_then_in, 0.2),
    Attack("smart host refuses", _smart_host, 18),
)
"""In the order in which they are told."""
