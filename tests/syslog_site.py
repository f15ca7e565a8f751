"""A service that listens for syslog messages, with its documents in a file."""

import json
import socket
import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.program import Program, wait_until
from tests.servers.certificates import Authority
from tests.servers.running import free_ports

TRANSPORTS = ("udp", "tcp", "tls", "unix")


class Site:
    """The service, its configuration, and how to send to it."""

    def __init__(self, folder: Path, transports: Sequence[str] = TRANSPORTS) -> None:
        """Prepare; nothing runs.

        Args:
            folder: An empty one.
            transports: What it listens with.
        """
        self.folder = folder
        ports = dict(zip(transports, free_ports(len(transports)), strict=True))
        self.addresses = {
            x: f"unix://{folder}/log" if x == "unix" else f"{x}://127.0.0.1:{port}"
            for x, port in ports.items()
        }
        self.ports = ports
        self.output = folder / "auth.ndjson"
        self._counted = 0, 0
        self.program = Program(folder / "esa.yaml")
        if "tls" in transports:
            self.authority = Authority(folder)
            self.authority.issue(folder / "server.pem", folder / "server.key")
        self.configure()

    def configure(
        self,
        more: str = "",
        *,
        tls: str = "",
        output: str = ", batch: {max_age: 10ms}",
        top: str = "",
    ) -> None:
        """Write the configuration, with more settings of inputs, TLS and output, and more lines."""
        inputs = ""
        for transport, address in self.addresses.items():
            files = f"certificate: {self.folder}/server.pem, key: {self.folder}/server.key{tls}"
            secure = f", tls: {{{files}}}" if transport == "tls" else ""
            inputs += (
                f"  - {{type: syslog, listen: '{address}', timezone: Europe/Rome{secure}{more}}}\n"
            )
        self.program.config.write_text(
            f"{top}state: {self.folder}/state\ninputs:\n{inputs}outputs:\n  archive:\n"
            f"    {{type: file, path: {self.output}{output}}}\n"
        )

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What is delivered."""
        text = self.output.read_bytes() if self.output.exists() else b""
        lines = text[: text.rfind(b"\n") + 1].splitlines()  # the last one may be half written
        return [json.loads(x) for x in lines]

    def count(self) -> int:
        """Count the documents; only what is new is read."""
        position, number = self._counted
        if self.output.exists():
            with self.output.open("rb") as file:
                file.seek(position)
                new = file.read()
            self._counted = position + len(new), number + new.count(b"\n")
        return self._counted[1]

    def wait(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many documents, and no more."""
        wait_until(lambda: self.count() >= number, f"{number} documents")
        documents = self.documents
        assert len(documents) == number
        return documents

    def await_user(self, user: str, begin: int = 0) -> dict[str, Any]:
        """Wait for a document with a user, from a place in the output on; return it."""
        wanted, position = f'"{user}"'.encode(), begin
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            nonlocal position
            if self.output.exists():
                with self.output.open("rb") as file:
                    file.seek(position)
                    lines = file.read().splitlines(keepends=True)
                whole = [x for x in lines if x.endswith(b"\n")]
                position += sum(map(len, whole))
                found.extend(json.loads(x) for x in whole if wanted in x)
            return bool(found)

        wait_until(is_there, f"a document with {user}")
        return found[0]

    def connect(self, transport: str, source: str = "127.0.0.1") -> socket.socket:
        """Connect to a stream, from an address."""
        port = self.ports[transport]
        client = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        if transport == "tls":
            context = ssl.create_default_context(cafile=self.authority.path)
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
            client = context.wrap_socket(client, server_hostname="127.0.0.1")
        return client

    def datagrams(self, transport: str) -> socket.socket:
        """Return a socket that sends datagrams."""
        if transport == "unix":
            client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            client.connect(f"{self.folder}/log")
        else:
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.connect(("127.0.0.1", self.ports["udp"]))
        return client

    def send(self, transport: str, lines: Iterable[str], *, counted: bool = False) -> None:
        """Send lines as messages, on a new connection."""
        messages = [x.encode() for x in lines]
        if transport in {"tcp", "tls"}:
            framed = [b"%d %b" % (len(x), x) if counted else x + b"\n" for x in messages]
            with self.connect(transport) as client:
                client.sendall(b"".join(framed))
        else:
            with self.datagrams(transport) as client:
                for message in messages:
                    client.send(message)


class Appliance:
    """One that is served all the while, whatever other senders do."""

    def __init__(self, site: Site) -> None:
        """Connect."""
        self._site = site
        self._client = site.connect("tcp", "127.0.0.2")
        self._number = 0

    def log_in(self) -> None:
        """Open a connection and log in; wait for the document, which has the address."""
        self._number += 1
        user, address = f"honest-{id(self)}-{self._number}", f"192.0.2.{self._number % 256}"
        output = self._site.output
        begin = output.stat().st_size if output.exists() else 0
        messages = connection("honest", self._number, address, user)
        self._client.sendall("".join(x + "\n" for x in messages).encode())
        assert self._site.await_user(user, begin)["source"]["ip"] == address

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


def connection(host: str, number: int, address: str, user: str) -> list[str]:
    """Return the messages of a connection with a login."""
    now = datetime.now(UTC)
    header = f"<22>{now:%b} {now.day:2} {now:%H:%M:%S} {host} mail_logs: Info: "
    return [
        (
            f"{header}New SMTP ICID {number} interface Data 1 (192.0.2.25) address {address}"
            " reverse dns host unknown verified no"
        ),
        (
            f"{header}SMTP Auth: (ICID {number}) failed for user: {user}"
            " using AUTH mechanism: PLAIN with profile: P"
        ),
        f"{header}ICID {number} close",
    ]
