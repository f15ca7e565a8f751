"""Mail logs of a company's appliances, written connection by connection."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.world.networks import country_of

APPLIANCES = ("esa1.example.com", "esa2.example.com")
SMART_HOST = "198.51.100.250"
_SERIALS = ("564D1A2B3C4D5E6F7081-92A3B4C5D6E7", "564D1A2B3C4D5E6F7081-92A3B4C5D6E8")
_TLS = "TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
_STEP = timedelta(seconds=1)


class MailLog:
    """The logs of both appliances, in UTC."""

    def __init__(self, seed: int) -> None:
        """Begin both files."""
        self._random = Random(seed)
        self._entries: dict[str, list[tuple[datetime, int, str]]] = {x: [] for x in APPLIANCES}
        self._number = 1000
        self.attempts: list[tuple[datetime, str, str]] = []
        """Who logged in when, or was refused, and at whose address."""

    def login(  # noqa: PLR0913 - what a login has
        self,
        time: datetime,
        user: str,
        source: str,
        *,
        good: bool = True,
        mechanism: str = "LOGIN",
        tls: bool = True,
        recipients: int = 0,
    ) -> None:
        """Log in or be refused, on a connection of its own; send a message after a login."""
        self._number += 1
        self.attempts.append((time, user, source))
        icid = f"ICID {self._number}"
        country = country_of(source)
        outcome = "succeeded" if good else "failed"
        using = f"using AUTH mechanism: {mechanism} with profile: SmtpAuth"
        self._write(
            time,
            f"New SMTP {icid} interface Submission (192.0.2.11) address {source} "
            "reverse dns host unknown verified no",
            f"{icid} ACCEPT SG SUBMISSION match ALL SBRS None country {country}",
            *([f"{icid} {_TLS}"] if tls else []),
            f"SMTP Auth: ({icid}) {outcome} for user: {user} {using}",
            *self._message(icid, recipients if good else 0),
            f"{icid} close",
        )

    def unchecked(self, time: datetime, user: str, source: str) -> None:
        """Write a login that could not be checked, because the directory did not answer."""
        self._number += 1
        icid = f"ICID {self._number}"
        self._write(
            time,
            f"New SMTP {icid} interface Submission (192.0.2.11) address {source} "
            "reverse dns host unknown verified no",
            f"{icid} ACCEPT SG SUBMISSION match ALL SBRS None country {country_of(source)}",
            f"SMTP Auth: ({icid}) LDAP query/user lookup failed for user: {user}",
            f"{icid} close",
        )

    def relay(self, time: datetime, *, good: bool) -> None:
        """Log in to the smart host, or be refused."""
        self._number += 1
        self.attempts.append((time, "", SMART_HOST))
        said = "succeeded" if good else "failed: ('535', ['5.7.8 Error: authentication failed'])"
        self._write(
            time,
            f"New SMTP DCID {self._number} interface 192.0.2.10 address {SMART_HOST} port 587",
            f"DCID: {self._number} IP: {SMART_HOST} SMTP authentication using the profile "
            f"SmartHost {said}",
            f"DCID {self._number} close",
        )

    def save(self, folder: Path) -> None:
        """Write one file for each appliance that has something to tell."""
        for (name, entries), serial in zip(self._entries.items(), _SERIALS, strict=True):
            if not entries:
                continue
            entries.sort()
            (folder / name).mkdir(parents=True)
            with (folder / name / "mail.current").open("w") as file:
                for line in ("Begin Logfile", f"Version: 15.0.3-002 SN: {serial}"):
                    file.write(f"{entries[0][0]:%a %b %e %H:%M:%S %Y} Info: {line}\n")
                file.write(
                    f"{entries[0][0]:%a %b %e %H:%M:%S %Y} Info: Time offset from UTC: 0 seconds\n"
                )
                stamps: Mapping[datetime, str] = {
                    x: f"{x:%a %b %e %H:%M:%S %Y}" for x, _, _ in entries
                }
                file.writelines(f"{stamps[x]} Info: {y}\n" for x, _, y in entries)

    def _message(self, icid: str, recipients: int) -> Iterable[str]:
        if not recipients:
            return
        self._number += 1
        mid = f"MID {self._number}"
        yield f"Start {mid} {icid}"
        yield f"{mid} {icid} From: <sender@example.com>"
        for number in range(recipients):
            yield f"{mid} {icid} RID {number} To: <r{number}@example.net>"
        yield f"{mid} ready 4000 bytes from <sender@example.com>"

    def _write(self, time: datetime, *messages: str) -> None:
        """Write the lines of one connection at one appliance."""
        entries = self._entries[self._random.choice(APPLIANCES)]
        second = time.replace(microsecond=0)
        entries += [(second, len(entries) + x, y) for x, y in enumerate(messages)]
