"""Killed at any moment: nothing is lost, and position and documents agree."""

import random
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from forwarder.spool.spool import Spool
from tests import spool_child
from tests.spooling import MANY, opened

KILLS = 10
FROM_THE_START = 0.05
"""Seconds. A life this short is counted from the start of the process, not of its work."""
NEVER = 10**9
"""Documents that are not committed in the time that is given."""


def run(folder: Path, end: int, seconds: float | None) -> None:
    """Run a service that commits up to a number, and kill it after a while."""
    command = [sys.executable, "-m", "tests.spool_child", str(folder), str(end)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        if seconds is not None:
            # Now and then it is killed while it opens the spool; else it says when it has.
            if seconds > FROM_THE_START:
                assert process.stdout.readline() == b"open\n"
            threading.Event().wait(seconds)
            process.kill()
        process.stdout.read()
    assert process.returncode == (0 if seconds is None else -signal.SIGKILL)


def lines(path: Path) -> list[int]:
    """Return the numbers that an output has had."""
    return [int(x) for x in path.read_text().split()] if path.exists() else []


def test_sigkill_at_random_points(tmp_path: Path) -> None:
    """Lost 0 at each output; what is doubled is the batches in hand."""
    chance = random.Random()
    position = 0
    for _ in range(KILLS):
        run(tmp_path, NEVER, 0.4 * chance.random())
        with closing(Spool(tmp_path / "state")) as spool:
            spool.add_outputs(["good", "picky"])
            position = int(dict(spool.load_state("position")).get("position", b"0"))
            assert spool.outputs["good"].cursor + spool.pending("good") == position + 1
            # What the spool takes for delivered was delivered.
            done = set(range(spool.outputs["good"].cursor - 1))
            assert done <= set(lines(tmp_path / "good"))
    end = position + 100
    run(tmp_path, end, None)

    good, picky = lines(tmp_path / "good"), lines(tmp_path / "picky")
    with closing(opened(tmp_path / "state", "good", "picky")) as spool:
        assert spool.pending("good") == spool.pending("picky") == 0
        with spool._writer.locked() as connection:  # noqa: SLF001 - all at once
            dead = [int(x, 16) for (x,) in connection.execute("SELECT id FROM dead_letters")]
        assert not spool.read("good", max_documents=1, max_bytes=MANY).documents
    lost = set(range(end)) - set(good), set(range(end)) - set(picky) - set(dead)
    doubled = len(good) - len(set(good)), len(picky) - len(set(picky))
    print(f"killed={KILLS} documents={end} lost={len(lost[0])},{len(lost[1])} doubled={doubled}")  # noqa: T201
    assert lost == (set(), set())
    assert sorted(dead) == list(range(0, end, 100))
    # In order, but for what came again.
    assert sorted(set(good)) == list(dict.fromkeys(good))
    assert doubled[0] <= KILLS * spool_child.SETTINGS.max_documents
