"""What the end of a file means: the table."""

from datetime import timedelta

import pytest

from forwarder.inputs.files.endings import PAUSE, SETTLE, AtEnd, Ending, Kind, decide

LIVE = AtEnd(
    live=True,
    gone=False,
    succeeded=False,
    packed=False,
    whole=True,
    terminated=True,
    idle=timedelta(0),
    once=False,
)
CLOSED = LIVE._replace(live=False)
PACKED = CLOSED._replace(packed=True, whole=False)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (LIVE, Ending(Kind.QUIET, None)),
        (LIVE._replace(terminated=False, idle=SETTLE * 100), Ending(Kind.QUIET, None)),
        (LIVE._replace(terminated=False, once=True), Ending(Kind.QUIET, None)),
        (CLOSED, Ending(Kind.MORE, PAUSE)),
        (CLOSED._replace(idle=PAUSE), Ending(Kind.QUIET, SETTLE - PAUSE)),
        (CLOSED._replace(idle=SETTLE - SECOND), Ending(Kind.QUIET, SECOND)),
        (CLOSED._replace(idle=SETTLE), Ending(Kind.END, None)),
        (CLOSED._replace(succeeded=True, terminated=False), Ending(Kind.END, None)),
        (CLOSED._replace(once=True), Ending(Kind.END, None)),
        (CLOSED._replace(once=True, terminated=False), Ending(Kind.MORE, PAUSE)),
        (LIVE._replace(gone=True), Ending(Kind.MORE, PAUSE)),
        (LIVE._replace(gone=True, idle=SETTLE), Ending(Kind.END, None)),
        (LIVE._replace(gone=True, once=True, terminated=False), Ending(Kind.END, None)),
        (PACKED, Ending(Kind.MORE, SETTLE)),
        (PACKED._replace(idle=SETTLE), Ending(Kind.MORE, None, stuck=True)),
        (PACKED._replace(whole=True), Ending(Kind.END, None)),
        (PACKED._replace(once=True), Ending(Kind.MORE, SETTLE)),
    ],
)
def test_the_end_of_a_file(file: AtEnd, expected: Ending) -> None:
    """Each row is a case of the rules."""
    assert decide(file) == expected
