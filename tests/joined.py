"""The join by itself: streams, and the headers of files that they read."""

from forwarder.events import Counters, Origin
from forwarder.mail_logs.connections import Tools
from forwarder.mail_logs.event_ids import EventIds, FileHeader, Source
from forwarder.mail_logs.messages import MessageParser
from forwarder.mail_logs.streams import Streams
from forwarder.mail_logs.timestamps import Clock


def no_streams() -> Streams:
    """Give a join with nothing open."""
    return Streams(Tools(Clock(), Counters(), MessageParser()))


def log_of(appliance: str, path: str | None = None) -> FileHeader:
    """Give the header of a file that begins."""
    return FileHeader(Origin(appliance, path, None), Source("", "", path, None, EventIds()))
