"""An output that does what a test wants: reject, hang, be away. A stranger's plugin, installed.

What it is to do is said by files in its folder, at any time: ``reject`` (every third document),
``away`` and ``hang``.
"""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from forwarder import Document, Failure, OutputPlugin, Unavailable, hookimpl

REJECTED_EVERY = 3

ENTRY_POINTS = "[forwarder.outputs]\npicky = tests.faults.picky\n"
METADATA = "Metadata-Version: 2.1\nName: picky\nVersion: 1.0\n"


class Settings(BaseModel):
    """Where it writes to, and looks what to do."""

    folder: Path


class Picky:
    """Appends documents to a file."""

    def __init__(self, settings: Settings) -> None:
        """Touch nothing yet."""
        self._folder = settings.folder
        self._count = 0

    def open(self) -> None:
        """Do nothing."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Append what is not rejected."""
        if (self._folder / "hang").exists():
            (self._folder / "hanging").touch()
            threading.Event().wait()
        if (self._folder / "away").exists():
            raise Unavailable("it is away")
        rejected = set[str]()
        if (self._folder / "reject").exists():
            for document in documents:
                self._count += 1
                if self._count % REJECTED_EVERY == 0:
                    rejected.add(document.id)
        with (self._folder / "picky.ndjson").open("ab") as file:
            file.write(b"".join([x.body + b"\n" for x in documents if x.id not in rejected]))
            file.flush()
            os.fsync(file.fileno())
        return [Failure(x, "never", retryable=False) for x in documents if x.id in rejected]

    def close(self) -> None:
        """Do nothing."""


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Give the type ``picky``."""
    return [OutputPlugin(name="picky", config=Settings, build=Picky)]


def install(folder: Path) -> dict[str, str]:
    """Install it into a folder, as pip would; return the environment in which it is found."""
    info = folder / "picky-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (info / "METADATA").write_text(METADATA)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[2]}"}
