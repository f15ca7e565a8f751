"""What an output has postponed: when it is tried again, and when it is said."""

from math import inf

from structlog.testing import capture_logs

from forwarder.delivery.retries import DeliverySettings, Postponed
from tests.test_delivery_rejections import Clock


def test_it_is_tried_after_pauses_that_grow() -> None:
    """Of its own; what is taken makes them short again, and more that comes changes nothing."""
    clock = Clock()
    found = Postponed("siem", DeliverySettings(), lambda: 1.0, clock)
    assert found.due_in == inf
    found.add(3)
    assert found.due_in == 1
    found.add(4)
    clock.seconds = 1
    assert found.due_in == 0
    waits = []
    with capture_logs():
        for _ in range(8):
            found.fail(4, "no")
            waits.append(found.due_in)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    found.succeed(2)
    assert found.due_in == 0
    found.fail(2, "no")
    assert found.due_in == 1
    found.succeed(0)
    assert found.due_in == inf


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
