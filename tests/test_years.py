"""Which year a timestamp without one gets."""

from datetime import UTC, datetime

import pytest

from forwarder.mail_logs.timestamps import YearFinder


@pytest.mark.parametrize(("month", "day"), [(b"Feb", b"30"), (b"Apr", b"31"), (b"Jan", b"0")])
def test_a_date_of_no_year_has_none(month: bytes, day: bytes) -> None:
    """As the first of a file, and later; what follows is not disturbed."""
    finder = YearFinder(datetime(2009, 1, 1, tzinfo=UTC))
    assert finder.find(month, day) == b"0000"
    assert finder.find(b"Jan", b" 1") == b"2009"
    assert finder.find(month, day) == b"0000"
    assert finder.find(b"Jan", b" 3") == b"2009"


@pytest.mark.parametrize(
    ("month", "day", "first"),
    [(b"Apr", b"22", b"2009"), (b"Apr", b"24", b"2008"), (b"Dec", b"31", b"2008")],
)
def test_the_first_year_is_the_latest(month: bytes, day: bytes, first: bytes) -> None:
    """A date may be a day ahead of the file, for the sake of time zones."""
    assert YearFinder(datetime(2009, 4, 22, tzinfo=UTC)).find(month, day) == first


def test_another_finder_goes_on_with_the_file() -> None:
    """Also over New Year."""
    finder = YearFinder(datetime(2009, 12, 31, tzinfo=UTC))
    assert finder.find(b"Dec", b"31") == b"2009"
    other = YearFinder(datetime(2020, 1, 1, tzinfo=UTC))
    other.restore(*finder.dump())
    assert other.find(b"Jan", b" 1") == b"2010"


def test_years_may_be_found_from_another_time_on() -> None:
    """Whatever lines said before, as when a sender's clock was wrong."""
    finder = YearFinder(datetime(2009, 12, 31, tzinfo=UTC))
    assert finder.find(b"Dec", b"31") == b"2009"
    assert finder.find(b"Oct", b" 1") == b"2010"
    for _ in range(2):
        finder.restart(datetime(2010, 1, 1, tzinfo=UTC))
        assert finder.find(b"Jan", b" 1") == b"2010"
        assert finder.find(b"Dec", b"31") == b"2009"
