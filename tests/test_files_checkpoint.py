"""What is remembered of logs, and saved."""

from collections.abc import Iterable
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from forwarder.inputs.files.checkpoint import (
    KEEP,
    MAX_GONE,
    PREFIX,
    CheckpointStore,
    LogState,
    decode,
    encode,
)
from forwarder.inputs.files.file_handle import NOTHING

WALL = [0.0]
"""Seconds from 1970 now."""


def store(saved: Iterable[tuple[str, bytes]] = ()) -> CheckpointStore:
    """Remember logs; time is WALL's."""
    WALL[0] = 0.0
    known = dict(saved)
    return CheckpointStore(
        known.items(), lambda key: known.get(key, b""), lambda: 0.0, lambda: WALL[0]
    )


def number_of(logs: CheckpointStore) -> int:
    """Count the logs that are remembered."""
    return len(logs._logs)  # noqa: SLF001


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
    read = NOTHING.extend(data)
    log = LogState("x", appliance, path, (1, 2), read, None, 7, flag, 3, 4.5, read)
    log.needs_resume = True
    saved = encode(log, resume)
    assert asdict(decode("x", saved)) == asdict(log)
    logs = store([(f"{PREFIX}x", saved)])
    known = logs.get("x")
    assert known is not None
    assert logs.resume_of(known) == resume


@given(st.lists(st.binary(min_size=1, max_size=40)), st.lists(st.integers(0, 400), max_size=5))
def test_positions_follow_what_is_in_documents(pieces: list[bytes], offsets: list[int]) -> None:
    """Wherever in the pieces that is, the fingerprint is of all before it."""
    logs = store()
    log = logs.begin("esa1", "/mail.log")
    content = b"".join(pieces)
    for piece in pieces:
        logs.advance(log, piece)
    at = 0
    for offset in sorted(offsets):
        at = min(offset, len(content))
        logs.save(log.key, at, b"r")
        assert log.fingerprint == NOTHING.extend(content[:at])
    saved = [(key, value) for key, value in logs.changes() if value is not None]
    assert [key for key, _ in saved] == ([PREFIX + log.key] if at else [])
    again = store(saved)
    assert [x.read for x in again.gone] == ([NOTHING.extend(content[:at])] if at else [])


def test_what_is_forgotten_is_taken_out_of_the_state_once() -> None:
    """If it ever was in it; what comes of it later is passed over."""
    logs = store()
    for content in (b"saved", b""):
        log = logs.begin("esa1", "/mail.log")
        logs.set_file(log, (1, 2), "/mail.log")
        logs.advance(log, content)
        logs.save(log.key, len(content), b"")
        logs.changes()
        logs.lose_file(log)
        logs.forget(log)
        logs.save(log.key, 1, b"")
        assert logs.changes() == ([(PREFIX + log.key, None)] if content else [])
    assert number_of(logs) == 0


def test_state_without_a_file_is_forgotten_when_it_is_old_or_too_much() -> None:
    """The oldest first; those with a file never."""
    logs = store()
    for number in range(MAX_GONE + 3):
        log = logs.begin("esa1", "/mail.log")
        logs.set_file(log, (1, number), "/mail.log")
        if number:
            WALL[0] = number
            logs.lose_file(log)
            logs.forget_old()
    assert len(logs.gone) == MAX_GONE
    assert logs.gone[0].gone == 3
    WALL[0] = KEEP.total_seconds() + 10
    logs.forget_old()
    assert logs.gone[0].gone == 10
    assert number_of(logs) == len(logs.gone) + 1


def begun(logs: CheckpointStore, numbers: range) -> list[LogState]:
    """Begin logs that have a file and something in documents."""
    found = []
    for number in numbers:
        log = logs.begin("esa1", f"/mail.{number}")
        logs.set_file(log, (1, number), f"/mail.{number}")
        logs.advance(log, b"%d" % number)
        logs.save(log.key, len(b"%d" % number), b"")
        found.append(log)
    return found


def test_what_has_a_file_is_not_forgotten_at_a_start() -> None:
    """Before all files were compared it is unknown which ones are gone."""
    before = store()
    logs = begun(before, range(MAX_GONE + 300))
    for number, log in enumerate(logs[:200]):
        WALL[0] = 1000 - number
        before.lose_file(log)
    saved = [(key, value) for key, value in before.changes() if value is not None]
    again = store(saved)
    again.forget_old()
    assert number_of(again) == len(logs)
    there = logs[300:]
    for log in there:
        found = again.get(log.key)
        assert found is not None
        again.set_file(found, (2, 1), "/mail")
        again.forget_old()
    WALL[0] = 5000
    again.stop_seeking()
    again.forget_old()
    assert [x.gone for x in again.gone] == [*range(801, 1001), *[5000] * 100]
    assert number_of(again) == len(logs)


def test_as_many_are_remembered_as_there_were_files_at_a_time() -> None:
    """A share that is away takes all of its files with it, and brings them back."""
    logs = store()
    many = begun(logs, range(MAX_GONE + 300))
    logs.forget_old()
    for log in many:
        logs.lose_file(log)
    logs.forget_old()
    assert len(logs.gone) == len(many)
    more = begun(logs, range(MAX_GONE + 300, MAX_GONE + 400))
    for log in more:
        logs.lose_file(log)
    logs.forget_old()
    assert logs.gone == [*many, *more][100:]
