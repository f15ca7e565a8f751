"""What happens to the process: full disks, signals, a clock that is set, a torn log of changes."""

import os
import signal
import time
from pathlib import Path

import orjson
import pytest

from forwarder.spool.segments import RECENT_BYTES
from tests.corpus import Corpus, hostile, storm
from tests.corpus.world import seeded
from tests.faults.disks import fill_up, small_disk
from tests.faults.picky import install
from tests.faults.program import COMMAND, Program, wait_until
from tests.faults.scenes import CONFIG, QUICK, Scene
from tests.faults.tearing import tear

CORPUS = hostile(41, connections=300)

SECOND = """\
  second: {{type: file, path: {folder}/second.ndjson, {quick}}}
"""
PICKY = """\
  picky: {{type: picky, folder: {folder}/picky, {quick}}}
"""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Make a scene with an installed output that can be told what to do."""
    environment = install(tmp_path / "installed")
    (tmp_path / "picky").mkdir()
    return Scene(tmp_path, CORPUS, environment=environment)


# Full disks


def test_disk_full_on_the_state_folder(tmp_path: Path) -> None:
    """It waits, says so, and goes on by itself when there is room: lost 0."""
    with (
        small_disk(tmp_path / "small", 16) as disk,
        Scene(tmp_path, CORPUS, config=CONFIG.replace("{folder}/state", "{folder}/small/s")) as x,
    ):
        ballast = fill_up(disk / "ballast")
        x.program.start()
        x.program.await_log("The spool cannot be opened now; retrying.")
        ballast.unlink()
        for writer in x.writers.values():
            writer.grow()
        x.program.await_log("The service has begun.")
        x.catch_up()
        ballast = fill_up(disk / "ballast")
        for writer in x.writers.values():
            writer.rotate()
            writer.grow()
        x.program.await_log("Reading paused: nothing can be written to the spool.")
        assert "free some space" in x.program.log
        ballast.unlink()
        x.catch_up()
        x.program.await_log("reading resumed.")
        # Killed with a full disk, it waits at the start.
        x.program.kill()
        ballast = fill_up(disk / "ballast")
        x.write_all()
        x.program.start()
        x.program.await_log("The spool cannot be opened now; retrying.")
        x.program.send(signal.SIGHUP)
        x.program.await_log("The configuration was read again.")
        ballast.unlink()
        x.program.await_log("The service has begun.")
        x.catch_up()
        x.assert_whole()


def test_disk_full_on_the_output(tmp_path: Path) -> None:
    """The output waits, says so, and goes on by itself; the other one is complete meanwhile."""
    config = CONFIG + SECOND.replace("{folder}/second", "{folder}/small/second")
    with (
        small_disk(tmp_path / "small", 32) as disk,
        Scene(tmp_path, CORPUS, config=config) as x,
    ):
        second = disk / "second.ndjson"
        for writer in x.writers.values():
            writer.grow()
        x.program.begin()
        x.catch_up(second)
        ballast = fill_up(disk / "ballast", leave_bytes=20_000)
        x.write_all()
        x.catch_up()
        x.program.await_log("No space left on device; free some space there")
        assert len(x.documents(second)) < len(CORPUS.expected)
        ballast.unlink()
        x.catch_up(second)
        x.program.await_log("Output recovered; delivery resumed.")
        x.assert_whole()
        assert x.tally(second).is_whole


# Outputs


def test_one_output_is_dead_for_the_whole_run(tmp_path: Path) -> None:
    """The other is complete and on time, the spool holds the rest, memory is flat."""
    config = CONFIG + SECOND.replace("{folder}/second", "{folder}/away/second")
    # Which thread is the faster decides how large batches get, and each takes its size twice.
    small = QUICK.replace("max_age", "max_bytes: 1MB, max_age")
    config = config.replace("{quick}", small.replace("{", "{{").replace("}", "}}"))
    # Some 14,000 events, 25 MB of documents.
    corpus = hostile(42, connections=2500)
    with Scene(tmp_path, corpus, config=config) as x:
        x.program.begin()
        for writer in x.writers.values():
            writer.grow()
        x.catch_up()
        early = x.program.memory("VmHWM")
        begun = time.monotonic()
        x.write_all()
        x.catch_up()
        seconds = time.monotonic() - begun
        peak = x.program.memory("VmHWM")
        state = sum(entry.stat().st_size for entry in (tmp_path / "state").iterdir())
        print(f"{seconds:.1f} s; memory {early / 1e6:.0f}, then {peak / 1e6:.0f} MB; {state=:,}")  # noqa: T201
        assert x.program.log.count("Output unavailable") == 1
        # Eleven times as much has come since. What was committed last is at hand in any case.
        assert peak < early + RECENT_BYTES + 24_000_000
        assert x.program.end() == 0
        # It is not waited for indefinitely, and the end says so.
        x.program.begin("--once")
        x.program.await_log("Output unavailable")
        assert x.program.end() == 1
        assert f"{len(corpus.expected):,} documents still wait for output" in x.program.log
        (tmp_path / "away").mkdir()
        assert x.program.once() == 0
        for output in (x.output, tmp_path / "away" / "second.ndjson"):
            tally = x.tally(output)
            assert tally.is_whole, f"{tally.text} {tally.wrong[:3]}"


def test_a_spool_that_is_full_pauses_reading(tmp_path: Path) -> None:
    """Until the output delivers again: then all of it comes."""
    config = CONFIG.replace("{folder}/auth", "{folder}/away/auth")
    stream = storm(43, 60_000_000)
    with Scene(tmp_path, Corpus({}, []), config=config + "spool: {{max_bytes: 10MB}}\n") as x:
        log = tmp_path / "logs" / "esa1" / "mail.current"
        log.parent.mkdir(parents=True)
        with log.open("wb") as file:
            file.writelines(stream)
        x.program.begin()
        x.program.await_log("Reading paused: nothing can be written to the spool.")
        assert "the spool is full" in x.program.log
        size = sum(entry.stat().st_size for entry in (tmp_path / "state").iterdir())
        assert size < 24_000_000
        (tmp_path / "away").mkdir()
        x.output = tmp_path / "away" / "auth.ndjson"
        x.program.await_log("The spool has space again; reading resumed.")
        x.catch_up(documents=stream.logins + stream.sessions)
        assert x.program.end() == 0
        documents = x.documents()
        ids = {orjson.loads(document)["event"]["id"] for document in documents}
        lost, doubled = stream.logins + stream.sessions - len(ids), len(documents) - len(ids)
        print(f"{lost=} {doubled=}, {size=:,} bytes of spool")  # noqa: T201
        assert (lost, doubled) == (0, 0)


# Signals


def test_a_second_sigint_ends_at_once_and_loses_nothing(scene: Scene) -> None:
    """Also while an output hangs."""
    (scene.folder / "picky" / "hang").touch()
    scene.configure(CONFIG + PICKY)
    with scene:
        scene.program.begin()
        for writer in scene.writers.values():
            writer.grow()
        wait_until((scene.folder / "picky" / "hanging").exists, "it hangs")
        scene.program.send(signal.SIGINT)
        scene.program.await_log("The service was asked to end.")
        assert scene.program.end(signal.SIGINT) == 130
        assert "Output did not stop in time" not in scene.program.log
        (scene.folder / "picky" / "hang").unlink()
        scene.write_all()
        scene.assert_whole()
        assert scene.tally(scene.folder / "picky" / "picky.ndjson").lost == 0


def test_an_output_that_hangs_does_not_keep_it_from_ending(scene: Scene) -> None:
    """It is abandoned, and the exit code is 0; its documents come when it is back."""
    (scene.folder / "picky" / "hang").touch()
    scene.configure(CONFIG + PICKY)
    with scene:
        scene.write_all()
        scene.program.begin()
        scene.catch_up()
        wait_until((scene.folder / "picky" / "hanging").exists, "it hangs")
        assert scene.program.end() == 0
        assert "Output did not stop in time and was abandoned" in scene.program.log
        (scene.folder / "picky" / "hang").unlink()
        scene.assert_whole()
        assert scene.tally(scene.folder / "picky" / "picky.ndjson").is_whole


def test_sighup_while_an_output_hangs(scene: Scene) -> None:
    """It is abandoned, and everything else goes on."""
    (scene.folder / "picky" / "hang").touch()
    scene.configure(CONFIG + PICKY)
    with scene:
        for writer in scene.writers.values():
            writer.grow()
        scene.program.begin()
        scene.catch_up()
        wait_until((scene.folder / "picky" / "hanging").exists, "it hangs")
        scene.configure(CONFIG)
        scene.program.send(signal.SIGHUP)
        scene.program.await_log("The new configuration is in use.")
        assert "Output did not stop in time and was abandoned" in scene.program.log
        scene.write_all()
        scene.catch_up()
        scene.assert_whole()


def test_sighup_takes_outputs_in_out_and_elsewhere(tmp_path: Path) -> None:
    """Each has what it should, once."""
    with Scene(tmp_path, CORPUS) as x:
        second = tmp_path / "second.ndjson"
        for writer in x.writers.values():
            writer.grow()
        x.program.begin()
        x.catch_up()
        before = x.written

        x.configure(CONFIG + SECOND)
        x.program.send(signal.SIGHUP)
        x.program.await_log("The new configuration is in use.")
        for writer in x.writers.values():
            writer.rotate()
            writer.grow()
        x.catch_up()
        x.catch_up(second, documents=x.written - before)

        x.configure(CONFIG)
        x.program.send(signal.SIGHUP)
        x.program.await_log("The new configuration is in use.", times=2)
        x.program.await_log("Output removed from the configuration")
        taken = len(x.documents(second))
        for writer in x.writers.values():
            writer.rotate()
            writer.grow()
        x.catch_up()
        assert len(x.documents(second)) == taken

        # The path changes: what was delivered is not delivered again.
        old = x.documents()
        x.configure(CONFIG.replace("/auth.ndjson", "/new.ndjson"))
        x.program.send(signal.SIGHUP)
        x.program.await_log("The new configuration is in use.", times=3)
        x.write_all()
        x.output = tmp_path / "new.ndjson"
        x.catch_up(documents=x.written - len(old))
        assert x.program.end() == 0
        x.output.write_bytes(b"".join(line + b"\n" for line in [*old, *x.documents()]))
        assert x.tally().is_whole


BAD_CONFIGS = (
    (("outputs:", "outptus:"), "outptus"),
    (("type: file,", "type: fiel,"), "no output of type 'fiel' is installed"),
    (("{folder}/state", "{folder}/esa.yaml"), "The new configuration does not work"),
    (("state: ", "state: ["), "not valid YAML"),
)


def test_sighup_with_a_bad_config(tmp_path: Path) -> None:
    """It goes on with the old one, and says why."""
    with Scene(tmp_path, CORPUS) as x:
        for writer in x.writers.values():
            writer.grow()
        x.program.begin()
        x.catch_up()
        for change, reason in BAD_CONFIGS:
            x.configure(CONFIG.replace(*change))
            x.program.send(signal.SIGHUP)
            x.program.await_log(reason)
            (line, *_) = (y for y in x.program.log.splitlines() if reason in y)
            assert "the old one stays." in line
        x.write_all()
        x.catch_up()
        x.configure(CONFIG)
        x.assert_whole()


# Time, and power


@pytest.mark.parametrize("step", [86_400, -86_400 * 365], ids=["forward", "back"])
def test_clock_step(tmp_path: Path, step: int) -> None:
    """While the service works and while it is stopped; and files are of the future."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    command = (str(Path(COMMAND[0]).with_name("python")), "-m", "tests.faults.stepping")
    environment = {"CLOCK": str(clock)}
    with Scene(tmp_path, CORPUS, command=command, environment=environment) as x:
        x.program.begin()
        for number in range(4):
            for writer in x.writers.values():
                writer.grow()
                x.catch_up()
                writer.rotate()
                if number % 2:
                    writer.grow(9000)
                    os.utime(writer.live, (0, time.time() + step * number))
            new = clock.with_name("clock.new")
            new.write_text(f"{step * (number + 1) % (2 * abs(step))}")
            new.rename(clock)
            if number == 1:
                assert x.program.end() == 0
                x.program.begin()
        x.write_all()
        x.assert_whole()


def test_torn_wal(tmp_path: Path) -> None:
    """The end of the last transaction never reached the disk: lost 0, doubled 0."""
    chance = seeded("torn")
    torn = 0
    with Scene(tmp_path, CORPUS) as x:
        for number in range(3):
            for writer in x.writers.values():
                writer.grow()
            x.program.begin()
            x.catch_up(documents=x.written - chance.randrange(200))
            x.program.kill()
            torn += tear(tmp_path / "state" / "spool.db-wal", chance)
            if number < 2:
                for writer in x.writers.values():
                    writer.rotate()
        assert torn >= 2
        x.write_all()
        x.assert_whole()


# Once


def test_once_ends_with_0_when_all_is_well(tmp_path: Path) -> None:
    """And a second time, with nothing to do."""
    with Scene(tmp_path, CORPUS) as x:
        x.write_all()
        assert x.program.once() == 0
        assert x.program.once() == 0
        assert x.tally().is_whole


def test_once_ends_with_1_when_something_is_a_dead_letter(scene: Scene) -> None:
    """And says where to find it; those of another run do not count."""
    scene.configure(CONFIG + PICKY)
    reject = scene.folder / "picky" / "reject"
    reject.touch()
    with scene:
        scene.write_all()
        assert scene.program.once() == 1
        count = len(CORPUS.expected) // 3
        assert f"{count:,} documents rejected by output 'picky'" in scene.program.log.replace(
            "\\", ""
        )
        assert "esa-forwarder dead-letters list" in scene.program.log
        assert scene.tally().is_whole
        assert scene.tally(scene.folder / "picky" / "picky.ndjson").lost == count
        reject.unlink()
        assert scene.program.once() == 0


def test_once_ends_with_1_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    """After all others were read."""
    with Scene(tmp_path, CORPUS) as x:
        x.write_all()
        (x.writer.folder / "mail.@20260301T000000.s").write_bytes(b"BZh91AY&SY")
        assert x.program.once() == 1
        assert "is compressed with bzip2" in x.program.log
        assert x.tally().is_whole


def test_once_ends_with_1_when_it_cannot_begin(tmp_path: Path) -> None:
    """The state folder is in use by another process."""
    with Scene(tmp_path, CORPUS) as x:
        x.program.begin()
        other = Program(x.program.config.with_name("other.yaml"))
        other.config.write_text(x.program.config.read_text())
        assert other.once() == 1
        assert "error: " in other.log
        assert x.program.end() == 0
