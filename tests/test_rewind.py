"""The command ``rewind``: logs are read again as they were the first time."""

import gzip
import os
import subprocess
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from forwarder.app.status import describe
from forwarder.cli.main import main
from forwarder.cli.status import as_text
from forwarder.plugins import find_outputs
from forwarder.spool.cursors import Dropped, Place, save_outputs
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from tests.faults.program import COMMAND, Program
from tests.services import append, logins
from tests.test_run import FILES, configure, run


def rewind(
    config: Path, log: Path | str, *options: str, yes: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run it, in this process."""
    options = (*options, "--yes") if yes else options
    command = ["rewind", "-c", str(config), *options, *([str(log)] if log else [])]
    done = CliRunner().invoke(main, command)
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


def session(number: int, minute: str, *lines: str, day: int = 3) -> bytes:
    """Make lines of a connection: ``new``, ``login``, ``close``."""
    made = {
        "new": f"New SMTP ICID {number} interface Data 1 (192.0.2.25) address 203.0.113.9 reverse"
        " dns host unknown verified no",
        "login": f"SMTP Auth: (ICID {number}) succeeded for user: u using AUTH mechanism: PLAIN"
        " with profile: P",
        "close": f"ICID {number} close",
    }
    head = date(2026, 3, day).strftime("%a Mar  %-d")
    return "".join(
        f"{head} {minute}:{second:02} 2026 Info: {made[line]}\n"
        for second, line in enumerate(lines)
    ).encode()


def ids(output: bytes) -> list[str]:
    """Return the ids of documents."""
    return [orjson.loads(x)["event"]["id"] for x in output.splitlines()]


def bodies(output: bytes) -> set[bytes]:
    """Return documents, each once."""
    return set(output.splitlines())


def parsed(folder: Path, *files: Path) -> set[bytes]:
    """Return the documents that the command ``parse`` makes of logs."""
    paths = list(map(str, files)) or [f"{folder}/logs/{{appliance}}/mail*"]
    done = subprocess.run([*COMMAND, "parse", "-q", *paths], capture_output=True, check=True)  # noqa: S603
    return bodies(done.stdout)


def test_a_log_is_read_again(tmp_path: Path) -> None:
    """With the same ids; logs of other appliances are not."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1, 2, 3))
    append(tmp_path, logins(4), appliance="esa2")
    first = run(config, "--once").stdout
    assert len(ids(first)) == 4
    done = rewind(config, log)
    assert (done.returncode, done.stdout) == (0, "")
    size = f"{log.stat().st_size:,}"
    assert done.stderr == (
        f"1 log of 'esa1' will be read again, {size} bytes:\n  {str(log)!r}: {size} bytes\n"
        "Output 'out' (stdout) has had 4 documents; documents from these logs may be duplicated.\n"
    )
    again = run(config, "--once").stdout
    assert len(ids(again)) == 3
    assert bodies(again) < bodies(first)
    assert run(config, "--once").stdout == b""


def test_later_logs_are_read_again_too(tmp_path: Path) -> None:
    """So that a connection ends as it did, and not for a reason of its own days later."""
    config = configure(tmp_path, FILES)
    # In another order than that of their names as text.
    old = append(tmp_path, session(5, "10:10", "new", "login"), name="mail.2")
    middle = append(tmp_path, session(6, "10:20", "new", "login"), name="mail.1")
    live = append(tmp_path, session(5, "10:30", "close") + session(6, "10:31", "close"))
    first = run(config, "--once").stdout
    assert len(ids(first)) == 4
    done = rewind(config, old)
    assert done.stderr.startswith("3 logs of 'esa1' will be read again, ")
    assert [done.stderr.index(f"{str(x)!r}:") for x in (old, middle, live)] == sorted(
        done.stderr.index(f"{str(x)!r}:") for x in (old, middle, live)
    )
    again = run(config, "--once").stdout
    assert bodies(again) == bodies(first) == parsed(tmp_path)
    append(tmp_path, session(9, "10:00", "new", "login", "close", day=5))
    later = run(config, "--once").stdout
    assert len(ids(later)) == 2
    assert bodies(again + later) == parsed(tmp_path)


def test_what_is_open_of_a_configured_appliance_is_forgotten(tmp_path: Path) -> None:
    """Under the name of its entry, which is not that of its folder."""
    config = configure(tmp_path, FILES)
    with config.open("a") as file:
        file.write("appliances: {mx: {names: [esa1]}}\n")
    log = append(tmp_path, session(5, "10:10", "new", "login"))
    first = run(config, "--once").stdout
    assert rewind(config, log).returncode == 0
    with closing(Spool(tmp_path / "state")) as spool:
        assert [*spool.load_state("core/")] == []
    assert bodies(run(config, "--once").stdout) == bodies(first)
    append(tmp_path, session(5, "10:20", "login"))
    (document,) = map(orjson.loads, run(config, "--once").stdout.splitlines())
    assert document["source"]["ip"] == "203.0.113.9"


def test_a_file_that_came_late_is_joined_then(tmp_path: Path) -> None:
    """In the output ``file``, too, where the login was in the last batch."""
    config = configure(tmp_path, FILES)
    path = tmp_path / "out.ndjson"
    text = config.read_text()
    config.write_text(
        text[: text.index("outputs:")] + f"outputs: {{f: {{type: file, path: {path}}}}}"
    )
    append(tmp_path, session(1, "10:20", "login"), name="mail.@20260303T102000.s")
    assert run(config, "--once").returncode == 0
    late = append(tmp_path, session(1, "10:10", "new"), name="mail.@20260303T101000.s")
    assert run(config, "--once").returncode == 0
    assert rewind(config, late).returncode == 0
    assert run(config, "--once").returncode == 0
    first, second = map(orjson.loads, path.read_bytes().splitlines())
    assert first["event"]["id"] == second["event"]["id"]
    assert ("ip" in first["source"], second["source"]["ip"]) == (False, "203.0.113.9")


def test_a_connection_that_is_open_now_goes_on(tmp_path: Path) -> None:
    """Though another had its number in the log that is read again."""
    config = configure(tmp_path, FILES)
    old = append(
        tmp_path, session(1, "10:10", "new", "login", "close"), name="mail.@20260303T101000.s"
    )
    append(tmp_path, session(1, "10:30", "new", "login"))
    first = run(config, "--once").stdout
    assert rewind(config, old).returncode == 0
    again = run(config, "--once").stdout
    assert bodies(again) == bodies(first)
    append(tmp_path, session(1, "10:40", "login", "close"))
    later = run(config, "--once").stdout
    assert len(ids(later)) == 2
    assert bodies(again + later) == parsed(tmp_path)


def test_earlier_logs_are_not_read_again(tmp_path: Path) -> None:
    """Nothing of what they said is remembered."""
    config = configure(tmp_path, FILES)
    append(tmp_path, session(1, "10:10", "new"), name="mail.@20260303T101000.s")
    log = append(tmp_path, session(1, "10:20", "login", "close"), name="mail.@20260303T102000.s")
    first = run(config, "--once").stdout
    assert rewind(config, log).stderr.startswith("1 log of 'esa1' will be read again")
    again = run(config, "--once").stdout
    assert set(ids(again)) == set(ids(first))
    assert bodies(again) == parsed(tmp_path, log)


def test_appliances_of_a_relay_are_forgotten(tmp_path: Path) -> None:
    """Each appliance's, whose lines are in the log that is read again."""
    config = configure(tmp_path, 'files, paths: ["{folder}/logs/*/mail*"]')
    lines = session(1, "10:10", "new", "login").splitlines(keepends=True)
    text = b"".join(b"Mar  3 %b esa7 mail_logs: %b" % (x[11:19], x[25:]) for x in lines)
    log = append(tmp_path, text, appliance="relay")
    first = run(config, "--once").stdout
    assert rewind(config, log).returncode == 0
    assert bodies(run(config, "--once").stdout) == bodies(first)
    assert b'"hostname":"esa7"' in first


def test_what_cannot_be_read_again_is_said(tmp_path: Path) -> None:
    """A compressed log can be; one that is gone cannot."""
    config = configure(tmp_path, FILES)
    names = [f"mail.@2026030{x}T000000.s" for x in (1, 2, 3)]
    old, compressed, gone = (append(tmp_path, logins(x + 1), name=y) for x, y in enumerate(names))
    assert run(config, "--once").returncode == 0
    compressed.with_name(compressed.name + ".gz").write_bytes(
        gzip.compress(compressed.read_bytes())
    )
    compressed.unlink()
    gone.unlink()
    done = rewind(config, old)
    assert done.stderr.startswith("2 logs of 'esa1' will be read again")
    assert f"{compressed}.gz" in done.stderr
    assert f"warning: {str(gone)!r} is not there any more" in done.stderr
    assert done.returncode == 0
    assert len(ids(run(config, "--once").stdout)) == 2


def test_what_is_too_old_is_said(tmp_path: Path) -> None:
    """It would be left alone, as an unknown log."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1))
    assert run(config, "--once").returncode == 0
    os.utime(log, (1_000_000, 1_000_000))
    configure(tmp_path, FILES + ", ignore_older: 1h")
    assert "was last changed before ignore_older of its input" in rewind(config, log).stderr


def test_a_log_is_named_in_many_ways(tmp_path: Path) -> None:
    """Dots go, as in the configuration, and links stay; from the folder one is in."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1))
    (tmp_path / "logs" / "away").symlink_to("/")
    for name in (log.parent / ".." / "esa1" / log.name, log.parents[1] / "away/../esa1" / log.name):
        assert run(config, "--once").stdout.count(b"\n") == 1
        assert rewind(config, name).returncode == 0


def test_names_are_shown_by_their_codes(tmp_path: Path) -> None:
    """Whatever a terminal would make of them."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1), name="mail.\x1b[31m\n.current")
    assert run(config, "--once").returncode == 0
    assert r"mail.\x1b[31m\n.current" in rewind(config, log).stderr
    assert r"no log is known under '\x1b'" in rewind(config, "\x1b").stderr


def test_without_a_state_nothing_is_made(tmp_path: Path) -> None:
    """There is nothing to forget."""
    config = configure(tmp_path, FILES)
    done = rewind(config, append(tmp_path, logins(1)))
    assert done.returncode == 1
    assert "there is no spool in" in done.stderr
    assert not (tmp_path / "state").exists()


# For one output alone

BOTH = """\
state: {folder}/state
inputs:
  - type: files
    paths: ["{folder}/logs/{{appliance}}/mail*"]
outputs:
  old: {{type: file, path: {folder}/old.ndjson}}
"""
NEW = "  new: {{type: file, path: {folder}/new.ndjson, batch: {{max_documents: 2}}}}\n"


def configured(folder: Path, text: str) -> Path:
    """Write a configuration."""
    path = folder / "esa.yaml"
    path.write_text(text.format(folder=folder), "utf-8")
    return path


def test_a_new_output_gets_what_others_have(tmp_path: Path) -> None:
    """In order, once, with what comes later; nothing is read again for the others."""
    config = configured(tmp_path, BOTH)
    old = append(tmp_path, session(5, "10:10", "new", "login"), name="mail.1")
    append(tmp_path, session(5, "10:30", "login", "close") + logins(1, 2))
    append(tmp_path, logins(4), appliance="esa2")
    assert run(config, "--once").returncode == 0
    first = (tmp_path / "old.ndjson").read_bytes()
    config = configured(tmp_path, BOTH + NEW)
    compressed = old.with_name("mail.1.gz")
    compressed.write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    for added in (5, 0):  # what waits for it is not added again
        done = rewind(config, compressed, "--output", "new", yes=False)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.startswith("2 logs of 'esa1' will be read again for 'new' alone, ")
        assert done.stderr.endswith(f"{added} documents added to the spool for 'new'.\n")
    append(tmp_path, session(6, "10:50", "new", "login", "close"))
    assert run(config, "--once").returncode == 0
    there = (tmp_path / "old.ndjson").read_bytes()
    assert there.startswith(first)
    own = [x for x in there.splitlines() if orjson.loads(x)["host"]["name"] == "esa1"]
    assert len(own) == 7
    found = (tmp_path / "new.ndjson").read_bytes().splitlines()
    assert ids(b"\n".join(found)) == ids(b"\n".join(own))
    assert set(found) & set(own) == set(own[1:]), "the log has another path now"


def test_an_output_that_has_documents_is_asked_about(tmp_path: Path) -> None:
    """Nothing is changed without --yes; one that recognises ids need not be asked about."""
    config = configured(tmp_path, BOTH + NEW)
    log = append(tmp_path, logins(*range(1, 7)))
    assert run(config, "--once").returncode == 0
    for options in ((), ("--output", "new")):
        done = rewind(config, log, *options, yes=False)
        assert done.returncode == 1
        assert (
            "Output 'new' (file) has had 6 documents; documents from these logs may be duplicated."
            in (done.stderr)
        )
        assert ("'old'" in done.stderr) is (not options)
        assert "(--yes skips this question)? [y/N]: " in done.stderr
        assert done.stderr.endswith("Aborted!\n")
    assert run(config, "--once").returncode == 0
    assert len(ids((tmp_path / "new.ndjson").read_bytes())) == 6
    assert rewind(config, log, "--output", "new").returncode == 0
    assert run(config, "--once").returncode == 0
    assert len(ids((tmp_path / "old.ndjson").read_bytes())) == 6
    assert len(set(ids((tmp_path / "new.ndjson").read_bytes()))) == 6
    assert len(ids((tmp_path / "new.ndjson").read_bytes())) > 6


def test_a_log_that_changed_meanwhile_adds_nothing(tmp_path: Path) -> None:
    """All of the logs are read again, or none."""
    config = configured(tmp_path, BOTH)
    log = append(tmp_path, logins(1), name="mail.1")
    compressed = log.with_name("mail.gz")
    compressed.write_bytes(gzip.compress(logins(2, 3)))
    assert run(config, "--once").returncode == 0
    compressed.write_bytes(gzip.compress(logins(2)))
    config = configured(tmp_path, BOTH + NEW)
    done = rewind(config, log, "--output", "new")
    assert done.returncode == 1
    assert "that were read of it" in done.stderr
    assert summarise(tmp_path / "state").documents == 0


def test_what_was_dropped_is_named_until_it_is_settled(tmp_path: Path) -> None:
    """By a word of the operator, who knows whether all appliances are read again."""
    config = configured(tmp_path, BOTH + NEW)
    log = append(tmp_path, logins(*range(1, 7)))
    assert run(config, "--once").returncode == 0
    with closing(Spool(tmp_path / "state")) as spool:
        dropped = Dropped(4, Place("2026-03-03", str(log)), Place("2026-03-03", str(log)))
        progress = spool.outputs["new"]._replace(dropped=dropped)
        with spool._writer.transaction(durable=True) as connection:  # noqa: SLF001 - as if full
            save_outputs(connection, {"new": progress})

    def named() -> Dropped | None:
        return summarise(tmp_path / "state").outputs["new"].progress.dropped

    done = rewind(config, log, "--output", "new")
    assert done.returncode == 0
    assert run(config, "--once").returncode == 0
    assert named() == dropped
    shown = "\n".join(as_text(describe(summarise(tmp_path / "state"), datetime.now(UTC))))
    assert "to do without them: esa-forwarder rewind --output new --settle" in shown
    done = rewind(config, "", "--output", "new", "--settle")
    assert (done.returncode, done.stderr) == (0, "4 documents dropped for 'new': settled.\n")
    assert named() is None
    done = rewind(config, log, "--output", "new", "--settle")
    assert done.stderr.endswith("for 'new'.\n0 documents dropped for 'new': settled.\n")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--settle"], "--settle needs --output."),
        (["--output", "new"], "Missing argument 'PATH'."),
        ([], "Missing argument 'PATH'."),
    ],
)
def test_a_path_is_needed_where_nothing_is_settled(
    tmp_path: Path, options: list[str], said: str
) -> None:
    """A mistake in what was asked for."""
    done = rewind(configured(tmp_path, BOTH + NEW), "", *options)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_an_output_has_to_be_in_the_configuration(tmp_path: Path) -> None:
    """Or it ends with 2, as for any mistake in what was asked for."""
    config = configured(tmp_path, BOTH)
    log = append(tmp_path, logins(1))
    assert run(config, "--once").returncode == 0
    done = rewind(config, log, "--output", "new")
    assert done.returncode == 2
    assert "there is no output 'new' in " in done.stderr


def test_an_unknown_log_is_an_error(tmp_path: Path) -> None:
    """With a way to find out what is known."""
    config = configure(tmp_path, FILES)
    append(tmp_path, logins(1))
    assert run(config, "--once").returncode == 0
    done = rewind(config, tmp_path / "other")
    assert done.returncode == 1
    assert "esa-forwarder status lists them" in done.stderr


def test_the_service_must_not_run(tmp_path: Path) -> None:
    """It holds the state."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1))
    program = Program(config)
    program.start(stdout=os.open(os.devnull, os.O_WRONLY))
    try:
        program.await_log("The service has begun.")
        done = rewind(config, log)
        assert done.returncode == 1
        assert "is in use by process" in done.stderr
    finally:
        program.finish()


@pytest.mark.parametrize("name", ["", "x/../mail.current"])
def test_mistakes_in_the_configuration_end_it_with_2(tmp_path: Path, name: str) -> None:
    """Before anything is touched."""
    done = rewind(configure(tmp_path, "nothing"), name or "log")
    assert done.returncode == 2
    assert not (tmp_path / "state").exists()


def test_outputs_that_recognise_ids_are_known() -> None:
    """All that come with the program."""
    types = ("elasticsearch", "file", "opensearch", "stdout")
    found = {name: plugin.knows_ids for name, plugin in find_outputs(types).items()}
    assert found == dict(zip(types, (True, False, True, False), strict=True))
