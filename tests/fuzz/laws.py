"""Laws that hold for any bytes at all, for a fuzzer to break.

`make fuzz` searches with atheris for inputs that do, and keeps what it finds in build/fuzz. What
broke a law goes into `corpus`, beside inputs that reach most of the code; tests/test_fuzz.py tries
them all.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import orjson

from forwarder.inputs.syslog.framing import MessageFramer
from forwarder.pipeline import LogParser
from tests import cases, golden
from tests.ecs_fields import violations
from tests.patterns import FORMS

CORPUS = Path(__file__).parent / "corpus"
_SPRING = datetime(2026, 3, 1, tzinfo=UTC)
_MESSAGE_BYTES = 50
"""Longest message of a stream here: a fuzzer makes no long inputs."""


def check_log(data: bytes) -> None:
    """Parse a log, in one piece and in pieces.

    The documents are the same, each on a line, and none breaks a rule of the table of fields.

    Args:
        data: One byte for the length of the pieces, and for whether lines are of several hosts; the
            log.
    """
    option, content = (data or b"\0")[0], data[1:]
    whole = _parse([content], hosts=option % 2 == 1)
    length = 1 + option // 2
    pieces = [content[x : x + length] for x in range(0, len(content), length)]
    assert _parse(pieces, hosts=option % 2 == 1) == whole
    for document in whole:
        assert document.endswith(b"}\n")
        assert document.count(b"\n") == 1
        assert not violations(orjson.loads(document))


def _parse(pieces: list[bytes], *, hosts: bool) -> list[bytes]:
    file = LogParser().open("esa1", "/srv/esa/esa1/mail.current", near=_SPRING, hosts=hosts)
    return [*chain.from_iterable(map(file.feed, pieces)), *file.finish()]


def check_stream(data: bytes) -> None:
    """Cut a connection's bytes into messages, at once and in pieces.

    The messages are the same, each is a line, and none is longer than the limit.

    Args:
        data: One byte for the length of the pieces; what was sent.
    """
    length, content = 1 + (data or b"\0")[0], data[1:]
    whole, parts = MessageFramer(_MESSAGE_BYTES), MessageFramer(_MESSAGE_BYTES)
    messages = whole.feed(content)
    pieces = (content[x : x + length] for x in range(0, len(content), length))
    assert [*chain.from_iterable(map(parts.feed, pieces))] == messages
    assert (parts.cut, parts.is_within) == (whole.cut, whole.is_within)
    for message in messages:
        assert b"\n" not in message
        assert 0 < len(message) <= _MESSAGE_BYTES + 4 * message.count(b"#012")


def _log_seeds() -> Iterator[bytes]:
    """Give the logs of other tests, and each form of the grammar as a line."""
    for name in golden.NAMES:
        yield (golden.FOLDER / f"{name}.log").read_bytes()
    for path in (y for x in cases.names() for y in (cases.FOLDER / x / "log").rglob("*")):
        if path.is_file():
            yield path.read_bytes()
    for form in FORMS:
        for message in form.samples + form.counterexamples:
            yield b"Sun Mar  1 00:00:00 2026 Info: " + message


def _stream_seeds() -> Iterator[bytes]:
    """Give both framings, whole, empty, mixed, too long and without an end."""
    yield b"<22>one\n<22>two\r\n\0"
    yield b"7 <22>one7 <22>two\n8 <22>a\nb\n"
    yield b"99999999 <2" + b"x" * 60
    yield b"<22>one\n70 <3>" + b"y" * 67 + b"5 <4>zz"


LAWS: Mapping[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]] = {
    "log": (check_log, _log_seeds),
    "stream": (check_stream, _stream_seeds),
}
"""By name: what holds, and where to begin."""
