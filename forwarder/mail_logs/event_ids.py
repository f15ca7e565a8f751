"""The file being read, as far as events depend on it: its header, and the ids of its events.

An id depends on the content of the file alone. It begins with the second of the event: ids are then
nearly in the order of time, which takes a third of the space in a search index. The rest is a hash
of where the line belongs (appliance, base name of the file, host and serial number if they tell
machines apart), its connection, and the line itself, verbatim. Three salts keep ids unique:

* **Ordinal.** The same line may come twice in a second, as two events. Lines of the last seconds
  are remembered and counted, in two generations; the older one is dropped in turn.
* **Beginning.** A log may be rotated within a second, with the same line on both sides. Lines that
  are not later than the first line of their file are salted with that line.
* **Place.** A line older than everything remembered may have come before. It is salted with the
  number of logins before it in its file.

So ids do not depend on where the bytes of a file are cut, what is read in between, or in which
order files are read. Overlapping files give a line the same id, except in their first second.
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
"""Of the log's own time: lines repeat within their second, and relays mix those of two or three."""

MAX_GENERATION = 2_048
"""Lines of a generation. They are saved with the position of their file, so they must be few: 32 KB
for both. Beyond, lines of the same second are distinguished by their place."""

MAX_OFFSET = timedelta(hours=14)  # of the Line Islands, the furthest from UTC
MAX_SERIAL = 128  # characters of a serial number that count; they have 33
UNKNOWN = -(1 << 60)  # instead of a time that was not needed yet

_HASH_BYTES = 12
"""Of an id, behind the second. Only events of the same second can collide: with 100,000 in every
second, once in 500 billion years. A deliberate collision takes 2**48 hashes, for a connection, a
second and a serial number that have to be guessed in advance."""

_KEY_DIGITS = 8
"""Of a hash, to recognise its line. If two lines share a key, the second gets the ordinal of a
repeated one, which is as good an id."""

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
        """Note the first line of the file, verbatim, and its stamp as a file would have it."""
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

        ``begun`` is the hash of its direction in :attr:`FileHeader.hashes`; ``number`` an ICID, a
        DCID or empty; ``first`` the time of the file's first line; ``year`` that of the stamp if
        the line itself may have none.
        """
        digest = begun.copy()
        digest.update(number + b"\0" + line)
        name: str = digest.hexdigest()
        salt = b""
        if year is not None:
            if self._year is None:
                self._year = int(year)
            if int(year) != self._year:  # the year has changed within the file
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
        if epoch != self._second:  # in a storm, many logins share a second
            self._second, self._digits = epoch, _digits_of(epoch)
        # The salt is the key of the hash, which no line can imitate.
        return self._digits + (_hash(name, salt) if salt else name)

    def dump(self) -> list[Any]:
        """Return what another object needs to continue the file, as JSON and bytes."""
        times = [self._since, self._latest, self._previous_end, self._horizon]
        counts = (*_dump(self._current), *_dump(self._previous))
        return [self.stamp, self._salt.hex(), times, self._year, self._place, *counts]

    def restore(self, values: list[Any]) -> None:
        """Continue where another object was."""
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
    """What all lines of a file share."""

    base: str  # name of the file without the part that rotation adds, for all files of one log
    folder: str  # where the file was first seen, without folders of archives and dates
    file: str | None  # a name for the file that stays when it is renamed
    zone: tzinfo | None  # of stamps without a file header; None if the operator gave none
    ids: EventIds
    messages: bool = False  # whether it consists of syslog messages, which may be out of order


class Family(NamedTuple):
    """Streams that differ only in their serial numbers."""

    appliance: str
    base: str
    host: str | None
    folder: str  # empty for a stream with a serial number, which says more than a folder
    messages: bool = False  # whether they consist of syslog messages


class FileHeader:
    """The header of a file as read so far, for the lines of one appliance in it."""

    def __init__(
        self,
        origin: Origin,
        source: Source,
        host: str | None = None,
        configured: Appliance | None = None,
    ) -> None:
        """Begin; ``host`` is that of the syslog headers if the operator named the appliance."""
        self.origin = origin
        self.source = source
        self.ids = source.ids
        self.configured = configured
        self.skew = Skew()  # of its clock, if times of arrival are known
        where = origin.appliance, source.base, host, source.folder, source.messages
        self.family = Family(*where)  # does not change in the file
        self.is_late = False  # whether a newer file of its log was begun before
        self.is_moved = False  # whether the serial number has changed; the reader clears this
        self.resume(origin.serial, None)

    def resume(self, serial: str | None, offset: timedelta | None) -> None:
        """Continue with a known header. Ids depend on it: it changes the time of a stamp."""
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
    """Begin the hash of lines that belong together, for each direction.

    Copying it for each line costs less than beginning a new one.
    """
    # Quoted, so that parts cannot run into one another; ascii() is the same in all Pythons.
    text = ascii(where).encode()
    directions = b"inbound", b"outbound"
    return {x: blake2b(text + x + b"\0", digest_size=_HASH_BYTES) for x in directions}


def derive(name: str, word: bytes, epoch: int) -> str:
    """Return the id of an event that follows from another one, by the id of that."""
    return _digits_of(epoch) + _hash(name, word)


def _digits_of(epoch: int) -> str:
    """Return the second that an id begins with, in 8 digits; they start over in 2106."""
    return f"{epoch & 0xFFFFFFFF:08x}"


def _hash(name: str, key: bytes) -> str:
    return blake2b(name.encode(), digest_size=_HASH_BYTES, key=key).hexdigest()


def _dump(generation: dict[str, int]) -> tuple[str, dict[str, int]]:
    """Return the keys as one text, and the counts other than one."""
    return "".join(generation), {key: n for key, n in generation.items() if n != 1}


def _load(keys: str, counts: dict[str, int]) -> dict[str, int]:
    steps = range(0, len(keys), _KEY_DIGITS)
    return dict.fromkeys((keys[i : i + _KEY_DIGITS] for i in steps), 1) | counts
