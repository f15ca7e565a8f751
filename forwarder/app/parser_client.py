"""The service's side of the parser process: settings, messages, and the process itself.

Python runs one thread of a process at a time, and parsing takes as much of it as all the rest of
the service; so it has a process of its own (:mod:`forwarder.app.parser_worker`). Rules:

* Two pipes connect them, and messages stay in order: each chunk and tick has one reply with its
  documents, and the reply to a :class:`Checkpoint` covers exactly the documents before it.
* One thread sends requests and collects replies. Another one only takes replies out of the pipe, so
  that neither side waits for the other to read. A third one kills the process if it owes a reply
  for too long: the sender may be blocked in the middle of a message then.
* The process keeps nothing on disk. If it dies, what is not committed is read again.
"""

import fcntl
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from forwarder import __version__
from forwarder.appliances import Appliances
from forwarder.ecs.filters import Filter
from forwarder.ecs.layout import Common
from forwarder.errors import ParserDiedError, ParserError
from forwarder.events import Counters, Document, new_document
from forwarder.inputs.chunk import Chunk
from forwarder.mail_logs.appliance_counts import ApplianceCounts
from forwarder.mail_logs.subscriptions import OtherLog

if TYPE_CHECKING:
    from forwarder.config.load import Config

PREFIX = "core/"  # of the keys under which the parser's state is saved

HANG_SECONDS = 60.0
"""Without a reply; a chunk takes milliseconds, to restore all that can be saved some seconds."""
_LOOK_SECONDS = 1.0
_WINDOW_BYTES = 1 << 20
"""Of logs in flight: enough that the process never waits for more, and no more documents than a
commit takes."""
_MESSAGE_BYTES = 8
"""What a byte of messages counts for. Each may be of another host, which takes ten times as long,
and what comes next must not wait for more than about a tenth of a second."""
_PIPE_BYTES = 1 << 20  # the largest that Linux allows every user
_NAME = "the parser process"
_END_SECONDS = 5.0  # for the process to end after its pipe; it reads at most one more chunk


class InputOptions(NamedTuple):
    """The settings of one input."""

    zone: tzinfo | None = None
    tags: frozenset[str] = frozenset()  # syslog tags of the lines that are read; all without any


class ParserSettings(NamedTuple):
    """The settings of parsing."""

    inputs: tuple[InputOptions, ...]  # in the order of the configuration
    sessions: bool  # whether the end of a session is an event
    common: Common
    appliances: Appliances = Appliances()
    count_lines: bool = False  # takes a twentieth of the time
    rules: Filter | None = None  # which documents there are; None for all
    geoip: tuple[Path, ...] = ()

    @classmethod
    def of(cls, config: "Config") -> "ParserSettings":
        """Take them from the configuration."""
        documents, inputs = config.documents, config.inputs
        return cls(
            tuple(InputOptions(x.timezone, frozenset(getattr(x, "tags", ()))) for x in inputs),
            documents.session_events,
            Common(
                namespace=documents.namespace,
                agent_name=documents.agent_name,
                tags=documents.tags,
                labels=tuple(documents.labels.items()),
                original=documents.original,
            ),
            config.appliances,
            count_lines=config.http is not None,
            rules=documents.filter.rules,
            geoip=documents.geoip or (),
        )


class Begin(NamedTuple):
    """The first request."""

    settings: ParserSettings
    state: Sequence[tuple[str, bytes]]  # all pairs whose key begins with `PREFIX`


class Checkpoint(NamedTuple):
    """A request for the parser's progress and state; the reply to the one before is saved."""

    forgotten: Sequence[str]  # keys of logs that have ended for good


class Tick(NamedTuple):
    """The time, so that messages that waited long enough for others are released."""

    now: float  # seconds since 1970


class Parsed(NamedTuple):
    """The documents of a chunk or a tick."""

    ids: str  # a line each: faster to join and to split than to carry one by one
    bodies: bytes  # the same; no body has a newline
    due: float | None  # when a tick will release more, in seconds since 1970

    @classmethod
    def of(cls, documents: Sequence[Document], due: float | None) -> "Parsed":
        """Join documents."""
        ids, bodies = zip(*documents, strict=True) if documents else ((), ())
        return cls("\n".join(ids), b"\n".join(bodies), due)

    def documents(self) -> list[Document]:
        """Split them again."""
        if not self.bodies:
            return []
        pairs = zip(self.ids.split("\n"), self.bodies.split(b"\n"), strict=True)
        return list(map(new_document, pairs))


class CheckpointReply(NamedTuple):
    """The parser's progress, and what has to be saved of it."""

    consumed: dict[str, tuple[int, bytes]]
    """By key of the logs read since the last time: the offset up to which all is in documents, in
    bytes from the start of the file, and what a parser needs to go on from there."""
    changes: list[tuple[str, bytes | None]]
    """Pairs of the state that changed since the last checkpoint; None deletes one."""
    counts: Counters
    open_connections: int
    appliance_counts: dict[str, ApplianceCounts]  # of each, since the last checkpoint
    others: dict[str, OtherLog | None]
    """By key, what is new of logs that are not mail logs; None for one that is."""
    geoip_trouble: str | None = None


Request = Begin | Chunk | Tick | Checkpoint
Reply = Parsed | CheckpointReply | str
"""A text is the reason why the parser ended: a bug, or a state that it does not understand."""


def put(message: Request | Reply, pipe: BinaryIO) -> None:
    """Send a message."""
    pickle.dump(message, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def get(pipe: BinaryIO) -> object:
    """Receive a message; raises what pickle raises if there is none, or only a part of one."""
    return pickle.load(pipe)  # noqa: S301 - of our own process


class ParserClient:
    """The parser process; each call raises ParserError once it has failed."""

    def __init__(
        self,
        settings: ParserSettings,
        state: Sequence[tuple[str, bytes]],
        wake: Callable[[], None],
    ) -> None:
        """Start the process; another thread calls ``wake`` at each checkpoint and at a failure."""
        self._wake = wake
        self._changed = threading.Condition()
        self._replies: deque[Parsed | CheckpointReply] = deque()
        self._owed = deque[int]()  # the bytes of the window that each missing reply stands for
        self._in_flight = 0  # their sum
        self._heard_at = 0.0  # when it last replied, or began to owe a reply
        self._hung = False
        self._failure: ParserError | None = None
        try:
            self._process, self._answers = _start()
        except OSError as error:
            raise ParserError(
                f"{_NAME} cannot be started: {error.strerror}; allow this user one"
                " process and a few files more, and start the service again"
            ) from error
        self.pid = self._process.pid
        self._requests = cast("BinaryIO", self._process.stdin)
        for pipe in (self._requests, self._answers):
            # Neither side waits in the middle of a message. A user has sixteen pipes of this size;
            # without, it only takes longer.
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._threads = [
            threading.Thread(target=self._hear, name="parser", daemon=True),
            threading.Thread(target=self._watch, name="parser watch", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        with suppress(BrokenPipeError):  # the next call tells why
            put(Begin(settings, state), self._requests)

    def feed(self, chunk: Chunk) -> None:
        """Send a chunk, after waiting while too much is in flight."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight < _WINDOW_BYTES or self._failure)
        self._send(chunk, len(chunk.data) * (1 if chunk.path else _MESSAGE_BYTES))

    def tick(self, now: float) -> None:
        """Send the time, in seconds since 1970."""
        self._send(Tick(now))

    def ask(self, forgotten: Sequence[str]) -> None:
        """Request a checkpoint, when the one before is saved; forget logs that are gone."""
        self._send(Checkpoint(forgotten))

    def replies(self, *, wait: bool = False) -> list[Parsed | CheckpointReply]:
        """Return the replies since the last call, in order; ``wait`` until there is one."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._replies or self._failure)
            found = list(self._replies)
            self._replies.clear()
        self._check()
        return found

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):  # it has ended before
            self._requests.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:  # they end with the pipe
            thread.join()
        self._answers.close()

    def _send(self, message: Request, size: int = 0) -> None:
        with self._changed:
            self._heard_at = self._heard_at if self._owed else time.monotonic()
            self._owed.append(size)
            self._in_flight += size
        try:
            put(message, self._requests)
        except BrokenPipeError:
            with self._changed:
                self._changed.wait_for(lambda: self._failure)
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))

    def _watch(self) -> None:
        """Kill the process if it owes a reply for too long."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._failure, _LOOK_SECONDS):
                if self._owed and time.monotonic() - self._heard_at > HANG_SECONDS:
                    self._hung = True
                    self._process.kill()

    def _hear(self) -> None:
        """Take replies out of the pipe, until it ends."""
        while self._failure is None:
            try:
                reply = get(self._answers)
            except Exception as error:  # noqa: BLE001 - unpickling raises whatever it likes
                reply = ParserDiedError(self._describe_end(error))
            with self._changed:
                self._heard_at = time.monotonic()
                match reply:
                    case Parsed() | CheckpointReply():
                        self._in_flight -= self._owed.popleft()
                        self._replies.append(reply)
                    case ParserDiedError():
                        self._failure = reply
                    case _:
                        self._failure = ParserError(str(reply))
                self._changed.notify_all()
            if not isinstance(reply, Parsed):
                self._wake()

    def _describe_end(self, error: Exception) -> str:
        """Return why reading a reply failed."""
        if self._hung:
            return f"{_NAME} did not answer for {HANG_SECONDS:.0f} seconds and was killed"
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{_NAME} sent a reply that is not understood ({error!r})"
        return f"{_NAME} {f'was killed by signal {-code}' if code < 0 else f'exited with {code}'}"


def _start() -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Start the process; return it, and the pipe of its replies.

    The pipe is its own: whatever Python runs at each start may write to standard output. So is its
    process group: Ctrl-C at a terminal is for the service. With -P, no module in the current folder
    is mistaken for one of ours.
    """
    descriptor, theirs = os.pipe()
    answers = os.fdopen(descriptor, "rb")
    # The service decides when the process ends; a signal to all processes is for it alone.
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-P", "-m", "forwarder.app.parser_worker", __version__, str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs,),
            process_group=0,
        )
    except OSError:
        answers.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(theirs)
    return process, answers
