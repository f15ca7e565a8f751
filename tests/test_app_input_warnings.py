"""What is odd about the logs is said when it is new, and not all day."""

from collections.abc import Callable

import pytest

from forwarder.app.oddities import AGAIN_SECONDS, Oddities, in_status
from forwarder.counts import Counts

NAMES = (
    "unread",
    "strangers",
    "others",
    "cut_lines",
    "broken_off",
    "dropped_repeats",
    "orphaned_repeats",
)


@pytest.fixture
def lines(
    said: Callable[[str], bool], capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[str]]:
    """Give what was logged since the last time; the log is set up by ``said``."""
    assert not said("level")
    return lambda: capsys.readouterr().err.splitlines()  # noqa: PLW0108 - what was read anew


@pytest.mark.parametrize("name", NAMES)
def test_a_number_is_said_when_it_is_new_and_again_after_an_hour(
    name: str, lines: Callable[[], list[str]]
) -> None:
    """What grows all the time must not fill the log."""
    now = [0.0]
    oddities = Oddities(lambda: now[0])
    oddities.say(Counts())
    numbers = []
    for now[0], number in ((1, 3), (2, 5), (AGAIN_SECONDS, 7), (AGAIN_SECONDS + 1, 9), (10e6, 9)):
        counts = Counts()
        setattr(counts, name, number)
        oddities.say(counts)
        numbers.append([x.rpartition("number=")[2].split()[0] for x in lines()])
    assert numbers == [["3"], [], [], ["9"], []]


def test_at_the_end_nothing_waits(lines: Callable[[], list[str]]) -> None:
    """Nobody will look again."""
    oddities = Oddities(lambda: 0)
    oddities.say(Counts(unread=1))
    oddities.say(Counts(unread=2), last=True)
    assert len(lines()) == 2


def test_the_first_line_that_is_not_understood_is_named(lines: Callable[[], list[str]]) -> None:
    """With control characters made visible."""
    Oddities().say(Counts(unread=1, first_unread=("/srv/\x1b[1m", 99)))
    (line,) = lines()
    assert "offset=99" in line
    assert "\\x1b[1m" in line


def test_times_without_a_zone_are_said_once(lines: Callable[[], list[str]]) -> None:
    """However many there are."""
    oddities = Oddities()
    for _ in range(3):
        oddities.say(Counts(assumed_utc=True))
    (line,) = lines()
    assert "taken for UTC" in line


def test_status_has_all_numbers() -> None:
    """Also those that are zero."""
    assert in_status(Counts(unread=2, lines=9)) == dict.fromkeys(NAMES, 0) | {"unread": 2}
