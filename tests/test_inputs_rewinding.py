"""Forgetting how far a file was read."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from forwarder.inputs.rewinding import Rewound, rewind
from tests.following import Reader, following, numbered

LINES = numbered(range(20))
OTHER = numbered(range(20, 30))


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Return what has read two files, and is stopped."""
    (tmp_path / "mail.log").write_bytes(b"".join(LINES))
    (tmp_path / "mail.log.1").write_bytes(b"".join(OTHER))
    reader = following(tmp_path)
    reader.finish()
    reader.following.close()
    return reader


@pytest.mark.parametrize("name", ["mail.log", "link", "packed.gz"])
def test_a_file_is_read_again(tmp_path: Path, reader: Reader, name: str) -> None:
    """Named by its path, a link, or anything with its content; no other is."""
    (tmp_path / "link").symlink_to("mail.log")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"".join(LINES)))
    changes, appliances = rewind(reader.state.items(), str(tmp_path / name))
    assert appliances == {"esa1"}
    assert len(changes) == 1
    for key, value in changes:
        assert value is None
        del reader.state[key]
    reader.start()
    reader.finish()
    assert reader.count == Counter(LINES * 2 + OTHER)


def test_a_file_that_is_gone_is_known_by_its_path(tmp_path: Path, reader: Reader) -> None:
    """Should it come back, it is read again."""
    (tmp_path / "mail.log").unlink()
    assert len(rewind(reader.state.items(), str(tmp_path / "mail.log")).changes) == 1


def test_what_is_not_known_changes_nothing(tmp_path: Path, reader: Reader) -> None:
    """Nor does a folder, or what cannot be read."""
    (tmp_path / "other").write_bytes(b"other")
    for path in (tmp_path, tmp_path / "other", tmp_path / "none"):
        assert rewind(reader.state.items(), str(path)) == Rewound([], frozenset())
