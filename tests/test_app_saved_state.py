"""A state of the version before is upgraded; one of a later version is refused."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from forwarder.app.parser_client import PREFIX as PARSER_PREFIX
from forwarder.app.saved_state import KEY, upgrade
from forwarder.errors import StateVersionError
from forwarder.inputs.files.checkpoint import STARTED
from forwarder.mail_logs.snapshot import VERSION
from forwarder.spool.spool import Spool
from tests import old_state
from tests.faults.program import COMMAND
from tests.old_state import line, login, relayed

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/esa1/mail*"], appliance: esa1, timezone: UTC}}
  - {{type: files, paths: ["{folder}/logs/relay/mail*"], timezone: UTC}}
  - {{type: stdin, appliance: piped}}
outputs:
  out: {{type: stdout}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Put the old state, its logs and a configuration into a folder."""
    old_state.unpack(tmp_path / "state")
    for name, content in (
        ("esa1/mail.@20260303T100000.s", old_state.CLOSED),
        ("esa1/mail.current", old_state.LIVE),
        ("relay/mail.log", old_state.RELAY),
    ):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = tmp_path / "esa.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), "utf-8")
    return path


def run(config: Path, stdin: bytes = b"") -> list[dict[str, Any]]:
    """Run once; give the documents."""
    command = [*COMMAND, "run", "-c", str(config), "--once"]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(x) for x in done.stdout.splitlines()]


def append(config: Path, name: str, content: bytes) -> None:
    """Write to a log."""
    with (config.parent / "logs" / name).open("ab") as file:
        file.write(content)


def test_nothing_is_read_again(config: Path) -> None:
    """Files are known by what is in them, wherever they are now."""
    assert run(config) == []
    assert run(config) == []


def test_all_goes_on_where_it_was(config: Path) -> None:
    """Connections, sessions with their counts, half a line, and the offset of the header."""
    rest = b"mple.com>\n"
    append(config, "esa1/mail.current", rest)
    append(
        config,
        "esa1/mail.current",
        line(20, b"DCID: 3 IP: 198.51.100.3 SMTP authentication using the profile Out succeeded.")
        + line(21, b"ICID 2 close")
        + line(22, login(1, b"a")),
    )
    append(config, "relay/mail.log", relayed(23, b"gate", login(2, b"c", b"failed")))
    append(config, "relay/mail.log", relayed(24, b"other", login(9, b"d")))
    found = run(config, line(25, login(2, b"e")) + line(26, b"ICID 2 close"))
    esa1 = [x for x in found if x["host"]["name"] == "esa1"]
    outbound, end, inbound = esa1
    assert outbound["cisco_esa"]["connection"]["id"] == "esa1:dcid:3:20260303T100010Z"
    session = end["cisco_esa"]["session"]
    assert session["auth_successes"] == session["auth_failures"] == session["messages"] == 1
    assert (session["recipients"], session["bytes"]) == (1, 500)
    assert end["tls"]["version"] == "1.2"
    assert inbound["source"]["ip"] == "203.0.113.1"
    assert {x["host"]["id"] for x in esa1} == {"564D-01"}
    others = [x for x in found if x["host"]["name"] != "esa1"]
    addresses = {x["host"]["name"]: x["source"].get("ip") for x in others}
    assert addresses == {"gate": "203.0.113.4", "other": None, "piped": "203.0.113.6"}
    assert len({x["event"]["id"] for x in found}) == len(found) == 7
    assert run(config) == []


def test_state_of_an_unknown_machine_is_ignored(config: Path) -> None:
    """An address is never guessed: here the files of one appliance have two names."""
    with closing(opened_spool(config)) as spool:
        (key, value) = next(
            (key, value)
            for key, value in spool.load_state("file/")
            if b"mail.@20260303T100000.s" in value
        )
        spool.commit([], [(key, value.replace(b"mail.@20260303T100000.s", b"other.log"))])
        upgrade(spool)
        kept = [x for _, x in spool.load_state(PARSER_PREFIX) if b'"esa1"' in x]
        assert kept == []
        assert any(b'"gate"' in x for _, x in spool.load_state(PARSER_PREFIX))


def test_it_is_done_once(config: Path) -> None:
    """The version says so."""
    with closing(opened_spool(config)) as spool:
        upgrade(spool)
        before = spool.load_state("")
        assert (KEY, b"%d" % VERSION) in before
        upgrade(spool)
        assert spool.load_state("") == before


def test_a_later_version_is_refused(config: Path) -> None:
    """Going back to an older program is refused in words."""
    with closing(opened_spool(config)) as spool:
        spool.commit([], [(KEY, b"99")])
        with pytest.raises(StateVersionError, match="version 99"):
            upgrade(spool)
    command = [*COMMAND, "run", "-c", str(config), "--once", "--give-up-after", "1s"]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 1
    assert b"has version 99" in done.stderr


@pytest.mark.parametrize("resume", [b"[[]]", b"{}", b"[{}]", b'[{"esa1":[]}]', b"?"])
def test_what_no_version_has_written_is_refused(config: Path, resume: bytes) -> None:
    """In words, and nothing of it is changed."""
    with closing(opened_spool(config)) as spool:
        key, value = next((x, y) for x, y in spool.load_state("file/") if x != STARTED)
        spool.commit([], [(key, value.partition(b"\n")[0] + b"\n" + resume)])
        before = spool.load_state("")
        with pytest.raises(StateVersionError, match="no version that this program knows"):
            upgrade(spool)
        assert spool.load_state("") == before


def test_a_new_state_has_the_version(tmp_path: Path) -> None:
    """From its beginning."""
    with closing(Spool(tmp_path / "state", max_bytes=10_000_000)) as spool:
        upgrade(spool)
        assert spool.load_state("state/") == [(KEY, b"%d" % VERSION)]


def opened_spool(config: Path) -> Spool:
    """Open the spool."""
    return Spool(config.parent / "state", max_bytes=10_000_000)
