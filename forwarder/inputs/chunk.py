"""What the inputs hand over: a log in chunks, in order."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What is known of the lines that follow a chunk."""

    MORE = "more"  # nothing
    IDLE = "idle"  # no more for now: a last line that ends with a newline is whole
    END = "end"  # none: the log is complete: its last line is whole in any case


class Chunk(NamedTuple):
    """A part of a log."""

    key: str  # of the log: the same under every name, and after a restart
    appliance: str
    path: str  # absolute, where the log is now; not UTF-8: surrogates; empty for messages
    near: datetime  # aware; close to the time of the lines, for stamps without a year
    data: bytes  # decompressed, cut anywhere, at most 256 KiB; may be empty where `kind` is news
    kind: Kind
    resume: bytes | None
    """With the first chunk after a restart or an end: what was saved with the position."""
    offset: int  # of the first byte, from the start of the log
    named: bool = False
    """Whether the appliance was configured; if not, a host in a syslog header takes its place."""
    input: int = 0  # index of the input among those configured
    sender: str = ""  # address that messages came from; empty for files and Unix sockets
    head: bytes = b""
    """Whole lines from the start of the log, with its file header, where reading begins after them
    and nothing was saved."""
