"""The file being read, as far as its events depend on it: its header, and the ids of its events.

An id is a function of what the file holds, and of nothing else that was read. It is the second of
the event, so that ids in their order are nearly in that of time, which a search index stores at a
third of the space; and a hash of where a line belongs (appliance, base name of the file, host and
serial number where they tell machines apart), its connection, and the line itself, verbatim. Three
things keep two events from having one id:

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

from dataclasses import replace
from datetime import timedelta, tzinfo
from hashlib import blake2b
from typing import Any, NamedTuple

from forwarder.appliances import Appliance
from forwarder.events import Origin
from forwarder.mail_logs import grammar
from forwarder.mail_logs.timestamps import Clock, Skew

GENERATION_SECONDS = 3
"""Of the log's own time: a line that comes again does so within its second, and relays mix lines
by two or three."""

MAX_GENERATION = 2_048
"""Lines of a generation. They are saved with the position of their file, so there have to be few:
32 KB of both. Beyond, lines of the same second are told apart by their place."""

MAX_OFFSET = timedelta(hours=14)  # no place on earth is further from UTC (the Line Islands)
MAX_SERIAL = 128  # characters of a serial number that tell appliances apart; they have 33
UNKNOWN = -(1 << 60)  # in place of a time that was not needed yet

_HASH_BYTES = 12
"""Of an id, behind the second. Only events of one second can have one hash: with 100,000 of them in
every second, two do once in 500 billion years. To make two on purpose takes 2**48 hashes, for a
number of a connection, a second and a serial number that have to be guessed before."""

_KEY_DIGITS = 8
"""Of a hash, to recognise its line. Should two lines have one key, the second of them gets the
ordinal of a repeated one: an id that is as good."""

_LONG_AGO = -(1 << 62)


class EventIds:
    """Gives ids to the events of one file."""

    def __init__(self) -> None:
        self.stamp = b""  # of the first line, 24 bytes; empty before there is any
        self._salt = b""
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        self._since = _LONG_AGO
        self._latest = _LONG_AGO
        self._previous_end = _LONG_AGO
        self._horizon = _LONG_AGO  # lines before it may be forgotten
        self._year: int | None = None
        self._place = 0
        self._second, self._digits = UNKNOWN, ""  # of the last event

    def open(self, line: bytes, stamp: bytes) -> None:
        """Take the first line of the file, verbatim, and the stamp that it would have in a file."""
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
        """Return the id of the next event of a line: 32 hex digits, of which 8 are its second.

        ``begun`` is of its direction, of :attr:`FileHeader.hashes`; ``number`` an ICID or DCID, if
        any; ``first`` the time of the file's first line; ``year`` that of the stamp, where the line
        itself may have none.
        """
        digest = begun.copy()
        digest.update(number + b"\0" + line)
        name: str = digest.hexdigest()
        salt = b""
        if year is not None:
            if self._year is None:
                self._year = int(year)
            if int(year) != self._year:  # the file has gone over into another one
                salt = b"y%d" % (int(year) - self._year)
        self._place += 1
        if epoch < self._horizon:
            salt += b"@%d" % self._place + self._salt
        else:
            if first is None or epoch <= first:
                salt += self._salt
            if epoch - self._since >= GENERATION_SECONDS or len(self._current) >= MAX_GENERATION:
                self._begin_generation(epoch)
            if epoch > self._latest:  # noqa: PLR1730 - max() takes three times as long
                self._latest = epoch
            current, key = self._current, name[:_KEY_DIGITS]
            if key not in current and key not in self._previous:
                current[key] = 1
            else:
                ordinal = current.get(key) or self._previous[key]
                current[key] = ordinal + 1
                salt += b"#%d" % ordinal
        if epoch != self._second:  # logins come many in a second where it matters
            self._second, self._digits = epoch, _digits_of(epoch)
        # As the key of the hash, which no line can imitate.
        return self._digits + (_hash(name, salt) if salt else name)

    def dump(self) -> list[Any]:
        """Return what another object needs to go on with the file, as JSON and bytes."""
        times = [self._since, self._latest, self._previous_end, self._horizon]
        counts = (*_dump(self._current), *_dump(self._previous))
        return [self.stamp, self._salt.hex(), times, self._year, self._place, *counts]

    def restore(self, values: list[Any]) -> None:
        """Go on where another object was."""
        stamp, salt, times, self._year, self._place, *counts = values
        self.stamp, self._salt = stamp.encode("latin-1"), bytes.fromhex(salt)
        self._since, self._latest, self._previous_end, self._horizon = times
        self._current, self._previous = _load(*counts[:2]), _load(*counts[2:])

    def _begin_generation(self, epoch: int) -> None:
        if self._previous:
            self._horizon = self._previous_end + 1
        self._previous, self._current = self._current, {}
        self._previous_end = self._latest
        self._since = max(self._latest, epoch)


class Source(NamedTuple):
    """A file on its way, as far as all of its lines share it."""

    base: str  # name of the file without what rotation adds; the same for all files of one log
    folder: str  # where the file was when it was begun, without what archives and dates add
    file: str | None  # a name for the file that stays when it is renamed
    zone: tzinfo | None  # of stamps that no header covers; None if the operator gave none
    ids: EventIds
    messages: bool = False
    """Whether it is made of syslog messages, which may arrive in another order."""


class Family(NamedTuple):
    """Streams that only serial numbers tell apart."""

    appliance: str
    base: str
    host: str | None
    folder: str  # empty for a stream with a serial number: that says more than the place of a file
    messages: bool = False  # whether they are of messages, which may arrive in another order


class FileHeader:
    """What the header of a file says so far, of the lines of one appliance in it."""

    def __init__(
        self,
        origin: Origin,
        source: Source,
        host: str | None = None,
        configured: Appliance | None = None,
    ) -> None:
        """Begin; ``host`` is that of syslog headers, where the operator named the appliance."""
        self.origin = origin
        self.source = source
        self.ids = source.ids
        self.configured = configured  # what the operator says of the appliance
        self.skew = Skew()  # how far its clock is off, where the time of arrival is known
        where = origin.appliance, source.base, host, source.folder, source.messages
        self.family = Family(*where)  # does not change in the file
        self.is_late = False  # whether a newer file of its log had begun before
        self.is_moved = False  # whether it has said another serial number; the reader clears this
        self.resume(origin.serial, None)

    def resume(self, serial: str | None, offset: timedelta | None) -> None:
        """Go on with a known header. Ids depend on it: the same stamp is another time then."""
        if serial != self.origin.serial:
            self.origin = replace(self.origin, serial=serial)
        self.offset = offset  # local time minus UTC
        self.first: int | None = UNKNOWN  # time of its first line, after find_first; None for none
        seconds = None if offset is None else str(offset // timedelta(seconds=1))
        self.hashes = begin(*self.family[:3], serial, seconds)

    def find_first(self, clock: Clock) -> int | None:
        """Find the time of the file's first line."""
        time = clock.read(self.ids.stamp, self.offset)
        self.first = None if time is None else time.epoch
        return self.first

    def read(self, message: bytes) -> bool:
        """Read a line of the file's header; False for any other."""
        if found := grammar.match(grammar.HEADER_OFFSET, message):
            offset = timedelta(seconds=int(found["seconds"]))
            if abs(offset) > MAX_OFFSET:
                return False
            self.resume(self.origin.serial, offset)
        elif found := grammar.match(grammar.HEADER_VERSION, message):
            serial = found["serial"].decode("utf-8", "replace")[:MAX_SERIAL]
            if serial != self.origin.serial:
                self.is_moved = True
                self.resume(serial, self.offset)
        return found is not None


def begin(*where: str | None) -> dict[bytes, Any]:
    """Begin the ids of lines that belong together, in each direction, with what tells them apart.

    A hash that has taken this in is copied for each line, which costs less than a new one.
    """
    # Quoted, so that no two of them run into one another; ascii() is the same in all of Python.
    text = ascii(where).encode()
    directions = b"inbound", b"outbound"
    return {x: blake2b(text + x + b"\0", digest_size=_HASH_BYTES) for x in directions}


def derive(name: str, word: bytes, epoch: int) -> str:
    """Return the id of an event of another kind, from the id of the event that it comes of."""
    return _digits_of(epoch) + _hash(name, word)


def _digits_of(epoch: int) -> str:
    """Return the second that an id begins with, in 8 digits; they begin again in the year 2106."""
    return f"{epoch & 0xFFFFFFFF:08x}"


def _hash(name: str, key: bytes) -> str:
    return blake2b(name.encode(), digest_size=_HASH_BYTES, key=key).hexdigest()


def _dump(generation: dict[str, int]) -> tuple[str, dict[str, int]]:
    """Return the keys in one text, and the counts that are not one."""
    return "".join(generation), {key: n for key, n in generation.items() if n != 1}


def _load(keys: str, counts: dict[str, int]) -> dict[str, int]:
    steps = range(0, len(keys), _KEY_DIGITS)
    return dict.fromkeys((keys[i : i + _KEY_DIGITS] for i in steps), 1) | counts
