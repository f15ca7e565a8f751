"""A look into the newest logs: what is said of them is what their documents will have."""

import gzip
import os
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from forwarder.app import checks
from forwarder.app.checks import END_BYTES, MAX_APPLIANCES
from forwarder.appliances import Appliances
from forwarder.inputs.files.discovery import FileSource, scan
from forwarder.output import Finding
from tests.services import append, logins

HEADER = (
    b"Tue Mar  3 09:59:59 2026 Info: Begin Logfile\n"
    b"Tue Mar  3 09:59:59 2026 Info: Version: 15.5.1-055 SN: 421F\n"
    b"Tue Mar  3 09:59:59 2026 Info: Time offset from UTC: 7200 seconds\n"
)
DAY = "2026-03-03"
GUI = b"Mon Mar  2 10:00:00 2026 Info: req:203.0.113.5 user:a id:ABC 200 GET / HTTP/1.1 -\n"
JUNK = b"Dear all,\nsee you.\n"


def sample(
    folder: Path, pattern: str = "{appliance}/*", zone: str | None = None
) -> list[tuple[bool, str, str]]:
    """Look into logs; paths without the folder."""
    seen = scan([FileSource((f"{folder}/logs/{pattern}",))]).files.values()
    found = checks.sample(seen, None if zone is None else ZoneInfo(zone), Appliances())
    return [_plain(x, folder) for x in found]


def _plain(finding: Finding, folder: Path) -> tuple[bool, str, str]:
    return finding.good, finding.text.replace(f"{folder}/logs/", ""), finding.advice


def relayed(form: bytes, numbers: range) -> bytes:
    """Write logins as a relay does."""
    return b"".join(
        form + x.partition(b"2026 ")[2] for x in logins(*numbers).splitlines(keepends=True)
    )


UNSET = "If the appliance's clock is not at UTC, set timezone of this input."
SYSLOG = range(1, 3)


@pytest.mark.parametrize(
    ("content", "zone", "times", "advice"),
    [
        (HEADER + logins(1, 2), None, ("T08:00:01", "T08:00:02", "+02:00"), ""),
        (logins(1, 2), "Europe/Rome", ("T09:00:01", "T09:00:02", "+01:00"), ""),
        (logins(1, 2), None, ("T10:00:01", "T10:00:02", "+00:00"), UNSET),
        (
            relayed(b"<22>1 2026-03-03T12:00:01+02:00 esa1 any - - - ", SYSLOG),
            None,
            ("T10:00:01", "T10:00:01", "+02:00"),
            "",
        ),
        (
            relayed(b"<22>Mar  3 12:00:01 2026 any: ", SYSLOG),
            "UTC",
            ("T12:00:01", "T12:00:01", "+00:00"),
            "",
        ),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_log_is_described(  # noqa: PLR0913 - a row of a table
    tmp_path: Path,
    content: bytes,
    zone: str | None,
    times: tuple[str, str, str],
    advice: str,
    *,
    compressed: bool,
) -> None:
    """Logins, appliance, times, zone, and how many are joined."""
    append(tmp_path, gzip.compress(content) if compressed else content)
    first, last, offset = times
    assert sample(tmp_path, zone=zone) == [
        (
            True,
            (
                "examined 'esa1/mail.current': 2 logins of esa1, from"
                f" {DAY}{first}.000Z to {DAY}{last}.000Z (UTC; in the log {offset});"
                " 2 of 2 joined to their connection"
            ),
            advice,
        )
    ]


def test_the_end_of_a_large_log_is_looked_into(tmp_path: Path) -> None:
    """With the zone of its header, and without reading what is between."""
    line = b"Tue Mar  3 10:00:00 2026 Info: " + b"x" * 970 + b"\n"
    last = logins(7).replace(b"Tue Mar  3", b"Wed Mar  4")
    path = append(tmp_path, HEADER + logins(1) + line * (4 * END_BYTES // len(line)) + last)
    ((good, text, _),) = sample(tmp_path)
    assert good
    assert ": 2 logins of esa1, " in text
    assert "to 2026-03-04T08:00:07.000Z (UTC; in the log +02:00); 2 of 2 joined" in text
    # What is between is a hole now; neither is it read.
    with path.open("r+b") as file:
        file.truncate(END_BYTES)
        file.truncate(1 << 40)
    assert sample(tmp_path)[0][0]


@pytest.mark.parametrize("cut", range(0, len(logins(1)), 9))
def test_no_line_is_made_of_two(tmp_path: Path, cut: int) -> None:
    """Where what is looked into ends within a line, and goes on behind another one."""
    line = b"Tue Mar  3 10:00:00 2026 Info: %b\n"
    fill = line % (b"x" * (END_BYTES - len(line) + 2 - cut))
    append(tmp_path, fill + logins(1) + fill * 3 + logins(2))
    ((good, text, _),) = sample(tmp_path)
    assert good
    assert re.search(r": ([12]) logins? of .*; \1 of \1 joined", text), text


def test_connections_go_on_in_the_newest_file(tmp_path: Path) -> None:
    """Of an appliance, some are looked into, in their order."""
    new, login = logins(1).splitlines(keepends=True)
    for age, (name, content) in enumerate(
        [("mail.current", login), *((f"mail.{x}", new) for x in range(1, 6)), ("mail.6", JUNK)]
    ):
        path = append(tmp_path, content, name=name)
        os.utime(path, (1000 - age, 1000 - age))
    ((_, text, _),) = sample(tmp_path)
    assert text.startswith("examined 'esa1/mail.current' and 5 older files: 1 login of esa1, ")
    assert text.endswith("; 1 of 1 joined to their connection")


@pytest.mark.parametrize(("content", "good"), [(GUI, True), (JUNK, False)])
def test_what_is_no_mail_log_is_said(tmp_path: Path, content: bytes, *, good: bool) -> None:
    """A failure where the service would fail, and where there is nothing else."""
    advice = "Name the files of the text mail logs, or push these to this folder."
    append(tmp_path, content)
    ((found, text, said),) = sample(tmp_path)
    assert (found, said) == (good, advice)
    assert text.startswith("'esa1/mail.current' has ")
    for name in "abc":
        os.utime(append(tmp_path, content, name=name), (9e9, 9e9))
    os.utime(append(tmp_path, logins(1), name="old"), (1, 1))
    *others, (found, text, _) = sample(tmp_path)
    assert len(others) == 4
    assert f", from {DAY}T10:00:01.000Z to {DAY}T10:00:01.000Z " in text
    assert [x for x in others if not x[0]] == []
    assert text.startswith("examined 'esa1/old': 1 login")


def test_what_cannot_be_read_to_its_end_is_a_failure(tmp_path: Path) -> None:
    """As it is when the service runs."""
    append(tmp_path, gzip.compress(logins(1))[:-9], name="mail.gz")
    append(tmp_path, b"BZh91AY", name="mail.bz2")
    found = sample(tmp_path)
    assert [x[0] for x in found[:2]] == [False, False]
    assert {"is a gzip file that is cut off" in x[1] for x in found[:2]} == {True, False}


def test_nothing_is_said_of_what_is_empty(tmp_path: Path) -> None:
    """And little of many appliances."""
    append(tmp_path, b"")
    append(tmp_path, HEADER, name="mail.1")
    assert sample(tmp_path) == [(True, "examined 'esa1/mail.1': 0 logins", "")]
    for number in range(MAX_APPLIANCES + 1):
        append(tmp_path, HEADER, appliance=f"x{number}")
    assert sample(tmp_path)[-1] == (True, "2 more appliances not examined", "")


@pytest.mark.parametrize(
    ("names", "serials", "words"),
    [
        (("esa1.log", "esa2.log"), (b"421F", b"421F"), ("files", "esa1.log", "esa2.log")),
        (
            ("mail.@20260303T100000.s", "mail.@20260303T110000.s"),
            (b"AAAA", b"BBBB"),
            ("serial numbers", "'AAAA'", "'BBBB'"),
        ),
    ],
)
def test_two_machines_under_one_name_are_said(
    tmp_path: Path, names: tuple[str, str], serials: tuple[bytes, bytes], words: tuple[str, ...]
) -> None:
    """Also where the second one is not among the newest files."""
    times = [1_772_532_000, *range(1_772_535_600, 1_772_535_604)]
    newer = [names[1], *(f"{names[1]}.{number}" for number in range(1, 4))]
    for name, serial, time in zip(
        (names[0], *newer), (serials[0], *[serials[1]] * 4), times, strict=True
    ):
        path = append(tmp_path, HEADER.replace(b"421F", serial) + logins(1, 2), name=name)
        os.utime(path, (time, time))
    (found,) = [(text, advice) for good, text, advice in sample(tmp_path) if not good]
    text, advice = found
    assert "come from two machines" in text
    assert all(word in text for word in words)
    assert "{appliance} in the path" in advice
