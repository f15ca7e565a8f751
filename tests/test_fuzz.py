"""The laws that `make fuzz` tries to break, with what it has found, without its fuzzer."""

import pytest

from tests.fuzz.laws import CORPUS, LAWS


@pytest.mark.parametrize("name", LAWS)
def test_nothing_that_was_found_breaks_a_law(name: str) -> None:
    """Nor does any log of other tests, in pieces of five bytes."""
    check, seeds = LAWS[name]
    paths = sorted((CORPUS / name).iterdir())
    assert paths
    for content in (*(x.read_bytes() for x in paths), *(b"\x08" + x for x in seeds())):
        check(content)
