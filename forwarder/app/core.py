"""The core behind the inputs: pieces of logs in, documents out, and what has to be remembered.

There is one flow for all inputs, and a reading for each log on its way.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from forwarder.app.core_settings import PREFIX, CoreSettings
from forwarder.events import Counters, Document
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.mail_logs.subscriptions import OtherLog
from forwarder.pipeline import Flow, Settings

if TYPE_CHECKING:
    from forwarder.reading import Reading

_ENOUGH_BYTES = 1 << 16
"""What has no line of a mail log in so many bytes is none: a line has no more."""


class Core:
    """Makes documents of what the inputs read; for one thread."""

    def __init__(self, settings: CoreSettings, state: Iterable[tuple[str, bytes]]) -> None:
        """Go on where another one was.

        Args:
            settings: What is read, and what is in the documents.
            state: All pairs whose key begins with :data:`PREFIX`.
        """
        self._zones = settings.zones
        self._flow = Flow(
            Settings(sessions=settings.sessions, common=settings.common, count_lines=False)
        )
        self._flow.restore((key.removeprefix(PREFIX), value) for key, value in state)
        self._readings: dict[str, Reading] = {}
        self._touched: set[str] = set()
        self._ended: set[str] = set()
        self._leaving: set[str] = set()
        """Those that have ended, and whose end is being saved."""
        self._others: dict[str, OtherLog] = {}
        """Those that are no mail logs, as it was said last."""
        self._news: dict[str, OtherLog | None] = {}

    @property
    def open_connections(self) -> int:
        """How many are open, of all appliances and in both directions."""
        return self._flow.open_connections

    def take(self, piece: Chunk) -> list[Document]:
        """Read a piece; give its documents, in the order of their lines."""
        path = None if piece.path == "-" else os.fsencode(piece.path).decode("utf-8", "replace")
        reading = self._readings.get(piece.key)
        if reading is None or piece.resume is not None:
            reading = self._flow.open(
                piece.appliance,
                path,
                base=base_name(path or ""),
                folder=log_folder(path or ""),
                near=piece.near,
                hosts=not piece.named,
                zone=self._zones[piece.input],
                state=piece.resume or None,
                offset=piece.offset,
                head=piece.head,
            )
            self._readings[piece.key] = reading
        elif path is not None:
            reading.rename(path)
        self._touched.add(piece.key)
        self._leaving.discard(piece.key)
        made = reading.feed(piece.data).values()
        if piece.kind is Kind.END:
            made += reading.finish().values()
            if not reading.is_within_line:
                self._ended.add(piece.key)
        else:
            self._ended.discard(piece.key)
            if piece.kind is Kind.IDLE:
                made += reading.settle().values()
        reading.count()
        other = reading.other
        if other is None:
            if self._others.pop(piece.key, None) is not None:
                self._news[piece.key] = None
        elif piece.key in self._others or _is_enough(other, piece, reading):
            self._others[piece.key] = self._news[piece.key] = other
        return made

    @property
    def counts(self) -> Counters:
        """What has gone through so far."""
        return self._flow.counts

    def take_others(self) -> dict[str, OtherLog | None]:
        """Give, by key, what is new of logs that are no mail logs; None for one that is."""
        news, self._news = self._news, {}
        return news

    def consumed(self) -> dict[str, tuple[int, bytes]]:
        """Say how far the logs are that were read since the last time.

        Returns:
            By key of the pieces, the offset up to which all is in documents, in bytes from the
            start of the file, and what the next reading needs to go on from there.
        """
        consumed = {
            key: (reading.position, reading.state)
            for key in self._touched
            if (reading := self._readings.get(key)) is not None
        }
        self._touched.clear()
        self._leaving |= self._ended
        self._ended.clear()
        return consumed

    def saved(self, forgotten: Iterable[str] = ()) -> None:
        """Take it that whoever reads knows what :meth:`consumed` said.

        Of a log that had ended by then, and did not go on before, the next piece comes with what
        its reading needs. That is not so where a piece of a line is left at its end: its file may
        go on within it.

        Args:
            forgotten: Keys of logs of which nothing will come any more.
        """
        for key in (*self._leaving, *forgotten):
            self._readings.pop(key, None)
            self._others.pop(key, None)
        self._leaving.clear()

    def changes(self) -> list[tuple[str, bytes | None]]:
        """Give what has changed since the last time and must outlive the process."""
        return [(PREFIX + key, value) for key, value in self._flow.changes()]


def _is_enough(other: OtherLog, piece: Chunk, reading: "Reading") -> bool:
    """Say whether it can be told now that a log is no mail log.

    A small one may still become one, as long as it is written to and nothing tells what else it is.
    """
    if piece.kind is Kind.END or piece.offset + len(piece.data) >= _ENOUGH_BYTES:
        return True
    tells = other.is_foreign or other.subscription is not None
    return piece.kind is Kind.IDLE and tells and not reading.is_within_line
