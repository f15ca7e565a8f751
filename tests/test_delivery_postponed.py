"""What an output has postponed: when it is tried again, and when it is said."""

from datetime import timedelta

from structlog.testing import capture_logs

from forwarder.delivery.backoff import DeliverySettings, Postponed
from tests.test_delivery_rejections import Clock

SECOND = timedelta(seconds=1)


def state(found: Postponed) -> tuple[bool, timedelta | None]:
    """Say whether it is tried now, and how long until it is."""
    return found.is_due, found.wait


def test_it_is_tried_after_pauses_that_grow() -> None:
    """Of its own; what is taken makes them short again, and more that comes changes nothing."""
    clock = Clock()
    found = Postponed("siem", DeliverySettings(), lambda: 1.0, clock)
    assert state(found) == (False, None)
    found.add(3)
    assert state(found) == (False, SECOND)
    found.add(4)
    clock.seconds = 1
    assert state(found) == (True, timedelta())
    waits = []
    with capture_logs():
        for _ in range(8):
            found.fail(4, "no")
            waits.append(found.wait)
    assert waits == [x * SECOND for x in (2, 4, 8, 16, 32, 60, 60, 60)]
    found.succeed(2)
    assert state(found) == (True, timedelta())
    found.fail(2, "no")
    assert state(found) == (False, SECOND)
    found.succeed(0)
    assert state(found) == (False, None)


def test_it_is_said_when_it_lasts_and_then_once_an_hour() -> None:
    """Not where the next attempt or two are enough."""
    clock = Clock()
    found = Postponed("siem", DeliverySettings(), lambda: 1.0, clock)
    found.add(1)
    with capture_logs() as logs:
        clock.seconds = 29
        found.fail(1, "403")
        assert logs == []
        found.succeed(1)
        clock.seconds = 58
        found.fail(1, "403")
        assert logs == []
        for clock.seconds in (59, 60, 3658):
            found.fail(1, "403")
        assert [(x["log_level"], x["documents"], x["reason"]) for x in logs] == [
            ("warning", 1, "403")
        ]
        clock.seconds = 3659
        found.fail(2, "403")
    assert len(logs) == 2
