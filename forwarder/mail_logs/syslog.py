"""Removes the syslog headers that senders and relays write before the lines of a mail log.

The tag is the name of the log subscription, which the administrator chooses, so any tag will do if
a level follows it. Seen with and without a priority, with fractions of a second, and with a single
space before a day of one digit:

    Apr 22 11:44:48 mail_logs: Info: ...
    Apr 22 11:44:48 esa1 mail_logs: Info: ...
    Apr 22 11:44:48 2009 esa1 mail_logs: Info: ...
    Wed Apr 22 11:44:48 2009 10.0.1.1 mail_logs: Info: ...
    2009-04-22T11:44:48-05:00 esa1 mail_logs: Info: ...
    2009-04-22 11:44:48 esa1 mail_logs: Info: ...
    <22>1 2009-04-22T11:44:48+02:00 esa1 mail_logs - - - Info: ...          (RFC 5424)
    2009 Apr 22 11:44:48 esa1 mail [info] mail_logs:nopid Info: ...
    Apr 22 2009 11:44:48 esa1 mail_logs: Info: ...

The parts of a header and the level may be followed by several spaces or a tab, the colon of the tag
by none. The number of bytes may come first (``129 <22>1 ...``, RFC 6587). A relay may put its own
header, or columns between tabs, before a line with a header. Then the inner one counts:

    <111>Aug 10 10:00:24 esa1 mail_logs: Mon Aug 10 10:00:24 2020 Info: ...
    <111>Aug 10 10:01:24 relay1 esa: Aug 10 10:01:24 192.0.2.1 mail_logs: Info: ...
    2020-08-10 10:01:24 (tab) Mail.Info (tab) 192.0.2.1 (tab) Aug 10 10:01:24 mail_logs: Info: ...

Lines of files with a timestamp rewritten by a relay:

    Wed Apr 2 11:44:48 2009 Info: ...
    Wed Apr 22 11:44:48.123 2009 Info: ...

Daemons may write a repeated message once, and then how often it came:

    Apr 22 11:44:50 esa1 mail_logs: message repeated 3 times: [ Info: SMTP Auth: ...]
    Apr 22 11:44:55 esa1 last message repeated 4 times

Such a line counts as that many logins, each as the daemon would have written it. The second form
repeats the last message of its host, and of its program if it names one, if that was a login; at
the beginning of a file that message is unknown, and the line is only counted. Since anybody can
write a large number, a message is repeated :data:`MAX_TIMES` times at most, and the messages of one
file :data:`TIMES_A_LINE` times on average; the rest is dropped and counted.
"""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from forwarder.events import SyslogHeader
from forwarder.mail_logs.grammar import LEVEL, compile_late
from forwarder.mail_logs.timestamps import (
    MONTHS,
    UTC_MARK,
    YearFinder,
    format_offset,
    format_stamp,
)

_NO_STAMP = b"LOC Jan  0 00:00:00 0000"  # for a date that does not exist: the clock refuses it
LOCAL_MARK = b"LOC"  # instead of the day's name: the stamp is local time, as written

NAMES = b"Mon|Tue|Wed|Thu|Fri|Sat|Sun", b"|".join(MONTHS)  # of days and months
_FRACTION = rb"(?:[.,]\d{1,9})?"

_GAP = rb"[ \t]{1,8}"
"""Between the parts of a stamp; limited, so that a stamp shows within :data:`START_BYTES`."""

STAMP = (
    rb"(?:\d{1,5}" + _GAP + rb"(?=<))?"
    rb"(?:<(?P<priority>\d{1,3})>[ \t]{0,8}(?:(?P<version>\d{1,2})" + _GAP + rb")?)?"
    rb"(?:(?:(?P<first_year>\d{4})" + _GAP + rb")?(?:(?:" + NAMES[0] + rb"),?" + _GAP + rb")?"
    rb"(?P<month>" + NAMES[1] + rb")" + _GAP + rb"(?P<day>\d?\d)" + _GAP
    + rb"(?:(?P<mid_year>\d{4})" + _GAP + rb")?(?P<time>\d\d:\d\d:\d\d)" + _FRACTION
    + rb"(?:" + _GAP + rb"(?P<last_year>\d{4}))?(?=[ \t])"
    rb"|(?P<date>\d{4}-\d\d-\d\d)(?:T|" + _GAP + rb")(?P<clock>\d\d:\d\d:\d\d)" + _FRACTION
    + rb"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?(?=[ \t]))"
)  # fmt: skip
"""The beginning of a line in any framing, including that of a file."""

_ANY_STAMP = re.sub(rb"\?P<\w+>", rb"?:", STAMP)
BLANKS = rb"[ \t]++"
_LEVEL = LEVEL + rb":[ \t]"
_WORD = rb"[^ \t]+" + BLANKS
# RFC 5424: host, application, process, message id, structured data. The message begins behind the
# data; a bracket in quotes does not end them.
_RFC5424 = (
    rb"(?(version)|(?!))(?P<host5>[^ \t]+)" + BLANKS + rb"(?P<app5>[^ \t]+)" + BLANKS
    + _WORD + _WORD + rb'(?:-|(?:\[(?:[^]"\\]|"(?:[^"\\]|\\.)*+")*+\])++)'
    rb"[ \t]*+(?:\xef\xbb\xbf)?[ \t]*+"
)  # fmt: skip
# Of all hosts, only an IPv6 address may end in a colon.
HOST = rb"(?:(?P<host>[^ \t]*[^ \t:]|[0-9A-Fa-f:]*::)" + BLANKS + rb")?"
# Relays put "mail.info" or "mail [info]" between host and tag.
_FACILITY = rb"(?:[a-z]++[0-7]?(?:\.[a-z]++|" + BLANKS + rb"\[[a-z]++\])" + BLANKS + rb")?"
# Some relays have a column before the host: "Mail.Info".
_PRIORITY_COLUMN = (
    rb"(?P<column>(?<=\t)[A-Za-z]++[0-7]?\.(?:[Ee]merg|[Aa]lert|[Cc]rit|[Ee]rr|[Ww]arn|[Nn]otice"
    rb"|[Ii]nfo|[Dd]ebug)[a-z]*+\t)?"
)
_REPEATED = rb"(?P<repeated>message repeated (?P<times>\d{1,20}) times: \[ ?)?"
TAG = rb"(?P<tag>[^ \t]+?)(?:\[\d+\])?:"

# What both kinds of headers begin with.
_BEGIN = STAMP + BLANKS + rb"(?:" + _RFC5424 + rb"|" + _PRIORITY_COLUMN + rb"(?:" + HOST
_HEADER = compile_late(
    _BEGIN + _FACILITY + TAG + rb"(?:nopid(?= ))?[ \t]*+"
    # Columns between tabs: the host in the first, the tag in the last.
    rb"|(?<=\t)(?P<columns>(?:[^ \t]*+\t){1,6}+)"
    rb"))" + _REPEATED + rb"(?=" + _LEVEL + rb")",
)
# No header: a line of a file, but for its stamp.
_BARE = compile_late(STAMP + BLANKS + rb"(?=" + _LEVEL + rb")")
# A header before a line that has a stamp of its own.
_OUTER = compile_late(
    _BEGIN + rb"(?:" + TAG + rb"[ \t]*+)?"
    rb"|(?<=\t)(?P<columns>(?:[^ \t]++\t){1,6}))"
    rb")" + _REPEATED + rb"(?=" + _ANY_STAMP + rb")",
)

MAX_TIMES = 10_000  # a daemon sums up after seconds or minutes
TIMES_A_LINE = 20  # per login written, beyond the first MAX_TIMES of a file
MAX_HOSTS = 16  # whose last message is remembered, and saved with the position in the file
MAX_BYTES = 4096  # of a remembered message: daemons cut longer ones

_LOGIN = (b"SMTP Auth", b"DCID: ")

_LAST = compile_late(
    STAMP + BLANKS + HOST + rb"(?P<rest>(?:" + TAG + rb"[ \t]*+)?"
    rb"last message repeated (?P<times>\d{1,20}) times?\s*\Z)"
)
_FROM = compile_late(STAMP + BLANKS + HOST)
_BEHIND_TAG = (b":", b"[")

MAX_RELAYS = 4  # headers in a row, each of another relay


class Framed(NamedTuple):
    """A line without its syslog framing."""

    line: bytes  # the whole line; a repeated message as it would have been written
    stamp: bytes  # 24 bytes, as a file has it
    level: int  # where the level begins in the line, in bytes
    message: int  # where the message begins, behind the level and its spaces
    header: SyslogHeader | None  # None for a line of a file
    tag: int = -1  # where the tag begins in the line, in bytes; -1 without a tag and colon
    times: int = 1  # how often the message counts
    dropped: int = 0  # how often it was repeated beyond that


class Unframed(NamedTuple):
    """The headers of a line."""

    found: re.Match[bytes]  # the innermost stamp, up to the level
    header: re.Match[bytes] | None  # the innermost header
    repeated: re.Match[bytes] | None  # the header that reports a repeated message


class SyslogFraming:
    """Reads the syslog headers of one file; later lines may repeat the last login of each host."""

    def __init__(
        self, near: datetime, year: int | None = None, latest: datetime | None = None
    ) -> None:
        self.years = YearFinder(near, year, latest)
        self._left = MAX_TIMES  # how many repetitions still count
        self._last: dict[str | None, bytes] = {}  # by host, the line from the tag on

    def dump(self) -> list[Any]:
        """Return what another object needs to continue the file, as JSON and bytes."""
        return [*self.years.dump(), self._left, [*self._last.items()]]

    def restore(self, values: list[Any]) -> None:
        """Continue where another object was."""
        *years, self._left, last = values
        self.years.restore(*years)
        self._last = {host: text.encode("latin-1") for host, text, *_ in last}

    def read(self, line: bytes) -> Framed | None:
        """Remove the framing of a line; None if it is not a line of a mail log."""
        unframed, times, is_last = unframe(line), None, False
        if unframed is None:
            line, times = self._find_last(line)
            is_last = True
        elif unframed.repeated is not None:
            begin, end = unframed.repeated.span("repeated")
            times = int(unframed.repeated["times"])
            line = line[:begin] + line[end:].rstrip().removesuffix(b"]")
        if times is not None:
            unframed = unframe(line)
        if unframed is None:
            self.forget(line)
            return None
        framed = self._read_header(line, unframed)
        is_login = line.startswith(_LOGIN, framed.message)
        if times is not None and is_login:
            # A line about a connection means the same however often it comes.
            kept = min(times, self._left)
            self._left -= kept
            framed = framed._replace(times=kept, dropped=times - kept)
        if framed.header is not None and not is_last:
            self._note(framed, framed.header.hostname, is_login=is_login)
        return framed

    def forget(self, line: bytes | None = None) -> None:
        """Forget the login that a line of another log follows; None for lines without a header."""
        if self._last:
            found = None if line is None else _FROM().match(line)
            self._last.pop(None if found is None else text_of(found["host"]), None)

    def _note(self, framed: Framed, host: str | None, *, is_login: bool) -> None:
        """Remember a line of a mail log, which may be repeated."""
        last = self._last
        if last:
            last.pop(host, None)
        if is_login and framed.tag >= 0:
            self._left = min(self._left + TIMES_A_LINE, MAX_TIMES)
            text = framed.line[framed.tag :]
            if len(text) <= MAX_BYTES:
                last[host] = text
                if len(last) > MAX_HOSTS:
                    del last[next(iter(last))]

    def _find_last(self, line: bytes) -> tuple[bytes, int | None]:
        """Return the login that a line repeats, as it would have been written, and how often.

        Any other line is returned as it is, with None.
        """
        found = _LAST().match(line)
        text = None if found is None else self._last.get(text_of(found["host"]))
        if found is None or text is None:
            return line, None
        tag = found["tag"] or b""
        if not text.startswith(tag) or (tag and text[len(tag) : len(tag) + 1] not in _BEHIND_TAG):
            return line, None
        return line[: found.start("rest")] + text, int(found["times"])

    def _read_header(self, line: bytes, unframed: Unframed) -> Framed:
        found, header, _ = unframed
        stamp, offset = self._stamp(found)
        level, message = found.end(), find_message(line, found.end())
        priority = (header or found)["priority"]
        number = None if priority is None else int(priority)
        if header is None:
            known = SyslogHeader(number, None, None, None, offset)
            # Documents rely on it that a file's line needs no escapes in JSON up to its message.
            is_of_file = number is None and offset is None and b"\t" not in line[:message]
            return Framed(line, stamp, level, message, None if is_of_file else known)
        hostname, appname = header["host"] or header["host5"], header["tag"] or header["app5"]
        if header["columns"] is not None:
            hostname, *others = header["columns"].split()
            appname = others[-1] if others else None
            if not others and header["column"] is None:
                hostname, appname = None, hostname
        host, app, version = map(text_of, (hostname, appname, header["version"]))
        known = SyslogHeader(number, host, app, version, offset)
        return Framed(line, stamp, level, message, known, header.start("tag"))

    def _stamp(self, found: re.Match[bytes]) -> tuple[bytes, str | None]:
        """Return the stamp as a file has it, and the offset if the line has one."""
        date = found["date"]
        if date is None:
            month, day, time = found["month"], found["day"], found["time"]
            year = found["last_year"] or found["first_year"] or found["mid_year"]
            year = year or self.years.find(month, day)
            return b"%b %b %2b %b %b" % (LOCAL_MARK, month, day, time, year), None
        iso = date + b"T" + found["clock"]
        if iso.endswith(b":60"):
            # A leap second, which datetime does not have.
            iso = iso[:-2] + b"59"
        try:
            moment = datetime.fromisoformat((iso + (found["zone"] or b"")).decode())
            if moment.tzinfo is None:
                return format_stamp(moment, LOCAL_MARK), None
            offset = moment.utcoffset()
            assert offset is not None  # noqa: S101 - an aware datetime has one
            return format_stamp(moment.astimezone(UTC), UTC_MARK), format_offset(offset)
        except (ValueError, OverflowError):
            return _NO_STAMP, None


def unframe(line: bytes) -> Unframed | None:
    """Find stamp and header of a line; None if it is not a line of a mail log."""
    position, outer, repeated = 0, None, None
    for _ in range(MAX_RELAYS):
        if found := _HEADER().match(line, position):
            return Unframed(found, found, found if found["repeated"] else repeated)
        if found := _BARE().match(line, position):
            return Unframed(found, outer, repeated)
        outer = _OUTER().match(line, position)
        if outer is None:
            return None
        repeated = outer if outer["repeated"] else repeated
        position = outer.end()
    return None


def find_message(line: bytes, level: int) -> int:
    """Return where the message begins, in bytes: behind the level and its spaces."""
    start = line.index(b":", level) + 1
    return len(line) - len(line[start:].lstrip(b" \t"))


def text_of(value: bytes | None) -> str | None:
    """Decode a word of a header; ``-`` means none (RFC 5424)."""
    return None if value in (None, b"-") else value.decode("utf-8", "replace")


def repeats_last(line: bytes) -> bool:
    """Whether a line repeats the last message without naming it."""
    return _LAST().match(line) is not None
