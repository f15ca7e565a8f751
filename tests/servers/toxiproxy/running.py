"""Toxiproxy, built with Go and driven by its HTTP API.

A proxy stands before one server. Toxics are what it does to the bytes on their way: ``upstream``
to those for the server, ``downstream`` to those from it. They take hold of connections that are
there already, too. All of them are described in its README, github.com/Shopify/toxiproxy.
"""

import http.client
import itertools
import json
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.servers.building import HERE, build_once, find_program, run
from tests.servers.running import Server, free_ports

VERSION = "2.8.0"
"""The newest that the Go of Debian 12 can build; the toxics of later ones are the same."""
_MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
_HOST = "127.0.0.1"
_TIMEOUT_SECONDS = 30
"""For an answer of the API, which is there at once unless the machine is busy."""

Stream = Literal["upstream", "downstream"]


def build() -> Path:
    """Build the program.

    Raises:
        NotToBeHad: There is no Go, or the module cannot be fetched.
    """
    folder = build_once(f"toxiproxy-{VERSION}", HERE / "toxiproxy", _make, _MODULE)
    return folder / "server"


def _make(folder: Path) -> None:
    """Have the Go compiler fetch, verify and build it."""
    run(["env", f"GOBIN={folder}", find_program("go", "golang-go"), "install", _MODULE])


class Toxiproxy:
    """The program; it has a proxy for each test."""

    def __init__(self, program: Path, home: Path) -> None:
        """Prepare; nothing is started yet."""
        (self._port,) = free_ports(1)
        self._names = map(str, itertools.count())
        self._log = home / "output.log"
        command: list[str | Path] = [program, "-host", _HOST, "-port", str(self._port)]
        self._server = Server(command, self._log, self._is_ready)
        self.start, self.close = self._server.start, self._server.kill

    def before(self, url: str) -> "Proxy":
        """Make a proxy before the server of a URL."""
        target = urlsplit(url)
        (port,) = free_ports(1)
        name = next(self._names)
        listen, upstream = f"{_HOST}:{port}", f"{target.hostname}:{target.port}"
        self.ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream})
        return Proxy(self, name, f"{target.scheme}://{listen}")

    def ask(self, method: str, path: str, body: object = None) -> None:
        """Ask the API for something, which it has to do."""
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
        finally:
            connection.close()
        assert answer.status in range(200, 300), f"{method} {path}: {answer.status} {said}"

    def count_connections(self, name: str) -> int:
        """Count those that were made to a proxy, by what is logged of each."""
        said = map(json.loads, self._log.read_text().splitlines())
        return sum(x.get("name") == name and x["message"] == "Accepted client" for x in said)

    def _is_ready(self) -> bool:
        try:
            self.ask("GET", "/version")
        except OSError:
            return False
        return True


class Proxy:
    """What is between the program and one server."""

    def __init__(self, toxiproxy: Toxiproxy, name: str, url: str) -> None:
        """Take one that was made."""
        self._toxiproxy = toxiproxy
        self._name = name
        self._path = f"/proxies/{name}"
        self._toxics: list[str] = []
        self.url = url
        """Of the server, by way of the proxy."""

    @property
    def connections(self) -> int:
        """How many were made to it; one, if none was cut and no two are needed at once."""
        return self._toxiproxy.count_connections(self._name)

    def add(self, type_: str, stream: Stream, *, toxicity: float = 1, **attributes: int) -> str:
        """Do something to the bytes of all connections, from now on.

        Args:
            type_: Of toxic.
            stream: To which bytes.
            toxicity: The part of the connections that it is done to.
            attributes: Of the toxic; times are in milliseconds unless its description says other.

        Returns:
            Its name.
        """
        name = f"{type_}-{stream}"
        toxic = {"name": name, "type": type_, "stream": stream, "toxicity": toxicity}
        self._toxiproxy.ask("POST", f"{self._path}/toxics", {**toxic, "attributes": attributes})
        self._toxics.append(name)
        return name

    def spread(self, name: str) -> None:
        """Let a toxic that was there for no connection have all of them."""
        self._toxiproxy.ask("POST", f"{self._path}/toxics/{name}", {"toxicity": 1})

    def repair(self) -> None:
        """Take all toxics away."""
        while self._toxics:
            self._toxiproxy.ask("DELETE", f"{self._path}/toxics/{self._toxics.pop()}")

    def go_down(self) -> None:
        """Hang up, and refuse connections, as a server that is not there."""
        self._toxiproxy.ask("POST", self._path, {"enabled": False})

    def come_back(self) -> None:
        """Take connections again."""
        self._toxiproxy.ask("POST", self._path, {"enabled": True})

    def remove(self) -> None:
        """Hang up for good."""
        self._toxiproxy.ask("DELETE", self._path)
