"""Stamps become instants, whatever machine reads them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.cache import MAX_ENTRIES
from forwarder.events import Instant
from forwarder.mail_logs.timestamps import (
    UTC_MARK,
    Clock,
    format_offset,
    format_stamp,
)

STAMP = b"Wed Apr 22 11:43:59 2009"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[None, "UTC", "America/New_York", "Asia/Kolkata"])
def _machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run on a machine with this time zone of its own."""
    if request.param is not None:
        monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize(
    ("zone", "stamp", "header", "expected"),
    [
        pytest.param(None, STAMP, 2 * HOUR, "2009-04-22T09:43:59+02:00", id="header"),
        pytest.param(None, STAMP, -5 * HOUR, "2009-04-22T16:43:59-05:00", id="west"),
        pytest.param(None, STAMP, 0 * HOUR, "2009-04-22T11:43:59+00:00", id="header says UTC"),
        pytest.param("Europe/Rome", STAMP, HOUR, "2009-04-22T10:43:59+01:00", id="header first"),
        pytest.param("Europe/Rome", STAMP, None, "2009-04-22T09:43:59+02:00", id="summer"),
        pytest.param(
            "Europe/Rome", b"Sat Aug  1 00:00:00 2009", None, "2009-07-31T22:00:00+02:00", id="day"
        ),
        pytest.param(
            "Europe/Rome", b"Thu Jan  1 00:30:00 2009", None, "2008-12-31T23:30:00+01:00", id="year"
        ),
        pytest.param("America/New_York", STAMP, None, "2009-04-22T15:43:59-04:00", id="New York"),
        pytest.param("Asia/Kolkata", STAMP, None, "2009-04-22T06:13:59+05:30", id="half an hour"),
        pytest.param(
            "Europe/Rome",
            b"Sun Oct 25 02:30:00 2009",
            None,
            "2009-10-25T00:30:00+02:00",
            id="twice: the first one",
        ),
        pytest.param(
            "Europe/Rome",
            b"Sun Oct 25 03:00:00 2009",
            None,
            "2009-10-25T02:00:00+01:00",
            id="behind the overlap",
        ),
        pytest.param(
            "America/New_York",
            b"Sun Nov  1 01:30:00 2009",
            None,
            "2009-11-01T05:30:00-04:00",
            id="twice in New York",
        ),
        pytest.param(
            "Europe/Rome",
            b"Sun Mar 29 02:30:00 2009",
            None,
            "2009-03-29T01:30:00+01:00",
            id="never: the offset before",
        ),
        pytest.param(
            "America/New_York",
            b"Sun Mar  8 02:30:00 2009",
            None,
            "2009-03-08T07:30:00-05:00",
            id="never in New York",
        ),
        pytest.param(
            "Europe/Rome",
            b"Sun Oct 25 02:30:00 2009",
            HOUR,
            "2009-10-25T01:30:00+01:00",
            id="a header has no doubt",
        ),
        pytest.param(None, STAMP, None, "2009-04-22T11:43:59+00:00", id="nothing known"),
        pytest.param(
            "Europe/Rome",
            b"UTC Apr 22 11:43:59 2009",
            HOUR,
            "2009-04-22T11:43:59+00:00",
            id="UTC mark before everything",
        ),
        pytest.param(
            None, b"LOC Feb 29 11:43:59 2008", HOUR, "2008-02-29T10:43:59+01:00", id="leap day"
        ),
        pytest.param(
            None,
            b"Sat Dec 31 23:59:60 2016",
            0 * HOUR,
            "2016-12-31T23:59:59+00:00",
            id="leap second",
        ),
        pytest.param(
            None,
            b"Sat Dec 31 23:59:59 1969",
            0 * HOUR,
            "1969-12-31T23:59:59+00:00",
            id="before 1970",
        ),
    ],
)
def test_stamps_are_converted(
    zone: str | None, stamp: bytes, header: timedelta | None, expected: str
) -> None:
    """The offset is the stamp's own, the header's, the operator's or none, in this order."""
    utc, offset = expected[:19], expected[19:]
    clock = Clock(None if zone is None else ZoneInfo(zone))
    instant = Instant(
        int(datetime.fromisoformat(utc + "+00:00").timestamp()),
        utc.encode() + b".000Z",
        utc.replace("-", "").replace(":", "").encode() + b"Z",
        offset,
    )
    assert instant == clock.read(stamp, header)
    assert instant == clock.read(stamp, header)


@pytest.mark.parametrize(
    "stamp",
    [
        b"Wed Feb 30 11:43:59 2009",
        b"Wed Feb 29 11:43:59 2009",
        b"Wed Apr  0 11:43:59 2009",
        b"Wed Apr 22 24:00:00 2009",
        b"Wed Apr 22 11:60:59 2009",
        b"Wed Apr 22 11:43:61 2009",
        b"Wed Apr 22 11:43:59 0000",
        b"Wed Avr 22 11:43:59 2009",
        b"Wed apr 22 11:43:59 2009",
        b"Wed Apr xx 11:43:59 2009",
        b"Wed Apr 22 11:43:59 20\xff9",
        b"Wed Apr 22 11:43:59",
        b"LOC Jan  0 00:00:00 0000",
        b"",
        b"Mon Jan  1 00:00:00 0001",
    ],
)
def test_stamps_that_no_calendar_has_are_none(stamp: bytes) -> None:
    """Neither an error nor a guess, the second time neither; nothing beyond the first year."""
    clock = Clock()
    assert clock.read(stamp, HOUR) is None
    assert clock.read(stamp, HOUR) is None


@pytest.mark.parametrize(
    ("zone", "stamp", "header", "expected"),
    [
        (None, STAMP, None, True),
        (None, STAMP, HOUR, False),
        (None, STAMP, timedelta(0), False),
        (ZoneInfo("Europe/Rome"), STAMP, None, False),
        (UTC, STAMP, None, False),
        (None, UTC_MARK + STAMP[3:], None, False),
        (None, b"Wed Feb 30 11:43:59 2009", None, False),
    ],
)
def test_that_utc_was_assumed_is_remembered(
    zone: ZoneInfo | None, stamp: bytes, header: timedelta | None, *, expected: bool
) -> None:
    """Once is enough, and certainty later does not take it back."""
    clock = Clock(zone)
    clock.read(stamp, header)
    assert clock.assumed_utc is expected
    clock.read(STAMP, HOUR)
    assert clock.assumed_utc is expected


def test_every_file_has_its_own_offset() -> None:
    """What is remembered of one header says nothing under another."""
    clock = Clock()
    offsets = [HOUR, 2 * HOUR, None, HOUR, timedelta(hours=1), -HOUR]
    instants = [clock.read(STAMP, offset) for offset in offsets]
    assert [x and x.offset for x in instants] == [
        "+01:00",
        "+02:00",
        "+00:00",
        "+01:00",
        "+01:00",
        "-01:00",
    ]


def test_what_is_remembered_is_bounded() -> None:
    """A hostile log may have any number of stamps."""
    clock = Clock()
    for number in range(MAX_ENTRIES * 2 + 9):
        clock.read(b"Wed Apr 22 11:43:59 %04d" % number, HOUR)
        assert len(clock.instants) <= MAX_ENTRIES


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (timedelta(0), "+00:00"),
        (2 * HOUR, "+02:00"),
        (-5 * HOUR, "-05:00"),
        (5 * HOUR + 30 * MINUTE, "+05:30"),
        (-(3 * HOUR + 30 * MINUTE), "-03:30"),
        (timedelta(minutes=49, seconds=56), "+00:49"),
        (-timedelta(minutes=49, seconds=56), "-00:49"),
    ],
)
def test_offsets_are_written_as_iso_8601_has_them(offset: timedelta, expected: str) -> None:
    """Sign, hours and minutes; seconds are left out."""
    assert expected == format_offset(offset)


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    st.integers(-99_999, 99_999).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 59),
)
def test_what_is_written_is_read_again(moment: datetime, offset: timedelta, before: int) -> None:
    """A stamp has 24 bytes and means the moment it was made from, less the offset in whole minutes.

    So it is whatever other second of its minute was read before.
    """
    clock = Clock()
    clock.read(format_stamp(moment.replace(second=before), b"LOC"), offset)
    stamp = format_stamp(moment, b"LOC")
    assert len(stamp) == 24
    instant = clock.read(stamp, offset)
    assert instant is not None
    assert datetime.fromisoformat(instant.utc.decode()).replace(
        tzinfo=None
    ) + offset // MINUTE * MINUTE == moment.replace(microsecond=0)
    assert datetime.fromisoformat(instant.compact.decode()) == datetime.fromisoformat(
        instant.utc.decode()
    )
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=instant.epoch
    ) == datetime.fromisoformat(instant.utc.decode())


@pytest.mark.parametrize("seconds", [-1, -60, -61])
def test_what_is_beyond_the_last_year_is_none(seconds: int) -> None:
    """So is its last second, where an odd offset puts it behind the end."""
    assert Clock().read(b"Fri Dec 31 23:59:59 9999", timedelta(seconds=seconds)) is None


@given(st.binary(max_size=30), st.none() | st.just(HOUR))
def test_nothing_raises(stamp: bytes, offset: timedelta | None) -> None:
    """Any bytes are a moment or none."""
    Clock(ZoneInfo("Europe/Rome")).read(stamp, offset)
