"""Values are made once, and there is an end to what is remembered."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.cache import MAX_ENTRIES, MAX_KEY_BYTES, BoundedCache, serialise


def test_a_value_is_made_once() -> None:
    """The same key gives the same object, None as well."""
    made: list[object] = []

    def make(key: str) -> object:
        made.append(key)
        return None if key == "none" else object()

    memory = BoundedCache(make)
    assert memory["a"] is memory["a"]
    assert memory["a"] is not memory["b"]
    assert memory["none"] is memory["none"] is None
    assert made == ["a", "b", "none"]


def test_what_is_remembered_is_bounded() -> None:
    """Beyond the limit values are computed again, never wrong."""
    memory: BoundedCache[int, int] = BoundedCache(lambda key: key * 2)
    for number in range(MAX_ENTRIES * 2 + 9):
        assert memory[number] == number * 2
        assert len(memory) <= MAX_ENTRIES
    assert memory[0] == 0


@pytest.mark.parametrize(
    ("key", "is_kept"),
    [
        (b"x" * MAX_KEY_BYTES, True),
        (b"x" * (MAX_KEY_BYTES + 1), False),
        ((b"x" * MAX_KEY_BYTES, b""), True),
        ((b"x" * MAX_KEY_BYTES, None, b"x"), False),
    ],
)
def test_long_keys_are_not_kept(key: object, *, is_kept: bool) -> None:
    """A few thousand lines do not fill memory; the values are right all the same."""
    memory: BoundedCache[object, list[object]] = BoundedCache(lambda key: [key])
    first, second = memory[key], memory[key]
    assert first == second == [key]
    assert (first is second, list(memory)) == (is_kept, [key] if is_kept else [])


def test_a_failure_is_not_remembered() -> None:
    """It is raised every time, until the value can be made."""
    answers = iter([ValueError, None])

    def make(key: str) -> str:
        error = next(answers)
        if error is not None:
            raise error(key)
        return key

    memory = BoundedCache(make)
    with pytest.raises(ValueError, match="a"):
        memory["a"]
    assert memory["a"] == "a"


@given(st.lists(st.integers(0, 9)))
def test_memories_do_not_share(keys: list[int]) -> None:
    """Each has its own function and its own values."""
    single: BoundedCache[int, int] = BoundedCache(lambda key: key)
    double: BoundedCache[int, int] = BoundedCache(lambda key: key * 2)
    assert [(key, key * 2) for key in keys] == [(single[key], double[key]) for key in keys]


def test_what_is_kept_takes_no_more_than_it_needs() -> None:
    """A thousand short values are no megabytes."""
    tracemalloc.start()
    try:
        kept = [serialise({"number": x}) for x in range(1_000)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept[7] == b'{"number":7}'
    assert taken < 200_000
