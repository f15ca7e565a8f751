"""One output rejects everything, one is down, and one is well: with one small spool."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from forwarder.cli.main import main
from tests.bulk_server import BulkServer, Item
from tests.faults.program import Program, wait_until

LOGINS = 30_000
FIRST = 3_000

CONFIG = """\
state: {folder}/state
spool: {{max_bytes: 10MB}}
dead_letters: {{max_bytes: 1MB}}
documents: {{session_events: false}}
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"]}}
outputs:
  archive: {{type: file, path: {folder}/auth.ndjson}}
"""

OTHERS = """\
  down: {{type: elasticsearch, hosts: ["http://127.0.0.1:9"]}}
  rejecting: {{type: opensearch, hosts: ["{url}"], batch: {{max_documents: 1000}}}}
"""


REJECTED: Item = {
    "status": 400,
    "error": {"type": "document_parsing_exception", "reason": "failed to parse field [x]"},
}


def write_log(folder: Path, name: str, first: int, end: int) -> None:
    """Write a log in which each login is by another user."""
    chance = random.Random(first)
    path = folder / "logs" / "esa1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as log:
        for number in range(first, end):
            at = (
                f"Tue Mar  3 {10 + number // 36_000}:{number // 600 % 60:02}:{number // 10 % 60:02}"
            )
            user = chance.randbytes(500).hex()
            log.write(
                f"{at} 2026 Info: New SMTP ICID {number} interface Data 1 (192.0.2.25) address"
                f" 203.0.113.{number % 250} reverse dns host unknown verified no\n"
                f"{at} 2026 Info: SMTP Auth: (ICID {number}) failed for user: {user}"
                " using AUTH mechanism: PLAIN with profile: P\n"
                f"{at} 2026 Info: ICID {number} close\n"
            )


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Run a server that rejects every document."""
    server = BulkServer()
    server.choose = lambda _: REJECTED
    try:
        yield server
    finally:
        server.stop()


def lines(path: Path) -> int:
    """Count the lines of a file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def status(config: Path) -> Any:  # noqa: ANN401 - JSON
    """Ask for the status."""
    done = CliRunner().invoke(main, ["status", "-c", str(config), "--format", "json"])
    return json.loads(done.stdout)


def test_outputs_that_do_not_deliver_stop_no_other(tmp_path: Path, server: BulkServer) -> None:
    """The spool is full again and again; the one that is well has everything, in order and once."""
    write_log(tmp_path, "mail.@20260303T100000.s", 0, FIRST)
    config = tmp_path / "esa.yaml"
    text = CONFIG + OTHERS
    config.write_text(text.format(folder=tmp_path, url=server.url))
    program = Program(config)
    try:
        program.begin()
        program.await_log("may take 1,000,000 (dead_letters.max_bytes), so it waits")
        write_log(tmp_path, "mail.@20260303T110000.s", FIRST, LOGINS)
        archive = tmp_path / "auth.ndjson"
        wait_until(lambda: lines(archive) == LOGINS, "all logins in the archive")
        shown = status(config)
        outputs = shown["outputs"]
        assert program.end() == 0
    finally:
        program.finish()
    assert 1_000_000 <= shown["dead_letters"]["rejecting"]["bytes"] < 2_000_000
    rejected = [int(x) for x in re.findall(r" rejected=(\d+) ", program.log)]
    assert sum(rejected) == outputs["rejecting"]["rejected"]
    ids = [json.loads(x)["event"]["id"] for x in archive.read_bytes().splitlines()]
    assert len(set(ids)) == LOGINS
    assert outputs["archive"]["dropped"] is None
    for name in ("down", "rejecting"):
        progress = outputs[name]
        dropped = progress["dropped"]
        assert progress["rejected"] + progress["waiting"] + dropped["documents"] == LOGINS
        assert dropped["documents"] > 0
        assert dropped["first"]["path"].startswith(str(tmp_path / "logs" / "esa1" / "mail.@"))
        assert dropped["first"]["time"] < dropped["last"]["time"]
    assert outputs["down"]["rejected"] == 0
    assert "127.0.0.1:9" in outputs["down"]["last_error"]
    assert "dead_letters.max_bytes" in outputs["rejecting"]["last_error"]
    said = [x for x in program.log.splitlines() if "that does not deliver are dropped" in x]
    assert sorted(x.split(" output=")[1].split()[0] for x in said) == ["down", "rejecting"]
    assert "esa-forwarder rewind --output down PATH" in program.log
