"""Running the service against a server, as users run it."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import orjson
from click.testing import CliRunner

from forwarder.cli.main import main
from forwarder.ecs.filters import REPETITIONS, leave_out
from forwarder.events import Document
from forwarder.testing import wait_until

PROGRAM = Path(sys.executable).with_name("esa-forwarder")
SAMPLES = Path(__file__).parents[2] / "examples" / "mail_logs"


class Forwarder:
    """A configuration, and the service with it."""

    def __init__(
        self,
        folder: Path,
        output: Mapping[str, object],
        paths: Iterable[str] = (),
        documents: Mapping[str, object] | None = None,
    ) -> None:
        """Write the configuration.

        Args:
            folder: For all that it needs.
            output: Settings of the output ``siem``.
            paths: What to read; without any, the samples.
            documents: What is in the documents.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "esa.yaml"
        self._log = folder / "log"
        self.paths = list(paths) or [f"{SAMPLES}/{{appliance}}/*"]
        retry = {"initial_pause": "50ms", "max_pause": "500ms"}
        config = {
            "state": str(folder / "state"),
            "inputs": [{"type": "files", "paths": self.paths, "timezone": "Europe/Rome"}],
            "outputs": {"siem": {**output, "retry": retry}},
            "documents": documents or {},
        }
        self.config.write_text(json.dumps(config))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None

    def once(self) -> None:
        """Read everything, deliver it, and end."""
        result = subprocess.run(  # noqa: S603 - our own command
            [PROGRAM, "run", "--once", "-c", self.config],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stderr

    def check(self) -> tuple[int, str]:
        """Check it; give the exit code, and what was found."""
        result = subprocess.run(  # noqa: S603 - our own command
            [PROGRAM, "check", "-c", self.config], capture_output=True, text=True, check=False
        )
        return result.returncode, result.stdout + result.stderr

    def start(self) -> None:
        """Start the service."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [PROGRAM, "run", "-c", self.config], stdin=subprocess.DEVNULL, stderr=log
            )

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, whatever it does."""
        self._end(SIGKILL)

    def stop(self) -> None:
        """Stop it."""
        self._end(SIGTERM)

    def status(self) -> dict[str, Any]:
        """Ask how its output is; in this process, as it is asked again and again."""
        arguments = ["status", "-c", str(self.config), "--format", "json"]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code in {0, 1, 2}, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def wait_for(self, text: str) -> None:
        """Wait until it logs something."""
        wait_until(lambda: text in self.said())

    def said(self) -> str:
        """Give what it logged."""
        return self._log.read_text(errors="replace")

    def _end(self, number: Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None


def parse(*paths: str, timezone: str = "Europe/Rome") -> dict[str, dict[str, Any]]:
    """Give the documents that logs become, by their ids: the truth."""
    result = subprocess.run(  # noqa: S603 - our own command
        [PROGRAM, "parse", "-q", "--timezone", timezone, *paths], capture_output=True, check=True
    )
    return {x["event"]["id"]: x for x in map(json.loads, result.stdout.splitlines())}


def lean(document: dict[str, Any]) -> dict[str, Any]:
    """Return what Elasticsearch and OpenSearch get of a document."""
    shipped = leave_out(Document("", orjson.dumps(document)), REPETITIONS)
    found: dict[str, Any] = json.loads(shipped.body)
    return found
