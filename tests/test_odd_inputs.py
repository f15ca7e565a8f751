"""Odd inputs: ``parse`` and the service come to the same verdict, and name what is wrong."""

import gzip
import io
import os
import re
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder.app.parse import ParseOptions, parse
from forwarder.app.service import Service
from forwarder.app.status import describe
from forwarder.cli.status import as_text
from forwarder.pipeline import Settings
from forwarder.spool.stats import summarise
from tests.services import Told, append, configured, logins, no_bar

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: {paths}}}
outputs:
  told: {{type: told, batch: {{max_age: 10ms}}}}
"""
GUI = (
    b"Wed Apr 22 11:43:59 2026 Info: Begin Logfile\n"
    b"Wed Apr 22 11:44:01 2026 Info: req:203.0.113.5 user:a id:ABCDEF 200 GET /login HTTP/1.1 -\n"
)
QUIET = GUI.splitlines(keepends=True)[0]


def put(name: str, content: bytes) -> Callable[[Path], None]:
    """Write a file among the logs."""

    def write(folder: Path) -> None:
        append(folder, content, name=name)

    return write


def both(*steps: Callable[[Path], object]) -> Callable[[Path], None]:
    """Do several things."""

    def do(folder: Path) -> None:
        for step in steps:
            step(folder)

    return do


def close(name: str) -> Callable[[Path], None]:
    """Take the right to read away."""
    return lambda folder: (folder / "logs/esa1" / name).chmod(0)


def archive(folder: Path) -> None:
    """Make a tar archive of the logs."""
    with tarfile.open(folder / "logs/esa1/mail.odd", "w") as file:
        file.add(folder / "logs/esa1/mail.current", "mail.1")


GOOD = put("mail.current", logins(1))
COMPRESSED = gzip.compress(logins(2, 3), mtime=0)
JUNK = b"Dear all,\nsee you.\n"

ALL, ONE = "/logs/{appliance}/mail*", "/logs/esa1/mail.odd"
CASES: dict[str, tuple[Callable[[Path], None], list[str], int, str]] = {
    # What is there, what is named, the exit code, and what is said.
    "a log": (GOOD, [ALL], 0, ""),
    "nothing": (lambda x: (x / "logs/esa1").mkdir(parents=True), [ALL], 1, ""),
    "an empty file": (put("mail.odd", b""), [ONE], 0, ""),
    "a quiet log": (put("mail.odd", QUIET), [ONE], 0, ""),
    "small junk alone": (put("mail.odd", JUNK), [ALL], 1, "no line of a mail log"),
    "small junk named": (both(GOOD, put("mail.odd", JUNK)), [ALL, ONE], 1, "no line of a mail log"),
    "small junk beside": (both(GOOD, put("mail.odd", JUNK)), [ALL], 0, "no line of a mail log"),
    "junk that lives": (put("mail.current", JUNK), [ALL], 1, "no line of a mail log"),
    "large junk alone": (put("mail.odd", b"\x7fELF" * 40_000), [ALL], 1, "no line of a mail log"),
    "large junk beside": (
        both(GOOD, put("mail.odd", b"\x7fELF" * 40_000)),
        [ALL],
        0,
        "no line of a mail log",
    ),
    "junk compressed": (put("mail.odd.gz", gzip.compress(JUNK)), [ALL], 1, "no line of a mail log"),
    "junk and an empty file": (
        both(put("mail.odd", JUNK), put("mail.empty", b"")),
        [ALL],
        0,
        "no line of a mail log",
    ),
    "another program's": (
        put("mail.odd", b"Apr 22 11:44:48 host sshd[12]: Accepted password for a\n"),
        [ALL],
        1,
        "no line of a mail log",
    ),
    "a GUI log": (put("mail.odd", GUI), [ALL], 0, "no connection, message or login"),
    "a GUI log that lives": (put("mail.current", GUI), [ALL], 0, "looks like HTTP logs"),
    "a GUI log named": (both(GOOD, put("mail.odd", GUI)), [ALL, ONE], 0, "looks like HTTP logs"),
    "a GUI log and junk": (
        both(put("mail.odd", GUI), put("mail.junk", JUNK)),
        [ALL],
        0,
        "looks like HTTP logs",
    ),
    "consolidated events": (
        put("mail.odd", b"Wed Apr 22 11:44:48 2026: CEF:0|Cisco|C100V Email|14.0.0|ESA\n"),
        [ALL],
        0,
        "looks like consolidated event logs",
    ),
    "gzip cut off": (both(GOOD, put("mail.odd.gz", COMPRESSED[:-9])), [ALL], 1, "is cut off"),
    "gzip cut in its header": (
        both(GOOD, put("mail.odd.gz", COMPRESSED[:5])),
        [ALL],
        1,
        "is cut off",
    ),
    "gzip damaged": (
        both(GOOD, put("mail.odd.gz", COMPRESSED[:60] + b"\xff" * 20 + COMPRESSED[80:])),
        [ALL],
        1,
        "is damaged",
    ),
    "gzip with a wrong sum": (
        both(GOOD, put("mail.odd.gz", COMPRESSED[:-8] + b"\0" * 8)),
        [ALL],
        1,
        "is damaged",
    ),
    "bzip2": (both(GOOD, put("mail.odd", b"BZh91AY&SY")), [ALL], 1, "bzip2"),
    "zip": (both(GOOD, put("mail.odd", b"PK\x03\x04" + b"a" * 99)), [ALL], 1, "zip"),
    "UTF-16": (put("mail.odd", logins(1).decode().encode("utf-16")), [ALL], 1, "is in UTF-16"),
    "a tar archive": (both(GOOD, archive), [ALL], 1, "tar archive"),
    "a link that leads nowhere": (
        both(GOOD, lambda x: (x / "logs/esa1/mail.odd").symlink_to("gone")),
        [ALL],
        0,
        "",
    ),
}
AS_ROOT = {
    "a file without permission": (
        both(GOOD, put("mail.odd", logins(2)), close("mail.odd")),
        [ALL],
        1,
        "Permission denied",
    ),
    "a folder without permission": (
        both(
            GOOD,
            lambda x: append(x, logins(2), appliance="esa2"),
            lambda x: (x / "logs/esa2").chmod(0),
        ),
        [ALL],
        1,
        "Permission denied",
    ),
}


def verdicts(
    folder: Path, paths: list[str], capsys: pytest.CaptureFixture[str]
) -> dict[str, tuple[int, str]]:
    """Let the command read, the service twice, and ``status`` say what it knows."""
    named = tuple(f"{folder}{x}" for x in paths)
    request = ParseOptions(paths=named, appliance=None, settings=Settings(), zone=None, jobs=1)
    outcome = parse(request, io.BytesIO(), no_bar)
    found = {"parse": (bool(outcome.problems), "\n".join(outcome.problems + outcome.warnings))}
    doubled = str(list(named)).replace("{", "{{").replace("}", "}}")
    read = configured(folder, Told(lambda _: None), CONFIG.replace("{paths}", doubled))
    for name in ("run", "again"):
        good = Service(read(), read, once=True).run()
        found[name] = (not good, plain(capsys.readouterr().err))
    status = "\n".join(as_text(describe(summarise(folder / "state"), datetime.now(UTC))))
    return found | {"status": (0, plain(status))}


def plain(text: str) -> str:
    """Take out how text was put in quotes."""
    return re.sub(r"\\+", "", text)


@pytest.mark.parametrize("name", CASES)
def test_parse_and_the_service_come_to_one_verdict(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same exit code, also of a second run; what is wrong is in the log and in status."""
    prepare, paths, code, words = CASES[name]
    prepare(tmp_path)
    found = verdicts(tmp_path, paths, capsys)
    assert {x: y for x, (y, _) in found.items()} == {
        "parse": code,
        "run": code,
        "again": code,
        "status": 0,
    }, found
    for said in found:
        assert words in found[said][1], (said, found)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", AS_ROOT)
def test_parse_and_the_service_agree_on_what_is_closed(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same."""
    prepare, paths, code, words = AS_ROOT[name]
    prepare(tmp_path)
    found = verdicts(tmp_path, paths, capsys)
    assert [found[x][0] for x in ("parse", "run", "again")] == [code] * 3, found
    for said in found:
        assert words in found[said][1], (said, found)
