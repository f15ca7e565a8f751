"""Syslog headers are taken off, and their stamps become those of a file."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.events import SyslogHeader
from forwarder.mail_logs.syslog import Framed, SyslogFraming

SPRING = datetime(2009, 5, 1, tzinfo=UTC)
MESSAGE = b"Info: ICID 450 close"


def read(line: bytes, near: datetime = SPRING) -> Framed | None:
    """Read one line as the first of a file."""
    return SyslogFraming(near).read(line)


def stamp_of(stamp: bytes, near: datetime = SPRING) -> bytes:
    """Give what becomes of a stamp."""
    framed = read(stamp + b" esa1 mail_logs: " + MESSAGE, near)
    assert framed is not None
    return framed.stamp


@pytest.mark.parametrize(
    ("header", "stamp", "expected"),
    [
        (
            b"<22>Apr 22 11:44:48 mail_logs: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(22, None, "mail_logs", None, None),
        ),
        (
            b"<94>Apr 22 11:44:48 esa1 mail_logs: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(94, "esa1", "mail_logs", None, None),
        ),
        (
            b"Apr 22 11:44:48 relay_logs_1: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(None, None, "relay_logs_1", None, None),
        ),
        (
            b"Apr  2 11:44:48 10.0.1.1 MAIL_Security: ",
            b"LOC Apr  2 11:44:48 2009",
            SyslogHeader(None, "10.0.1.1", "MAIL_Security", None, None),
        ),
        (
            b"Wed Apr 22 11:44:48 2010 10.0.1.1 mail_logs: ",
            b"LOC Apr 22 11:44:48 2010",
            SyslogHeader(None, "10.0.1.1", "mail_logs", None, None),
        ),
        (
            b"Apr 22 11:44:48 2010 esa1 mail_logs: ",
            b"LOC Apr 22 11:44:48 2010",
            SyslogHeader(None, "esa1", "mail_logs", None, None),
        ),
        (
            b"2009-04-22T11:44:48-05:00 esa1 mail_logs: ",
            b"UTC Apr 22 16:44:48 2009",
            SyslogHeader(None, "esa1", "mail_logs", None, "-05:00"),
        ),
        (
            b"<22>1 2009-04-22T11:44:48+02:00 esa1 mail_logs - - - ",
            b"UTC Apr 22 09:44:48 2009",
            SyslogHeader(22, "esa1", "mail_logs", "1", "+02:00"),
        ),
        (
            b'<22>1 2009-04-22T11:44:48.123Z - - 77 ID47 [a@1 b="x] y\\""][c] \xef\xbb\xbf',
            b"UTC Apr 22 11:44:48 2009",
            SyslogHeader(22, None, None, "1", "+00:00"),
        ),
        (
            b"<0>1 2009-04-22T11:44:48 2001:db8::1 a.b - - [x] ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(0, "2001:db8::1", "a.b", "1", None),
        ),
        (
            b"Apr 22 11:44:48 2001:db8::1 mail_logs: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(None, "2001:db8::1", "mail_logs", None, None),
        ),
        *(
            (header, b"LOC Apr 22 11:44:48 2009", SyslogHeader(None, "esa1", "ml", None, None))
            for header in (
                b"Apr  22  11:44:48   esa1   ml:   ",
                b"Apr 22 11:44:48 esa1 ml:",
                b"Apr 22 11:44:48\tesa1\tml:\t",
                b"Apr 22 11:44:48\tesa1\tmail\tinfo\tml\t",
                b"Apr 22 11:44:48 esa1 mail.info ml: ",
                b"Apr 22 11:44:48\tMail.Info\tesa1\tml: ",
                b"2009-04-22 11:44:48\tLocal7.Warning\tesa1\tml\t",
                b"2009-04-20 10:00:00\tMail.Info\t192.0.2.5\tApr 22 11:44:48 esa1 ml: ",
                b"2009-04-20 10:00:00\trelay\tmail\tinfo\tApr 22 11:44:48 esa1 ml: ",
                b"Apr 22 11:44:48 esa1 mail [info] ml:nopid ",
                b"Apr 22 11:44:48 esa1 local7 [notice] ml[9]: ",
                b"2009 Apr 22 11:44:48 esa1 ml: ",
                b"Apr 22 2009 11:44:48 esa1 ml: ",
                b"Wed, Apr 22 11:44:48 2009 esa1 ml: ",
                b"2009-04-22 11:44:48 esa1 ml: ",
                b"2009-04-22 11:44:48,123 esa1 ml: ",
                b"<13>Apr 20 10:00:00 relay Apr 22 11:44:48 esa1 ml: ",
                b"<13>Apr 20 10:00:00 relay x: Apr 22 11:44:48 esa1 ml: ",
                b"<13>1 2009-04-20T10:00:00Z relay x - - - Apr 22 11:44:48 esa1 ml: ",
                b"Apr 20 10:00:00 a Apr 20 10:00:00 b Apr 20 10:00:00 c Apr 22 11:44:48 esa1 ml: ",
                b"Apr 20 10:00:00 esa1 ml: Wed Apr 22 11:44:48 2009 ",
            )
        ),
        (
            b'127 <22>1  2009-04-22T11:44:48Z  esa1 ml - - [a b="] c"]  ',
            b"UTC Apr 22 11:44:48 2009",
            SyslogHeader(22, "esa1", "ml", "1", "+00:00"),
        ),
        (
            b'127 \t  <22>1  2009-04-22T11:44:48Z  esa1 ml - - [a b="] c"]  ',
            b"UTC Apr 22 11:44:48 2009",
            SyslogHeader(22, "esa1", "ml", "1", "+00:00"),
        ),
        (
            b"<13>Apr 20 10:00:00 relay x: <22>Apr 22 11:44:48 esa1 ml: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(22, "esa1", "ml", None, None),
        ),
        (
            b"2009-04-22 13:44:48 +0200 esa1 ml: ",
            b"UTC Apr 22 11:44:48 2009",
            SyslogHeader(None, "esa1", "ml", None, "+02:00"),
        ),
        (
            b"Apr 22 11:44:48 2001:db8:: ml: ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(None, "2001:db8::", "ml", None, None),
        ),
        (
            b"<22>Wed Apr 22 11:44:48 2009 ",
            b"LOC Apr 22 11:44:48 2009",
            SyslogHeader(22, None, None, None, None),
        ),
    ],
)
def test_headers_are_read(header: bytes, stamp: bytes, expected: SyslogHeader) -> None:
    """Each framing gives the stamp of a file, where the level begins, and what else it said."""
    found = read(header + MESSAGE)
    assert found is not None
    assert found[1:5] == (stamp, len(header), len(header) + len(b"Info: "), expected)
    tag = header[found.tag :] if found.tag >= 0 else b""
    assert (tag.partition(b":")[0].partition(b"[")[0].decode() or None) in {expected.appname, None}


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (b"mail_logs", "mail_logs"),
        (b"mail_logs[123]", "mail_logs"),
        (b"a[b]", "a[b]"),
        (b"a[1][2]", "a[1]"),
        (b"postfix/smtpd", "postfix/smtpd"),
        (b"esa.mail-logs.2", "esa.mail-logs.2"),
        (b"a:b", "a:b"),
        (b"x", "x"),
        (b"Info", "Info"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"M\xc3\xa4rz", "M\N{LATIN SMALL LETTER A WITH DIAERESIS}rz"),
        (b"t" * 1_000, "t" * 1_000),
    ],
)
@pytest.mark.parametrize("host", [b"", b"esa1 ", b"10.0.1.1 "])
def test_any_tag_will_do(tag: bytes, name: str, host: bytes) -> None:
    """The administrator names the subscription; a process number is no part of the name."""
    framed = read(b"<22>Apr 22 11:44:48 " + host + tag + b": " + MESSAGE)
    assert framed is not None
    assert framed.header is not None
    assert name == framed.header.appname
    assert (host.decode().strip() or None) == framed.header.hostname


@pytest.mark.parametrize(
    "line",
    [
        b"Apr 22 11:44:48 esa1 sshd[1]: Failed password for Info: x",
        b"Apr 22 11:44:48 esa1 sshd[1]: user 'Info: ICID 450 close'",
        b"Apr 22 11:44:48 esa1 a b: Info: x",
        b"Apr 22 11:44:48 mail_logs: info: x",
        b"Apr 22 11:44:48 mail_logs: INFO: x",
        b"Apr 22 11:44:48 mail_logs Info: x",
        b"Apr 22 11:44:48 mail_logs: Info:x",
        b"Apr 22 11:44:48 ",
        b"Apr 22 11:44:48",
        b"Wed Apr 22 11:44:48 2009 ",
        b"x Apr 22 11:44:48 mail_logs: Info: x",
        b"Avr 22 11:44:48 mail_logs: Info: x",
        b"<2222>Apr 22 11:44:48 mail_logs: Info: x",
        b"",
        b"Apr 20 10:00:00 relay x: y Apr 22 11:44:48 esa1 ml: Info: x",
        b"Apr 20 10:00:00 relay x: y: Wed Apr 22 11:44:48 2009 Info: x",
        b"Apr 22 11:44:48 esa1 sshd: x\tml\tInfo: x",
        b"Apr 22 11:44:48\tesa1\tsshd\tuser x\tInfo: x",
        b"Apr 22 11:44:48\tesa1\tsshd\tuser x\tApr 22 11:44:48 esa1 ml: Info: x",
        b"Apr 22 11:44:48\tesa1\tsshd\tx: Info: x",
        b"Apr 22 11:44:48 esa1 user [x] ml: y Info: x",
        # Text that others write, in the place of structured data.
        b"2009-04-22T11:44:48Z host sshd: Failed password [x] Info: SMTP Auth: (ICID 1)",
        b"Apr 22 11:44:48 host sshd: user said [x] Info: SMTP Auth: (ICID 1)",
        b"<13>1 2009-04-22T11:44:48Z host app - - [x] user ] Info: SMTP Auth: (ICID 1)",
        b'<13>1 2009-04-22T11:44:48Z host app - - [x a="] Info: SMTP Auth: (ICID 1)',
        b"<13>1 2009-04-22T11:44:48Z host app - - - x Info: SMTP Auth: (ICID 1)",
    ],
)
def test_what_only_looks_like_a_header_is_none(line: bytes) -> None:
    """A level counts right behind the tag and nowhere else."""
    assert read(line) is None


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (b"Info: MID 9 Subject 'Apr 22 11:44:48 esa1 mail_logs: Info: x'", b"Info"),
        (b"Info: Info: x", b"Info"),
        (b"Warning: a [x] Info: y", b"Warning"),
        (b"Info: - - - Info: y", b"Info"),
        (b"Info: x - Info: y", b"Info"),
        (b"Info: ] Info: y", b"Info"),
    ],
)
@pytest.mark.parametrize(
    "header",
    [
        b"<22>Apr 22 11:44:48 mail_logs: ",
        b"Apr 22 11:44:48 esa1 mail_logs: ",
        b"2009-04-22T11:44:48Z esa1 mail_logs: ",
        b"<22>1 2009-04-22T11:44:48Z esa1 mail_logs - - - ",
        b'<22>1 2009-04-22T11:44:48Z esa1 mail_logs - - [a b="c"] ',
    ],
)
def test_headers_inside_a_message_are_text(header: bytes, message: bytes, level: bytes) -> None:
    """The first place where a message can begin is where it begins."""
    framed = read(header + message)
    assert framed is not None
    assert framed.level == len(header)
    assert message.startswith(level)


@pytest.mark.parametrize(
    ("near", "stamps", "expected"),
    [
        pytest.param((2009, 12, 30), ["Dec 31", "Jan  1"], [2009, 2010], id="forth"),
        pytest.param((2010, 1, 2), ["Dec 31", "Jan  1"], [2009, 2010], id="near behind it"),
        pytest.param((2010, 1, 2), ["Jan  1", "Dec 31", "Jan  1"], [2010, 2009, 2010], id="back"),
        pytest.param(
            (2009, 3, 1),
            ["Mar  1", "Aug  1", "Dec 31", "May  1", "Oct  1", "Jan  1"],
            [2009, 2009, 2009, 2010, 2010, 2011],
            id="through years",
        ),
        pytest.param((2009, 2, 1), ["Feb 29"], [2008], id="nearest leap year before"),
        pytest.param((2011, 2, 1), ["Feb 29", "Mar  1"], [2008, 2008], id="never behind"),
        pytest.param((2026, 3, 1), ["Mar  2", "Mar  3"], [2026, 2026], id="a day ahead"),
        pytest.param((2026, 3, 1), ["Mar  3", "Mar  4"], [2025, 2025], id="not two"),
        pytest.param((2026, 3, 1), ["Feb  1", "Oct  1"], [2026, 2026], id="a gap is no way back"),
        pytest.param((2026, 3, 9), ["Mar  9", "Mar  1"], [2026, 2026], id="disorder"),
        pytest.param((2026, 3, 9), ["Mar  9", "Feb  1"], [2026, 2027], id="more than disorder"),
        pytest.param((2026, 2, 1), ["Feb  1", "Feb 29"], [2026, 0], id="no leap year"),
        pytest.param((2012, 2, 28), ["Feb 29"], [2012], id="leap day"),
        pytest.param((2098, 1, 1), ["Feb 29"], [2096], id="2100 has none"),
        pytest.param((2101, 1, 1), ["Feb 29"], [2096], id="2100 has none, later"),
        pytest.param((2009, 4, 1), ["Feb 30", "Apr  1"], [0, 2009], id="no such day"),
        pytest.param((2009, 4, 1), ["Apr  0", "Apr 99", "Apr 01"], [0, 0, 2009], id="odd days"),
        pytest.param((1, 1, 1), ["Dec 31", "Jan  1", "Jan  1"], [0, 1, 1], id="first year"),
        pytest.param((9999, 12, 31), ["Jan  1", "Dec 31"], [9999, 9998], id="last year"),
    ],
)
def test_the_first_year_is_the_latest_and_the_others_run_on(
    near: tuple[int, int, int], stamps: list[str], expected: list[int]
) -> None:
    """A log runs on over New Year in both directions."""
    framing = SyslogFraming(datetime(*near, tzinfo=UTC))
    years = []
    for stamp in stamps:
        framed = framing.read(f"{stamp} 11:44:48 mail_logs: Info: x".encode())
        assert framed is not None
        assert framed.stamp == b"LOC %b 11:44:48 " % stamp.encode() + framed.stamp[20:]
        years.append(int(framed.stamp[20:]))
    assert expected == years


def test_years_run_on_up_to_the_last_change_of_the_file() -> None:
    """Logs that were put together in some order have no line that is still to come."""
    latest = datetime(2026, 3, 1, tzinfo=UTC)
    for year in (None, 2025):
        framing = SyslogFraming(datetime(2025, 12, 30, tzinfo=UTC), year, latest)
        years = []
        for stamp in ("Dec 30", "Mar  1", "Jan  5", "Mar  2", "Oct  1", "Mar  3"):
            framed = framing.read(f"{stamp} 11:44:48 mail_logs: Info: x".encode())
            assert framed is not None
            years.append(int(framed.stamp[20:]))
        assert years == [2025, 2026, 2026, 2026, 2025, 2025]


def test_a_date_that_the_operators_year_has_not_stays_impossible() -> None:
    """No other year is taken in silence."""
    framed = SyslogFraming(SPRING, 2026).read(b"Feb 29 11:44:48 mail_logs: Info: x")
    assert framed is not None
    assert framed.stamp == b"LOC Feb 29 11:44:48 2026"


def test_the_operators_year_holds_for_the_first_stamp() -> None:
    """From there on years are counted as ever."""
    framing = SyslogFraming(SPRING, 2020)
    stamps = []
    for stamp in (b"Dec 31", b"Jan  1"):
        framed = framing.read(stamp + b" 11:44:48 mail_logs: Info: x")
        assert framed is not None
        stamps.append(framed.stamp[20:])
    assert stamps == [b"2020", b"2021"]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (b"2009-04-22T11:44:48Z", b"UTC Apr 22 11:44:48 2009"),
        (b"2009-04-22T11:44:48.999999999Z", b"UTC Apr 22 11:44:48 2009"),
        (b"2009-04-22T11:44:48,5+0530", b"UTC Apr 22 06:14:48 2009"),
        (b"2009-01-01T00:30:00+02:00", b"UTC Dec 31 22:30:00 2008"),
        (b"2008-12-31T23:30:00-08:00", b"UTC Jan  1 07:30:00 2009"),
        (b"2009-04-22T11:44:48", b"LOC Apr 22 11:44:48 2009"),
        (b"2016-12-31T23:59:60Z", b"UTC Dec 31 23:59:59 2016"),
        (b"2009-02-30T11:44:48Z", b"LOC Jan  0 00:00:00 0000"),
        (b"2009-04-22T11:60:60Z", b"LOC Jan  0 00:00:00 0000"),
        (b"2009-04-22T11:44:48+99:99", b"LOC Jan  0 00:00:00 0000"),
        (b"0001-01-01T00:00:00+02:00", b"LOC Jan  0 00:00:00 0000"),
        (b"9999-12-31T23:59:59-02:00", b"LOC Jan  0 00:00:00 0000"),
        (b"0000-00-00T00:00:00", b"LOC Jan  0 00:00:00 0000"),
        (b"Feb 29 11:44:48 2009", b"LOC Feb 29 11:44:48 2009"),
    ],
)
def test_stamps_become_those_of_a_file(stamp: bytes, expected: bytes) -> None:
    """With an offset of its own a stamp becomes UTC; one that no calendar has stays impossible."""
    assert expected == stamp_of(stamp)


@given(st.datetimes(min_value=datetime(1970, 6, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_the_year_is_found_for_a_year(moment: datetime) -> None:
    """Whatever the date, on the day before it and for almost a year its year is known."""
    near = moment.replace(tzinfo=UTC, hour=0, minute=0, second=0, microsecond=0)
    stamp = near.strftime("%b %e %H:%M:%S").encode()
    for days in (-1, 0, 1, 180, 363):
        other = datetime.fromtimestamp(near.timestamp() + days * 86_400, tz=UTC)
        assert stamp_of(stamp, other)[20:] == b"%04d" % moment.year


@given(st.binary(max_size=200))
def test_nothing_raises(rest: bytes) -> None:
    """Whatever stands behind a stamp, it is a header or it is none."""
    for begin in (b"", b"Apr 22 11:44:48 ", b"<22>1 2009-04-22T11:44:48Z ", b"<1>Feb 30 99:99:99 "):
        read(begin + rest)
        read(begin + rest + b": Info: x")
