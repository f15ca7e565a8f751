"""Samples of the newest logs, parsed as the service will parse them: for ``check``.

Of each appliance the newest files are parsed at their beginnings and their ends, which takes
moments however much is there. What is said of them is what documents will have.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo

from forwarder.app.parse import open_file
from forwarder.errors import ForwarderError
from forwarder.events import GIVE_NAMES, Event, SyslogHeader, describe_mixture
from forwarder.inputs.block_reader import plain_bytes, read_blocks
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.inputs.files.scanner import FileStat
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.scanner import Block
from forwarder.mail_logs.subscriptions import OtherLog
from forwarder.mail_logs.timestamps import UTC_MARK, format_offset
from forwarder.output import Finding
from forwarder.pipeline import LogParser, Settings
from forwarder.text import many, quoted, shown

MAX_APPLIANCES = 10
"""Whose logs are parsed; of a relay of hundreds, these stand for the others."""
MAX_FILES = 2
"""Of an appliance, the newest: one that was just begun holds little."""
MAX_TRIES = 6
"""Files of an appliance that are parsed where the newest are not mail logs."""
END_BYTES = 1 << 18
"""At the beginning of a file and at its end: some thousand lines each."""

_STAMP_BYTES = 24
_HEADER_BYTES = 4096
_SERIAL = re.compile(rb": Version: \S+ SN: (\S+)")
_FILE = "the form of a file"


def sample(files: Iterable[FileStat], zone: tzinfo | None) -> Iterator[Finding]:
    """Parse parts of the newest files of one path of an input.

    Args:
        files: Of the path.
        zone: The setting ``timezone`` of the input.

    Yields:
        What was found, without the path of the input; nothing of empty files.
    """
    by_appliance: dict[str, list[FileStat]] = defaultdict(list)
    for file in sorted(files, key=lambda x: x.modified_ns, reverse=True):
        same = by_appliance[file.appliance]
        if file.size and len(same) < MAX_TRIES and os.access(file.path, os.R_OK):
            same.append(file)
    groups = [x for x in by_appliance.values() if x]
    for same in groups[:MAX_APPLIANCES]:
        yield from _sample_appliance(same, zone)
    left = len(groups) - MAX_APPLIANCES
    if left > 0:
        yield Finding(good=True, text=f"{many(left, 'more appliance')} not looked into")


def _sample_appliance(files: Sequence[FileStat], zone: tzinfo | None) -> Iterator[Finding]:
    """Parse parts of files of one appliance; the newest come first."""
    parser = _ObservedParser()
    others: list[tuple[str, OtherLog]] = []
    mail: list[str] = []
    machines: set[tuple[str, str, bytes | None]] = set()
    # Connections go on from one file to the next; older ones only stand in for what is not a log,
    # and for other machines under the same name.
    for file in (*reversed(files[:MAX_FILES]), *files[MAX_FILES:]):
        machine = base_name(file.path), log_folder(file.path), _serial_in(file.path)
        if mail and file in files[MAX_FILES:] and machine in machines:
            continue
        machines.add(machine)
        before = parser.framings.copy(), parser.appliances.copy(), [*parser.stamps]
        try:
            other = _parse_ends(parser, file, zone)
        except ForwarderError as error:
            yield Finding(good=False, text=str(error).removesuffix("."))
            continue
        if other is None:
            mail.append(file.path)
        else:
            others.append((file.path, other))
            parser.framings, parser.appliances, parser.stamps = before
    for path, other in others:
        yield Finding(
            good=bool(mail) or not other.is_foreign,
            text=other.say(shown(path)),
            advice="Name the files of the text mail logs, or push these to this folder.",
        )
    for appliance, kind, first, second in parser.counts.mixtures:
        text = describe_mixture(quoted(appliance), kind, quoted(first), quoted(second))
        yield Finding(good=False, text=text, advice=GIVE_NAMES)
    epochs, zones = parser.times()
    if not mail or not epochs:
        return
    counts = parser.counts
    logins = sum(n for (x, _), n in counts.events.items() if x != "smtp-session-closed")
    joined = f"{counts.joined:,} of {counts.joinable:,} joined to their connection"
    where = quoted(mail[-1]) + ("" if len(mail) == 1 else " and the one before")
    advice = "If the appliance's clock is not at UTC, set timezone of this input."
    yield Finding(
        good=True,
        text=f"looked into {where}, of {whose(parser.appliances)}: lines in"
        f" {_list(parser.framings)}; zone: {_list(zones)}; from {_instant(min(epochs))} to"
        f" {_instant(max(epochs))}; {many(logins, 'login')}"
        + (f", {joined}" if counts.joinable else ""),
        advice=advice if counts.assumed_utc else "",
    )


def _serial_in(path: str) -> bytes | None:
    """Find the serial number in the header of a file."""
    try:
        with closing(read_blocks(path)) as blocks:
            found = _SERIAL.search(next(iter(blocks), b"")[:_HEADER_BYTES])
    except ForwarderError:  # reading it says why
        return None
    return None if found is None else found[1]


def _parse_ends(parser: LogParser, file: FileStat, zone: tzinfo | None) -> OtherLog | None:
    """Parse the beginning and the end of a file; say what it is if it is not a mail log."""
    reading = open_file(parser, file, zone)
    left = END_BYTES
    with closing(read_blocks(file.path)) as blocks:
        for block in blocks:
            if len(block) >= left:
                # What follows is not what the file has there, so no line is cut.
                reading.feed(block[: block.rfind(b"\n", 0, left) + 1])
                left = 0
                break
            reading.feed(block)
            left -= len(block)
    size = plain_bytes(file.path)
    if left and (size is None or size <= END_BYTES):
        reading.finish()
        return reading.other
    # The header of the file holds for its end, too.
    reading.settle()
    if size is not None and size > END_BYTES:
        with open(file.path, "rb") as log:  # noqa: PTH123 - bytes names
            log.seek(max(size - END_BYTES, END_BYTES))
            log.readline()
            while log.tell() < size and (data := log.read(END_BYTES)):
                reading.feed(data)
        reading.settle()
    return reading.other


class _ObservedParser(LogParser):
    """Takes note of the lines that it parses."""

    def __init__(self) -> None:
        super().__init__(Settings(count_lines=False))
        self.framings: Counter[str] = Counter()
        self.appliances: set[str] = set()
        self.stamps: list[tuple[bytes, FileHeader, timedelta | None]] = []
        """Of the first and the last line of each block, with the offset that was known then."""

    # typing.override is of Python 3.12.
    def read(self, block: Block, log: FileHeader) -> list[Event]:  # type: ignore[explicit-override]
        """Join the lines of a block."""
        events = super().read(block, log)
        self.appliances.add(log.origin.appliance)
        if block.lines is None:
            self.framings[_FILE] += block.text.count(b"\n", block.start, block.end)
        else:
            self.framings.update(_framing(x.header) for x in block.lines)
        for start in (block.start, block.text.rfind(b"\n", block.start, block.end)):
            stamp = block.text[start + 1 : start + 1 + _STAMP_BYTES]
            self.stamps.append((stamp, log, log.offset))
        return events

    def times(self) -> tuple[list[int], Counter[str]]:
        """Return seconds since 1970 of lines, and where their zones come from.

        The first lines of a header are before the one that has the offset.
        """
        epochs: list[int] = []
        zones: Counter[str] = Counter()
        for stamp, log, before in self.stamps:
            if log.source.zone is not self._clock.zone:
                self._clock.set_zone(log.source.zone)
            offset = log.offset if before is None else before
            moment = self._clock.read(stamp, offset)
            if moment is not None:
                epochs.append(moment.epoch)
                zones[_zone(stamp, offset, log.source.zone)] += 1
        return epochs, zones


def whose(appliances: Iterable[str]) -> str:
    """Name an appliance, or say how many there are."""
    names = sorted(set(appliances))
    return names[0] if len(names) == 1 else f"{len(names)} appliances"


def _framing(header: SyslogHeader | None) -> str:
    if header is None:
        return _FILE
    if header.version is not None:
        return "syslog of RFC 5424"
    kind = "syslog with ISO 8601 timestamps" if header.offset is not None else "syslog"
    return kind if header.hostname is not None else f"{kind} without a host"


def _zone(stamp: bytes, offset: timedelta | None, zone: tzinfo | None) -> str:
    """Say where the zone of a line comes from."""
    if stamp[:3] == UTC_MARK:
        return "of each line"
    if offset is not None:
        return f"UTC{format_offset(offset)} by the header of the file"
    return (
        "UTC, because nothing says otherwise" if zone is None else f"{zone} by the setting timezone"
    )


def _list(found: Counter[str]) -> str:
    return ", ".join(x for x, _ in found.most_common())


def _instant(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
