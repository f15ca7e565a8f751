"""Lines by which a syslog daemon says that a message came several times.

Daemons write a message that comes again only once, and then how often:

    Apr 22 11:44:50 esa1 mail_logs: message repeated 3 times: [ Info: SMTP Auth: ...]
    Apr 22 11:44:55 esa1 last message repeated 4 times

Rules:

* Such a line stands for as many logins as it says, each as the daemon would have written it then.
* The second one names no message. It repeats the last one of its host, if that was a login, and of
  its program, if it names one.
* A number is quickly written. So a message comes :data:`MAX_TIMES` times at most, and messages of
  one file :data:`TIMES_A_LINE` times on average; what goes beyond is dropped and counted.
* What a file begins with may repeat the last message of the file before, which nobody knows here:
  it is counted, too.
"""

from typing import NamedTuple

from forwarder.events import SyslogHeader
from forwarder.mail_logs.grammar import compile_late
from forwarder.mail_logs.syslog import BLANKS, HOST, REPEATED, STAMP, TAG, text_of

MAX_TIMES = 10_000
"""A daemon sums up after seconds or minutes."""

TIMES_A_LINE = 20
"""Of a login that is written, beyond the first :data:`MAX_TIMES` of a file."""

MAX_HOSTS = 16
"""Whose last message is remembered; it is saved with the position in the file."""

MAX_BYTES = 4096
"""Of a message that is remembered. A daemon cuts what is longer, and so does a user's name."""

_LAST = compile_late(
    STAMP + BLANKS + HOST + rb"(?P<rest>(?:" + TAG + rb"[ \t]*+)?"
    rb"last message repeated (?P<times>\d{1,20}) times?\s*\Z)"
)
_FROM = compile_late(STAMP + BLANKS + HOST)
_BEHIND_TAG = (b":", b"[")
LOGIN = (b"SMTP Auth", b"DCID: ")
"""How the messages of logins begin."""

State = tuple[int, tuple[tuple[str | None, bytes, int], ...]]
"""How many repetitions count yet; the last message of each host: the host; the line from the tag
on; how often it may come yet."""


class Repeated(NamedTuple):
    """A line that stands for several."""

    line: bytes
    """As it would have been written each time."""
    level: int | None
    """Where the level or one more header has to begin in it, if that is not known to be right."""
    times: int
    """How often it came."""
    most: int
    """How often it can count."""


class Repetitions:
    """Remembers the last login of each host of one file."""

    __slots__ = ("_last", "_left")

    def __init__(self) -> None:
        """Start with none."""
        self._last: dict[str | None, tuple[bytes, int]] = {}
        self._left = MAX_TIMES

    @property
    def state(self) -> State:
        """What another one needs to go on with the file."""
        return self._left, tuple((host, *last) for host, last in self._last.items())

    def resume(self, state: State) -> None:
        """Go on where another one was."""
        self._left, last = state
        self._last = {host: (text, left) for host, text, left in last}

    def note(self, line: bytes, tag: int, header: SyslogHeader, message: int) -> None:
        """Take notice of a line of a mail log.

        Args:
            line: With a syslog header.
            tag: Where its tag begins; -1 without one.
            header: The header.
            message: Where the message begins, in bytes.
        """
        if line.startswith(LOGIN, message) and tag >= 0:
            self._left = min(self._left + TIMES_A_LINE, MAX_TIMES)
            text = line[tag:]
            self._last.pop(header.hostname, None)
            if len(text) <= MAX_BYTES:
                self._last[header.hostname] = text, MAX_TIMES
                if len(self._last) > MAX_HOSTS:
                    del self._last[next(iter(self._last))]
        elif self._last:
            self._last.pop(header.hostname, None)

    def forget(self, line: bytes | None = None) -> None:
        """Take notice of a line of something else, or of lines without a header: None."""
        if self._last:
            found = None if line is None else _FROM().match(line)
            self._last.pop(None if found is None else text_of(found["host"]), None)

    def count(self, repeated: Repeated) -> int:
        """Count a login that was repeated, and say how often it counts."""
        kept = min(repeated.times, repeated.most)
        self._left -= kept
        return kept

    @staticmethod
    def is_last(line: bytes) -> bool:
        """Say whether a line names no message."""
        return _LAST().match(line) is not None

    def read(self, line: bytes) -> Repeated | None:
        """Read a line that may say that a message was repeated; None if it does not."""
        found = REPEATED.search(line)
        if found is not None:
            begin, message = line[: found.start()], line[found.end() :]
            times = int(found["times"])
            whole = begin + message.rstrip().removesuffix(b"]")
            return Repeated(whole, found.start(), times, self._left)
        found = _LAST().match(line)
        if found is None:
            return None
        host, tag = text_of(found["host"]), found["tag"] or b""
        if host not in self._last:
            return None
        text, left = self._last[host]
        if not text.startswith(tag) or (tag and text[len(tag) : len(tag) + 1] not in _BEHIND_TAG):
            return None
        times = int(found["times"])
        self._last[host] = text, left - min(times, left)
        return Repeated(line[: found.start("rest")] + text, None, times, min(left, self._left))
