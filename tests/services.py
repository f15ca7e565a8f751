"""Parts of a service for tests: logs with few logins, and an output that does what a test says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from forwarder import log
from forwarder.config.load import Config, load
from forwarder.events import Document
from forwarder.output import Failure, OutputPlugin
from forwarder.plugins import find_outputs

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"], timezone: Europe/Rome}}
outputs:
  told: {{type: told, batch: {{max_age: 10ms}}, retry: {{initial_pause: 10ms, max_pause: 10ms}}}}
"""

NEW = b"Tue Mar  3 10:00:%02d 2026 Info: New SMTP ICID %d interface Data 1 (192.0.2.25) address"
_REST = b" 203.0.113.9 reverse dns host unknown verified no\n"
FAILED = (
    b"Tue Mar  3 10:00:%02d 2026 Info: SMTP Auth: (ICID %d) failed for user: u"
    b" using AUTH mechanism: PLAIN with profile: P\n"
)


def logins(*numbers: int) -> bytes:
    """Make connections with a login each."""
    return b"".join([(NEW + _REST) % (x % 60, x) + FAILED % (x % 60, x) for x in numbers])


def append(
    folder: Path, content: bytes, appliance: str = "esa1", name: str = "mail.current"
) -> Path:
    """Write to a log."""
    path = folder / "logs" / appliance / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path


class Told:
    """An output that keeps what it gets, and asks a test what to say."""

    def __init__(self, act: Callable[[Sequence[Document]], Sequence[Failure] | None]) -> None:
        """Ask this."""
        self._act = act
        self.taken: list[Document] = []

    def open(self) -> None:
        """Do nothing."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Take what is not a failure."""
        failures = self._act(documents) or ()
        failed = {x.document.id for x in failures}
        self.taken += [x for x in documents if x.id not in failed]
        return failures

    def close(self) -> None:
        """Do nothing."""


class _NoSettings(BaseModel):
    """It has none."""


def configured(
    folder: Path,
    told: Told,
    text: str = CONFIG,
    *,
    more: str = "",
    build: Callable[[object], object] | None = None,
) -> Callable[[], Config]:
    """Write a configuration, and return what reads it.

    Args:
        folder: For all that there is.
        told: The output of the type ``told``.
        text: The configuration, with ``{folder}`` in it.
        more: Lines behind it.
        build: What the type ``told`` does instead of giving that output.
    """
    path = folder / "esa.yaml"
    path.write_text((text + more).format(folder=folder), "utf-8")
    make: Callable[[object], Any] = build or (lambda _: told)
    plugin = OutputPlugin("told", _NoSettings, make)

    def find(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
        wanted = set(types)
        found = dict(find_outputs(wanted - {"told"}))
        return found | {"told": plugin} if "told" in wanted else found

    def read() -> Config:
        return load(path, find)

    log.configure("logfmt", "info")
    return read


def no_bar(read: int, whole: int) -> None:
    """Show no progress."""
