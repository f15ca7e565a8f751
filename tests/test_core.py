"""The core behind the inputs: what it remembers of a log, and for how long."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder.core import Core
from forwarder.core_settings import CoreSettings
from forwarder.inputs.endings import Kind
from forwarder.inputs.piece import Piece
from tests.services import Told, configured, logins

MORE = Piece(
    "key", "esa1", "/srv/esa/mail", datetime(2026, 3, 4, tzinfo=UTC), b"", Kind.MORE, None, 0
)


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """Start with nothing read."""
    config = configured(tmp_path, Told(lambda _: None))()
    return Core(CoreSettings.of(config.inputs, config.documents), [])


def test_a_log_goes_on_where_the_last_piece_ended(core: Core) -> None:
    """Lines may be cut anywhere."""
    text = logins(1, 2)
    made = core.take(MORE._replace(data=text[:-70]))
    made += core.take(MORE._replace(data=text[-70:], offset=len(text) - 70, kind=Kind.QUIET))
    assert len(made) == 2
    ((key, (offset, _)),) = core.consumed().items()
    assert (key, offset) == ("key", len(text))
    assert core.consumed() == {}


def test_a_log_of_which_nothing_will_come_is_forgotten(core: Core) -> None:
    """Half a line of it does not wait for the rest for ever."""
    core.take(MORE._replace(data=b"half a l"))
    core.consumed()
    core.saved(["key", "another"])
    assert len(core.take(MORE._replace(data=logins(1), kind=Kind.END))) == 1
    assert core.consumed()["key"][0] == len(logins(1))


@pytest.mark.parametrize("cut", range(1, 90))
def test_a_log_that_goes_on_within_a_line_behind_its_end_loses_nothing(
    core: Core, cut: int
) -> None:
    """What was closed while half a line was written goes on, though its end was saved."""
    text = logins(1, 2)
    half = text.rindex(b"\n", 0, -1) + 1 + cut
    made = core.take(MORE._replace(data=text[:half], kind=Kind.END))
    core.consumed()
    core.saved()
    made += core.take(MORE._replace(data=text[half:], offset=half, kind=Kind.END))
    assert len(made) == 2
    assert core.consumed()["key"][0] == len(text)
