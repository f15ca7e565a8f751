"""What is remembered of logs, and saved."""

from hypothesis import given
from hypothesis import strategies as st

from forwarder.inputs.files.checkpoint import KEEP, MAX_GONE, CheckpointStore, LogState
from forwarder.inputs.files.fingerprints import NOTHING
from forwarder.inputs.files.positions import Position, decode, encode


@given(
    st.text(),
    st.text(alphabet=st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)),
    st.binary(max_size=2000),
    st.binary(),
    st.booleans(),
)
def test_a_position_comes_back_as_it_was_saved(
    appliance: str,
    path: str,
    data: bytes,
    resume: bytes,
    flag: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever is in it, also paths that are not UTF-8."""
    position = Position(
        appliance, path, (1, 2), NOTHING.extend(data), resume, 7, flag, not flag, 3, 4.5
    )
    assert decode("x", encode(position)) == position


@given(st.lists(st.binary(min_size=1, max_size=40)), st.lists(st.integers(0, 400), max_size=5))
def test_positions_follow_what_is_in_documents(pieces: list[bytes], offsets: list[int]) -> None:
    """Wherever in the pieces that is, the fingerprint is of all before it."""
    trails = CheckpointStore([], 0)
    trail = trails.begin("esa1", "/mail.log")
    content = b"".join(pieces)
    for piece in pieces:
        trails.advance(trail, piece)
    at = 0
    for offset in sorted(offsets):
        at = min(offset, len(content))
        trails.save(trail.key, at, b"r")
        assert trail.position.fingerprint == NOTHING.extend(content[:at])
    saved = [(key, value) for key, value in trails.changes() if value is not None]
    assert [key for key, _ in saved] == ([trail.key] if at else [])
    again = CheckpointStore(saved, 0)
    assert [x.read for x in again.gone] == ([NOTHING.extend(content[:at])] if at else [])


def test_what_is_forgotten_is_taken_out_of_the_state_once() -> None:
    """If it ever was in it; what comes of it later is passed over."""
    trails = CheckpointStore([], 0)
    for content in (b"saved", b""):
        trail = trails.begin("esa1", "/mail.log")
        trails.settle(trail, (1, 2), "/mail.log", live=True)
        trails.advance(trail, content)
        trails.save(trail.key, len(content), b"")
        trails.changes()
        trails.lose_home(trail, 0, 0)
        trails.forget(trail)
        trails.save(trail.key, 1, b"")
        assert trails.changes() == ([(trail.key, None)] if content else [])
    assert len(trails) == 0


def test_trails_without_a_file_are_forgotten_when_they_are_old_or_too_many() -> None:
    """The oldest first; those with a file never."""
    trails = CheckpointStore([], 0)
    for number in range(MAX_GONE + 3):
        trail = trails.begin("esa1", "/mail.log")
        trails.settle(trail, (1, number), "/mail.log", live=True)
        if number:
            trails.lose_home(trail, 0, number)
            trails.forget_old(0)
    assert len(trails.gone) == MAX_GONE
    assert trails.gone[0].position.gone == 3
    trails.forget_old(KEEP.total_seconds() + 10)
    assert trails.gone[0].position.gone == 10
    assert len(trails) == len(trails.gone) + 1


def begun(trails: CheckpointStore, numbers: range) -> list[LogState]:
    """Begin trails that have a file and something in documents."""
    found = []
    for number in numbers:
        trail = trails.begin("esa1", f"/mail.{number}")
        trails.settle(trail, (1, number), f"/mail.{number}", live=False)
        trails.advance(trail, b"%d" % number)
        trails.save(trail.key, len(b"%d" % number), b"")
        found.append(trail)
    return found


def test_what_has_a_file_is_not_forgotten_at_a_start() -> None:
    """Before all files were compared nobody knows which ones are gone."""
    before = CheckpointStore([], 0)
    trails = begun(before, range(MAX_GONE + 300))
    for number, trail in enumerate(trails[:200]):
        before.lose_home(trail, 0, 1000 - number)
    saved = [(key, value) for key, value in before.changes() if value is not None]
    again = CheckpointStore(saved, 0)
    again.forget_old(0)
    assert len(again) == len(trails)
    there = trails[300:]
    for trail in there:
        found = again.get(trail.key)
        assert found is not None
        again.settle(found, (2, 1), "/mail", live=False)
        again.forget_old(0)
    again.stop_seeking(5000)
    again.forget_old(0)
    assert [x.position.gone for x in again.gone] == [*range(801, 1001), *[5000] * 100]
    assert len(again) == len(trails)


def test_as_many_are_remembered_as_there_were_files_at_a_time() -> None:
    """A share that is away takes all of its files with it, and brings them back."""
    trails = CheckpointStore([], 0)
    many = begun(trails, range(MAX_GONE + 300))
    trails.forget_old(0)
    for trail in many:
        trails.lose_home(trail, 0, 1)
    trails.forget_old(1)
    assert len(trails.gone) == len(many)
    more = begun(trails, range(MAX_GONE + 300, MAX_GONE + 400))
    for trail in more:
        trails.lose_home(trail, 0, 2)
    trails.forget_old(2)
    assert trails.gone == [*many, *more][100:]
