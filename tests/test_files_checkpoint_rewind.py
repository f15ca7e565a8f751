"""Forgetting how far a file was read."""

from collections import Counter
from pathlib import Path

import pytest

from forwarder.inputs.files.checkpoint import logs_to_rewind, obstacles
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


def again(tmp_path: Path, reader: Reader, name: str) -> list[str]:
    """Forget what has to be forgotten for a path to be read again; give the names of the files."""
    logs = logs_to_rewind(reader.state.items(), str(tmp_path / name), reader.inputs)
    for log in logs:
        assert log.position.appliance == "esa1"
        del reader.state[log.key]
    return [Path(x.path).name for x in logs]


@pytest.mark.parametrize("name", ["mail.log", "link"])
def test_a_file_is_read_again(tmp_path: Path, reader: Reader, name: str) -> None:
    """Named by its path or a link; no earlier one is."""
    (tmp_path / "link").symlink_to("mail.log")
    assert again(tmp_path, reader, name) == ["mail.log"]
    (tmp_path / "link").unlink()
    reader.start()
    reader.finish()
    assert reader.count == Counter(LINES * 2 + OTHER)


def test_later_files_are_read_again(tmp_path: Path, reader: Reader) -> None:
    """In the order of reading."""
    assert again(tmp_path, reader, "mail.log.1") == ["mail.log.1", "mail.log"]


def test_the_order_is_that_of_the_names_of_today(tmp_path: Path, reader: Reader) -> None:
    """A file that was renamed meanwhile is where its new name puts it."""
    (tmp_path / "mail.log").rename(tmp_path / "mail.log.2")
    assert again(tmp_path, reader, "mail.log.1") == ["mail.log.1"]


def test_a_reused_inode_is_not_the_same_file(tmp_path: Path, reader: Reader) -> None:
    """What is in it now is another log."""
    (tmp_path / "mail.log.1").unlink()
    (tmp_path / "mail.log").rename(tmp_path / "mail.log.9")
    (tmp_path / "mail.log.9").write_bytes(b"other")
    (log,) = logs_to_rewind(reader.state.items(), str(tmp_path / "mail.log"), reader.inputs)
    assert (Path(log.path).name, log.file) == ("mail.log", None)
    assert len(list(obstacles([log], reader.inputs, 0))) == 1


def test_a_file_that_is_gone_is_known_by_its_path(tmp_path: Path, reader: Reader) -> None:
    """Should it come back, it is read again."""
    (tmp_path / "mail.log").unlink()
    assert again(tmp_path, reader, "mail.log") == ["mail.log"]


def test_what_is_not_known_changes_nothing(tmp_path: Path, reader: Reader) -> None:
    """Nor does a folder, or what cannot be read."""
    (tmp_path / "other").write_bytes(b"other")
    for path in (tmp_path, tmp_path / "other", tmp_path / "none"):
        assert logs_to_rewind(reader.state.items(), str(path), reader.inputs) == []
