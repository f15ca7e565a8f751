"""Links in the folder of an account that uploads logs: nothing of another's becomes its own.

As processes: what comes out, and what is said in the log, by ``status``, ``check`` and ``parse``.
"""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tests.faults.program import COMMAND, Program, wait_until
from tests.services import append, logins

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/esa1/mail*"]}}
  - {{type: files, paths: ["{folder}/logs/esa2/mail*"]}}
outputs:
  out: {{type: file, path: {folder}/auth.ndjson, batch: {{max_age: 10ms}}}}
"""


def call(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - ours


def program(folder: Path) -> Program:
    """Write the configuration of an input for each appliance."""
    path = folder / "esa.yaml"
    path.write_text(CONFIG.format(folder=folder), "utf-8")
    return Program(path)


def rows(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Give appliance and connection of each login, sorted."""
    found = [json.loads(x) for x in lines]
    return sorted((x["host"]["name"], x["cisco_esa"]["icid"]) for x in found)


def delivered(folder: Path) -> list[tuple[str, str]]:
    """Give those in the file of the output."""
    path = folder / "auth.ndjson"
    return rows(path.read_text("utf-8").splitlines()) if path.exists() else []


EXPECTED = [("esa1", "1"), ("esa2", "2"), ("esa2", "3")]


def test_a_link_to_the_log_of_another(tmp_path: Path) -> None:
    """It stays the other's, and one warning names the link in each place."""
    append(tmp_path, logins(1))
    append(tmp_path, logins(2, 3), "esa2")
    (tmp_path / "logs/esa1/mail.zz").symlink_to("../esa2/mail.current")
    done = call("parse", tmp_path / "logs")
    assert (done.returncode, rows(done.stdout.splitlines())) == (0, EXPECTED)
    said = "logs/esa1/mail.zz' is a symbolic link and was skipped"
    assert done.stderr.count(said) == 1
    assert f"warning: '{tmp_path}/{said}" in done.stderr
    running = program(tmp_path)
    assert running.once() == 0
    assert delivered(tmp_path) == EXPECTED
    assert running.log.count(said) == 1
    assert said in call("status", "-c", running.config).stdout
    assert call("check", "-c", running.config).stdout.count(said) == 1


def test_a_hard_link_to_the_log_of_another(tmp_path: Path) -> None:
    """It stays the other's, also over a restart and when its own name is gone."""
    append(tmp_path, logins(1))
    log = append(tmp_path, logins(2, 3), "esa2")
    running = program(tmp_path)
    assert running.once() == 0
    (tmp_path / "logs/esa1/mail.@20200101T000000.s").hardlink_to(log)
    for _ in range(2):
        assert running.once() == 0
        assert delivered(tmp_path) == EXPECTED
        log.unlink(missing_ok=True)


def test_a_hard_link_to_a_log_that_is_compressed(tmp_path: Path) -> None:
    """It stays the other's when it is the only name of the inode."""
    append(tmp_path, logins(1))
    log = append(tmp_path, logins(2, 3), "esa2")
    running = program(tmp_path)
    assert running.once() == 0
    (tmp_path / "logs/esa1/mail.hard").hardlink_to(log)
    assert running.once() == 0
    log.with_name("mail.@20260301T000900.s.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    for _ in range(2):
        assert running.once() == 0
        assert delivered(tmp_path) == EXPECTED


def test_links_to_the_spool(tmp_path: Path) -> None:
    """They are never opened: SQLite keeps its locks, and a command leaves its WAL alone."""
    append(tmp_path, logins(1))
    append(tmp_path, logins(2, 3), "esa2")
    running = program(tmp_path).begin()
    try:
        wait_until(lambda: delivered(tmp_path) == EXPECTED, "the first logins")
        for name in ("spool.db", "spool.db-shm", "spool.db-wal"):
            (tmp_path / "logs/esa1" / f"mail.{name}").symlink_to(tmp_path / "state" / name)
        running.await_log("skipped, because a link can lead to anything")
        (tmp_path / "logs/esa1/mail.hard").hardlink_to(tmp_path / "state/spool.db")
        running.await_log("is a file of the program's own by another name; it is never read")
        for link in (tmp_path / "logs/esa1").glob("mail.*"):
            if link.name != "mail.current":
                link.unlink()
        append(tmp_path, logins(4))
        more = sorted([*EXPECTED, ("esa1", "4")])
        wait_until(lambda: delivered(tmp_path) == more, "another login")
        purged = call("dead-letters", "purge", "-c", running.config, "--all")
        assert purged.returncode == 0, purged.stderr
        assert not any("spool.db" in x and "deleted" in x for x in running.open_files)
        assert (tmp_path / "state/spool.db-wal").exists()
        append(tmp_path, logins(5), "esa2")
        more = sorted([*more, ("esa2", "5")])
        wait_until(lambda: delivered(tmp_path) == more, "one behind the command")
        running.kill()
        assert running.once() == 0
        assert delivered(tmp_path) == more
    finally:
        running.finish()


def tar_archive(mode: Literal["w:", "w:gz"], name: str) -> bytes:
    """Pack the logs of two appliances."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for appliance in ("esa2", "esa3"):
            member = tarfile.TarInfo(f"{name}/{appliance}/mail.current")
            content = logins(*range(500))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_a_tar_archive(tmp_path: Path) -> None:
    """It is refused in words, whatever its name, and none of its lines becomes an event."""
    append(tmp_path, logins(1))
    names = []
    modes: tuple[tuple[Literal["w:", "w:gz"], str], ...] = (("w:", "plain"), ("w:gz", "packed"))
    for mode, kind in modes:
        for end in ("log", "@20260303T100000.s.gz", "tgz"):
            names.append(f"mail.{kind}.{end}")
            path = tmp_path / "logs/esa1" / names[-1]
            path.write_bytes(tar_archive(mode, names[-1]))
    expected = [("esa1", "1")]
    said = []
    for path in (tmp_path / "logs", tmp_path / "logs/esa1/mail*"):
        done = call("parse", path)
        assert (done.returncode, rows(done.stdout.splitlines())) == (1, expected)
        said.append(done.stderr)
    running = program(tmp_path)
    assert running.once() == 1
    assert delivered(tmp_path) == expected
    said += [running.log, call("status", "-c", running.config).stdout]
    for name in names:
        assert [x.count(f"{name}' is a tar archive") for x in said] == [1, 1, 1, 1]
