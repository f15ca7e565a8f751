"""Bytes become lines, whatever they are and wherever they are cut."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.events import SyslogHeader
from forwarder.mail_logs import framer as framing
from forwarder.mail_logs import scanner, wrapping
from forwarder.mail_logs.framer import MAX_JUNK_BYTES, Framer
from forwarder.mail_logs.scanner import Block
from forwarder.mail_logs.syslog import repeats_last
from forwarder.mail_logs.wrapping import MAX_LINE_BYTES, START_BYTES

STAMP = b"Wed Apr 22 11:44:48 2009 "
MESSAGE = (
    b"SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
    b" with profile: IncomingAuthentication"
)
LOGIN = STAMP + b"Info: " + MESSAGE
WIDE = b"wide" * 12
CLOSE = b"Wed Apr 22 11:46:14 2009 Info: ICID 450 close"
OPENED = (
    b"Wed Apr 22 11:43:59 2009 Info: New SMTP ICID 450 interface IncomingMail (172.16.155.16)"
    b" address 172.16.155.102 reverse dns host unknown verified no"
)
POLICY = b"Wed Apr 22 11:43:59 2009 Info: ICID 450 ACCEPT SG None match ALL SBRS None"
SPRING = datetime(2009, 5, 1, tzinfo=UTC)

SYSLOG = {
    "priority": b"<22>Apr 22 11:44:48 mail_logs: ",
    "priority and host": b"<94>Apr 22 11:44:48 esa1 mail_logs: ",
    "neither": b"Apr 22 11:44:48 relay_logs_1: ",
    "address": b"Apr  2 11:44:48 10.0.1.1 MAIL_Security: ",
    "day and year": b"Wed Apr 22 11:44:48 2009 10.0.1.1 mail_logs: ",
    "year": b"Apr 22 11:44:48 2009 esa1 mail_logs: ",
    "ISO 8601": b"2009-04-22T11:44:48-05:00 esa1 mail_logs: ",
    "RFC 5424": b"<22>1 2009-04-22T11:44:48+02:00 esa1 mail_logs - - - ",
}
CANONICAL = {
    "address": b"LOC Apr  2 11:44:48 2009 ",
    "ISO 8601": b"UTC Apr 22 16:44:48 2009 ",
    "RFC 5424": b"UTC Apr 22 09:44:48 2009 ",
}

CANONICAL_LINE = re.compile(rb"[A-Z][A-Za-z]{2} [A-Z][a-z]{2} [ \d]\d .{14}[A-Z][a-z]+: ")


class Seen(NamedTuple):
    """A line that came out."""

    offset: int
    original: bytes
    canonical: bytes
    message: int
    header: SyslogHeader | None
    host: str | None = None


def lines_of(block: Block) -> Iterable[Seen]:
    """Give the lines of a block, all in one form, however the block was made."""
    texts = block.text[block.start : block.end].split(b"\n")
    assert texts.pop(0) == b""
    if block.lines is None:
        position = block.start
        for text in texts:
            line = text.removesuffix(b"\r")
            message = line.index(b": ", 25) + 2
            yield Seen(block.offset + position + 1, line, line, message, None, block.host)
            position += 1 + len(text)
    else:
        position = 0
        for text, was in zip(texts, block.lines, strict=True):
            assert was.position == position
            yield Seen(was.offset, was.original, text, was.message, was.header, block.host)
            position += 1 + len(text)


def read(feeds: Iterable[bytes], framer: Framer | None = None) -> list[Seen]:
    """Give the lines of a file that arrives in these feeds."""
    framer = framer or Framer(SPRING)
    blocks = [block for feed in feeds for block in framer.feed(feed)]
    return [seen for block in (*blocks, *framer.finish()) for seen in lines_of(block)]


def originals(*feeds: bytes) -> list[bytes]:
    """Give the lines alone."""
    return [seen.original for seen in read(feeds)]


def long_line(size: int) -> bytes:
    """Make a line of so many bytes."""
    return STAMP + b"Info: " + b"x" * (size - 31)


def cut_at(content: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at these places."""
    bounds = [0, *sorted(place for place in places if place < len(content)), len(content)]
    return [content[start:end] for start, end in pairwise(bounds)]


def cut_every(content: bytes, size: int) -> list[bytes]:
    """Cut in pieces of one size."""
    return [content[at : at + size] for at in range(0, len(content), size)]


def test_lines_of_a_file_go_on_as_they_are() -> None:
    """No byte is copied or changed, and offsets point at the lines."""
    content = LOGIN + b"\n" + CLOSE + b"\n"
    expected = [
        Seen(0, LOGIN, LOGIN, 31, None),
        Seen(len(LOGIN) + 1, CLOSE, CLOSE, 31, None),
    ]
    framer = Framer()
    assert expected == read([content], framer)
    assert (framer.counters.lines, framer.counters.truncated_lines) == (2, 0)


@pytest.mark.parametrize("level", [b"Info", b"Warning", b"Critical", b"Alert", b"Debug", b"Trace"])
def test_every_level_and_date_is_a_line_of_a_file(level: bytes) -> None:
    """A line at another level, or of another day, is as regular as its neighbours."""
    other = b"Thu Apr 23 00:00:00 2009 " + level + b": x"
    content = [LOGIN, STAMP + level + b": x", CLOSE, other, other, LOGIN]
    blocks = Framer().feed(b"\n".join([*content, b""]))
    assert [block.lines for block in blocks] == [None]
    assert content == originals(b"\n".join(content))


@pytest.mark.parametrize(
    ("wrapped", "line"),
    [
        pytest.param(b"a\nb", b"a b", id="blank added"),
        pytest.param(b"a \nb", b"a b", id="blank before the seam"),
        pytest.param(b"a\n b", b"a b", id="blank behind the seam"),
        pytest.param(b"a\t\n  b", b"a b", id="white space on both sides"),
        pytest.param(b"a\r\nb\r", b"a b", id="CRLF"),
        pytest.param(b"a \r\nb\r", b"a b", id="CRLF and a blank"),
        pytest.param(b"a\n" + WIDE + b"\nc", b"a " + WIDE + b" c", id="twice"),
        pytest.param(b"a\n      b", b"a b", id="indented"),
        pytest.param(b"a\n\nb", b"a b", id="an empty line between"),
        pytest.param(b"a\n \t\r\nb", b"a b", id="a line of white space between"),
        pytest.param(b"a\n\x00\x00\nb", b"a b", id="a line of NUL bytes between"),
        pytest.param(b"a\n" + b" " * START_BYTES + b"b", b"a", id="far indented: empty"),
        pytest.param(b"a\n" + b"\x00" * START_BYTES + b"b", b"a", id="many NUL bytes: empty"),
        pytest.param(b"a\n\xff\xfe", b"a \xff\xfe", id="not UTF-8"),
        pytest.param(b"a\nWed Apr is a date", b"a Wed Apr is a date", id="almost a stamp"),
    ],
)
def test_wrapped_lines_are_joined(wrapped: bytes, line: bytes) -> None:
    """Between its neighbours, a wrapped line comes out as it was before."""
    begin = STAMP + b"Info: x " + WIDE[:14]
    content = CLOSE + b"\n" + begin + wrapped + b"\n" + CLOSE + b"\n"
    assert [
        (0, CLOSE),
        (len(CLOSE) + 1, begin + line),
        (content.rindex(CLOSE), CLOSE),
    ] == [seen[:2] for seen in read([content])]


@pytest.mark.parametrize("indent", ["", " ", " " * 9])
@pytest.mark.parametrize("end", [b"\n", b" \n", b"\r\n"])
def test_a_login_wrapped_at_any_width_is_the_same_login(indent: str, end: bytes) -> None:
    """At a space nothing is lost or added."""
    for width in range(36, len(LOGIN) + 1, 4):
        content = b""
        for line in (OPENED, POLICY, LOGIN, CLOSE):
            pieces = textwrap.wrap(
                line.decode(), width, subsequent_indent=indent, break_long_words=False
            )
            content += end.join(x.encode() for x in pieces) + b"\n"
        framer = Framer(SPRING)
        originals = [x.original for x in read([content], framer)]
        assert (width, originals) == (width, [OPENED, POLICY, LOGIN, CLOSE])
        assert framer.counters.dropped_continuations == 0


STRANGERS = {
    "a line": b"evil@x using AUTH mechanism: PLAIN with profile: Q",
    "a traceback": b'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n'
    b"    run()\nValueError: x",
    "JSON": b"{\n" + b'  "user": "evil@x",\n' * 2_000 + b"}",
    "long lines": b"y" * 500 + b"\n" + b"z" * 900,
}


@pytest.mark.parametrize("strangers", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("before", [b"", OPENED + b"\n", b"\n".join([POLICY, CLOSE, b""])])
@pytest.mark.parametrize("line", [LOGIN, SYSLOG["priority"] + b"Info: " + MESSAGE, OPENED, POLICY])
def test_what_comes_behind_a_whole_line_is_no_part_of_it(
    before: bytes, line: bytes, strangers: bytes
) -> None:
    """Other programs' output between the lines never becomes a user or a profile."""
    framer = Framer(SPRING)
    content = before + (line + b"\n" + strangers + b"\n") * 2 + CLOSE
    for feeds in ([content], cut_every(content, 1_000)):
        framer = Framer(SPRING)
        seen = [x.original for x in read(feeds, framer)]
        assert [line, line, CLOSE] == seen[-3:]
        assert framer.counters.dropped_continuations == 2
        assert framer.counters.truncated_lines == 0


@pytest.mark.parametrize("indent", [b" ", b"\t", b" " * 32])
def test_an_indented_timestamp_begins_a_line(indent: bytes) -> None:
    """Logs are quoted; the blanks are no part of the line."""
    content = b"\n".join([LOGIN, indent + LOGIN, indent + CLOSE, CLOSE])
    seen = read([content])
    assert [x.original for x in seen] == [LOGIN, LOGIN, CLOSE, CLOSE]
    assert [content[x.offset :][:25] for x in seen] == [x.original[:25] for x in seen]


@pytest.mark.parametrize("name", SYSLOG)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("width", [80, 500])
def test_syslog_becomes_a_line_of_a_file(name: str, end: bytes, width: int) -> None:
    """Every framing gives the same message behind a stamp of 24 bytes; the original stays."""
    line = SYSLOG[name] + b"Info: " + MESSAGE
    wrapped = "\n".join(textwrap.wrap(line.decode(), width, break_on_hyphens=False))
    (seen,) = read([wrapped.encode().replace(b"Apr 2 ", b"Apr  2 ") + end])
    stamp = CANONICAL.get(name, b"LOC Apr 22 11:44:48 2009 ")
    assert stamp + b"Info: " + MESSAGE == seen.canonical
    assert line == seen.original
    assert seen.original[seen.message :] == MESSAGE
    assert seen.header is not None
    assert seen.offset == 0


@pytest.mark.parametrize(
    "header",
    [
        b"Mar 10 13:15:11 mx mail: ",
        b"Mar 10 13:15:11 maillog: ",
        b"<22>Mar  1 13:15:11 esa: ",
        b"Mar  1 13:15:11 esa1 ml: ",
        b"<6>Mar  1 13:15:11 mx m: ",
        b"Wed Apr 22 11:44:48 a t: ",
    ],
)
@pytest.mark.parametrize("before", [b"", LOGIN + b"\n"])
def test_a_syslog_header_as_long_as_a_stamp_is_none(header: bytes, before: bytes) -> None:
    """A regular line has a stamp, not something else of 25 bytes; the first line, too."""
    line = header + b"Info: " + MESSAGE
    assert len(header) == len(STAMP)
    seen = read([before + line + b"\n" + line + b"\n"])
    assert [x.original for x in seen[-2:]] == [line, line]
    assert {x.canonical[:4] for x in seen[-2:]} == {b"LOC "}


@pytest.mark.parametrize(
    ("begin", "canonical"),
    [
        (b"Wed Apr 2 11:44:48 2009 ", b"LOC Apr  2 11:44:48 2009 "),
        (b"Apr 2 11:44:48 2009 ", b"LOC Apr  2 11:44:48 2009 "),
        (b"Wed Apr 22 11:44:48.123 2009 ", b"LOC Apr 22 11:44:48 2009 "),
        (b"Wed Apr 2 11:44:48,5 2009 ", b"LOC Apr  2 11:44:48 2009 "),
        (b"Apr 2 11:44:48 esa1 t: ", b"LOC Apr  2 11:44:48 2009 "),
        (b"Apr 2 11:44:48.123456 esa1 t: ", b"LOC Apr  2 11:44:48 2009 "),
        (b"<22>Apr 2 11:44:48 t: ", b"LOC Apr  2 11:44:48 2009 "),
        (b"Wed Apr 2 11:44:48 2009 esa1 t: ", b"LOC Apr  2 11:44:48 2009 "),
    ],
)
@pytest.mark.parametrize("around", [b"", LOGIN + b"\n"])
def test_other_ways_to_write_a_stamp_are_read(
    begin: bytes, canonical: bytes, around: bytes
) -> None:
    """A day of one digit with one blank, as where blanks were squeezed; parts of a second."""
    line = begin + b"Info: " + MESSAGE
    expected = [LOGIN] * bool(around)
    seen = read([around + line + b"\n" + line + b"\n" + around])
    assert [*expected, line, line, *expected] == [x.original for x in seen]
    assert seen[len(expected)].canonical == canonical + b"Info: " + MESSAGE
    assert seen[len(expected)].original[seen[len(expected)].message :] == MESSAGE


def test_all_framings_may_be_mixed_in_one_file() -> None:
    """A relay writes what it gets; every line comes out once, in order, at its place."""
    written = [
        header + b"Info: " + MESSAGE for header in (*SYSLOG.values(), STAMP, *SYSLOG.values())
    ]
    content = b"\n".join(written)
    seen = read([content])
    assert written == [x.original for x in seen]
    assert [content[x.offset : x.offset + len(x.original)] for x in seen] == written
    assert {x.canonical[25:] for x in seen} == {b"Info: " + MESSAGE}


@pytest.mark.parametrize(
    "foreign",
    [
        b"Apr 22 11:44:48 host sshd[123]: Failed password for root",
        b"Apr 22 11:44:48 host kernel: [1.2] Info about: nothing",
        b"2009-04-22T11:44:48Z host cron[1]: (root) CMD (x)",
        b"<13>1 2009-04-22T11:44:48Z host app - - - message",
        b"Apr 22 11:44:48 host last message repeated 2 times",
        b"Wed Apr 22 11:44:48 2009 no level here",
        b"Wed Apr 22 11:44:48 CET 2009 Info: a zone by its name",
        b"Apr 22 11:44:48 host sshd[123]: Failed\nand continued",
    ],
)
def test_lines_of_other_programs_are_dropped(foreign: bytes) -> None:
    """What has no level behind its header is no line of a mail log, nor is its continuation."""
    line = SYSLOG["priority and host"] + b"Info: " + MESSAGE
    content = b"\n".join([foreign, line, foreign, LOGIN, foreign])
    framer = Framer(SPRING)
    assert [line, LOGIN] == [x.original for x in read([content], framer)]
    assert framer.foreign_lines == 3


def test_any_number_of_dates_is_read() -> None:
    """A hostile log has a new date on every line."""
    content = [b"Abc Abc %02d 11:44:48 %04d Info: x" % (n % 100, n) for n in range(300)]
    content = [
        line.replace(b"Abc", b"A" + bytes([97 + n % 26] * 2)) for n, line in enumerate(content)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "MAX_DAYS", 16)
        assert content == originals(b"\n".join(content))


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"\x00" * 99, b"hello\nworld\n"])
def test_what_is_no_log_gives_nothing(content: bytes) -> None:
    """Neither a line nor an error."""
    assert originals(content) == []


@pytest.mark.parametrize("junk", [b"\x00", b"\x00" * 999, b"\xef\xbb\xbf", b"\xef\xbb\xbf\x00\x00"])
@pytest.mark.parametrize("line", [LOGIN, SYSLOG["priority"] + b"Info: " + MESSAGE])
def test_junk_before_a_timestamp_is_passed_over(junk: bytes, line: bytes) -> None:
    """It is no part of the line, which begins behind it; the line before it is over."""
    content = CLOSE + b"\n" + junk + line + b"\n" + junk + CLOSE
    assert [CLOSE, line, CLOSE] == [seen.original for seen in read([content])]
    assert [0, content.index(line), content.rindex(CLOSE)] == [x.offset for x in read([content])]


def test_nul_bytes_and_bad_utf8_inside_a_line_stay() -> None:
    """Bytes are not looked at."""
    line = STAMP + b"Info: a\x00b\xff\xc3\x1b[0m\xe2\x80\xae"
    assert [line, line] == originals(line + b"\r\n" + line)


def test_the_last_line_waits_for_the_next_one() -> None:
    """Only a successor, or the end of the file, shows that it is whole."""
    framer = Framer()
    assert framer.feed(LOGIN + b"\n") == []
    assert [x.original for b in framer.feed(CLOSE[:12]) for x in lines_of(b)] == [LOGIN]
    assert [x.original for b in framer.finish() for x in lines_of(b)] == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"a", 1),
        (LOGIN, 1),
        (LOGIN + b"\n", 1),
        (LOGIN + b"\nb\n\n", 3),
        (LOGIN + b"\nb", 2),
        (long_line(MAX_LINE_BYTES + 9), 1),
        (long_line(MAX_LINE_BYTES + 9) + b"\nb", 2),
        (b"\x00" * MAX_LINE_BYTES * 2 + b"\nb", 2),
    ],
)
def test_lines_are_counted_as_the_file_has_them(content: bytes, expected: int) -> None:
    """Every piece counts, whatever it is, and the last one without a newline too."""
    for feeds in ([content], [content, b""], cut_every(content, 40_000)):
        framer = Framer()
        read(feeds, framer)
        assert expected == framer.counters.lines


LONG: dict[str, Callable[[int], bytes]] = {
    "regular": long_line,
    "wrapped": lambda size: (
        long_line(100) + b"\n" + (b"y" * 78 + b"\n") * (size // 79 - 2) + b"z" * (size % 79 + 57)
    ),
    "syslog": lambda size: SYSLOG["priority"] + b"Info: " + b"x" * (size - 37),
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("over", [-1, 0, 1, 2, 127, 128, 129, 5_000, MAX_LINE_BYTES, 3 << 20])
@pytest.mark.parametrize("follower", [CLOSE, SYSLOG["neither"] + b"Info: x", b"\x00\x00" + CLOSE])
def test_a_line_over_the_limit_is_cut_and_counted_once(
    kind: str, over: int, follower: bytes
) -> None:
    """The line following it is intact, and so is the one before."""
    line = LONG[kind](MAX_LINE_BYTES + over)
    assert len(line) == MAX_LINE_BYTES + over
    content = LOGIN + b"\n" + line + b"\n" + follower + b"\n"
    for feed_bytes in (4_099, 65_536, MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 2, 1 << 30):
        framer = Framer(SPRING)
        before, cut, after = read(cut_every(content, feed_bytes), framer)
        assert before.original == LOGIN
        assert follower.lstrip(b"\x00") == after.original
        assert content.rindex(after.original) == after.offset
        assert line[:MAX_LINE_BYTES].replace(b"\n", b" ").rstrip(b" ") == cut.original.rstrip(b" ")
        assert framer.counters.truncated_lines == (over > 0)


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("over", [-9, 0, 1, 5_000])
def test_the_last_line_may_be_too_long(kind: str, end: bytes, over: int) -> None:
    """Nothing but the end of the file follows."""
    line = LONG[kind](MAX_LINE_BYTES + over)
    for feed_bytes in (5_003, MAX_LINE_BYTES, 1 << 30):
        framer = Framer(SPRING)
        _, cut = read(cut_every(LOGIN + b"\n" + line + end, feed_bytes), framer)
        assert line[:MAX_LINE_BYTES].replace(b"\n", b" ").rstrip(b" ") == cut.original.rstrip(b" ")
        # A carriage return is a byte of the line until its newline shows what it is.
        assert framer.counters.truncated_lines == (over > 0 or (over == 0 and end == b"\r\n"))


def test_what_is_held_is_bounded() -> None:
    """Neither one line without end nor blank lines, NUL bytes or pieces fill the memory."""
    for endless in (b"x", b"\n", b"\x00", b" ", b"\ny", b"\n\x00", b"\n ", b"\xef\xbb\xbf"):
        framer = Framer()
        framer.feed(LOGIN + b"\n")
        for _ in range(40):
            framer.feed(endless * 10_000)
            assert len(framer._held) < MAX_LINE_BYTES + 3 * START_BYTES + 10_000  # noqa: SLF001
        seen = [x.original for b in framer.feed(b"\n" + CLOSE) for x in lines_of(b)]
        seen += [x.original for b in framer.finish() for x in lines_of(b)]
        assert seen[-1] == CLOSE


def test_hosts_get_blocks_of_their_own() -> None:
    """Two appliances in one file are told apart, and lines of no host are the file's."""
    content = (
        b"Apr 22 11:44:48 esa1 t: Info: a\nApr 22 11:44:49 esa2 t: Info: b\n"
        b"Apr 22 11:44:50 esa1 t: Info: c\nApr 22 11:44:51 t: Info: d\n" + LOGIN + b"\n"
    )
    seen = read([content])
    hosts: dict[str | None, list[bytes]] = {}
    for line in seen:
        hosts.setdefault(line.host, []).append(line.original[-1:])
        assert content[line.offset :].startswith(line.original)
    assert hosts == {"esa1": [b"a", b"c"], "esa2": [b"b"], None: [b"d", b"n"]}
    assert [line.offset for line in seen] == sorted(line.offset for line in seen)


def test_the_year_is_the_operators() -> None:
    """A year that is given holds for the first stamp without one."""
    (seen,) = read([b"Apr 22 11:44:48 esa1 t: Info: a"], Framer(year=2017))
    assert seen.canonical == b"LOC Apr 22 11:44:48 2017 Info: a"


RELAYS = (
    *(b"Apr  22  11:44:48\tesa1  ml:", b"2009-04-22 11:44:48 esa1 ml: ", b"<13>Apr 22 11:44:48 r "),
    *(b"12 <22>1 2009-04-22T11:44:48Z r ml - - -  ", b"2009 Apr 22 11:44:48 r ml: "),
    *(b"Apr 22 11:44:49 r x: " + STAMP, b"Apr 22 11:44:48\tr\tml\t"),
    b"Apr 22 11:44:48 esa1 ml: message repeated 2 times: [ ",
)
HEADERS = st.sampled_from([*SYSLOG.values(), STAMP, STAMP, *RELAYS, b"Thu Feb 30 99:99:99 2009 "])
TEXTS = st.one_of(
    st.sampled_from([MESSAGE, b"ICID 450 close", b"", b"x" * 150, b"x" * 300]),
    st.binary(max_size=30),
    st.integers(200, 420).map(lambda size: b"x" * size),
)
PIECES = st.one_of(
    st.builds(
        lambda header, level, text: header + level + b": " + text,
        HEADERS,
        st.sampled_from([b"Info", b"Warning", b"info", b"Trace"]),
        TEXTS,
    ),
    HEADERS,
    HEADERS.map(lambda x: x[:-1]),
    TEXTS,
    st.sampled_from([b"Apr 22 11:44:48 host sshd[1]: x", b"\xef\xbb\xbf", b"\r", b"Wed Apr 22 "]),
    st.sampled_from(
        [b"Apr 22 11:44:49 esa1 last message repeated 3 times", b"Apr 22 11:44:49 last message"]
    ),
    st.builds(
        lambda byte, size: byte * size,
        st.sampled_from([b"\x00", b" ", b"\n", b"\xef\xbb\xbf"]),
        st.one_of(st.integers(0, 9), st.integers(120, 140), st.integers(280, 420)),
    ),
    st.binary(max_size=20),
    st.builds(
        lambda line, width: "\n".join(textwrap.wrap(line.decode(), width)).encode(),
        st.sampled_from([LOGIN, OPENED, POLICY]),
        st.sampled_from([40, 80, 90]),
    ),
)
ENDS = st.sampled_from(
    [b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"", b"\n\x00", b"\n\x00\x00", b"\n "]
)
LOGS = st.lists(st.builds(bytes.__add__, PIECES, ENDS), max_size=12).map(b"".join)


@given(LOGS, st.lists(st.integers(0, 3_000), max_size=12), st.integers(2, 300))
@example(LOGIN + b"\n" + long_line(256) + b"\n" + CLOSE, [], 2)
@example(b"\x00" * 400 + LOGIN, [], 2)
@example(LOGIN + b"\n" + b"\n" * 400 + CLOSE, [], 2)
@example(long_line(256) + b"\nxyz\n" + CLOSE, [], 2)
@example(
    LOGIN + b"\n\xef\xbb\xbf\xef\xbb\xbf" + CLOSE + b"\n" + b"\x00" * 300 + b"\xef\xbb\xbf" + CLOSE,
    [],
    3,
)
def test_cutting_elsewhere_never_changes_a_line(
    content: bytes, places: Sequence[int], size: int
) -> None:
    """Any log gives the same lines at once, byte by byte and cut anywhere, and never an error."""
    with pytest.MonkeyPatch.context() as patch:
        # So that lines over the limit are cheap.
        patch.setattr(framing, "MAX_LINE_BYTES", 256)
        patch.setattr(wrapping, "MAX_LINE_BYTES", 256)
        results = []
        for feeds in (
            [content],
            cut_every(content, 1),
            cut_every(content, size),
            cut_at(content, places),
        ):
            framer = Framer(SPRING)
            seen = read(feeds, framer)
            counts = (
                framer.counters.lines,
                framer.counters.truncated_lines,
                framer.counters.dropped_continuations,
                framer.foreign_lines,
            )
            results.append((seen, counts))
        assert results.count(results[0]) == len(results)


REPEATED = SYSLOG["priority and host"] + b"Info: " + MESSAGE


@given(LOGS)
@example(SYSLOG["priority"] + b"Info:  \n")
@example(REPEATED + b"\nApr 22 11:44:49 esa1 last message repeated 3 times\n")
def test_lines_that_come_out_are_in_the_file(content: bytes) -> None:
    """Offsets rise and point at the line's beginning; no canonical line has a newline.

    Only lines that a daemon repeats have one offset; such a line has the words of another one.
    """
    last = 0
    for seen in read([content]):
        assert seen.offset >= last
        begin = seen.original[:25]
        assert (
            content[seen.offset :].replace(b"\r", b"").startswith(begin.replace(b"\r", b""))
            or b"\n" in content[seen.offset : seen.offset + 26]
            or repeats_last(content[seen.offset :].partition(b"\n")[0])
        )
        assert re.search(rb":[ \t]*\Z", seen.original[: seen.message])
        assert b"\n" not in seen.canonical
        assert CANONICAL_LINE.match(seen.canonical)
        last = seen.offset


@given(st.binary(max_size=400), st.integers(1, 50))
def test_random_bytes_never_raise(content: bytes, size: int) -> None:
    """Bytes of any kind give the same few lines, or none, however they are cut."""
    assert read([content]) == read(cut_every(content, size))


def test_junk_is_bounded_above_what_makes_a_piece_empty() -> None:
    """Whatever is dropped as junk would have ended the line before it in any case."""
    assert 1 + len(b"\xef\xbb\xbf") + START_BYTES == MAX_JUNK_BYTES


def test_a_file_may_go_on_behind_its_end_within_a_line() -> None:
    """A login is there once: as it was at the end, if that seemed whole, or as it is now."""
    for cut in range(1, len(LOGIN)):
        framer = Framer(SPRING)
        seen = read([OPENED + b"\n" + LOGIN[:cut]], framer)
        seen += read([LOGIN[cut:] + b"\n" + CLOSE + b"\n"], framer)
        logins = [x.original for x in seen if b" succeeded for user: " in x.original]
        assert (cut, len(logins)) == (cut, 1)
        assert logins[0] in {LOGIN, LOGIN[:cut]}
        assert b" with profile: " in logins[0]
        assert seen[-1].original == CLOSE
