"""What the inputs hand over."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What follows a piece of a file."""

    MORE = "more"
    """Nothing is known yet."""
    IDLE = "idle"
    """Nothing more is there now: the last line, if a newline ends it, is whole."""
    END = "end"
    """The file is complete: its last line is whole in any case."""


class Chunk(NamedTuple):
    """A part of a log, in order."""

    key: str
    """Of the log: the same under every name, and behind a restart."""
    appliance: str
    path: str
    """Absolute, where the log is now; bytes that are not UTF-8 as surrogates."""
    near: datetime
    """A moment that the lines are close to, aware, for stamps without a year."""
    data: bytes
    """Unpacked, cut anywhere, at most 128 KiB; may be empty where ``kind`` says something new."""
    kind: Kind
    resume: bytes | None
    """With the first piece after a restart, or after an end: what was saved with the position."""
    offset: int
    """Of the first byte, in bytes from the start of the log."""
    named: bool = False
    """Whether the appliance was named; if not, a host in a syslog header knows better."""
    input: int = 0
    """Which of the inputs asked for it, from 0."""
    head: bytes = b""
    """Whole lines from the start of the log, where reading begins behind them with no ``resume``:
    the file's header is among them."""
