"""The join by itself: streams, and the logs that they read."""

from forwarder.events import Origin
from forwarder.mail_logs.identity import Identities
from forwarder.mail_logs.join import Means
from forwarder.mail_logs.log import Log, Source
from forwarder.mail_logs.streams import Streams
from forwarder.mail_logs.timestamps import Clock


def no_streams() -> Streams:
    """Give a join with nothing open."""
    return Streams(Means(Clock()))


def log_of(appliance: str, path: str | None = None) -> Log:
    """Give the log of a file that begins."""
    return Log(Origin(appliance, path, None), Source("", "", path, None, Identities()))
