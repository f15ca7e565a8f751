"""Sockets that messages arrive at."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from forwarder.errors import ForwarderError
from forwarder.inputs.syslog import inbox as inbox_module
from forwarder.inputs.syslog.inbox import STREAM_BYTES, Inbox
from forwarder.inputs.syslog.receiver import Receiver
from forwarder.inputs.syslog.sockets import (
    Address,
    ListenerCounts,
    ListenerSettings,
    TlsSettings,
    Transport,
    read_address,
    sender_address,
)
from tests.servers.running import free_ports

if TYPE_CHECKING:
    from forwarder.inputs.chunk import Chunk

LONG = 60.0
LOCAL = "127.0.0.1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return one that does not listen yet."""
    receiver = Receiver([])
    yield receiver
    receiver.close()


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    """Return where it puts what it receives."""
    return receiver.inbox


def settings(address: str, **changes: object) -> ListenerSettings:
    """Return settings that allow much."""
    return ListenerSettings(
        address=read_address(address),
        input=0,
        appliance=None,
        allow=(),
        tls=None,
        max_connections=100,
        max_connections_per_sender=50,
        max_message_bytes=1_000,
        idle_timeout=timedelta(minutes=1),
    )._replace(**changes)  # type: ignore[arg-type]


def local(scheme: str) -> str:
    """Return an address that is free."""
    return f"{scheme}://127.0.0.1:{free_ports(1)[0]}"


def connect(address: str) -> socket.socket:
    """Connect to where a receiver listens."""
    where = read_address(address)
    if where.transport is Transport.UNIX:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        client.connect(where.path)
    elif where.transport is Transport.UDP:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((where.host, where.port))
    else:
        client = socket.create_connection((where.host, where.port))
    client.settimeout(LONG)
    return client


def connect_from(source: str, address: str) -> socket.socket:
    """Connect to a stream, as another sender."""
    where = read_address(address)
    return socket.create_connection((where.host, where.port), source_address=(source, 0))


def lines(inbox: Inbox, number: int) -> list[bytes]:
    """Wait for so many lines."""
    found: list[Chunk] = []
    end = time.monotonic() + LONG
    while sum(x.data.count(b"\n") for x in found) < number:
        assert time.monotonic() < end
        found += inbox.take(0.1)
    return b"".join(x.data for x in found).splitlines()


def counted(receiver: Receiver, address: str, **wanted: int) -> ListenerCounts:
    """Wait until counts are as wanted."""
    end = time.monotonic() + LONG
    while True:
        counts = receiver.counts[address]
        if all(getattr(counts, x) == y for x, y in wanted.items()):
            return counts
        assert time.monotonic() < end, counts
        time.sleep(0.01)


def is_closed(client: socket.socket) -> bool:
    """Wait for the other side to close a connection."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udp://127.0.0.1:514", Address(Transport.UDP, "127.0.0.1", 514, "")),
        ("tcp://[::1]:5514", Address(Transport.TCP, "::1", 5514, "")),
        ("tls://logs.example.com:6514", Address(Transport.TLS, "logs.example.com", 6514, "")),
        ("unix:///run/esa/log", Address(Transport.UNIX, "", 0, "/run/esa/log")),
    ],
)
def test_an_address_is_written_as_it_is_read(text: str, address: Address) -> None:
    """Of every transport."""
    assert read_address(text) == address
    assert address.url == text


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1:514", "udp://:514", "udp://127.0.0.1", "http://a:1", "tcp://a:99999"),
        *("unix://a", "unix:///", "tcp://a:1/x", "tcp://u@a:1", "udp://a:1?x", "", "tcp://[::1:1"),
    ],
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    """The words say what is."""
    with pytest.raises(ForwarderError, match="use udp://HOST:PORT"):
        read_address(text)


def test_the_address_of_a_sender_has_one_form() -> None:
    """Whatever the socket makes of it."""
    assert sender_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert sender_address("fe80::1%eth0") == "fe80::1"
    assert sender_address("2001:DB8::0:1") == "2001:db8::1"


@pytest.mark.parametrize("scheme", ["udp", "tcp", "unix"])
def test_messages_arrive_in_their_order(
    receiver: Receiver, inbox: Inbox, tmp_path: Path, scheme: str
) -> None:
    """Each is a line of its sender's log."""
    address = f"unix://{tmp_path}/log" if scheme == "unix" else local(scheme)
    receiver.listen([settings(address)])
    with connect(address) as client:
        for number in range(100):
            client.send(b"<22>message %d\n" % number)
        assert lines(inbox, 100) == [b"<22>message %d" % x for x in range(100)]
    counts = counted(receiver, address, messages=100)
    assert counts.bytes == sum(len(b"<22>message %d" % x) for x in range(100))


def test_ipv6_and_several_sockets(receiver: Receiver, inbox: Inbox) -> None:
    """One at :: takes IPv4 as well, and gives its address as such."""
    port = free_ports(1)[0]
    receiver.listen([settings(f"tcp://[::]:{port}"), settings(f"udp://[::]:{port}")])
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.connect((host, port))
            client.sendall(b"<22>tcp\n")
            assert lines(inbox, 1) == [b"<22>tcp"]
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.sendto(b"<22>udp", (host, port))
            end = time.monotonic() + LONG
            while not (chunks := inbox.take(1)):
                assert time.monotonic() < end
        assert [(x.appliance, x.data) for x in chunks] == [(host, b"<22>udp\n")]


def test_only_those_who_may_send_are_heard(receiver: Receiver, inbox: Inbox) -> None:
    """All others are counted."""
    tcp, udp, good = local("tcp"), local("udp"), local("udp")
    allow = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    receiver.listen(
        [
            settings(tcp, allow=allow),
            settings(udp, allow=allow),
            settings(good, allow=(*allow, ip_network("127.0.0.0/8"))),
        ]
    )
    with connect(tcp) as client:
        assert is_closed(client)
    with connect(udp) as client:
        client.send(b"<22>no")
        client.send(b"<22>no")
    with connect(good) as client:
        client.send(b"<22>yes")
    assert lines(inbox, 1) == [b"<22>yes"]
    counted(receiver, tcp, not_allowed=1, messages=0)
    counted(receiver, udp, not_allowed=2, messages=0)


def test_connections_are_limited(receiver: Receiver, inbox: Inbox) -> None:
    """Those that are open go on; a closed one makes place."""
    address = local("tcp")
    receiver.listen([settings(address, max_connections=10, max_connections_per_sender=2)])
    with connect(address) as one, connect(address):
        counted(receiver, address, connections=2)
        with connect(address) as third:
            assert is_closed(third)
        one.sendall(b"<22>one\n")
        assert lines(inbox, 1) == [b"<22>one"]
    counted(receiver, address, connections=0, over_limit=1)
    with connect(address) as again:
        again.sendall(b"<22>again\n")
        assert lines(inbox, 1) == [b"<22>again"]


def test_a_sender_may_open_a_connection_for_each_message(receiver: Receiver, inbox: Inbox) -> None:
    """One that has closed them is not over its limit, however fast it is."""
    address = local("tcp")
    receiver.listen([settings(address, max_connections_per_sender=32)])
    sent = [b"<22>%d" % x for x in range(500)]
    for message in sent:
        with connect(address) as client:
            client.sendall(message + b"\n")
    counted(receiver, address, messages=500, over_limit=0)
    assert set(lines(inbox, 500)) == set(sent)


def test_a_silent_connection_is_closed(receiver: Receiver) -> None:
    """And counted."""
    address = local("tcp")
    receiver.listen([settings(address, idle_timeout=timedelta(milliseconds=50))])
    with connect(address) as client:
        assert is_closed(client)
    counted(receiver, address, idle=1, connections=0)


def test_what_is_cut_or_incomplete_is_counted(receiver: Receiver, inbox: Inbox) -> None:
    """A message without its end is dropped: its sender sends it again."""
    address = local("tcp")
    receiver.listen([settings(address, max_message_bytes=10)])
    with connect(address) as client:
        client.sendall(b"<22>" + b"x" * 5_000 + b"\n<22>y\n<22>half")
        assert lines(inbox, 2) == [b"<22>xxxxxx", b"<22>y"]
    counted(receiver, address, cut=1, incomplete=1, connections=0)


def test_senders_wait_while_the_inbox_is_full(receiver: Receiver, inbox: Inbox) -> None:
    """Nothing is lost over TCP; what UDP loses is counted to the datagram."""
    tcp, udp = local("tcp"), local("udp")
    receiver.listen([settings(tcp), settings(udp)])
    message = b"<22>" + b"x" * 995 + b"\n"
    sent = 0
    with connect(tcp) as client:
        client.settimeout(0)
        with suppress(BlockingIOError):
            end = time.monotonic() + LONG
            while time.monotonic() < end:
                try:
                    sent += client.send(message[sent % len(message) :])
                except BlockingIOError:
                    if inbox.holds(LOCAL):
                        raise
        assert STREAM_BYTES <= sent < 20 * STREAM_BYTES
        with connect(udp) as other:
            for number in range(20_000):
                other.send(b"<22>" + b"%d" % number * 100)
            dropped = receiver.counts[udp].dropped
            assert dropped > 0
            client.settimeout(LONG)
            total = sent // len(message)
            found = 0
            while found < total + 20_000 - dropped:
                found += sum(x.data.count(b"\n") for x in receiver.read(1))
        assert found == total + 20_000 - dropped
        assert receiver.counts[udp].messages == 20_000 - dropped


def test_a_flood_of_datagrams_does_not_hold_connections(receiver: Receiver, inbox: Inbox) -> None:
    """Its sender's share of the inbox is full, and no one else's."""
    tcp, udp = local("tcp"), local("udp")
    receiver.listen([settings(tcp), settings(udp)])
    with connect(udp) as flood, connect_from("127.0.0.2", tcp) as client:
        while not inbox.is_full:
            flood.send(b"<22>" + b"x" * 900)
        client.sendall(b"<22>y\n")
        counted(receiver, tcp, messages=1)


def test_many_senders_do_not_overfill_the_inbox(receiver: Receiver, inbox: Inbox) -> None:
    """Each waits with what was read of it, so memory does not depend on their number."""
    address = local("tcp")
    receiver.listen([settings(address, max_connections=200, max_connections_per_sender=200)])
    message = b"<22>" + b"x" * 995 + b"\n"
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(150)]
        for client in clients:
            client.settimeout(0)
        blocked: set[socket.socket] = set()
        end = time.monotonic() + LONG
        while len(blocked) < len(clients) or not inbox.holds(LOCAL):
            assert time.monotonic() < end
            for client in clients:
                try:
                    client.send(message * 10)
                    blocked.discard(client)
                except BlockingIOError:
                    blocked.add(client)
        size = 0
        while chunks := inbox.take(0):
            size += sum(len(x.data) for x in chunks)
    assert STREAM_BYTES // 2 < size < STREAM_BYTES + (1 << 17)


def test_at_the_end_what_has_arrived_is_taken(receiver: Receiver, tmp_path: Path) -> None:
    """Also what is only in the system's buffers, and though nothing was read for a while."""
    addresses = [local("tcp"), local("udp"), f"unix://{tmp_path}/log"]
    receiver.listen([settings(x) for x in addresses])
    clients = [connect(x) for x in addresses]
    for number in range(50):
        for client in clients:
            client.send(b"<22>%d\n" % number)
    found = [*receiver.drain()]
    assert sum(x.data.count(b"\n") for x in found) == 150
    assert is_closed(clients[0])
    assert not (tmp_path / "log").exists()
    for client in clients:
        client.close()


def test_a_changed_configuration_keeps_what_stays(receiver: Receiver, inbox: Inbox) -> None:
    """Connections are not cut; a socket that cannot be opened changes nothing."""
    stays, goes, comes = local("tcp"), local("tcp"), local("tcp")
    receiver.listen([settings(stays), settings(goes)])
    with connect(stays) as client, connect(goes) as other:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            used = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(ForwarderError, match="Address already in use"):
                receiver.listen([settings(comes), settings(used)])
        assert {*receiver.counts} == {stays, goes}
        counted(receiver, goes, connections=1)
        receiver.listen([settings(stays, appliance="esa1"), settings(comes)])
        assert is_closed(other)
        client.sendall(b"<22>on\n")
        end = time.monotonic() + LONG
        while not (chunks := inbox.take(1)):
            assert time.monotonic() < end
        assert [(x.appliance, x.named) for x in chunks] == [("esa1", True)]
        with pytest.raises(ConnectionRefusedError):
            connect(goes)


def test_a_unix_socket_without_a_listener_is_replaced(receiver: Receiver, tmp_path: Path) -> None:
    """One in use is not, nor is anything else at its path."""
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as before:
        before.bind(str(path))
        with pytest.raises(ForwarderError, match="Address already in use"):
            receiver.listen([settings(f"unix://{path}")])
    receiver.listen([settings(f"unix://{path}")])
    assert path.stat().st_mode & 0o777 == 0o660
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ForwarderError, match="Address already in use"):
        receiver.listen([settings(f"unix://{path}"), settings(f"unix://{file}")])
    assert file.read_text() == "mine"


def test_senders_at_a_unix_socket_have_no_address(
    receiver: Receiver, inbox: Inbox, tmp_path: Path
) -> None:
    """Also one whose own socket has a path."""
    receiver.listen([settings(f"unix://{tmp_path}/log", allow=(ip_network("192.0.2.0/24"),))])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind(f"{tmp_path}/own")
        client.sendto(b"<22>one", f"{tmp_path}/log")
    (chunk,) = inbox.take(LONG)
    assert (chunk.data, chunk.appliance, chunk.sender) == (b"<22>one\n", "localhost", "")


class Certificates:
    """Files of a server and of senders."""

    def __init__(self, folder: Path) -> None:
        """Make them."""
        self.ca, self.other_ca = trustme.CA(), trustme.CA()
        self.server = folder / "server.pem"
        self.key = folder / "server.key"
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.renew()

    def renew(self) -> None:
        """Write another certificate of the server."""
        issued = self.ca.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(self.server)
        issued.private_key_pem.write_to_path(self.key)

    def settings(self, *, mutual: bool = False) -> TlsSettings:
        """Return those of the server."""
        ca = self.ca_file if mutual else None
        return TlsSettings(self.server, self.key, ca, "1.2")

    def connect(self, address: str, ca: trustme.CA | None = None) -> ssl.SSLSocket:
        """Connect, with a certificate of a CA."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if ca is not None:
            ca.issue_cert("esa1.example.com").configure_cert(context)
        return context.wrap_socket(connect(address), server_hostname="127.0.0.1")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make certificates once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_tls(receiver: Receiver, inbox: Inbox, certificates: Certificates) -> None:
    """A renewed certificate is used after a reload, and open connections go on."""
    address = local("tls")
    receiver.listen([settings(address, tls=certificates.settings())])
    with certificates.connect(address) as client:
        client.sendall(b"<22>one\n")
        assert lines(inbox, 1) == [b"<22>one"]
        before = client.getpeercert(binary_form=True)
        certificates.renew()
        receiver.listen([settings(address, tls=certificates.settings())])
        client.sendall(b"<22>two\n" * 100_000)
        assert len(lines(inbox, 100_000)) == 100_000
    with certificates.connect(address) as client:
        assert client.getpeercert(binary_form=True) != before


def test_tls_of_a_sender_that_never_reads(
    receiver: Receiver, inbox: Inbox, certificates: Certificates
) -> None:
    """It is sent nothing: closed with something unread, a connection loses what waits in it."""
    address = local("tls")
    receiver.listen([settings(address, tls=certificates.settings())])
    with certificates.connect(address) as client:
        client.sendall(b"<22>one\n")
        assert lines(inbox, 1) == [b"<22>one"]
        client.settimeout(0)
        with pytest.raises(BlockingIOError):
            socket.socket.recv(client, 1, socket.MSG_PEEK)


def test_mutual_tls(receiver: Receiver, inbox: Inbox, certificates: Certificates) -> None:
    """A sender without a certificate of the right CA is refused, and counted with the reason."""
    address = local("tls")
    receiver.listen([settings(address, tls=certificates.settings(mutual=True))])
    for ca in (None, certificates.other_ca):
        with suppress(OSError), certificates.connect(address, ca) as client:
            client.sendall(b"<22>no\n")
            assert is_closed(client)
    counts = counted(receiver, address, tls_failed=2, connections=0, messages=0)
    assert counts.tls_error == "127.0.0.1: CERTIFICATE_VERIFY_FAILED"
    with certificates.connect(address, certificates.ca) as client:
        client.sendall(b"<22>yes\n")
        assert lines(inbox, 1) == [b"<22>yes"]


def test_what_is_not_tls_does_no_harm(
    receiver: Receiver, inbox: Inbox, certificates: Certificates
) -> None:
    """Plain text, an old version, a connection that ends at once."""
    address = local("tls")
    receiver.listen([settings(address, tls=certificates.settings())])
    with connect(address) as client:
        client.sendall(b"<22>plain text\n" * 100)
        assert is_closed(client)
    counts = counted(receiver, address, tls_failed=1)
    assert "WRONG_VERSION_NUMBER" in counts.tls_error or "HTTP" in counts.tls_error
    connect(address).close()
    counted(receiver, address, tls_failed=2, connections=0)
    with certificates.connect(address) as good:
        good.sendall(b"<22>yes\n")
        assert lines(inbox, 1) == [b"<22>yes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"certificate": "missing.pem"}, "missing.pem cannot be read: No such file or directory"),
        ({"key": "ca.pem"}, "are not a certificate and its key in PEM"),
        ({"client_ca": "server.key"}, "server.key has no certificate in PEM"),
    ],
)
def test_files_that_do_not_fit_are_named(
    receiver: Receiver, certificates: Certificates, change: dict[str, str], words: str
) -> None:
    """Nothing is opened then."""
    files = {x: certificates.server.parent / y for x, y in change.items()}
    tls = certificates.settings()._replace(**files)  # type: ignore[arg-type]
    with pytest.raises(ForwarderError, match=words):
        receiver.listen([settings(local("tls"), tls=tls)])
    assert receiver.counts == {}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_reading_goes_on_however_often_the_inbox_fills(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """Also where it fills while it is waited for."""
    monkeypatch.setattr(inbox_module, "FULL_BYTES", 1)
    monkeypatch.setattr(inbox_module, "STREAM_BYTES", 1)
    source, address = Receiver([]), local(transport)
    source.listen([settings(address)])
    with closing(source), connect(address) as client:
        for number in range(50):
            client.send(b"<22>%d\n" % number)
            end = time.monotonic() + LONG
            while not (chunks := source.read(0.1)):
                assert time.monotonic() < end
            assert [x.data for x in chunks] == [b"<22>%d\n" % number]
