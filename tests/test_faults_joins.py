"""What makes joins go wrong, with the service killed and stopped in the middle: all are joined."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.corpus import deliveries, reuse, sessions
from tests.corpus.world import Tale
from tests.faults.scenes import Scene
from tests.faults.stories import Story, tell


def five_thousand_logins(tale: Tale) -> None:
    """Guess for long on one connection, and get in at last."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    for _ in range(4_999):
        tale.wait(0.02)
        tale.fail(number)
    tale.succeed(number)
    tale.close(number)


SCENES: dict[str, tuple[Story, ...]] = {
    "icid_over_rotation": (sessions.spanning,),
    "icid_over_a_restart": (sessions.plain, sessions.guessed, sessions.spanning, sessions.aborts),
    "reused": (reuse.reused, reuse.superseded, reuse.lost_and_reused, deliveries.reused),
    "auth_before_new": (reuse.login_before_new, reuse.opened_before, sessions.plain),
    "icid_0": (sessions.refused, sessions.plain),
    "never_closed": (sessions.never_closed, sessions.lost, sessions.spanning),
    "ipv6": (sessions.ipv6, deliveries.ipv6),
    # Subjects, senders, user names and reverse DNS of all sessions are forged.
    "forged_lines": (sessions.noise, sessions.plain, sessions.guesses, sessions.unchecked),
}


@pytest.mark.parametrize("stories", SCENES.values(), ids=SCENES.keys())
def test_joins(tmp_path: Path, stories: Sequence[Story]) -> None:
    """Two appliances with equal numbers; a kill and a stop while connections are open."""
    scene = Scene(tmp_path, tell(20, stories, connections=60, appliances=2))
    _write_with_restarts(scene)
    scene.assert_whole()


def test_5_000_auths_on_one_connection(tmp_path: Path) -> None:
    """Each has the address of the client, before and behind a kill."""
    corpus = tell(21, (five_thousand_logins,), connections=1, files=2)
    assert len(corpus.expected) == 5_001
    scene = Scene(tmp_path, corpus)
    _write_with_restarts(scene)
    scene.assert_whole()


def test_two_appliances_with_equal_numbers(tmp_path: Path) -> None:
    """Three say the very same lines at the same time of their clocks."""
    scene = Scene(tmp_path, tell(22, sessions.SESSIONS, connections=48, appliances=3))
    numbers = [
        {x.number for x in scene.corpus.expected if x.appliance == name} for name in scene.writers
    ]
    for one, other in pairwise(numbers):
        assert len(one & other) > 20
    _write_with_restarts(scene)
    scene.assert_whole()


def _write_with_restarts(scene: Scene) -> None:
    """Write all; within each file the service is killed or stopped, and is away at rotations."""
    number = 0
    while True:
        for writer in scene.writers.values():
            writer.grow_into_a_line()
        scene.program.begin()
        scene.catch_up()
        number += 1
        if number % 2:
            scene.program.kill()
        else:
            assert scene.program.end() == 0
        for writer in scene.writers.values():
            writer.grow()
        if scene.writer.is_last:
            break
        for writer in scene.writers.values():
            writer.rotate()
