"""Which pieces make up a line, how they are joined, and how lines end.

A piece is the text between two newlines. It begins a line, is empty, or may continue the line
before it. Its first bytes (:data:`START_BYTES`) decide, so that nothing waits for the end of a
piece: one that begins with that many spaces or NUL bytes is empty, whatever follows. Empty pieces
are skipped, and spaces before a timestamp are not part of its line.

Logs copied from a terminal or a document are wrapped: text without a timestamp continues the line
before, unless that is whole by its form. So a traceback or the output of another program behind a
whole line is not part of it, and never becomes a user's name.

Most lines about logins end in the appliance's own words (``_ENDS``). If a line ends in a profile or
a server instead, its end looks the same as the place where a copy broke off. The beginning and the
end of a line show its form, so only these are examined: text that an attacker writes into a user or
host name takes no time.

Some copies break lines between words, others cut them at a width, within words. Pieces are joined
with a space, or with nothing if only that gives a known form. If both do:

* Three or more pieces of one width, except the last, were cut at that width.
* Two pieces were also cut if the seam is within a name, as hardly any name has a space. They were
  not cut if the text at the seam consists of words, such as the answer of a server or the name of
  an interface, or if the second piece is wider.
* Earlier wrapped lines of the file take precedence. A line that is only known with nothing at its
  seam was cut, and so are the lines after it. A line that is only known with a space was wrapped
  between words, and so are later ones with the same indentation, as long as none was cut. (One more
  space may mean that a continuation was cut before a space of its own.)
* A login ends in the name of a profile, which may be cut as well: if the rest is a single word and
  the last piece, and the pieces look cut.
* A single space before a continuation belongs to the text: indentation is wider.

Several lines of one width do not show a cut: lines of one form have their spaces at the same place.

No rule can decide, in the first wrapped line of a file, with two pieces: a user broken at a space
of its own, an answer cut within a word, and a user cut before a space of its own if the
continuation is indented as well.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

from forwarder.mail_logs import syslog
from forwarder.mail_logs.grammar import DATE, REGULAR, STAMP_BYTES, compile_late
from forwarder.mail_logs.messages import is_profile_cut
from forwarder.mail_logs.syslog import STAMP, unframe

MAX_LINE_BYTES = 1 << 16
"""A user name has at most 9 KB (RFC 4954, 12,288 octets of base64), and nothing else in these lines
is longer. Fluent Bit stops at 32 KiB, Vector drops lines above 100 KiB."""

START_BYTES = 160  # more than any timestamp with its priority and the spaces before it

MAX_PIECES = 32
"""Pieces of a line. An address has at most 320 characters (RFC 3696), and a login line about 150
more: that is 12 pieces at a width of 40."""

MAX_BEGIN = 512
"""Bytes examined at the beginning of a line: headers of relays, and the head of its form."""
MAX_END = 512  # bytes examined at the end: the longest known one has the answer of a server

BOM = rb"(?:\xef\xbb\xbf)?"
# A BOM may stand before NUL bytes, and either or both before spaces.
START = re.compile(BOM + rb"\x00*+[ \t]{0,32}+(?P<junk_end>)(?:" + STAMP + rb"|(?=" + DATE + rb"))")
_EMPTY = re.compile(BOM + rb"(?:[\x00 \t\r]{%d}|[\x00 \t\r]*+\Z)" % START_BYTES)
_PIECE = re.compile(rb"\n(?:(?:[\x00 \t\r]*+\n)*+)(?P<piece>[^\n]*+)")
"""Many empty pieces are skipped in one step."""

_NAME = re.compile(rb"[ \t]*[\w.@-]+\s*")
_BLANKS = (b" ", b"\t")


class End(IntEnum):
    """What is known about the end of a line."""

    UNKNOWN = 0  # no known form, or not yet
    CUT = 1  # missing, of a login
    LOOSE = 2  # may be missing: an address or a number could continue
    OPEN = 3  # there, except for optional parts
    NAMED = 4  # there, but the name at the end may be cut
    WHOLE = 5  # there


@dataclass
class Wraps:
    """How the wrapped lines of a file were broken so far."""

    was_cut: bool | None = None
    """True at a width, within words; False between words; None if no line has shown it."""
    indent: int = 0  # spaces before the continuation of that line


class Found(NamedTuple):
    """A line in a stretch."""

    start: int  # where it begins, in bytes
    line: bytes
    is_truncated: bool
    has_dropped: bool  # whether the text behind it is neither a line nor part of it


def join_lines(stretch: bytes, wraps: Wraps | None) -> Iterator[Found]:
    """Join wrapped lines, and cut them at :data:`MAX_LINE_BYTES`.

    The stretch has whole lines, each behind a newline. ``wraps`` is how earlier lines were wrapped,
    and is updated. If it is None, no line is wrapped, and text that does not begin one is dropped.
    """
    pieces: list[bytes] = []
    start = 0
    for found in _PIECE.finditer(stretch):
        at, piece = found.start("piece"), found["piece"]
        begun = START.match(piece)
        if begun:
            if pieces:
                yield _found(start, pieces, wraps)
            pieces, start = [piece[begun.start("junk_end") :]], at + begun.start("junk_end")
        # A piece that begins behind the limit does not count: small reads would not see it.
        elif not pieces or at - start > MAX_LINE_BYTES + 1 or _EMPTY.match(piece):
            continue
        else:
            pieces.append(piece)
        over = at + len(piece) - start - MAX_LINE_BYTES
        if over > 0:
            # The newline before the piece may be over the limit as well.
            pieces[-1] = pieces[-1][: max(len(pieces[-1]) - over, 0)]
            yield _found(start, pieces, wraps, is_truncated=True)
            pieces = []
    if pieces:
        yield _found(start, pieces, wraps)


def _found(
    start: int, pieces: list[bytes], wraps: Wraps | None, *, is_truncated: bool = False
) -> Found:
    line, number = (pieces[0], 1) if wraps is None else join(pieces, wraps)
    whole = number == len(pieces)
    return Found(start, line, is_truncated and whole, not whole)


class _Joined(NamedTuple):
    line: bytes
    number: int  # of pieces
    end: End
    matters: bool | None  # whether it may be about a login; None without a message so far
    was_cut: bool | None  # what it shows about how it was wrapped


def join(pieces: Sequence[bytes], wraps: Wraps | None = None) -> tuple[bytes, int]:
    """Join a line; return it, and how many of the pieces it consists of.

    ``pieces`` are its first one and all others up to the next line; none is empty. ``wraps`` is how
    earlier lines of the file were wrapped, and is updated.
    """
    if len(pieces) == 1:
        return pieces[0].removesuffix(b"\r"), 1
    wraps = wraps or Wraps()
    best: _Joined | None = None
    begun: _Joined | None = None  # with the fewest pieces that have a message
    for number in range(1, min(len(pieces), MAX_PIECES) + 1):
        joined = _join_known(pieces[:number], wraps)
        if begun is None and joined.matters is not None:
            begun = joined
        # A cut line is a login anyhow, so only the fewest pieces that make one count.
        if joined.end > (End.CUT if best else End.UNKNOWN):
            best = joined
        is_named = joined.end is End.NAMED and not _is_name_cut(pieces, number)
        if is_named or joined.end is End.WHOLE:
            break
    if best is None and begun is not None and begun.matters:
        best = begun
    if best is None:
        return _with_spaces(pieces), len(pieces)
    # A copy may lose the space at which a line was cut.
    if best.was_cut or (best.was_cut is not None and not wraps.was_cut):
        wraps.was_cut, wraps.indent = best.was_cut, _indent(pieces[: best.number])
    return best.line, best.number


def _join_known(pieces: Sequence[bytes], before: Wraps) -> _Joined:
    """Join pieces in the way that gives a known form, or that earlier lines have shown."""
    ways, between_words = [_with_spaces(pieces)], False
    if len(pieces) > 1:
        indent = _indent(pieces)
        between_words = before == Wraps(was_cut=False, indent=indent)
        indent -= before == Wraps(was_cut=True, indent=indent - 1)
        ways += [_with_nothing(pieces, indent), _with_nothing(pieces, 0)]
    is_own, best, best_end, best_text = None, ways[0], End.UNKNOWN, b""
    known = []
    for line in dict.fromkeys(ways):
        short = shorten(line)
        start = find_message(short)
        if start is None:
            continue
        is_own = matters(short[start:])
        end, text = read_ending(short[start:])
        if end > End.CUT:
            known.append(line)
        # The first way is used, unless the second is possible and fits better.
        if end > best_end or (
            end is best_end is not End.UNKNOWN
            and (best, line) == (ways[0], ways[1])
            and best.split() != line.split()
            and not between_words
            and _is_cut(pieces, is_text=best_text not in {b"", text} and not before.was_cut)
        ):
            best, best_end, best_text = line, end, text
    shown = None
    if len(pieces) > 1 and known and not any(map(_has_space, pairwise(pieces))):
        if ways[0] not in known:
            shown = True
        elif all(x.split() == ways[0].split() for x in known):
            shown = False
    return _Joined(best, len(pieces), best_end, is_own, shown)


def _has_space(seam: tuple[bytes, bytes]) -> bool:
    """Whether a space at a seam may belong to the text."""
    before, piece = seam
    is_single = piece[:1] in _BLANKS and piece[1:2] not in _BLANKS
    return is_single or before.removesuffix(b"\r").endswith(_BLANKS)


def _is_name_cut(pieces: Sequence[bytes], number: int) -> bool:
    """Whether the name at the end of that many pieces continues in one word, the last piece."""
    is_last = len(pieces) == number + 1
    return is_last and _is_cut(pieces, is_text=False) and _NAME.fullmatch(pieces[-1]) is not None


def _is_cut(pieces: Sequence[bytes], *, is_text: bool) -> bool:
    """Whether pieces look cut at a width, if their text does not show it."""
    first, *others, last = [x.removesuffix(b"\r") for x in pieces]
    width, indent = len(first), _indent(pieces)
    # A width may include the indentation or not.
    if len(last) - indent > width or any(width not in {len(x), len(x) - indent} for x in others):
        return False
    return bool(others) or not is_text


def _indent(pieces: Sequence[bytes]) -> int:
    least = min(len(x) - len(x.lstrip()) for x in pieces[1:])
    is_own = least == 1 and any(x.startswith(b" ") for x in pieces[1:])
    return 0 if is_own else least


def _with_spaces(pieces: Sequence[bytes]) -> bytes:
    first, *others = pieces
    if not others:
        return first.removesuffix(b"\r")
    parts = [first.rstrip(), *(x.strip() for x in others[:-1])]
    return b" ".join([*parts, others[-1].removesuffix(b"\r").lstrip()])


def _with_nothing(pieces: Sequence[bytes], indent: int) -> bytes:
    """Join pieces that were cut; a narrower one lost the space at its end."""
    pieces = [x.removesuffix(b"\r") for x in pieces]
    width = max([len(pieces[0]), *(len(x) - indent for x in pieces[1:-1])])
    parts = [pieces[0]]
    for before, piece in pairwise(pieces):
        text = piece[indent:]
        is_short = len(before) < width and not before.endswith(_BLANKS)
        parts += [b" ", text] if is_short and not text.startswith(_BLANKS) else [text]
    return b"".join(parts)


def is_partial(line: bytes) -> bool:
    """Whether a line without a newline, in any framing, is part of a line about a login."""
    line = shorten(line)
    start = find_message(line)
    if start is None or not matters(line[start:]):
        return False
    return read_ending(line[start:])[0] < End.OPEN


_LOGIN = rb"SMTP Auth:? \(ICID \d+\) "
_TRIED = _LOGIN + rb"(?:succeeded|failed) for user:"
_OUTBOUND = rb"DCID: \d+ IP: [^ ()]+ SMTP authentication using the profile .*? "
_IP = rb"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
_INTERFACE = rb" \d+ [Ii]nterface (?:(?P<text>[A-Za-z][^ ()]* \d+) |[^()]* )?"
_NEW = rb"New (?:SMTP|smtp) ICID" + _INTERFACE + rb"(?:\([^ ()]+\) )?address " + _IP
_NEW_DELIVERY = rb"New (?:SMTP|smtp) DCID" + _INTERFACE + rb"address " + _IP
_POLICY = rb"ICID \d+ (?:ACCEPT|RELAY|REJECT) SG [^ ]+(?<!match)"
_SBRS = rb" SBRS (?:None|rfc1918|not enabled|unable to retrieve|-?\d{1,2}(?:\.\d{1,3})?)"
_COUNTRY = rb"(?: country (?P<text>[^ :]+(?: [^ :]+){0,6}))?"
_CODE = rb"(?:[245]\.\d{1,3}\.\d{1,3}(?!\d| ?\.)|(?![245] ?\.))"
_ANSWER = rb"\(u?['\"]?\d{3}['\"]?, ?\[?u?['\"](?! )" + _CODE + rb"(?:.*[^ ])?['\"]\]?\)\.?"
_BROKEN = rb" is misconfigured or missing causing an Auth failure\.?"
_UNREACHABLE = rb"LDAP query failed, possible LDAP misconfiguration or unreachable server\.?"
_DELAYED = rb"ICID \d+ Delayed HAT REJECT continuing session for recipient logging"
_TLS = rb"[ID]CID \d+ TLS "
_PEER = rb"(?: for [^ ]+)?(?: CN(?:=|: )[^ ]+)?"

_ENDS = [
    (end, compile_late(pattern))
    for end, pattern in (
        (End.NAMED, _TRIED + rb" .* using AUTH mechanism: [^ ]+ with profile: (?P<profile>[^ ].*)"),
        (End.CUT, _TRIED + rb".*"),
        (End.WHOLE, _LOGIN + rb"profile: .*" + _BROKEN),
        (End.NAMED, _LOGIN + rb"could not reach forwarding server [^ ]+ with reason: .+"),
        (End.OPEN, _LOGIN + rb"could not reach forwarding server [^ ]+"),
        (End.NAMED, _LOGIN + rb"LDAP query/user lookup failed for user: .+"),
        (End.WHOLE, _LOGIN + rb"was required but remote host did not initiate it\.?"),
        (End.WHOLE, rb"SMTP Auth:? " + _UNREACHABLE),
        (End.WHOLE, rb"SMTP Auth:? forward server connection to .* connections available"),
        (End.WHOLE, _OUTBOUND + rb"succeeded\.(?: .*)?"),
        (End.OPEN, _OUTBOUND + rb"succeeded"),
        (End.WHOLE, _OUTBOUND + rb"failed: (?P<text>" + _ANSWER + rb")"),
        (End.OPEN, _OUTBOUND + rb"failed"),
        (End.CUT, _OUTBOUND + rb"failed: *(?P<text>.*)"),
        (End.WHOLE, _NEW + rb" (?:.* )?reverse dns host (?:[^ ]+ )?verified (?:yes|no)(?: .*)?"),
        (End.LOOSE, _NEW + rb"(?: reverse dns host [^ ]+)?"),
        (End.OPEN, _NEW_DELIVERY + rb" port \d{1,5}"),
        (End.LOOSE, _NEW_DELIVERY),
        (End.OPEN, _POLICY + rb"(?: match(?: .*?)?)?" + _SBRS + _COUNTRY),
        (End.LOOSE, _POLICY + rb"(?: match(?: [^ ]+)?)?"),
        (End.WHOLE, _DELAYED + rb" \(" + _IP + rb"\)"),
        (End.OPEN, _TLS + rb"success(?: protocol [^ ]+)?(?: cipher [A-Z0-9_-]+)?" + _PEER),
        (End.OPEN, _TLS + rb"failed(?:[ :].*)?"),
        (End.WHOLE, rb"[ID]CID \d+ (?:close|lost)(?:\W.*)?"),
        (End.OPEN, rb"[ID]CID \d+ (?:disconnected|Connection (?:.* )?lost)(?:\W.*)?"),
        (End.LOOSE, rb"SMTP server connection killed [ID]CID:? \d+(?:[ .,].*)?"),
        (End.OPEN, rb"Message aborted MID \d+(?: .*)?"),
        (End.LOOSE, rb"Start MID \d+ ICID \d+"),
        (End.WHOLE, rb"MID \d+ ICID \d+ RID \d+ To: .*>"),
        (End.WHOLE, rb"MID \d+ ready \d+ bytes from .*"),
        (End.WHOLE, rb"Version: [^ ]+ SN: [0-9A-Z]{12,}-[0-9A-Z]{12}"),
        (End.LOOSE, rb"Version: [^ ]+ SN: [0-9A-Z]+(?:-[0-9A-Z]*)?"),
        (End.WHOLE, rb"Time offset from UTC: [-+]?\d{1,5} seconds"),
    )
]
"""The ends of lines about logins; the first one that a message matches counts."""

_MATTERS = re.compile(rb"SMTP Auth|DCID: |New (?:SMTP|smtp) |ICID \d+ [A-Z]+ SG ")


def shorten(line: bytes) -> bytes:
    """Keep only the beginning and the end of a long line."""
    if len(line) <= MAX_BEGIN + MAX_END:
        return line
    return line[:MAX_BEGIN] + line[-MAX_END:]


def find_message(line: bytes) -> int | None:
    """Return where the message begins, in bytes; None if it is not a line of a mail log."""
    if REGULAR.match(line):
        return line.index(b": ", STAMP_BYTES) + 2
    unframed = unframe(line)
    return None if unframed is None else syslog.find_message(line, unframed.found.end())


def read_ending(message: bytes) -> tuple[End, bytes]:
    """Return how a message ends, and the part of it that consists of words with spaces.

    The message may be what :func:`shorten` left.
    """
    message = message.rstrip()
    # White space in a user belongs to the user.
    if not message.startswith(b"SMTP "):
        message = b" ".join(message.split())
    for end, pattern in _ENDS:
        found = pattern().fullmatch(message)
        if found is not None:
            values = found.groupdict()
            is_cut = is_profile_cut(values.get("profile") or b"")
            return End.CUT if is_cut else end, values.get("text") or b""
    return End.UNKNOWN, b""


def matters(message: bytes) -> bool:
    """Whether a message begins like one about a login."""
    return _MATTERS.match(message) is not None
