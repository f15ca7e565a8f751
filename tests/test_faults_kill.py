"""Killed at random points under load, and stopped there: lost 0, doubled 0, all joined."""

import signal
from pathlib import Path

from tests.corpus import hostile
from tests.faults.kills import kill_again_and_again
from tests.faults.scenes import Scene

KILLS = 6
"""``make kill`` does it 100 times."""


def test_sigkill_at_random_points_under_load(tmp_path: Path) -> None:
    """With equal numbers, rotation, gzip and files that are sent again."""
    outcome = kill_again_and_again(tmp_path, KILLS, seed=11)
    print(f"{outcome.kills} kills, {outcome.at_work} at work")  # noqa: T201
    assert outcome.at_work >= KILLS // 3
    assert outcome.tally.is_whole, f"{outcome.tally.text} {outcome.tally.wrong[:3]}"


def test_sigterm_at_work(tmp_path: Path) -> None:
    """It ends with 0, and the next start goes on where it was."""
    with Scene(tmp_path, hostile(31, connections=500, file_minutes=3)) as scene:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            for writer in scene.writers.values():
                for _ in range(3):
                    writer.grow()
                    writer.rotate()
            before = scene.count()
            scene.program.begin()
            scene.catch_up(documents=before + 1)
            assert scene.program.end(number) == 0
            assert "The service was asked to end." in scene.program.log
            assert "The service has ended." in scene.program.log
        scene.write_all()
        scene.assert_whole()
