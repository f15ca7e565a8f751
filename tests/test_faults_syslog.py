"""Senders that do what no appliance does, and kills: the others are served, memory is bounded.

`make syslog-soak` does the same for minutes.
"""

import resource
import select
import signal
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Event

import pytest

from tests.faults import syslog_soak
from tests.faults.program import wait_until
from tests.servers.certificates import Authority
from tests.syslog_site import Appliance, Site, connection

MAX_MEMORY_BYTES = 200_000_000
"""Of the service and its parser process together, whatever they are sent."""
MANY = 5_000
"""Connections."""
SERVICE_FILES = 1_024
"""Descriptors that systemd gives to a service unless it asks for more."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one for all hostile senders: what one of them left behind is there for the next."""
    site = Site(tmp_path_factory.mktemp("syslog"))
    site.configure(tls=f", client_ca: {site.authority.path}")
    site.program.begin()
    yield site
    site.program.finish()


@pytest.fixture
def honest(site: Site) -> Iterator[Appliance]:
    """Return an appliance that is served before, meanwhile and afterwards."""
    with served(site) as appliance:
        yield appliance


@contextmanager
def served(site: Site) -> Iterator[Appliance]:
    """Give an appliance that is served at the beginning and the end; look at the service then."""
    appliance = Appliance(site)
    appliance.log_in()
    yield appliance
    appliance.log_in()
    appliance.close()
    assert site.program.memory_of_all("VmHWM") < MAX_MEMORY_BYTES
    assert "Traceback" not in site.program.log


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "unix"])
def test_garbage(site: Site, honest: Appliance, transport: str) -> None:
    """Bytes of all kinds, with and without newlines, and the beginnings of lengths."""
    chance = Random(transport)
    pieces = [b"\n", b"\0", b"<22>", b"99999999 <", b"1 <2>", b"\xff\xfe", b"\r", b" "]
    for _ in range(3):
        data = b"".join(
            chance.choice(pieces) + chance.randbytes(chance.randrange(300)) for _ in range(400)
        )
        if transport in {"udp", "unix"}:
            with site.datagrams(transport) as client:
                for start in range(0, len(data), 1_000):
                    client.send(data[start : start + 1_000])
        else:
            with plain(site, transport) as client, suppress(OSError):  # for TLS, it is closed
                client.sendall(data)
        honest.log_in()


@pytest.mark.parametrize("begin", [b"<22>", b"99999999 <22>"])
def test_a_line_without_an_end(site: Site, honest: Appliance, begin: bytes) -> None:
    """Its beginning is kept, the rest is dropped as it comes."""
    with site.connect("tcp") as client:
        client.sendall(begin)
        for _ in range(30):
            client.sendall(b"x" * 1_000_000)
        honest.log_in()


def test_a_byte_at_a_time(site: Site, honest: Appliance) -> None:
    """A sender that takes its time lets nobody wait, and is understood in the end."""
    message = connection("slow", 1, "203.0.113.1", "slow")[1].encode() + b"\n"
    with site.connect("tcp") as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(message)):
            client.send(message[place : place + 1])
            if place % 20 == 0:
                honest.log_in()
        site.await_user("slow")


def test_more_connections_than_allowed(site: Site, honest: Appliance) -> None:
    """Those beyond the limit of a sender are closed at once."""
    with connections(site, 1_000) as clients:
        wait_until(lambda: ended(clients) >= 1_000 - 32, "the end of most connections")
        honest.log_in()


def test_idle_connections(tmp_path: Path) -> None:
    """As many as are allowed, which are more than the descriptors of a service by default."""
    site = Site(tmp_path, ["tcp"])
    site.configure(", max_connections: 10000, max_connections_per_sender: 10000")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    site.program.start(
        before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (SERVICE_FILES, hard))
    )
    site.program.await_log("The service has begun.")
    try:
        with connections(site, MANY) as clients, served(site) as honest:
            honest.log_in()
            assert ended(clients) == 0
    finally:
        site.program.finish()


def test_broken_handshakes(site: Site, honest: Appliance) -> None:
    """Nothing, text, garbage, and what begins as a handshake and does not go on."""
    chance = Random(1)
    hello = client_hello()
    broken = [
        *(b"", b"<22>text\n" * 10, chance.randbytes(10_000), hello[:50], hello, hello + hello),
        *(hello + chance.randbytes(1_000), hello[:100] + chance.randbytes(1_000)),
    ]
    for data in broken:
        with plain(site, "tls") as client:
            with suppress(OSError):
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            await_end(client)
    honest.log_in()
    site.send("tls", connection("good", 1, "203.0.113.1", "after-handshakes"))
    site.await_user("after-handshakes")


def test_a_certificate_of_another_authority(site: Site, honest: Appliance, tmp_path: Path) -> None:
    """It is refused, as is none at all."""
    Authority(tmp_path).issue(tmp_path / "other.pem", tmp_path / "other.key")
    for has_certificate in (True, False):
        context = ssl.create_default_context(cafile=site.authority.path)
        if has_certificate:
            context.load_cert_chain(tmp_path / "other.pem", tmp_path / "other.key")
        client: socket.socket = plain(site, "tls")
        with client, suppress(OSError):
            client = context.wrap_socket(client, server_hostname="127.0.0.1")
            messages = connection("bad", 1, "203.0.113.1", "stranger")
            client.sendall("".join(x + "\n" for x in messages).encode())
            await_end(client)
        client.close()
    honest.log_in()
    site.send("tls", connection("good", 1, "203.0.113.1", "friend"))
    site.await_user("friend")
    assert b"stranger" not in site.output.read_bytes()


def test_invented_hosts(site: Site, honest: Appliance) -> None:
    """Over UDP, anyone may be any number of appliances; others are served while they send."""
    served = Event()

    def send() -> None:
        with site.datagrams("udp") as client:
            number = 0
            while not served.is_set():
                messages = connection(f"host{number}", number, "203.0.113.1", f"u{number}")
                client.send(messages[number % 3].encode())
                number += 1

    with ThreadPoolExecutor(1) as threads:
        flood = threads.submit(send)
        try:
            for _ in range(5):
                honest.log_in()
        finally:
            served.set()
        flood.result()


@pytest.mark.parametrize("counted", [False, True])
def test_a_kill_loses_no_more_than_what_was_on_its_way(tmp_path: Path, *, counted: bool) -> None:
    """What is lost is one piece before the kill. Of half a message, nothing is there.

    The sender does as relays do: after the kill it begins with the message that it could not hand
    over to the system as a whole.
    """
    site = Site(tmp_path, ["tcp"])
    site.program.begin()

    def message(number: int) -> bytes:
        text = connection("esa1", 1, "203.0.113.1", f"u{number}")[1].encode()
        return b"%d %b" % (len(text), text) if counted else text + b"\n"

    sent = 0
    with site.connect("tcp") as client, suppress(OSError):
        client.sendall(connection("esa1", 1, "203.0.113.1", "")[0].encode() + b"\n")
        while True:
            client.sendall(message(sent))
            sent += 1
            if sent == 500:
                site.wait(sent)
            if sent == 6_000:
                site.program.send(signal.SIGKILL)
    site.program.wait()
    site.program.begin()
    with site.connect("tcp") as client:
        client.sendall(b"".join(message(x) for x in range(sent, sent + 1_000)))
        site.await_user(f"u{sent + 999}")
    site.program.finish()
    users = [int(x["user"]["name"][1:]) for x in site.documents]
    received = len(users) - 1_000
    assert received >= 500
    assert users == [*range(received), *range(sent, sent + 1_000)]


def test_a_fleet(tmp_path: Path) -> None:
    """A hundred appliances at a time: every login is there once, with its own address."""
    result = syslog_soak.fleet(tmp_path / "fleet", seconds=1)
    assert not result.faults["documents"], result.words


def test_dropped_datagrams(tmp_path: Path) -> None:
    """What the system drops is reported to the datagram."""
    result = syslog_soak.datagrams(tmp_path / "datagrams", seconds=0.25)
    assert not any(result.faults.values()), result.words


def plain(site: Site, transport: str) -> socket.socket:
    """Connect without TLS."""
    return socket.create_connection(("127.0.0.1", site.ports[transport]), timeout=60)


def await_end(client: socket.socket) -> None:
    """Wait for the service to close a connection."""
    client.settimeout(60)
    with suppress(ConnectionError, ssl.SSLError):
        while client.recv(10_000):
            pass


@contextmanager
def connections(site: Site, number: int) -> Iterator[list[socket.socket]]:
    """Connect so many times."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(number + 1_000, hard)), hard))
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(plain(site, "tcp")) for _ in range(number)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ended(clients: list[socket.socket]) -> int:
    """Return the number of connections that the service has closed."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    return len(poll.poll(0))


def client_hello() -> bytes:
    """Return the first bytes of a client of TLS."""
    context, outgoing = ssl.create_default_context(), ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()
