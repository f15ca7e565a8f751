"""What makes joins go wrong, with the service killed and stopped in the middle: all are joined."""

from itertools import pairwise
from pathlib import Path

from tests.corpus import deliveries, reuse, sessions
from tests.corpus.world import Tale
from tests.faults.scenes import Scene
from tests.faults.stories import tell


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


STORIES = (
    # Over rotations and restarts.
    *(sessions.plain, sessions.guessed, sessions.spanning, sessions.aborts),
    # Numbers that come again.
    *(reuse.reused, reuse.superseded, reuse.lost_and_reused, deliveries.reused),
    # Logins before the line that opens their connection.
    *(reuse.login_before_new, reuse.opened_before),
    # The number 0.
    sessions.refused,
    *(sessions.never_closed, sessions.lost),
    *(sessions.ipv6, deliveries.ipv6),
    # Subjects, senders, user names and reverse DNS of all sessions are forged.
    *(sessions.noise, sessions.guesses, sessions.unchecked),
)


def test_joins(tmp_path: Path) -> None:
    """Three appliances with equal numbers; a kill and a stop while connections are open."""
    corpus = tell(20, STORIES, connections=10 * len(STORIES), appliances=3)
    scene = Scene(tmp_path, corpus)
    numbers = [{x.number for x in corpus.expected if x.appliance == y} for y in scene.writers]
    for one, other in pairwise(numbers):
        assert len(one & other) > 20
    _write_with_restarts(scene)
    scene.assert_whole()


def test_5_000_auths_on_one_connection(tmp_path: Path) -> None:
    """Each has the address of the client, before and behind a kill."""
    corpus = tell(21, (five_thousand_logins,), connections=1, files=2)
    assert len(corpus.expected) == 5_001
    scene = Scene(tmp_path, corpus)
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
