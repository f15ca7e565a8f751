"""The rows of the service: what durability costs, and how soon a login is there."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.corpora import Corpora, Log
from tests.bench.measuring import PROGRAM, count, ratio, use
from tests.bench.rows import Row, Sizes, at_most, check, ours
from tests.corpus import Corpus
from tests.faults.scenes import Scene

STORM_RATE, STORM_GOAL = 25_000, 60_000
IDLE_SECONDS = 10.0
LATENCIES = 20

_CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{log}"], appliance: esa1}}
outputs:
  archive: {{type: file, path: {folder}/auth.ndjson}}
log: {{level: warning}}
"""
_LOGIN = (
    b"Mon Mar  2 08:00:%02d 2026 Info: SMTP Auth: (ICID %d) failed for user: u"
    b" using AUTH mechanism: PLAIN with profile: P\n"
)


class Once:
    """Does ``run --once`` with the output ``file``, from nothing each time."""

    def __init__(self, folder: Path, program: str = PROGRAM) -> None:
        """Work in a folder that does not exist yet."""
        self._folder = folder
        self._program = program

    def command(self, log: str) -> list[str]:
        """Return the command for a log, with nothing read of it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        config = self._folder / "esa.yaml"
        config.write_text(_CONFIG.format(folder=self._folder, log=log), "utf-8")
        return [self._program, "run", "-c", str(config), "--once"]

    def check(self, log: Log) -> None:
        """Make sure that all is there."""
        with (self._folder / "auth.ndjson").open("rb") as documents:
            check(log, count(documents))


def service(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure the service row by row."""
    once = Once(Path(corpora.empty).with_name("service"))
    yield from _traffic(corpora, sizes, once)
    yield from _storm(corpora, sizes, once)
    yield from _following(Path(corpora.empty).with_name("following"))


def _traffic(corpora: Corpora, sizes: Sizes, once: Once) -> Iterator[Row]:
    log = corpora.make("traffic", sizes.megabytes)
    start_ups = [
        median(use(make(corpora.empty)).cpu_seconds for _ in range(sizes.rounds))
        for make in (ours, once.command)
    ]
    plain, durable = [], []
    for _ in range(sizes.rounds):
        plain.append(use(ours(log.path)).cpu_seconds - start_ups[0])
        durable.append(use(once.command(log.path)).cpu_seconds - start_ups[1])
        once.check(log)
    yield at_most("run --once: CPU time relative to parse, traffic", ratio(durable, plain), 2)
    yield Row("run --once: start-up, CPU seconds", f"{start_ups[1]:.2f}")


def _storm(corpora: Corpora, sizes: Sizes, once: Once) -> Iterator[Row]:
    log = corpora.make("storm", sizes.megabytes / 2)
    start_up = median(use(once.command(corpora.empty)).wall_seconds for _ in range(sizes.rounds))
    rates = []
    for _ in range(sizes.rounds):
        used = use(once.command(log.path))
        once.check(log)
        rates.append((log.logins + log.sessions) / (used.wall_seconds - start_up))
    rate = median(rates)
    cores = len(os.sched_getaffinity(0))
    yield Row(
        f"run --once: documents a second in a storm, {cores} cores",
        f"{rate:,.0f}",
        f"{STORM_RATE:,}",
        f"{STORM_GOAL:,}",
        kept=rate >= STORM_RATE or cores < 2,
    )


def _following(folder: Path) -> Iterator[Row]:
    folder.mkdir()
    with Scene(folder, Corpus({}, []), config=_following_config(folder)) as scene:
        log = folder / "mail.current"
        scene.program.start()
        _write(log, 0)
        scene.catch_up(documents=1)
        before = _cpu_seconds(scene.program.pid)
        time.sleep(IDLE_SECONDS)
        idle = (_cpu_seconds(scene.program.pid) - before) / IDLE_SECONDS * 100
        seconds = []
        for number in range(1, LATENCIES + 1):
            begun = time.monotonic()
            _write(log, number)
            scene.catch_up(documents=number + 1)
            seconds.append(time.monotonic() - begun)
    yield at_most("run: from a line to its document, seconds, longest", max(seconds), 1)
    yield at_most("run: CPU time when idle, percent", idle, 1)


def _write(log: Path, number: int) -> None:
    with log.open("ab") as file:
        file.write(_LOGIN % (number, number))


def _following_config(folder: Path) -> str:
    text = _CONFIG.format(folder=folder, log=folder / "mail*")
    return text.replace("{", "{{").replace("}", "}}")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
