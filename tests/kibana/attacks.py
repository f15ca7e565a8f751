"""Small logs, one of each attack that a rule is for, and one of a day without any."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import NamedTuple

DAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""When attacks begin. What is before is what was known before them."""
_STEP = timedelta(seconds=1)
_UNKNOWN = "reverse dns host unknown verified no"
_BY_PROFILE = "SMTP authentication using the profile SmartHost"


class Log:
    """A log that grows, in UTC."""

    def __init__(self) -> None:
        """Begin a file."""
        self._entries: list[tuple[datetime, str]] = []
        self._number = 500

    def login(  # noqa: PLR0913 - what a login has
        self,
        time: datetime,
        user: str,
        source: str,
        *,
        good: bool = True,
        mechanism: str = "LOGIN",
        tls: bool = True,
    ) -> None:
        """Log in, or be refused, on a connection of its own."""
        self._number += 1
        icid = f"ICID {self._number}"
        using = f"using AUTH mechanism: {mechanism} with profile: SmtpAuth"
        lines = [
            f"New SMTP {icid} interface Submission (192.0.2.11) address {source} {_UNKNOWN}",
            f"{icid} ACCEPT SG SUBMISSION match ALL SBRS None country Italy",
        ]
        if tls:
            lines.append(f"{icid} TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384")
        lines += [
            f"SMTP Auth: ({icid}) {'succeeded' if good else 'failed'} for user: {user} {using}",
            f"{icid} close",
        ]
        self._entries += [(time, x) for x in lines]

    def relay(self, time: datetime, *, good: bool) -> None:
        """Log in to the smart host, or be refused."""
        self._number += 1
        dcid = f"DCID {self._number}"
        said = "succeeded" if good else "failed: ('535', ['5.7.8 Error: authentication failed'])"
        self._entries += [
            (
                time,
                f"New SMTP {dcid} interface 192.0.2.10 address 198.51.100.250 port 587",
            ),
            (
                time,
                f"DCID: {self._number} IP: 198.51.100.250 {_BY_PROFILE} {said}",
            ),
            (time, f"{dcid} close"),
        ]

    def know(self, *names: str) -> None:
        """Let users have been in Rome before: none is new there."""
        for name in names:
            self.login(DAY - timedelta(days=2), name, rome(30))

    def text(self) -> str:
        """Give the whole file."""
        lines = [
            "Begin Logfile",
            "Version: 15.0.3-002 SN: 564D1A2B3C4D5E6F7081-92A3B4C5D6E7",
            "Time offset from UTC: 0 seconds",
        ]
        first = min(x for x, _ in self._entries)
        entries = [(first, x) for x in lines] + sorted(self._entries, key=lambda x: x[0])
        return "".join(f"{x:%a %b %e %H:%M:%S %Y} Info: {y}\n" for x, y in entries)


def user(number: int) -> str:
    """Name one of many users."""
    return f"user{number}@example.com"


def rome(number: int) -> str:
    """Name an address in Rome, as the tests' GeoIP has it."""
    return f"198.51.100.{number}"


def new_york(number: int) -> str:
    """Name an address in New York."""
    return f"203.0.113.{number}"


PLACES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "198.51.100.": {
            "country_iso_code": "IT",
            "country_name": "Italy",
            "location": {"lat": 41.9, "lon": 12.5},
        },
        "203.0.113.": {
            "country_iso_code": "US",
            "country_name": "United States",
            "location": {"lat": 40.7, "lon": -74.0},
        },
    }
)
"""What the processor geoip would say of addresses that are for documentation."""


class Attack(NamedTuple):
    """A log of it, and what has to be found in it."""

    write: Callable[[Log], None]
    rule: str
    """The end of the rule's id."""
    alerts: set[tuple[str, ...]]


def normal_day(log: Log) -> None:
    """Write a day as others are: two hundred logins, a mistyped password now and then."""
    random = Random(7)
    log.know(*map(user, range(40)))
    for number in range(200):
        # Half of the users are in an office, behind one address.
        who = random.randrange(40)
        source = rome(10) if who < 20 else rome(20 + who)
        time = DAY + timedelta(minutes=3) * number
        for attempt in range(random.choice((0, 0, 0, 0, 1, 2))):
            log.login(time + _STEP * 20 * attempt, user(who), source, good=False)
        log.login(time + timedelta(minutes=1), user(who), source)
    for hour in range(10):
        # One refusal, as while a smart host is restarted.
        log.relay(DAY + timedelta(hours=hour), good=hour != 4)


def _brute_force(log: Log) -> None:
    for number in range(25):
        log.login(DAY + _STEP * 20 * number, user(1), new_york(5), good=False)


def _distributed(log: Log) -> None:
    for number in range(24):
        time = DAY + timedelta(minutes=2) * number
        log.login(time, user(1), new_york(number % 8), good=False)


def _spraying(log: Log) -> None:
    for number in range(12):
        log.login(DAY + timedelta(minutes=2) * number, user(number), new_york(6), good=False)


def _guessed(log: Log) -> None:
    log.know(user(1))
    for number in range(6):
        log.login(DAY + _STEP * 30 * number, user(1), rome(7), good=False)
    log.login(DAY + timedelta(minutes=4), user(1), rome(7))


def _new_country(log: Log) -> None:
    log.know(user(1))
    log.login(DAY, user(1), rome(31))
    log.login(DAY + timedelta(hours=12), user(1), new_york(8))


def _travel(log: Log) -> None:
    # The user has been in both countries before: neither is new.
    log.know(user(1))
    log.login(DAY - timedelta(days=9), user(1), new_york(8))
    log.login(DAY, user(1), rome(31))
    log.login(DAY + timedelta(hours=1), user(1), new_york(9))


def _smart_host(log: Log) -> None:
    log.relay(DAY, good=True)
    for number in range(4):
        log.relay(DAY + timedelta(minutes=10) * (number + 1), good=False)


def _without_tls(log: Log) -> None:
    log.know(user(1), user(2), user(3))
    log.login(DAY, user(1), rome(31), mechanism="PLAIN", tls=False)
    log.login(DAY + _STEP, user(2), rome(32), mechanism="CRAM-MD5", tls=False)
    log.login(DAY + _STEP, user(3), rome(33), mechanism="PLAIN")


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "brute-force": Attack(_brute_force, "01", {(new_york(5),)}),
        "distributed": Attack(_distributed, "02", {(user(1),)}),
        "spraying": Attack(_spraying, "03", {(new_york(6),)}),
        "guessed": Attack(_guessed, "04", {(user(1),)}),
        "new-country": Attack(_new_country, "05", {(user(1), "US")}),
        "travel": Attack(_travel, "06", {(user(1),)}),
        "smart-host": Attack(_smart_host, "07", {("198.51.100.250", "SmartHost")}),
        "without-tls": Attack(_without_tls, "08", {(rome(31), user(1))}),
    }
)
"""By name."""
