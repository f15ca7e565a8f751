"""The status of the service: quick, true, and without a trace."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

from forwarder.app.status import Table, describe
from forwarder.cli.main import format_table, main
from forwarder.cli.status import as_text
from forwarder.output import Failure
from forwarder.spool.cursors import OutputError, Rejecting
from forwarder.spool.dead_letters import ALL, Replay, dead_letter
from forwarder.spool.errors import SpoolError
from forwarder.spool.schema import connect_to_read
from forwarder.spool.stats import read_spool, summarise
from forwarder.text import json_text
from tests.spooling import documents, opened, read, replay_letters

if TYPE_CHECKING:
    from forwarder.spool.spool import Spool

NOW = datetime(2026, 3, 1, 6, 41, 9, tzinfo=UTC)
INGEST = {
    "time": "2026-03-01T06:41:00Z",
    "open_connections": 5,
    "appliances": [
        {
            "appliance": "esa1",
            "heard": 1772347260.0,
            "last_line": 1772347255,
            "lag_seconds": 5,
            "bytes_per_second": 1234,
            "logins": 8,
            "joined": 7,
            "open_connections": 5,
            "silent_since": None,
        },
        {
            "appliance": "esa2",
            "heard": 1772340000.0,
            "last_line": None,
            "lag_seconds": None,
            "bytes_per_second": 0,
            "logins": 0,
            "joined": 0,
            "open_connections": 0,
            "silent_since": 1772340000.0,
        },
    ],
    "files": 1200,
    "behind_bytes": 1234,
    "lost_bytes": 5,
    "warnings": {"unparsed_logins": 1234, "dropped_continuations": 0, "truncated_lines": 2},
    "named": [
        {
            "path": "/srv/esa/mail.\x1b",
            "appliance": "esa1",
            "size": 5000,
            "offset": 3766,
            "behind_bytes": 1234,
            "lost_bytes": 0,
            "modified": "2026-03-01T06:40:00Z",
        },
        {
            "path": "/srv/esa/mail.2",
            "appliance": "esa1",
            "size": 50,
            "offset": 45,
            "behind_bytes": 0,
            "lost_bytes": 5,
            "modified": None,
        },
    ],
}


def fill(folder: Path) -> None:
    """Make a spool with something of everything in it, and close it."""
    with closing(opened(folder, "siem", "archive")) as spool:
        spool.commit(
            documents(0, 20),
            [
                ("file/raw", b"\xff\x00"),
                ("status/ingest", orjson.dumps(INGEST)),
            ],
        )
        spool.commit(documents(20, 30))
        batch = read(spool, "siem", 3)
        spool.advance("siem", batch, [dead_letter("siem", Failure(batch.documents[0], "no"), NOW)])
        since = NOW.timestamp()
        spool.count_retried("siem", 4)
        spool.note("siem", OutputError("connection refused", since + 60, since))
        spool.advance("archive", read(spool, "archive", 30))
        spool.note("archive", OutputError("disk full", since, since))
        spool.note("archive", None)


def traces(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what is in a folder, with the times of change."""
    return {x.name: (x.stat().st_mtime_ns, x.read_bytes()) for x in folder.iterdir()}


def test_status_says_how_everything_is(tmp_path: Path) -> None:
    """As one JSON object."""
    fill(tmp_path)
    replay_letters(tmp_path, ALL)
    found = json.loads(json_text(describe(summarise(tmp_path), datetime.now(UTC))))
    assert found["service"] == {"running": False, "process": None}
    sizes = ("bytes", "file_bytes", "wal_bytes", "disk_free_bytes")
    assert {x: y for x, y in found["spool"].items() if x not in sizes} == {
        "documents": 30,
        "max_bytes": 1 << 30,
        "damaged_rows": 0,
        "damaged_documents": 0,
    }
    assert found["spool"]["bytes"] <= found["spool"]["file_bytes"]
    assert found["spool"]["file_bytes"] == (tmp_path / "spool.db").stat().st_size
    assert found["connections"] == {"open": 5}
    assert found["inputs"] == INGEST
    age = found["outputs"]["siem"].pop("oldest_seconds")
    assert 0 <= age < 60
    assert found["outputs"] == {
        "siem": {
            "cursor": 4,
            "waiting": 27,
            "delivered": 2,
            "rejected": 1,
            "retried": 4,
            "filtered": 0,
            "lost": 0,
            "dropped": None,
            "failing_since": "2026-03-01T06:41:09Z",
            "stopped": False,
            "attempt_since": None,
            "put_off": 0,
            "put_off_for": None,
            "rejecting": None,
            "last_error": "connection refused",
            "last_error_time": "2026-03-01T06:42:09Z",
        },
        "archive": {
            "cursor": 31,
            "waiting": 0,
            "oldest_seconds": None,
            "delivered": 30,
            "rejected": 0,
            "retried": 0,
            "filtered": 0,
            "lost": 0,
            "dropped": None,
            "failing_since": None,
            "stopped": False,
            "attempt_since": None,
            "put_off": 0,
            "put_off_for": None,
            "rejecting": None,
            "last_error": "disk full",
            "last_error_time": "2026-03-01T06:41:09Z",
        },
    }
    letters = found["dead_letters"]["siem"]
    assert 150 < letters.pop("bytes") < 500
    assert letters == {
        "number": 1,
        "to_replay": 1,
        "max_bytes": 250_000_000,
        "newest": [{"reason": "no", "number": 1, "time": "2026-03-01T06:41:09Z"}],
    }


def test_status_for_people(tmp_path: Path) -> None:
    """The same, as lines; nothing in them moves the terminal."""
    fill(tmp_path)
    summary = summarise(tmp_path)
    waiting = summary.outputs["siem"]._replace(since=NOW.timestamp() - 3661)
    outputs = summary.outputs | {"siem": waiting}
    usage = summary.usage._replace(used=1000, wal=20, free=3_000_000)
    summary = summary._replace(outputs=outputs, damage=(1, 250), usage=usage)
    assert list(as_text(describe(summary, NOW))) == [
        "service: not running",
        (
            "attention: output siem: failing since 2026-03-01T06:41:09Z: connection refused; its"
            " documents wait and are retried; fix the cause."
        ),
        (
            "attention: output siem: 1 dead letter; the last was rejected at 2026-03-01T06:41:09Z:"
            " no; see esa-forwarder dead-letters list; fix the cause, then run dead-letters replay."
        ),
        (
            "attention: appliance esa2: silent since 2026-03-01T04:40:00Z; see whether it runs, and"
            " whether its logs still arrive."
        ),
        (
            "spool: 30 documents; 1,000 of 1,073,741,824 bytes; WAL: 20 bytes;"
            " free on the disk: 3,000,000 bytes"
        ),
        "damaged and deleted: 250 documents in 1 row",
        "open connections: 5",
        "",
        "OUTPUT   WAITING   OLDEST  DELIVERED  REJECTED  RETRIED  FILTERED  LOST  DROPPED  STATE",
        (
            "archive        0                  30         0        0         0     0        0"
            "  delivering; last error 2026-03-01T06:41:09Z: disk full"
        ),
        (
            "siem          27  1:01:01          2         1        4         0     0        0"
            "  failing since 2026-03-01T06:41:09Z: connection refused (2026-03-01T06:42:09Z)"
        ),
        "",
        "DEAD LETTERS OF  NUMBER  TO REPLAY               BYTES",
        "siem                  1          0  266 of 250,000,000",
        "NEWEST OF  REASON  NUMBER  LAST",
        "siem       no           1  2026-03-01T06:41:09Z",
        "",
        ("inputs: 1,200 files; 1,234 bytes behind; 5 bytes lost; as of 2026-03-01T06:41:00Z"),
        "since the service began: 1,234 lines not understood, 2 lines truncated",
        "APPLIANCE  LAST LINE             LAG  BYTES/S  LOGINS  JOINED  OPEN  STATE",
        "esa1       2026-03-01T06:40:55Z  5 s    1,234       8   87.5%     5  sending",
        (
            "esa2                                        0       0             0  silent since"
            " 2026-03-01T04:40:00Z"
        ),
        "FILE                APPLIANCE   SIZE  BEHIND  LOST  CHANGED",
        "/srv/esa/mail.\\x1b  esa1       5,000   1,234     0  2026-03-01T06:40:00Z",
        "/srv/esa/mail.2     esa1          50       0     5  gone",
    ]


def test_a_long_name_leaves_the_table_readable() -> None:
    """An account that uploads logs names their folder."""
    table = Table(("File", "Appliance", "Size"), [("a", "x" * 255, 5)], ("Appliance",))
    assert [*format_table(*table)] == [
        f"FILE  APPLIANCE{' ' * 55}  SIZE",
        f"a     {'x' * 63}…     5",
    ]


def test_a_stopped_output_and_an_empty_spool(tmp_path: Path) -> None:
    """As they are."""
    with closing(opened(tmp_path, "new", "broken")) as spool:
        spool.note("broken", OutputError("KeyError: 'x'", 0, 0, stopped=True))
        lines = list(as_text(describe(summarise(tmp_path), NOW)))
    assert lines[0] == f"service: running as process {os.getpid()}"
    assert lines[-1].endswith("  nothing delivered yet")
    assert lines[-2].endswith(
        "stopped since 1970-01-01T00:00:00Z: KeyError: 'x' (1970-01-01T00:00:00Z)"
    )


REJECTING = Rejecting(3, 10_000, "mapping: [\x1b] no ip", NOW.timestamp())
AT = "(2026-03-01T06:41:09Z)"


@pytest.mark.parametrize(
    ("rejecting", "expected"),
    [
        (REJECTING, rf"delivering; rejecting: 3 of the last 10,000, mapping: [\x1b] no ip {AT}"),
        (REJECTING._replace(number=10_000), "rejecting: 10,000 of the last 10,000, mapping: "),
    ],
)
def test_an_output_that_rejects(tmp_path: Path, rejecting: Rejecting, expected: str) -> None:
    """It delivers what it does not reject; where it rejects everything, it is not said to."""
    with closing(opened(tmp_path, "siem")) as spool:
        spool.commit(documents(0, 3))
        spool.advance("siem", read(spool, "siem", 2), rejecting=rejecting)
    with closing(opened(tmp_path, "siem")):
        summary = summarise(tmp_path)
    assert f"     0  {expected}" in list(as_text(describe(summary, NOW)))[-1]
    found = json.loads(json_text(describe(summary, NOW)))["outputs"]["siem"]["rejecting"]
    assert found == {
        "number": rejecting.number,
        "of": 10_000,
        "reason": rejecting.reason,
        "time": "2026-03-01T06:41:09Z",
    }


def test_an_output_that_puts_off(tmp_path: Path) -> None:
    """How many documents, and why one of them."""
    with closing(opened(tmp_path, "siem")) as spool:
        spool.commit(documents(0, 3))
        batch = read(spool, "siem", 3)
        letters = [
            dead_letter("siem", Failure(x, "403", retryable=True), NOW) for x in batch.documents[1:]
        ]
        letters = [x._replace(replay=Replay.POSTPONED) for x in letters]
        spool.advance("siem", batch, letters)
        summary = summarise(tmp_path)
        lines = list(as_text(describe(summary, NOW)))
    assert any(x.endswith("  delivering; postponed: 2, 403") for x in lines)
    assert lines[-1].split()[:3] == ["siem", "2", "2"]
    found = json.loads(json_text(describe(summary, NOW)))
    assert found["outputs"]["siem"]["put_off"] == 2
    assert found["outputs"]["siem"]["rejected"] == 0
    assert found["dead_letters"]["siem"]["to_replay"] == 2


def test_a_clock_that_was_set_back_makes_no_age_negative(tmp_path: Path) -> None:
    """What was written later than now is new."""
    fill(tmp_path)
    past = datetime.now(UTC) - timedelta(days=9)
    found = json.loads(json_text(describe(summarise(tmp_path), past)))
    assert found["outputs"]["siem"]["oldest_seconds"] == 0


@pytest.mark.parametrize("runs", [False, True])
def test_looking_leaves_no_trace(tmp_path: Path, *, runs: bool) -> None:
    """No file is made, changed or touched."""
    fill(tmp_path)
    spool = opened(tmp_path, "siem", "archive") if runs else None
    before = traces(tmp_path)
    summary = summarise(tmp_path)
    if spool is not None:
        before.pop("spool.db-shm")  # who reads along puts his mark there
        after = traces(tmp_path)
        after.pop("spool.db-shm")
        assert summary.process == os.getpid()
        spool.close()
    else:
        after = traces(tmp_path)
        assert summary.process is None
    assert after == before


def test_no_spool_is_made(tmp_path: Path) -> None:
    """Nor a folder."""
    folder = tmp_path / "state"
    with pytest.raises(SpoolError, match="there is no spool in"):
        summarise(folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "spool.db").mkdir()
    with pytest.raises(SpoolError, match=r"cannot be read: Is a directory|there is no spool"):
        summarise(folder)


def test_after_a_kill_the_log_of_changes_is_read_too(tmp_path: Path) -> None:
    """What was committed last is only there."""
    code = (
        "import sys, time; from pathlib import Path; from tests.spooling import *\n"
        "spool = opened(Path(sys.argv[1]), 'a'); spool.commit(documents(0, 7))\n"
        "print('ready', flush=True); time.sleep(600)\n"
    )
    tmp_path.chmod(0o700)
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert summarise(tmp_path).process == process.pid
        process.send_signal(signal.SIGKILL)
    summary = summarise(tmp_path)
    assert summary.process is None
    assert summary.documents == 7
    assert (tmp_path / "spool.db-wal").exists()
    with closing(opened(tmp_path, "a")) as spool:
        assert spool.pending("a") == 7


@pytest.mark.parametrize("fails", [False, True])
def test_a_service_that_begins_to_run_meanwhile_is_asked_again(
    tmp_path: Path, *, fails: bool
) -> None:
    """What was read of a file that is being changed may be anything."""
    fill(tmp_path)
    spools: list[Spool] = []

    def ask(connection: sqlite3.Connection) -> int:
        if not spools:
            spools.append(opened(tmp_path, "siem", "archive"))
            spools[0].commit(documents(30, 40))
            if fails:
                raise sqlite3.DatabaseError
        (last,) = connection.execute("SELECT max(first) FROM blocks").fetchone()
        return int(last)

    assert read_spool(tmp_path, ask) == 31
    spools[0].close()
    with pytest.raises(ZeroDivisionError):
        read_spool(tmp_path, lambda _: 1 // 0)


@pytest.mark.parametrize(("version", "said"), [(99, "has version 99"), (0, "has version 0")])
def test_other_versions_are_not_guessed_at(tmp_path: Path, version: int, said: str) -> None:
    """Newer, or not brought up to date yet."""
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "spool.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(SpoolError, match=said):
        summarise(tmp_path)


def test_status_of_a_large_spool_reads_no_more_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite takes as many steps for 20,000 segments as for two, and reads no document."""
    steps = 0
    columns: set[tuple[str | None, str | None]] = set()

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def authorize(_: int, table: str | None, column: str | None, *__: object) -> int:
        columns.add((table, column))
        return sqlite3.SQLITE_OK

    def connect(path: Path, *, is_still: bool = False) -> sqlite3.Connection:
        connection = connect_to_read(path, is_still=is_still)
        connection.set_progress_handler(count, 1)
        connection.set_authorizer(authorize)
        return connection

    monkeypatch.setattr("forwarder.spool.schema.connect_to_read", connect)
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 1))
        spool.commit(documents(1, 2))
        summarise(tmp_path)
        few, steps = steps, 0
        with spool._writer.transaction(durable=False) as connection:  # noqa: SLF001 - in one go
            connection.executemany(
                "INSERT INTO blocks SELECT ?, documents, time, checksum, compressed FROM blocks"
                " WHERE first = 1",
                [(x,) for x in range(3, 20_000)],
            )
        assert summarise(tmp_path).documents == 19_999
        assert 0 < steps < few + 10
    assert ("blocks", "first") in columns
    assert ("blocks", "compressed") not in columns


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_command(tmp_path: Path, form: str) -> None:
    """The status, or a sentence; the exit code says that it does not run."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"state: {tmp_path / 'state'}\n"
        "inputs: [{type: stdin}]\n"
        "outputs: {siem: {type: stdout}}\n"
    )
    command = ["status", "-c", str(config), "--format", form]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no spool in ")
    fill(tmp_path / "state")
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.stderr) == (2, "")
    if form == "json":
        assert json.loads(done.stdout)["outputs"]["siem"]["waiting"] == 27
    else:
        assert done.stdout.startswith("service: not running\nattention: ")


def configured(folder: Path) -> list[str]:
    """Write a configuration; return the command that asks for the status."""
    config = folder / "config.yaml"
    config.write_text(
        f"state: {folder / 'state'}\ninputs: [{{type: stdin}}]\noutputs: {{a: {{type: stdout}}}}\n"
    )
    return ["status", "-c", str(config)]


def test_the_exit_code_says_whether_all_is_well(tmp_path: Path) -> None:
    """0 if it is, 1 if something needs attention, 2 where the service does not run."""
    command = configured(tmp_path)

    def codes() -> tuple[int, int, str]:
        done, checked = (CliRunner().invoke(main, [*command, *x]) for x in ((), ("--check",)))
        return done.exit_code, checked.exit_code, checked.stdout

    with closing(opened(tmp_path / "state", "a|b")) as spool:
        code, checked, line = codes()
        assert (code, checked) == (0, 0)
        used = re.sub(r"spool=\d+B", "spool=0B", line)
        assert used == (
            "OK: nothing needs attention | waiting=0 oldest=0s dead_letters=0 behind=0B"
            " spool=0B;;;0;1073741824\n"
        )
        spool.note("a|b", OutputError("no\n\x1b[2J|", 0, 0))
        code, checked, line = codes()
        assert (code, checked) == (1, 2)
        assert line.startswith(
            r"CRITICAL: output a/b: failing since 1970-01-01T00:00:00Z: no\x0a\x1b[2J/; its"
        )
        spool.note("a|b", None)
        spool.commit((), [("status/ingest", orjson.dumps(INGEST))])
        code, checked, line = codes()
        assert (code, checked) == (1, 1)
        assert line.startswith("WARNING: appliance esa2: silent since 2026-03-01T04:40:00Z; see")
    code, checked, line = codes()
    assert (code, checked) == (2, 2)
    assert line.startswith("CRITICAL: the service is not running; appliance esa2")


@pytest.mark.parametrize("is_valid", [False, True])
def test_a_check_that_cannot_tell(tmp_path: Path, *, is_valid: bool) -> None:
    """Says so on standard output, where monitors read."""
    command = configured(tmp_path)
    if not is_valid:
        Path(command[-1]).write_text("outputs: 5\n")
    done = CliRunner().invoke(main, [*command, "--check"])
    said = "there is no spool in " if is_valid else "the configuration is not valid; run esa-"
    assert (done.exit_code, done.stdout.startswith(f"UNKNOWN: {said}")) == (3, True)
    assert len(done.stdout.splitlines()) == 1
