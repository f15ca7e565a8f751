"""Prometheus and promtool, unpacked from Debian's package: installed, it would start a service."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from tests.servers.building import build_once, find_program, run
from tests.servers.running import Server, accepts, free_ports


def build() -> Path:
    """Unpack it; return the folder of its programs.

    Raises:
        NotToBeHad: This is not Debian, or its package cannot be fetched.
    """
    return build_once("prometheus", Path(__file__).parent, _unpack) / "usr" / "bin"


def _unpack(folder: Path) -> None:
    find_program("apt-get", "apt")
    run(["env", "-C", folder, "apt-get", "download", "-qq", "prometheus"])
    (package,) = folder.glob("*.deb")
    run(["dpkg", "-x", package, folder])
    package.unlink()


def promtool(programs: Path, *arguments: str | Path, given: str = "") -> str:
    """Run promtool; fail with what it says."""
    done = subprocess.run(  # noqa: S603 - our own files
        [programs / "promtool", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """It scrapes the program every second."""

    def __init__(self, programs: Path, folder: Path, scrape: Mapping[str, object]) -> None:
        """Prepare; nothing is started yet. JSON is YAML, too."""
        folder.mkdir()
        (self._port,) = free_ports(1)
        config = folder / "prometheus.yml"
        every = {"global": {"scrape_interval": "1s"}}
        config.write_text(json.dumps(every | {"scrape_configs": [scrape]}))
        server = Server(
            [
                programs / "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            folder / "output.log",
            lambda: accepts(self._port),
        )
        self.start, self.close = server.start, server.stop

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the series that a query gives now."""
        url = f"http://127.0.0.1:{self._port}/api/v1/query?query={quote(query)}"
        with urlopen(url, timeout=30) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
            return found
