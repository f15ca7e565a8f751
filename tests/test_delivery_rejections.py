"""Rejections: loud at once, then once an hour, and in the status."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from forwarder.delivery.health import Rejections
from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.cursors import Rejecting
from forwarder.spool.dead_letters import DeadLetter, dead_letter

NOW = datetime(2026, 3, 1, 6, 41, 9, tzinfo=UTC)


class Clock:
    """One that is set."""

    seconds = 0.0

    def __call__(self) -> float:
        """Say what it says."""
        return self.seconds


def letters(number: int, reason: str = "400: no ip") -> list[DeadLetter]:
    """Make rejected documents."""
    body = b'{"log": {"file": {"path": "/srv/esa1/mail\\u001b.s"}, "offset": 17}}'
    failure = Failure(Document("0" * 32, body), reason, status=400)
    return [dead_letter("siem", failure, NOW)] * number


def rejections(
    clock: Clock, before: Rejecting | None = None, max_documents: int = 500
) -> Rejections:
    """Begin."""
    return Rejections("siem", before, max_documents, clock)


def said(logs: list[EventDict]) -> list[tuple[str, object, object]]:
    """Return level and counts of what was logged."""
    return [(x["log_level"], x.get("rejected"), x.get("of")) for x in logs]


def test_the_first_is_said_with_all_that_helps() -> None:
    """Why, where its line stands, and what to do."""
    found = rejections(Clock())
    with capture_logs() as logs:
        found.count(99, letters(1))
    assert logs == [
        {
            "log_level": "warning",
            "event": "Output rejects documents; they are kept as dead letters. Fix what the"
            " reason names, then run esa-forwarder dead-letters replay.",
            "output": "siem",
            "rejected": 1,
            "of": 100,
            "reason": "400: no ip",
            "path": "/srv/esa1/mail\x1b.s",
            "offset": 17,
        }
    ]


def test_what_follows_is_said_once_an_hour_with_its_number() -> None:
    """Also when nothing more comes, and at the end."""
    clock = Clock()
    found = rejections(clock)
    with capture_logs() as logs:
        for _ in range(4):
            found.count(90, letters(10))
        assert said(logs) == [("warning", 10, 100)]
        clock.seconds = 3599
        found.look()
        assert len(logs) == 1
        clock.seconds = 3600
        found.look()
        found.look()
        assert said(logs)[1:] == [("warning", 30, 300)]
        found.count(9, letters(1))
        found.end()
        found.end()
    assert said(logs)[2:] == [("warning", 1, 10)]


@pytest.mark.parametrize(
    ("max_documents", "batches", "level"),
    [
        (500, [500], "error"),
        (500, [9], "warning"),
        (500, [4, 6], "error"),
        (500, [1] * 9, "warning"),
        (500, [1] * 10, "error"),
        (5, [5], "error"),
        (5, [4], "warning"),
    ],
)
def test_an_output_that_rejects_everything_is_an_error(
    max_documents: int, batches: list[int], level: str
) -> None:
    """A whole batch, or as many one after the other; few may be all that there are."""
    found = rejections(Clock(), max_documents=max_documents)
    with capture_logs() as logs:
        for number in batches:
            found.count(0, letters(number))
    assert logs[-1]["log_level"] == level
    assert len(logs) == 1 + (level == "error" and len(batches) > 1)
    assert ("every document" in logs[-1]["event"]) == (level == "error")


def test_the_end_of_it_is_said() -> None:
    """Once; what is rejected then is what it was before."""
    clock = Clock()
    found = rejections(clock)
    with capture_logs() as logs:
        found.count(0, letters(500))
        found.count(0, letters(500))
        found.count(1, [])
        found.count(1, [])
        clock.seconds = 3600
        found.count(1, letters(1))
    assert said(logs) == [
        ("error", 500, 500),
        ("info", None, None),
        ("warning", 501, 504),
    ]
    assert logs[1]["event"] == "Output delivers documents again."


def test_what_the_status_is_told() -> None:
    """Of the newest 10,000 documents or so; nothing, where all of them were taken."""
    found = rejections(Clock())
    found.count(100, [])
    shown = [found.rejecting]
    with capture_logs():
        for taken, rejected in [(30, letters(10)), (100, []), (0, letters(1, "413"))]:
            found.count(taken, rejected)
            shown.append(found.rejecting)
    for _ in range(5):
        found.count(2_500, [])
        shown.append(found.rejecting)
    time = NOW.timestamp()
    assert shown == [
        None,
        Rejecting(10, 140, "400: no ip", time),
        Rejecting(10, 240, "400: no ip", time),
        Rejecting(11, 241, "413", time),
        Rejecting(11, 2_741, "413", time),
        Rejecting(11, 5_241, "413", time),
        Rejecting(11, 7_741, "413", time),
        Rejecting(11, 10_241, "413", time),
        None,
    ]


def test_the_status_tells_soon_that_everything_is_rejected() -> None:
    """Like the log: whatever was taken before, and until a document is taken again."""
    found = rejections(Clock())
    shown = []
    with capture_logs():
        for taken, rejected in [(990, 10), (0, 9), (0, 1), (0, 50), (1, 0)]:
            found.count(taken, letters(rejected))
            assert found.rejecting is not None
            shown.append((found.rejecting.number, found.rejecting.of))
    assert shown == [(10, 1_000), (19, 1_009), (10, 10), (60, 60), (70, 1_061)]


def test_single_documents_count_like_batches() -> None:
    """The older ones are forgotten."""
    found = rejections(Clock())
    with capture_logs():
        for _ in range(20_000):
            found.count(0, letters(1))
    assert found.rejecting is not None
    assert found.rejecting.number == found.rejecting.of
    assert 5_000 <= found.rejecting.of <= 10_000


def test_the_status_goes_on_after_a_restart() -> None:
    """With what was there before."""
    before = Rejecting(5, 60, "400", 1.0)
    found = rejections(Clock(), before)
    found.count(40, [])
    assert found.rejecting == Rejecting(5, 100, "400", 1.0)
