"""Killed at any moment: nothing is lost, and position and documents agree."""

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from forwarder.spool import Spool
from tests import spool_child
from tests.spooling import MANY, opened

KILLS = 15
STEP = 800
"""Documents that a process is to commit in its life, if it is not killed."""


def run(folder: Path, end: int, seconds: float | None) -> bool:
    """Run a service, and kill it after a while if it has not ended.

    Returns:
        Whether it was killed.
    """
    command = [sys.executable, "-m", "tests.spool_child", str(folder), str(end)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        # Its life begins when the spool is open.
        while seconds is not None and not (folder / "state" / "spool.db-wal").exists():
            if process.poll() is not None:
                break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in {0, -signal.SIGKILL}
    return process.returncode != 0


def lines(path: Path) -> list[int]:
    """Return the numbers that an output has had."""
    return [int(x) for x in path.read_text().split()] if path.exists() else []


def test_sigkill_at_random_points(tmp_path: Path) -> None:
    """Lost 0 at each output; what is doubled is the batches in hand."""
    chance = random.Random()
    killed = 0
    for number in range(KILLS):
        killed += run(tmp_path, (number + 1) * STEP, chance.random() ** 2)
        with closing(Spool.open(tmp_path / "state")) as spool:
            spool.add_outputs(["good", "picky"])
            position = int(dict(spool.load_state("position")).get("position", b"0"))
            assert spool.progress("good").cursor + spool.pending("good") == position + 1
            # What the spool takes for delivered was delivered.
            done = set(range(spool.progress("good").cursor - 1))
            assert done <= set(lines(tmp_path / "good"))
    end = KILLS * STEP
    assert not run(tmp_path, end, None)

    good, picky = lines(tmp_path / "good"), lines(tmp_path / "picky")
    with closing(opened(tmp_path / "state", "good", "picky")) as spool:
        assert spool.pending("good") == spool.pending("picky") == 0
        with spool._writer.locked() as connection:  # noqa: SLF001 - all at once
            dead = [int(x, 16) for (x,) in connection.execute("SELECT id FROM dead_letters")]
        assert not spool.read("good", max_documents=1, max_bytes=MANY).documents
    lost = set(range(end)) - set(good), set(range(end)) - set(picky) - set(dead)
    doubled = len(good) - len(set(good)), len(picky) - len(set(picky))
    print(f"killed={killed} lost={len(lost[0])},{len(lost[1])} doubled={doubled}")  # noqa: T201
    assert lost == (set(), set())
    assert sorted(dead) == list(range(0, end, 100))
    # In order, but for what came again.
    assert sorted(set(good)) == list(dict.fromkeys(good))
    assert doubled[0] <= killed * spool_child.SETTINGS.max_documents
