"""Ids of events: a function of what their file holds, and of nothing that was read besides.

An id is a hash of where a line belongs (appliance, base name of the file, host and serial number
where they tell machines apart), its connection, and the line itself, verbatim. Three things keep
two events from having one id:

* **Ordinal.** A line may come again within its second: the second time is another event. Lines of
  the last seconds are remembered and counted, in two generations of which the elder is dropped in
  turn.
* **Beginning.** A log may be rotated within a second, and a line then stands on both sides. Lines
  that are not later than the first line of their file are salted by that line.
* **Place.** What is older than all that is remembered may have come before. Such a line is salted
  by how many logins are before it in its file.

So it does not matter where the bytes of a file are cut, what is read in between, nor in which order
files are read. Files that overlap give a line one id in both, but in their first seconds.
"""

from hashlib import blake2b
from typing import Any

GENERATION_SECONDS = 3
"""Of the log's own time: a line that comes again does so within its second, and relays mix lines
by two or three."""

MAX_GENERATION = 2_048
"""Lines of a generation. They are saved with the position of their file, so there have to be few:
32 KB of both. Beyond, lines of the same second are told apart by their place."""

_KEY_DIGITS = 8
"""Of an id, to know its line by. Should two lines have one key, the second of them gets the ordinal
of a repeated one: an id that is as good."""

_LONG_AGO = -(1 << 62)


class Begun(dict[bytes, Any]):
    """For each direction a hash that has taken in where a line belongs.

    A copy that goes on costs less than a new one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: bytes) -> None:
        """Start with the text of what tells lines from others."""
        super().__init__()
        self._text = text

    def __missing__(self, direction: bytes) -> Any:  # noqa: ANN401 - hashlib's have no common name
        begun = self[direction] = blake2b(self._text + direction + b"\0", digest_size=16)
        return begun


def begin(*where: str | None) -> Begun:
    """Begin the ids of lines that belong together.

    Args:
        where: What tells them from others; always as many.
    """
    # Quoted, so that no two of them run into one another; ascii() is the same in all of Python.
    return Begun(ascii(where).encode())


def derive(name: str, word: bytes) -> str:
    """Give the id of an event that no line says.

    Args:
        name: Id of the event that it comes of.
        word: What it is; there is one of it.
    """
    return blake2b(name.encode(), digest_size=16, key=word).hexdigest()


class Identities:
    """Gives ids to the events of one file.

    Attributes:
        stamp: Of the first line, 24 bytes; empty before there is any.
    """

    __slots__ = (
        "_current",
        "_horizon",
        "_latest",
        "_place",
        "_previous",
        "_previous_end",
        "_salt",
        "_since",
        "_year",
        "stamp",
    )

    def __init__(self) -> None:
        """Start before the first line."""
        self.stamp = b""
        self._salt = b""
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        self._since = _LONG_AGO
        self._latest = _LONG_AGO
        self._previous_end = _LONG_AGO
        self._horizon = _LONG_AGO
        """Lines before it may be forgotten."""
        self._year: int | None = None
        self._place = 0

    def open(self, line: bytes, stamp: bytes) -> None:
        """Take the first line of the file.

        Args:
            line: Verbatim.
            stamp: The one that it has, or would have in a file.
        """
        self.stamp = stamp
        self._salt = blake2b(line, digest_size=16).digest()

    def identify(  # noqa: PLR0913, PLR0917 - the hot path of a storm: an object for them costs more
        self,
        begun: Any,  # noqa: ANN401 - hashlib's types have no common name
        number: bytes,
        line: bytes,
        epoch: int,
        first: int | None,
        year: bytes | None = None,
    ) -> str:
        """Give the id of the next event of a line.

        Args:
            begun: Of its direction, as :func:`begin` gives it.
            number: ICID or DCID; empty for none.
            line: Verbatim, without its end.
            epoch: Its time in seconds since 1970, UTC.
            first: The same of the file's first line; None where that has none.
            year: That of its stamp, where the line itself may have none.

        Returns:
            32 hex digits.
        """
        said = begun.copy()
        said.update(number + b"\0" + line)
        name: str = said.hexdigest()
        salt = b"" if year is None else self._tell_years_apart(year)
        self._place += 1
        if epoch < self._horizon:
            salt += b"@%d" % self._place + self._salt
        else:
            if first is None or epoch <= first:
                salt += self._salt
            if epoch - self._since >= GENERATION_SECONDS or len(self._current) >= MAX_GENERATION:
                self._turn(epoch)
            self._latest = max(self._latest, epoch)
            current, key = self._current, name[:_KEY_DIGITS]
            if key not in current and key not in self._previous:
                current[key] = 1
            else:
                ordinal = current.get(key) or self._previous[key]
                current[key] = ordinal + 1
                salt += b"#%d" % ordinal
        if not salt:
            return name
        # As the key of the hash, which no line can imitate.
        return blake2b(name.encode(), digest_size=16, key=salt).hexdigest()

    def dump(self) -> list[Any]:
        """Give what another one needs to go on with the file, as values of JSON."""
        return [
            self.stamp.decode("latin-1"),
            self._salt.hex(),
            [self._since, self._latest, self._previous_end, self._horizon],
            self._year,
            self._place,
            *_dump(self._current),
            *_dump(self._previous),
        ]

    def restore(self, values: list[Any]) -> None:
        """Go on where another one was."""
        stamp, salt, times, self._year, self._place, *counts = values
        self.stamp, self._salt = stamp.encode("latin-1"), bytes.fromhex(salt)
        self._since, self._latest, self._previous_end, self._horizon = times
        self._current, self._previous = _load(*counts[:2]), _load(*counts[2:])

    def _turn(self, epoch: int) -> None:
        """Begin a generation with a line."""
        if self._previous:
            self._horizon = self._previous_end + 1
        self._previous, self._current = self._current, {}
        self._previous_end = self._latest
        self._since = max(self._latest, epoch)

    def _tell_years_apart(self, year: bytes) -> bytes:
        """Salt a line whose year was inferred, where the file has gone over into another one."""
        number = int(year)
        if self._year is None:
            self._year = number
        return b"" if number == self._year else b"y%d" % (number - self._year)


def _dump(generation: dict[str, int]) -> tuple[str, dict[str, int]]:
    """Give the keys in one text, and the counts that are not one."""
    return "".join(generation), {key: n for key, n in generation.items() if n != 1}


def _load(keys: str, counts: dict[str, int]) -> dict[str, int]:
    steps = range(0, len(keys), _KEY_DIGITS)
    return dict.fromkeys((keys[i : i + _KEY_DIGITS] for i in steps), 1) | counts
