"""The days of the company: 200 users in an office, two branches, at home and on the road.

Nothing here is an attack. What looks like one is what a company has every Monday: phones with an
old password, scanners without TLS, travellers, a VPN, a directory that does not answer.
"""

from datetime import datetime, timedelta
from random import Random

from tests.world.mail_log import MailLog

USERS = 200
OFFICE, BRANCHES = "198.51.100.10", ("198.51.100.20", "198.51.100.21")
VPN = "203.0.113.5"
CRM_SOURCE = "198.51.100.60"
SCANNERS = ("10.0.5.1", "10.0.5.2", "10.0.5.3", "198.51.100.70")
PROBE_SOURCE = "10.0.0.9"
SATURDAY = 5
MINUTE = timedelta(minutes=1)


def user(number: int) -> str:
    """Name a user."""
    return f"u{number:03}@example.com"


def home(number: int) -> str:
    """Return the address at which a user is at home; some live together or share one."""
    return f"240.{number % 2}.0.{10 + number // 2}"


def desk(number: int) -> str:
    """Return the address from which a user works; a quarter of them does so at home."""
    if number < 80:
        return OFFICE
    if number < 130:
        return BRANCHES[number % 2]
    return home(number)


class Company:
    """Writes its days into a log."""

    def __init__(self, log: MailLog, seed: int = 1, probe_every: timedelta = 5 * MINUTE) -> None:
        """Take where to write."""
        self._log = log
        self._random = Random(seed)
        self._probe_every = probe_every

    def ordinary_day(self, day: datetime) -> None:
        """Write a day on which nothing happened, or a day of the weekend."""
        weekend = day.weekday() >= SATURDAY
        for number in range(USERS):
            self._user(day, number, weekend=weekend)
        for number in range(timedelta(days=1) // self._probe_every):
            self._log.login(day + number * self._probe_every, "probe", PROBE_SOURCE)
        self._machines(day, weekend=weekend)
        for hour in range(24):
            self._log.relay(day + timedelta(hours=hour, minutes=7), good=True)

    def monday(self, day: datetime) -> None:
        """Write the Monday on which much goes wrong."""
        self.ordinary_day(day)
        self._old_passwords(day)
        self._travellers(day)
        for minute in range(6):
            # The directory is away: who has a connection is refused, the others not checked.
            for _ in range(8):
                number = self._random.randrange(130)
                time = self._at(day, 11 + minute / 60, 1 / 60)
                self._log.unchecked(time, user(number), desk(number))
            number = self._random.randrange(80)
            self._log.login(
                self._at(day, 11 + minute / 60, 1 / 60), user(number), OFFICE, good=False
            )
        for second in (0, 20):
            self._log.relay(day + timedelta(hours=13, seconds=second), good=False)
        for number in (150, 151, 152):
            # They have another provider at home from today on.
            self._log.login(self._at(day, 19, 2), user(number), f"240.4.0.{number}")

    def expired_passwords(self, day: datetime) -> None:
        """Write a day on which the passwords of 30 users expired overnight."""
        self.ordinary_day(day)
        for number in range(0, 180, 6):
            begin = self._at(day, 7.5, 1)
            for source, count in ((desk(number), 30), (home(number), 12), (self._mobile(), 15)):
                for attempt in range(self._random.randint(count // 2, count)):
                    time = begin + attempt * MINUTE * self._random.uniform(1.5, 2.5)
                    self._log.login(time, user(number), source, good=False)
            if number % 12 == 0:
                # A phone that moves, and has another address every few minutes.
                for attempt in range(12):
                    time = begin + attempt * 6 * MINUTE
                    self._log.login(time, user(number), self._mobile(), good=False)
            self._log.login(begin + timedelta(hours=2), user(number), desk(number))
            self._log.login(begin + timedelta(hours=2.2), user(number), home(number))

    def _user(self, day: datetime, number: int, *, weekend: bool) -> None:
        random = self._random
        name = user(number)
        if number % 10 == 0:
            name = f"EXAMPLE\\{name.partition('@')[0].upper()}"
        if not weekend:
            place = desk(number)
            if number % 20 == 3:
                # Mistyped, once or a few times.
                for attempt in range(random.randint(1, 3)):
                    time = self._at(day, 8, 0.02) + attempt * MINUTE / 3
                    self._log.login(time, user(number), place, good=False)
            for _ in range(random.randint(5, 10)):
                where = (
                    VPN if number % 5 == 0 and number >= 130 and random.random() < 0.5 else place
                )
                recipients = random.choice((0, 0, 1, 1, 2, 5))
                self._log.login(self._at(day, 8.1, 9.5), name, where, recipients=recipients)
        for _ in range(random.randint(1, 4)):
            self._log.login(self._at(day, 18, 5), user(number), home(number), recipients=1)
        if number % 3 == 0:
            for _ in range(random.randint(1, 4)):
                self._log.login(self._at(day, 7, 14), user(number), self._mobile(), recipients=1)

    def _machines(self, day: datetime, *, weekend: bool) -> None:
        for minute in range(0, 24 * 60, 15):
            time = day + minute * MINUTE
            self._log.login(time, "crm", CRM_SOURCE, recipients=2)
            if not weekend and 8 * 60 <= minute < 18 * 60:
                for number, source in enumerate(SCANNERS):
                    self._log.login(time, f"scanner{number}", source, tls=False, recipients=1)
        if day.weekday() in {0, 3}:
            for number in range(12):
                time = day + timedelta(hours=10, minutes=3 * number)
                self._log.login(time, "newsletter", CRM_SOURCE, recipients=50)

    def _old_passwords(self, day: datetime) -> None:
        sources = (OFFICE, OFFICE, BRANCHES[0], home(140), "240.2.0.251")
        for number, source in zip((20, 21, 90, 140, 99), sources, strict=True):
            for attempt in range(self._random.choice((240, 420))):
                time = day + timedelta(hours=8, seconds=attempt * self._random.choice((58, 60)))
                self._log.login(time, user(number), source, good=False)
        for attempt in range(50):
            time = day + timedelta(hours=9, seconds=attempt * 30)
            self._log.login(time, "crm", CRM_SOURCE, good=False)
            self._log.login(time, "scanner1", SCANNERS[1], good=False, tls=False)

    def _travellers(self, day: datetime) -> None:
        for number, source in ((60, "240.8.0.20"), (160, "240.9.0.20")):
            for _ in range(4):
                time = self._at(day, 20, 3)
                self._log.login(time, user(number), source, recipients=1)

    def _mobile(self) -> str:
        """Choose the address that a phone has now."""
        random = self._random
        return f"240.{random.choice((2, 3))}.{random.randrange(16)}.{random.randint(1, 250)}"

    def _at(self, day: datetime, hour: float, length: float) -> datetime:
        """Choose a time between an hour of the day and some hours later."""
        return day + timedelta(hours=hour + self._random.random() * length)
