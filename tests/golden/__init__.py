"""Logs, and beside each the documents that must come of it: `plain.log`, `plain.json`.

The eighteen lines are those of Cisco tech note 118570. They come plain, with a file header, and
wrapped as copies of that document are; `syslog.log` has one connection in each framing seen.

Expected documents were checked by hand. `python -m tests.golden` writes them again after a change
that is meant; read the difference before you keep it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from forwarder import __version__
from forwarder.pipeline import LogParser, Settings

FOLDER = Path(__file__).parent
NAMES = ("plain", "header", "wrapped", "wrapped_trailing", "wrapped_leading", "syslog")
PATH = "/srv/esa/esa1.example.com/mail.@20090422T110000.s"
"""Where every log is said to be, so that documents differ by content alone."""

Document = dict[str, Any]


def produce(name: str, settings: Settings = Settings()) -> list[bytes]:  # noqa: B008 - it is frozen
    """Return the documents that come of a log.

    Args:
        name: Of the log, without its suffix.
        settings: Of the flow.
    """
    reading = LogParser(settings).open(
        "esa1.example.com",
        PATH,
        near=datetime(2009, 4, 22, tzinfo=UTC),
        hosts=name == "syslog",
    )
    return [*reading.feed((FOLDER / f"{name}.log").read_bytes()), *reading.finish()]


def expected(name: str) -> list[Document]:
    """Return the documents that should come of a log."""
    documents: list[Document] = orjson.loads((FOLDER / f"{name}.json").read_bytes())
    for document in documents:
        # A release of the program changes no golden file.
        assert document["agent"]["version"] == "VERSION"
        document["agent"]["version"] = __version__
    return documents
