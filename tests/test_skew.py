"""Whether the clock of an appliance is right, by when its messages arrive."""

from datetime import UTC, datetime, timedelta

import pytest

from forwarder.mail_logs.timestamps import Skew, say_skew

NOON = datetime(2026, 4, 22, 12, tzinfo=UTC)


def found(*messages: tuple[int, int]) -> list[int | None]:
    """Compare messages by when they arrive and how far their stamps are ahead, in seconds."""
    skew = Skew()
    results = []
    for at, ahead in messages:
        arrival = NOON + timedelta(seconds=at)
        results.append(skew.compare(round(arrival.timestamp()) + ahead, arrival))
    return results


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([(0, 0), (100, -299), (400, 300)], [None, None, None]),
        # Nothing explains a message from the future.
        ([(0, 301)], [301]),
        ([(0, 0), (1, 7_200), (2, 7_199)], [None, 7_200, 7_199]),
        # One that is late may have waited, unless all are for long.
        ([(0, -7_200), (299, -7_200), (300, -7_201)], [None, None, -7_200]),
        ([(0, -7_200), (9_000, -7_200)], [None, -7_200]),
        ([(0, -7_200), (9_000, 0)], [None, None]),
        # A sender makes up for an hour, then is in time.
        ([(0, -3_600), (10, -1_800), (20, 0), (400, -1)], [None, None, None, None]),
        ([(0, -3_600), (200, -1), (400, -3_600), (800, -3_600)], [None, None, None, -3_600]),
    ],
)
def test_a_clock_that_is_off_is_noticed(
    messages: list[tuple[int, int]], expected: list[int | None]
) -> None:
    """Messages that were late are not taken for one."""
    assert found(*messages) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (301, "5 minutes ahead"),
        (-7_199, "119 minutes behind"),
        (7_200, "2 hours ahead"),
        (-172_800, "2 days behind"),
        (-365 * 86_400 * 4, "1,460 days behind"),
    ],
)
def test_how_much_is_said_in_words(seconds: int, text: str) -> None:
    """In the largest unit that fits twice."""
    assert say_skew(seconds) == text
