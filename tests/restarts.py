"""What outlives a parser, for tests that end one and begin another."""

from forwarder.pipeline import LogParser


def save(parser: LogParser, store: dict[str, bytes]) -> None:
    """Keep what has changed since the last time, as a commit does."""
    for key, value in parser.changes():
        if value is None:
            del store[key]
        else:
            store[key] = value
