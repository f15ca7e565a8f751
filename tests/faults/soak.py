"""A storm for minutes: is memory flat, are descriptors, does it keep up? `make soak`.

One appliance writes 2,000 login events a second and begins a new file every 20 seconds; closed
files are compressed a while later and removed in the end, as on a host that keeps them for a time.
What the output has filled is counted and removed.
"""

import os
import re
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.corpus import Corpus, Stream, storm
from tests.faults.appliances import pack
from tests.faults.program import wait_until
from tests.faults.scenes import Scene

RATE = 2_000
"""Login events a second."""
ROTATE_SECONDS = 20.0
SAMPLE_SECONDS = 1.0
KEEP_FILES = 3
"""Closed logs that stay, the older of them compressed."""
WARM_UP = 0.25
"""Share of the time before memory is looked at: caches fill."""
MAX_GROWTH_BYTES = 8_000_000
"""Between the first and the last third of the rest: the median of each."""
MAX_LAG_SECONDS = 5.0
"""Of the middle sample of the whole run, and of the last one."""
_BYTES_A_LOGIN = 489
"""Of a storm's log."""
_TICK_SECONDS = 0.05
_ID = re.compile(rb'"id":"([0-9a-f]{32})","original"')

CONFIG = """\
state: {folder}/state
inputs:
  - type: files
    paths: ["{folder}/logs/{{appliance}}/mail*"]
outputs:
  archive: {{type: file, path: {folder}/auth.ndjson, rotate: {{max_bytes: 50MB}}}}
"""


class Sample(NamedTuple):
    """How the process was."""

    memory: int
    descriptors: int
    lag_seconds: float
    """How much of what was written, by its time of writing, is not in the output."""


class Reader:
    """Counters what the output has, and removes what is full."""

    def __init__(self, output: Path) -> None:
        """Nothing was read yet."""
        self._output = output
        self._read: dict[int, tuple[int, bytes]] = {}
        """By inode: how far, and the beginning of a line."""
        self._ids: set[bytes] = set()
        self.count = 0

    @property
    def distinct(self) -> int:
        """Documents, of those that came twice one."""
        return len(self._ids)

    def read(self) -> None:
        """Take what is new."""
        for path in [*sorted(self._output.parent.glob(f"{self._output.name}.*")), self._output]:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                inode = os.fstat(file.fileno()).st_ino
                position, begun = self._read.pop(inode, (0, b""))
                file.seek(position)
                data = file.read()
            rest = self._take(begun + data)
            if path == self._output:
                self._read[inode] = position + len(data), rest
            else:
                path.unlink()

    def _take(self, data: bytes) -> bytes:
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self.count += whole.count(b"\n") + 1
            self._ids.update([bytes.fromhex(x.decode()) for x in _ID.findall(whole)])
        return rest


class Appliance:
    """Writes the log at a rate."""

    def __init__(self, folder: Path, stream: Stream) -> None:
        """Write nothing yet."""
        folder.mkdir(parents=True)
        self.live = folder / "mail.current"
        self._lines = _small(stream)
        self._header = b""
        self._closed: list[Path] = []
        self._number = 0
        self.bytes = 0

    def write(self, size: int) -> None:
        """Write so many bytes more, or some more: whole lines."""
        parts = []
        while size > 0 and (part := next(self._lines, None)) is not None:
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        if not self._header:
            self._header = b"".join(data.splitlines(keepends=True)[:3])
        with self.live.open("ab") as file:
            file.write(data)
        self.bytes += len(data)

    def rotate(self) -> None:
        """Close the file, begin the next one, and tidy up."""
        self._number += 1
        name = f"mail.@20260302T{self._number // 60:02}{self._number % 60:02}00.s"
        closed = self.live.with_name(name)
        self.live.rename(closed)
        self.live.write_bytes(self._header)
        self._closed.append(closed)
        if len(self._closed) > 1:
            pack(self._closed[-2])
        if len(self._closed) > KEEP_FILES:
            old = self._closed.pop(0)
            old.with_name(old.name + ".gz").unlink()


def _small(stream: Stream) -> Iterator[bytes]:
    """Cut chunks of a stream into a hundred lines each."""
    for chunk in stream:
        lines = chunk.splitlines(keepends=True)
        for start in range(0, len(lines), 100):
            yield b"".join(lines[start : start + 100])


def soak(folder: Path, seconds: float) -> tuple[list[Sample], list[str]]:
    """Run, and say what is wrong at the end."""
    stream = storm(1, int(seconds * RATE * _BYTES_A_LOGIN))
    appliance = Appliance(folder / "logs" / "esa1", stream)
    samples: list[Sample] = []
    with Scene(folder, Corpus({}, []), config=CONFIG) as scene:
        reader = Reader(scene.output)
        scene.program.begin()
        begun = time.monotonic()
        rotate_at, sample_at = ROTATE_SECONDS, SAMPLE_SECONDS
        written: list[tuple[float, int]] = []
        while (now := time.monotonic() - begun) < seconds:
            appliance.write(int(now * RATE * _BYTES_A_LOGIN) - appliance.bytes)
            written.append((now, stream.logins + stream.sessions))
            if now >= rotate_at:
                rotate_at += ROTATE_SECONDS
                appliance.rotate()
            if now >= sample_at:
                sample_at += SAMPLE_SECONDS
                reader.read()
                samples.append(_sample(scene, now, written, reader.count))
            time.sleep(_TICK_SECONDS)
        appliance.write(1 << 62)
        total = stream.logins + stream.sessions

        def is_there() -> bool:
            reader.read()
            return reader.distinct >= total

        wait_until(is_there, "the last document")
        assert scene.program.end() == 0, scene.program.log
        assert scene.program.once() == 0, scene.program.log
        reader.read()
    return samples, list(_faults(samples, total, reader))


def _sample(scene: Scene, now: float, written: list[tuple[float, int]], delivered: int) -> Sample:
    # The generator is ahead of what it has given by a chunk, so this is the worst case.
    oldest = next((at for at, count in written if count > delivered), now)
    del written[: max(0, len(written) - 10_000)]
    return Sample(scene.program.memory(), len(scene.program.open_files), now - oldest)


def _faults(samples: Sequence[Sample], total: int, reader: Reader) -> Iterator[str]:
    lost, doubled = total - reader.distinct, reader.count - reader.distinct
    if lost or doubled:
        yield f"{lost} lost, {doubled} doubled"
    early, late = _thirds(samples)
    growth = median(x.memory for x in late) - median(x.memory for x in early)
    if growth > MAX_GROWTH_BYTES:
        yield f"memory grew by {growth:,.0f} bytes"
    if max(x.descriptors for x in late) > max(x.descriptors for x in early) + 2:
        yield "descriptors grew"
    for lag in (median(x.lag_seconds for x in samples), samples[-1].lag_seconds):
        if lag > MAX_LAG_SECONDS:
            yield f"it is {lag:.1f} s behind"


def _thirds(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Give the first and the last third of what comes after the warming up."""
    rest = samples[int(len(samples) * WARM_UP) :]
    third = max(1, len(rest) // 3)
    return rest[:third], rest[-third:]


def main(arguments: Sequence[str]) -> int:
    """Print a line, and one for each fault; the exit code says whether there is any."""
    parser = ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="(default: 600)")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="esa-forwarder-soak-") as folder:
        samples, faults = soak(Path(folder), options.seconds)
    early, late = _thirds(samples)
    lags = sorted(x.lag_seconds for x in samples)
    sys.stdout.write(
        f"{options.seconds:g} s at {RATE:,} logins a second: memory"
        f" {median(x.memory for x in early) / 1e6:.0f} then"
        f" {median(x.memory for x in late) / 1e6:.0f} MB,"
        f" descriptors at most {max(x.descriptors for x in samples)},"
        f" behind {median(lags):.1f} s, at most {lags[-1]:.1f} s;"
        f" {'; '.join(faults) or 'lost=0 doubled=0'}\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
