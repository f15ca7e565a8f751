"""Samples of the newest logs, parsed as the service will parse them: for ``check``.

Of each appliance the newest files are parsed at their beginnings and their ends, which takes
moments however much is there. What is said of them is what documents will have.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import tzinfo
from typing import Any

import orjson

from forwarder.app.parse import open_file
from forwarder.errors import ForwarderError
from forwarder.events import GIVE_NAMES, describe_mixture
from forwarder.inputs.block_reader import plain_bytes, read_blocks
from forwarder.inputs.files.scanner import FileStat
from forwarder.output import Finding
from forwarder.pipeline import FileParser, LogParser, Settings
from forwarder.text import many, quoted, shown

MAX_APPLIANCES = 10
"""Whose logs are parsed; of a relay of hundreds, these stand for the others."""
MAX_FILES = 6
"""Of an appliance, the newest: some may not be mail logs, or of another machine."""
END_BYTES = 1 << 18
"""At the beginning of a file and at its end: some thousand lines each."""


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
        if file.size and os.access(file.path, os.R_OK):
            by_appliance[file.appliance].append(file)
    groups = [*by_appliance.values()]
    for newest in groups[:MAX_APPLIANCES]:
        yield from _sample_appliance(newest[MAX_FILES - 1 :: -1], zone)
    left = len(groups) - MAX_APPLIANCES
    if left > 0:
        yield Finding(good=True, text=f"{many(left, 'more appliance')} not looked into")


def _sample_appliance(files: Sequence[FileStat], zone: tzinfo | None) -> Iterator[Finding]:
    """Parse parts of files of one appliance, in their order: connections go on in the next."""
    parser = LogParser(Settings(sessions=False, count_lines=False))
    logins: list[dict[str, Any]] = []
    mail, others = [], []
    for file in files:
        try:
            reading = open_file(parser, file, zone)
            logins += [orjson.loads(x) for x in _parse_ends(reading, file.path)]
        except ForwarderError as error:
            yield Finding(good=False, text=str(error).removesuffix("."))
            continue
        if reading.other is None:
            mail.append(file.path)
        else:
            others.append((file.path, reading.other))
    for path, other in others:
        yield Finding(
            good=bool(mail) or not other.is_foreign,
            text=other.say(shown(path)),
            advice="Name the files of the text mail logs, or push these to this folder.",
        )
    counts = parser.counts
    for appliance, kind, first, second in counts.mixtures:
        text = describe_mixture(quoted(appliance), kind, quoted(first), quoted(second))
        yield Finding(good=False, text=text, advice=GIVE_NAMES)
    if not mail:
        return
    text = f"looked into {quoted(mail[-1])}"
    if len(mail) > 1:
        text += f" and {many(len(mail) - 1, 'older file')}"
    text += f": {many(len(logins), 'login')}"
    if logins:
        times = sorted(x["@timestamp"] for x in logins)
        zones = sorted({x["event"]["timezone"] for x in logins})
        text += (
            f" of {whose(x['host']['name'] for x in logins)}, from {times[0]} to {times[-1]}"
            f" (UTC; in the log {', '.join(zones)})"
        )
    if counts.joinable:
        text += f"; {counts.joined:,} of {counts.joinable:,} joined to their connection"
    advice = "If the appliance's clock is not at UTC, set timezone of this input."
    yield Finding(good=True, text=text, advice=advice if counts.assumed_utc else "")


def _parse_ends(reading: FileParser, path: str) -> Iterator[bytes]:
    """Parse the beginning and the end of a file; yield documents."""
    with closing(read_blocks(path, block_bytes=END_BYTES)) as blocks:
        beginning = next(blocks, b"")
        if not next(blocks, b""):
            yield from reading.feed(beginning)
            yield from reading.finish()
            return
    # What follows is not what the file has there, so no line is cut.
    yield from reading.feed(beginning[: beginning.rfind(b"\n") + 1])
    yield from reading.settle()
    size = plain_bytes(path)
    if size is not None:  # the end of a compressed file takes reading all of it
        with open(path, "rb") as log:  # noqa: PTH123 - bytes names
            log.seek(max(size - END_BYTES, len(beginning)))
            log.readline()
            yield from reading.feed(log.read(END_BYTES))
        yield from reading.settle()


def whose(appliances: Iterable[str]) -> str:
    """Name an appliance, or say how many there are."""
    names = sorted(set(appliances))
    return names[0] if len(names) == 1 else f"{len(names)} appliances"
