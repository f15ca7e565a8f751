"""What the end of a file means: the table."""

from datetime import timedelta

import pytest

from forwarder.inputs.chunk import Kind
from forwarder.inputs.files.reader import PAUSE, SETTLE, EofDecision, EofFacts, decide_eof

LIVE = EofFacts(
    live=True,
    gone=False,
    succeeded=False,
    is_gzip=False,
    whole=True,
    terminated=True,
    idle=timedelta(0),
    once=False,
)
CLOSED = LIVE._replace(live=False)
COMPRESSED = CLOSED._replace(is_gzip=True, whole=False)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (LIVE, EofDecision(Kind.IDLE, None)),
        (LIVE._replace(terminated=False, idle=SETTLE * 100), EofDecision(Kind.IDLE, None)),
        (LIVE._replace(terminated=False, once=True), EofDecision(Kind.IDLE, None)),
        (CLOSED, EofDecision(Kind.MORE, PAUSE)),
        (CLOSED._replace(idle=PAUSE), EofDecision(Kind.IDLE, SETTLE - PAUSE)),
        (CLOSED._replace(idle=SETTLE - SECOND), EofDecision(Kind.IDLE, SECOND)),
        (CLOSED._replace(idle=SETTLE), EofDecision(Kind.END, None)),
        (CLOSED._replace(succeeded=True, terminated=False), EofDecision(Kind.END, None)),
        (CLOSED._replace(once=True), EofDecision(Kind.END, None)),
        (CLOSED._replace(once=True, terminated=False), EofDecision(Kind.MORE, PAUSE)),
        (LIVE._replace(gone=True), EofDecision(Kind.MORE, PAUSE)),
        (LIVE._replace(gone=True, idle=SETTLE), EofDecision(Kind.END, None)),
        (LIVE._replace(gone=True, once=True, terminated=False), EofDecision(Kind.END, None)),
        (COMPRESSED, EofDecision(Kind.MORE, SETTLE)),
        (COMPRESSED._replace(idle=SETTLE), EofDecision(Kind.MORE, None, stuck=True)),
        (COMPRESSED._replace(whole=True), EofDecision(Kind.END, None)),
        (COMPRESSED._replace(once=True), EofDecision(Kind.MORE, SETTLE)),
    ],
)
def test_the_end_of_a_file(file: EofFacts, expected: EofDecision) -> None:
    """Each row is a case of the rules."""
    assert decide_eof(file) == expected
