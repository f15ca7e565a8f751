"""A fleet, and senders that mean harm, for a minute each: `make syslog-soak`.

- **fleet**: 100 appliances send 20,000 lines a second in all over TCP. Nothing is lost, every login
  has the address of its own connection, memory is flat.
- **kill**: the service is killed within such a stream. What is lost is what came last.
- **datagrams**: 20,000 lines a second over UDP. What the system drops is reported to the datagram.
- **hosts**: a million invented names over UDP, while an appliance logs in.
- **line**: a gigabyte without a newline, while an appliance logs in.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import orjson

from tests.faults.program import COMMAND, DEADLINE_SECONDS
from tests.syslog_site import Appliance, Site, connection

APPLIANCES = 100
RATE = 20_000
"""Lines a second, of all appliances."""
HOSTS = 1_000_000
LINE_BYTES = 1_000_000_000
MAX_MEMORY_BYTES = 200_000_000
"""Of the service and its parser process together, whatever hostile senders do."""
MAX_GROWTH = 1.1
"""From the first to the last third of what follows the warming up: the medians. Allocators keep
what they had at a peak, and peaks become rarer, but do not end within a minute."""
MAX_WAIT_SECONDS = 0.5
"""For the document of a login while others mean harm: the median."""
MAX_LOST_SECONDS = 1.0
"""Before a kill. What arrived is committed within 0.2 s on a machine that keeps up."""
_WARM_UP = 0.25
SAMPLE_SECONDS = 1.0
_LINES = (
    "New SMTP ICID {0} interface Data 1 (192.0.2.25) address {1} reverse dns host a verified no",
    "ICID {0} ACCEPT SG RELAYLIST match 192.0.2.0/24 SBRS None country Italy",
    "ICID {0} TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    "SMTP Auth: (ICID {0}) succeeded for user: u{0} using AUTH mechanism: PLAIN with profile: P",
    "Start MID {0} ICID {0}",
    "MID {0} ICID {0} From: <a@example.com>",
    "MID {0} ICID {0} RID 0 To: <b@example.com>",
    "MID {0} ready 1234 bytes from <a@example.com>",
    "Message finished MID {0} done",
    "ICID {0} close",
)
"""Of a connection. Ten of them are open at a time, each a line further than the next."""
_TICK_SECONDS = len(_LINES) * APPLIANCES / RATE


class Result(NamedTuple):
    """What came of it."""

    words: str
    faults: Mapping[str, bool]
    """By their words, whether they are there."""


def address_of(appliance: int, number: int) -> str:
    """Return the address of the client of a connection."""
    return f"10.{appliance}.{number >> 8 & 255}.{number & 255}"


class Ledger:
    """What is in the output, read as it comes."""

    def __init__(self, output: Path) -> None:
        """Read nothing yet."""
        self._output = output
        self._position = 0
        self.count = 0
        self.seen: set[tuple[str, str, str]] = set()
        """Appliance, number of the connection, and kind of event."""
        self.wrong = 0
        """Documents with another address than that of the connection."""

    def read(self) -> None:
        """Take what is new."""
        if not self._output.exists():
            return
        with self._output.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            document = orjson.loads(line)
            appliance, number = document["host"]["name"], document["cisco_esa"]["icid"]
            self.count += 1
            self.seen.add((appliance, number, document["event"]["action"]))
            address = address_of(int(appliance.rpartition(".")[2]), int(number))
            self.wrong += document.get("source", {}).get("ip") != address

    def grows(self) -> bool:
        """Wait for further documents; tell whether there are any."""
        before, end = self.count, time.monotonic() + DEADLINE_SECONDS
        while self.count == before and time.monotonic() < end:
            time.sleep(0.05)
            self.read()
        return self.count > before


def fleet(folder: Path, seconds: float) -> Result:
    """Let a fleet send; compare all documents with what was sent."""
    ticks = round(seconds / _TICK_SECONDS)
    with running(folder, "tcp") as site:
        ledger, samples = Ledger(site.output), list[int]()
        with sending(_send_fleet, site.ports["tcp"], ticks) as sender:
            begun = time.monotonic()
            while sender.is_alive():
                ledger.read()
                samples.append(site.program.memory_of_all())
                sender.join(SAMPLE_SECONDS)
            sent = time.monotonic() - begun
        number = 2 * APPLIANCES * ticks
        while len(ledger.seen) < number and ledger.grows():
            pass
        behind = time.monotonic() - begun - sent
        assert site.program.end() == 0
        ledger.read()
    early, late = (median(x) for x in _thirds(samples))
    lost, doubled = number - len(ledger.seen), ledger.count - len(ledger.seen)
    return Result(
        f"fleet: {APPLIANCES} appliances, {RATE:,} lines a second for {sent:.0f} s: lost={lost}"
        f" doubled={doubled} wrong={ledger.wrong} of {number:,} documents; memory"
        f" {early / 1e6:.0f} then {late / 1e6:.0f} MB; {behind:.1f} s behind at the end",
        {
            "documents": bool(lost or doubled or ledger.wrong),
            "memory grew": late > MAX_GROWTH * early,
            "senders had to wait": sent > 1.2 * seconds + 1,
        },
    )


def kill(folder: Path, seconds: float) -> Result:
    """Kill the service in the middle; count what the sender had handed over and is not there."""
    batch, times, killed = RATE // 100, list[float](), 0.0

    def messages() -> bytes:
        first = len(times) * batch
        return b"".join(_failure(x) for x in range(first, first + batch))

    with running(folder, "tcp") as site, site.connect("tcp") as client:
        client.sendall(_connection() + messages())
        site.await_user(f"u{batch - 1}")
        begun = time.monotonic()
        times.append(begun)
        with suppress(OSError):
            while True:
                time.sleep(max(0.0, begun + len(times) / 100 - time.monotonic()))
                if not killed and time.monotonic() > begun + seconds:
                    killed = time.monotonic()
                    site.program.send(signal.SIGKILL)
                client.sendall(messages())
                times.append(time.monotonic())
        sent = len(times) * batch
        site.program.wait()
        site.program.begin()
        with site.connect("tcp") as again:
            again.sendall(_failure(sent))
        site.await_user(f"u{sent}")
        found = [int(x["user"]["name"][1:]) for x in site.documents][:-1]
    received = len(found)
    late = killed - times[received // batch] if received < sent else 0.0
    return Result(
        f"kill: {sent - received:,} of {sent:,} lines lost, sent in the last {late:.2f} s before"
        " it or later",
        {
            "not the last ones are lost": found != [*range(received)],
            "too much is lost": late > MAX_LOST_SECONDS,
        },
    )


def datagrams(folder: Path, seconds: float) -> Result:
    """Send datagrams; compare what was received and reported as dropped with what was sent."""
    logins = round(seconds * RATE)
    sent = logins + 1
    with running(folder, "udp") as site:
        with sending(_send_datagrams, site.ports["udp"], logins) as sender:
            sender.join()
        assert site.program.end() == 0
        said = subprocess.run(  # noqa: S603 - our own
            [*COMMAND, "status", "-c", str(site.program.config), "--format", "json"],
            stdout=subprocess.PIPE,
            check=False,  # it does not run
        ).stdout
        (counts,) = json.loads(said)["inputs"]["listeners"]
        assert site.program.once() == 0  # delivers what waits in the spool
        documents = len(site.documents)
    received, dropped = counts["messages"], counts["dropped"]
    return Result(
        f"datagrams: {sent:,} sent at {RATE:,} a second, {received:,} received, {dropped:,} dropped"
        f" with a buffer of {counts['buffer_bytes']:,} bytes, {documents:,} documents",
        {"not all is reported": received + dropped != sent or documents < received - 1},
    )


def hosts(folder: Path, number: int = HOSTS) -> Result:
    """Invent hosts, each with a connection or a login."""
    return _harm(folder, f"hosts: {number:,} invented", _send_hosts, number)


def line(folder: Path, size: int = LINE_BYTES) -> Result:
    """Send a line without an end."""
    return _harm(folder, f"line: {size:,} bytes", _send_line, size)


def _harm(folder: Path, words: str, send: Callable[[int, int], None], amount: int) -> Result:
    """Let somebody send, and an appliance log in all the while."""
    with running(folder, "udp", "tcp") as site:
        honest, waits = Appliance(site), list[float]()
        port = site.ports["tcp" if send is _send_line else "udp"]
        with sending(send, port, amount) as sender:
            begun = time.monotonic()
            while sender.is_alive() or not waits:
                asked = time.monotonic()
                honest.log_in()
                waits.append(time.monotonic() - asked)
            seconds = time.monotonic() - begun
        honest.log_in()
        honest.close()
        peak = site.program.memory_of_all("VmHWM")
    return Result(
        f"{words} in {seconds:.0f} s: {len(waits)} logins of another sender meanwhile, there after"
        f" {median(waits):.2f} s, at most {max(waits):.2f} s; memory at most {peak / 1e6:.0f} MB",
        {
            "too much memory": peak > MAX_MEMORY_BYTES,
            "another sender had to wait": median(waits) > MAX_WAIT_SECONDS,
        },
    )


@contextmanager
def running(folder: Path, *transports: str) -> Iterator[Site]:
    """Run the service."""
    folder.mkdir()
    site = Site(folder, transports)
    site.configure(", max_connections_per_sender: 1000")
    site.program.begin()
    try:
        yield site
    finally:
        site.program.finish()


@contextmanager
def sending(send: Callable[[int, int], None], port: int, amount: int) -> Iterator[BaseProcess]:
    """Send from a process of its own; it has ended well in the end."""
    # A new interpreter: this process may have threads.
    process = get_context("spawn").Process(target=send, args=(port, amount))
    process.start()
    try:
        yield process
        process.join()
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def _send_fleet(port: int, ticks: int) -> None:
    """Send the lines of so many connections from each address."""
    clients = []
    for number in range(1, APPLIANCES + 1):
        client = socket.create_connection(
            ("127.0.0.1", port), source_address=(f"127.0.1.{number}", 0)
        )
        clients.append((number, client))
    begun = time.monotonic()
    for tick in range(ticks + len(_LINES) - 1):
        time.sleep(max(0.0, begun + tick * _TICK_SECONDS - time.monotonic()))
        header = _header()
        steps = [(tick - x, y) for x, y in enumerate(_LINES) if 0 <= tick - x < ticks]
        for appliance, client in clients:
            lines = [header + y.format(x, address_of(appliance, x)) + "\n" for x, y in steps]
            client.sendall("".join(lines).encode())
    for _, client in clients:
        client.close()


def _send_datagrams(port: int, amount: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.send(_connection())
        begun, batch = time.monotonic(), RATE // 1_000
        for number in range(amount):
            if number % batch == 0:
                time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            client.send(_failure(number))


def _send_hosts(port: int, amount: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        for number in range(amount):
            messages = connection(f"host{number}", number, "203.0.113.1", f"u{number}")
            client.send(messages[number % 3].encode())


def _send_line(port: int, amount: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(_header().encode())
        for _ in range(amount // 1_000_000):
            client.sendall(b"x" * 1_000_000)


def _connection() -> bytes:
    """Return the beginning of a connection for logins."""
    return (_header() + _LINES[0].format(1, "203.0.113.1") + "\n").encode()


def _failure(number: int) -> bytes:
    """Return a login on it."""
    text = f"SMTP Auth: (ICID 1) failed for user: u{number}"
    text += " using AUTH mechanism: PLAIN with profile: P"
    return (_header() + text + "\n").encode()


def _header() -> str:
    now = datetime.now(UTC)
    return f"<22>{now:%b} {now.day:2} {now:%H:%M:%S} mail_logs: Info: "


def _thirds(samples: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Return the first and the last third of what follows the warming up."""
    rest = samples[int(len(samples) * _WARM_UP) :]
    third = max(1, len(rest) // 3)
    return rest[:third], rest[-third:]


def main(arguments: Sequence[str]) -> int:
    """Print a line for each, with its faults; the exit code says whether there are any."""
    parser = ArgumentParser(prog="python -m tests.faults.syslog_soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="(default: 60)")
    seconds = parser.parse_args(arguments).seconds
    share = min(1.0, seconds / 60)
    parts: list[Callable[[Path], Result]] = [
        lambda x: fleet(x, seconds),
        lambda x: kill(x, seconds / 6),
        lambda x: datagrams(x, seconds / 6),
        lambda x: hosts(x, round(share * HOSTS)),
        lambda x: line(x, round(share * LINE_BYTES)),
    ]
    faults = 0
    with TemporaryDirectory(prefix="esa-forwarder-syslog-") as folder:
        for number, part in enumerate(parts):
            result = part(Path(folder) / str(number))
            found = [words for words, is_there in result.faults.items() if is_there]
            sys.stdout.write(f"{'; '.join([result.words, *found])}\n")
            sys.stdout.flush()
            faults += len(found)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
