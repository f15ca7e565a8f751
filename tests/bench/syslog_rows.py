"""The rows of syslog: what a line costs, beside rsyslog, and how soon a login is there."""

import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from forwarder.cli.send import as_message
from tests.bench.corpora import Corpora, Log
from tests.bench.measuring import count
from tests.bench.rows import Row, Sizes, at_most, check
from tests.faults.program import wait_until
from tests.servers.building import NotToBeHad
from tests.servers.syslog.rsyslog import Rsyslog
from tests.servers.syslog.rsyslog import find as find_rsyslog
from tests.syslog_site import Site, connection

Receiver = Callable[[Path, Path, Log], None]
"""Receives messages from a file; gets a folder, the file and its log."""
LATENCIES = 20
_NOTHING = Log("", 0, 0, 0)
MAX_MILLISECONDS = 150


def syslog(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure row by row."""
    folder = Path(corpora.empty).with_name("syslog")
    folder.mkdir()
    yield from _lines(corpora.make("traffic", sizes.megabytes / 4), sizes.rounds, folder)
    yield _delay(folder / "delay")


def _lines(log: Log, rounds: int, folder: Path) -> Iterator[Row]:
    """Measure traffic over TCP, with both programs in turn."""
    messages = folder / "messages"
    number = _write_messages(Path(log.path), messages)
    receivers: dict[str, Receiver] = {"run": _forward}
    try:
        find_rsyslog()
        receivers["rsyslog with imtcp and omfile"] = _write
    except NotToBeHad as error:
        yield Row("rsyslog: lines per CPU second over TCP", f"skipped: {error}")
    empty = folder / "empty"
    empty.touch()
    start_ups = {x: _cpu_seconds(y, folder, empty, _NOTHING) for x, y in receivers.items()}
    taken: dict[str, list[float]] = {x: [] for x in receivers}
    for _ in range(rounds):
        for name, receive in receivers.items():
            seconds = _cpu_seconds(receive, folder, messages, log)
            taken[name].append(seconds - start_ups[name])
    for name, times in taken.items():
        yield Row(f"{name}: lines per CPU second over TCP", f"{number / median(times):,.0f}")


def _cpu_seconds(receive: Receiver, folder: Path, messages: Path, log: Log) -> float:
    """Return the CPU time of processes that began and ended meanwhile."""
    home = folder / "home"
    home.mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    receive(home, messages, log)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(home)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _forward(folder: Path, messages: Path, log: Log) -> None:
    """Let the program join the lines, and write documents to a file."""
    site = Site(folder, ["tcp"])
    site.configure(output="")
    try:
        site.program.begin()
        _send(messages, site.ports["tcp"])
        wait_until(lambda: site.count() >= log.logins + log.sessions, "all documents")
        assert site.program.end() == 0
    finally:
        site.program.finish()
    site.output.touch()
    with site.output.open("rb") as documents:
        check(log, count(documents))


def _write(folder: Path, messages: Path, _: Log) -> None:
    """Let rsyslog write the lines to a file."""
    file = folder / "mail.log"
    file.touch()
    rsyslog = Rsyslog.writer(folder, file)
    try:
        rsyslog.start()
        _send(messages, rsyslog.port)
        size = messages.stat().st_size
        wait_until(lambda: file.stat().st_size >= size, f"{size} bytes")
    finally:
        rsyslog.close()
    assert file.read_bytes() == messages.read_bytes()


def _send(messages: Path, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client, messages.open("rb") as file:
        client.sendfile(file)


def _delay(folder: Path) -> Row:
    """Measure how long a login takes from its datagram to its document, with default settings."""
    folder.mkdir()
    site = Site(folder, ["udp"])
    site.configure(output="")
    taken = []
    try:
        site.program.begin()
        with site.datagrams("udp") as client:
            for number in range(LATENCIES):
                opened, login, _ = connection("esa1", number, "203.0.113.1", f"u{number}")
                client.send(opened.encode())  # without it, the login would wait for it
                begun = time.monotonic()
                client.send(login.encode())
                site.await_user(f"u{number}")
                taken.append((time.monotonic() - begun) * 1_000)
    finally:
        site.program.finish()
    name = "run: from a datagram to its document, milliseconds, median"
    return at_most(name, median(taken), MAX_MILLISECONDS, digits=0)


def _write_messages(log: Path, messages: Path) -> int:
    """Write the lines of a log as messages; return their number."""
    number = 0
    with log.open("rb") as lines, messages.open("wb") as file:
        for line in lines:
            file.write(as_message(line.removesuffix(b"\n"), "esa1", "mail_logs") + b"\n")
            number += 1
    return number
