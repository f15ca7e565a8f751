"""The output ``file``: each document once, whatever happens."""

import gzip
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from forwarder_file import FileOutput, Settings, append_file, check
from pydantic import ValidationError

from forwarder import Document, Expected, Unavailable
from forwarder.config.load import InvalidConfigError, load
from forwarder.plugins import find_outputs
from forwarder.testing import OutputContract, make_documents, wait_until

FIRST = 1_772_323_200.0
"""2026-03-01T00:00:00Z"""
DAY = 86_400


class TestContract(OutputContract):
    """What every output does."""

    type = "file"
    recognises_repeats = True

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path / "documents" / "auth.ndjson"
        self.path.parent.mkdir()

    def settings(self) -> Mapping[str, object]:
        """Return a path."""
        return {"path": str(self.path)}

    def received(self) -> Iterable[bytes]:
        """Return the lines."""
        return lines(self.path)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Unmount the folder, as it were."""
        hidden = self.path.parent.with_name("hidden")
        self.path.parent.rename(hidden)
        yield
        hidden.rename(self.path.parent)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Fill the disk, as it were."""
        with largest_file(self.path.stat().st_size):
            yield


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = FIRST

    def __call__(self) -> float:
        """Tell the time, in seconds since 1970."""
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a path with nothing there."""
    return tmp_path / "auth.ndjson"


@pytest.fixture
def clock() -> Clock:
    """Return a clock at the start of a day."""
    return Clock()


@contextmanager
def opened(path: Path, clock: Clock | None = None, **settings: object) -> Iterator[FileOutput]:
    """Open an output, and close it in the end."""
    config = Settings.model_validate({"path": path, **settings})
    with closing(FileOutput(config, clock) if clock else FileOutput(config)) as output:
        output.open()
        yield output


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process get larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lines(path: Path) -> list[bytes]:
    """Return the lines of a file, compressed or not; each has to be whole."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    *found, rest = content.split(b"\n")
    assert rest == b""
    return found


def bodies(documents: Iterable[Document]) -> list[bytes]:
    """Return what is to be in a file."""
    return [x.body for x in documents]


def shelf(path: Path) -> list[str]:
    """Return what is behind the name in the names of full files, in order."""
    return sorted(x.name.removeprefix(path.name) for x in path.parent.glob(path.name + ".*"))


# The file


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_new_file_is_for_its_user_and_group(path: Path, umask: int) -> None:
    """Whatever the umask."""
    before = os.umask(umask)
    try:
        with opened(path) as output:
            output.write(make_documents(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_old_file_keeps_its_rights_and_its_text(path: Path) -> None:
    """It is appended to."""
    path.write_bytes(b"# made by hand\n")
    path.chmod(0o604)
    with opened(path) as output:
        output.write(make_documents(2))
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert lines(path) == [b"# made by hand", *bodies(make_documents(2))]


def test_a_second_output_for_a_file_has_to_wait(path: Path) -> None:
    """Also one that comes by way of a link; it gets the file when the first is closed."""
    link = path.with_name("link")
    link.symlink_to(path)
    second = FileOutput(Settings(path=link))
    with opened(path) as output:
        output.write(make_documents(1))
        with pytest.raises(Unavailable, match="is being written by another output"):
            second.open()
        second.close()
        output.write(make_documents(1, 1))
    with closing(second):
        second.open()
        second.write(make_documents(1, 2))
    assert lines(path) == bodies(make_documents(3))


def test_what_is_no_file_is_refused(path: Path) -> None:
    """A folder, and a pipe without a reader, at once."""
    path.mkdir()
    with pytest.raises(Unavailable, match="Is a directory; name a file"), opened(path):
        pass
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(Unavailable, match="not a regular file; name another"), opened(path):
        pass


def test_a_missing_folder_is_not_made(path: Path) -> None:
    """It may be a disk that is not mounted."""
    missing = path.parent / "missing" / "auth.ndjson"
    with pytest.raises(Unavailable, match="No such file or directory; create its folder, or mount"):
        FileOutput(Settings(path=missing)).open()
    assert not missing.parent.exists()


def test_writing_before_opening_is_a_bug(path: Path) -> None:
    """Of the caller, and said so."""
    with pytest.raises(RuntimeError, match="before open"):
        FileOutput(Settings(path=path)).write(make_documents(1))


# What comes again


@pytest.mark.parametrize("count", [1, 3])
def test_a_tail_cut_anywhere_is_completed(path: Path, count: int) -> None:
    """All over a document and at its end, and within three, whatever of them had been written."""
    old, batch = make_documents(2), make_documents(count, 2)
    with opened(path) as output:
        output.write(old)
        start = path.stat().st_size
        output.write(batch)
    whole = path.read_bytes()
    mark = path.with_name(".auth.ndjson.mark")
    marked = mark.read_bytes()
    last = len(whole) - 20
    for end in (*range(start, last, 7 * count), *range(last, len(whole) + 1)):
        path.write_bytes(whole[:end])
        mark.write_bytes(marked)
        with opened(path) as output:
            output.write(batch[:1])
            output.write([*batch[1:], *make_documents(1, 9)])
        assert lines(path) == bodies([*old, *batch, *make_documents(1, 9)])


@pytest.mark.parametrize("end", [b"", b"\0" * 50, b"\0" * 4096, b"\0" * 9 + b'x"}}\n'])
def test_a_tail_without_a_mark_is_repaired(path: Path, end: bytes) -> None:
    """A file that was copied from elsewhere; and zeros, as file systems leave after a power cut."""
    batch = make_documents(3)
    whole = b"".join(x.body + b"\n" for x in batch)
    for size in (len(whole), len(whole) - 1, len(whole) - 2, len(whole) - len(batch[2].body)):
        path.write_bytes(whole[:size] + end)
        path.with_name(".auth.ndjson.mark").unlink(missing_ok=True)
        with opened(path) as output:
            output.write([*batch, *make_documents(1, 3)])
        assert lines(path) == bodies(make_documents(4))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_damage_within_the_last_batch_is_repaired(path: Path, place: int) -> None:
    """Not all pages of a batch have to be on the disk after a power cut."""
    old, batch = make_documents(2), make_documents(3, 2)
    with opened(path) as output:
        output.write(old)
        output.write(batch)
    whole = bytearray(path.read_bytes())
    start = whole.index(batch[place].body) + 20
    whole[start : start + 40] = bytes(40)
    path.write_bytes(whole)
    with opened(path) as output:
        output.write(batch)
    assert lines(path) == bodies([*old, *batch])


def test_a_batch_that_comes_twice_may_come_again_after_a_kill(path: Path) -> None:
    """As where the host could not note that it was written."""
    batch = make_documents(3)
    for _ in range(2):
        with opened(path) as output:
            output.write(batch)
            output.write(batch)
    assert lines(path) == bodies(batch)


def test_a_document_with_other_content_is_another(path: Path) -> None:
    """As where a log is read again, with the file that came late: it is no repetition."""
    old = make_documents(3)
    new = [Document(x.id, x.body.replace(b"{", b'{"labels":{"joined":"yes"},', 1)) for x in old]
    with opened(path) as output:
        output.write(old)
    with opened(path) as output:
        output.write([old[0], *new])
    assert lines(path) == bodies([*old, *new])


def test_a_document_of_a_log_that_was_rotated_meanwhile_is_a_repetition(path: Path) -> None:
    """As where the state lost what was committed last, and the log is parsed once more."""
    batch = make_documents(2)
    moved = [Document(x.id, x.body.replace(b"mail.current", b"mail.1")) for x in batch]
    assert moved != batch
    with opened(path) as output:
        output.write(batch)
    with opened(path) as output:
        output.write(moved)
    assert lines(path) == bodies(batch)


@pytest.mark.parametrize("mark", [b"", b"x", b"0" * 75, b"\xff" * 75], ids=repr)
def test_a_damaged_mark_is_as_none(path: Path, mark: bytes) -> None:
    """The end of the file is searched instead."""
    with opened(path) as output:
        output.write(make_documents(3))
    path.with_name(".auth.ndjson.mark").write_bytes(mark)
    with opened(path) as output:
        output.write(make_documents(5))
    assert lines(path) == bodies(make_documents(5))


def test_without_a_mark_a_large_file_is_searched_from_its_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from its beginning, and from the start of a line on."""
    with opened(path) as output:
        output.write(make_documents(100))
    path.with_name(".auth.ndjson.mark").unlink()
    size = len(make_documents(1)[0].body)
    monkeypatch.setattr(append_file, "UNMARKED_BYTES", size * 10)
    with opened(path) as output:
        output.write(make_documents(8, 92))
        output.write(make_documents(1, 100))
    assert lines(path) == bodies(make_documents(101))


def test_a_batch_larger_than_what_is_searched_without_a_mark(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark says where it begins, however large it is."""
    monkeypatch.setattr(append_file, "UNMARKED_BYTES", 100)
    with opened(path) as output:
        output.write(make_documents(1))
        output.write(make_documents(1_000, 1))
    with opened(path) as output:
        for start in range(1, 1_201, 100):
            output.write(make_documents(100, start))
    assert lines(path) == bodies(make_documents(1_201))


def test_another_text_at_the_end_stays(path: Path) -> None:
    """Whatever was written there by hand, with a mark and without, JSON or not."""
    with opened(path) as output:
        output.write(make_documents(1))
    others = [b"# looked at by me", b"[1, 2]", b'{"event": 1}', b'{"event": {"id": 1}}', b"rest"]
    with path.open("ab") as file:
        file.write(b"\n".join(others))
    for _ in range(2):
        with opened(path) as output:
            output.write(make_documents(2))
        assert lines(path) == [*bodies(make_documents(1)), *others, *bodies(make_documents(1, 1))]
        path.with_name(".auth.ndjson.mark").unlink()


def test_a_truncated_file_goes_on(path: Path) -> None:
    """As logrotate's copytruncate does it, while it is open and while it is not."""
    with opened(path) as output:
        output.write(make_documents(3))
        path.write_bytes(b"")
        output.write(make_documents(1, 3))
    path.write_bytes(b"")
    with opened(path) as output:
        output.write(make_documents(1, 4))
    assert lines(path) == bodies(make_documents(1, 4))


@pytest.mark.parametrize("to", ["auth.ndjson.1", "elsewhere", None])
def test_a_file_that_is_gone_is_created(path: Path, to: str | None) -> None:
    """As logrotate does it, without a signal; also where it is deleted."""
    with opened(path) as output:
        output.write(make_documents(2))
        if to:
            path.rename(path.with_name(to))
        else:
            path.unlink()
        output.write(make_documents(2, 2))
    assert lines(path) == bodies(make_documents(2, 2))
    if to:
        assert lines(path.with_name(to)) == bodies(make_documents(2))


def test_a_file_that_was_renamed_unseen_is_recognised(path: Path) -> None:
    """What comes again is there, under another name."""
    with opened(path) as output:
        output.write(make_documents(2))
        output.write(make_documents(3, 2))
    path.rename(path.with_name("auth.ndjson.1"))
    for count in (1, 2, 3, 4):
        with opened(path) as output:
            output.write(make_documents(count, 2))
    assert lines(path) == bodies(make_documents(1, 5))


def test_another_file_with_the_same_inode_is_another(path: Path) -> None:
    """Inodes are reused at once; the bytes before the mark tell."""
    with opened(path) as output:
        output.write(make_documents(2))
        output.write(make_documents(1, 2))
    other = path.with_name("auth.ndjson.1")
    path.rename(other)
    other.write_bytes(b"x" * 10_000)
    with opened(path) as output:
        output.write(make_documents(1, 2))
    assert lines(path) == bodies(make_documents(1, 2))
    assert other.read_bytes() == b"x" * 10_000


# Text of others


def test_a_batch_that_does_not_fit_costs_no_line_of_others(path: Path) -> None:
    """What is taken back is the batch alone."""
    with opened(path) as output:
        output.write(make_documents(2))
        with path.open("ab") as file:
            file.write(b"# looked at by me\n")
        before = path.read_bytes()
        with largest_file(len(before) + 500), pytest.raises(Unavailable):
            output.write(make_documents(9, 2))
        assert path.read_bytes() == before
        output.write(make_documents(9, 2))
    assert lines(path)[:3] == [*bodies(make_documents(2)), b"# looked at by me"]
    assert lines(path)[3:] == bodies(make_documents(9, 2))


def test_lines_of_others_behind_the_last_batch_stay(path: Path) -> None:
    """Whatever they begin with; and where the batch is damaged, too."""
    others = b'{"not": "ours"\n{}\n'
    for damage in (b"", b"\0" * 600 + b"\n"):
        with opened(path) as output:
            output.write(make_documents(2))
        with path.open("ab") as file:
            file.write(damage + others)
        with opened(path) as output:
            output.write(make_documents(1, 2))
        assert path.read_bytes().endswith(others + make_documents(1, 2)[0].body + b"\n")
        path.unlink()


def test_damage_anywhere_behind_the_marker_is_repaired(path: Path) -> None:
    """Each document is there once, and each line is one."""
    documents = make_documents(9)
    with opened(path) as output:
        output.write(documents)
    whole = path.read_bytes()
    size = len(documents[0].body) + 1
    for start in range(0, len(whole), 97):
        torn = bytearray(whole)
        torn[start : start + size] = bytes(len(torn[start : start + size]))
        path.write_bytes(torn)
        for first in (0, 4):
            with opened(path) as output:
                output.write(documents[first : first + 4])
                output.write(documents[first + 4 : 9])
        found = [json.loads(x) for x in lines(path)]
        assert sorted(x["event"]["id"] for x in found) == sorted(x.id for x in documents), start
        path.write_bytes(b"")
        with opened(path) as output:
            output.write(documents)


# What goes wrong


def test_a_batch_that_does_not_fit_leaves_nothing(path: Path) -> None:
    """It is tried again, and is there once; others read whole lines all the time."""
    with opened(path) as output:
        output.write(make_documents(2))
        before = path.read_bytes()
        with (
            largest_file(len(before) + 500),
            pytest.raises(Unavailable, match=r"auth.ndjson' cannot be written: File too large"),
        ):
            output.write(make_documents(9, 2))
        assert path.read_bytes() == before
        output.write(make_documents(9, 2))
    assert lines(path) == bodies(make_documents(11))


def test_what_cannot_be_undone_is_repaired_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails may not even shorten a file. No disk does that on demand."""

    def fail(_: int, __: int) -> None:
        raise OSError(5, "Input/output error")

    with opened(path) as output:
        output.write(make_documents(2))
        with largest_file(path.stat().st_size + 1_000), monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(Unavailable):
                output.write(make_documents(9, 2))
        assert len(path.read_bytes().splitlines()) > 2
        output.write(make_documents(9, 2))
    assert lines(path) == bodies(make_documents(11))


def test_what_cannot_be_repaired_now_is_repaired_later(path: Path) -> None:
    """There has to be room for a newline; nothing is written behind half a line."""
    path.write_bytes(make_documents(1)[0].body)
    with (
        largest_file(path.stat().st_size),
        pytest.raises(Unavailable, match="File too large"),
        opened(path),
    ):
        pass
    with opened(path) as output:
        output.write(make_documents(2))
    assert lines(path) == bodies(make_documents(2))


# Full files


def test_a_file_is_full_before_it_is_too_large(path: Path, clock: Clock) -> None:
    """A batch is not split; one that is too large by itself has a file to itself."""
    size = len(make_documents(1)[0].body) + 1
    with opened(path, clock, rotate={"max_bytes": size * 5}) as output:
        for start, count in ((0, 3), (3, 2), (5, 1), (6, 9), (15, 1)):
            output.write(make_documents(count, start))
            clock.now += 60
    assert shelf(path) == [".20260301T000100Z", ".20260301T000200Z", ".20260301T000300Z"]
    files = [*sorted(path.parent.glob("auth.ndjson.*")), path]
    assert [len(lines(x)) for x in files] == [5, 1, 9, 1]
    assert [y for x in files for y in lines(x)] == bodies(make_documents(16))


def test_a_day_has_a_file(path: Path, clock: Clock) -> None:
    """In UTC, named after its last write; also where the program was down at midnight."""
    with opened(path, clock, rotate={"daily": True}) as output:
        clock.now = FIRST + DAY - 1
        output.write(make_documents(1))
        output.write(make_documents(1, 1))
        clock.now += 1
        output.write(make_documents(1, 2))
    os.utime(path, (FIRST + DAY, FIRST + DAY))
    clock.now += 3 * DAY
    with opened(path, clock, rotate={"daily": True}) as output:
        output.write(make_documents(1, 3))
    assert shelf(path) == [".20260301T235959Z", ".20260302T000000Z"]
    assert lines(path) == bodies(make_documents(1, 3))


def test_names_are_in_order_whatever_the_clock_does(path: Path, clock: Clock) -> None:
    """Several in a second, and a clock that is set back."""
    with opened(path, clock, rotate={"max_bytes": 1}) as output:
        for number in range(5):
            output.write(make_documents(1, number))
            clock.now -= 1_000 * (number == 2)
    assert shelf(path) == [f".20260301T00000{x}Z" for x in range(4)]
    found = [y for x in sorted(path.parent.glob("auth.ndjson.*")) for y in lines(x)]
    assert found == bodies(make_documents(4))


def test_full_files_are_compressed_and_only_some_are_kept(path: Path, clock: Clock) -> None:
    """With their rights and times; those that another run left are compressed too."""
    with opened(path, clock, rotate={"max_bytes": 1}) as output:
        for number in range(5):
            output.write(make_documents(1, number))
    os.utime(path, (clock.now + 4, clock.now + 4))
    times = {x.name: x.stat().st_mtime for x in path.parent.glob("auth.ndjson.*")}
    with opened(path, clock, rotate={"max_bytes": 1}, gzip=True, keep=3) as output:
        wait_until(lambda: shelf(path) == [f".20260301T00000{x}Z.gz" for x in (1, 2, 3)])
        output.write(make_documents(1, 5))
        wait_until(lambda: shelf(path) == [f".20260301T00000{x}Z.gz" for x in (2, 3, 4)])
    third = path.with_name("auth.ndjson.20260301T000002Z.gz")
    assert lines(third) == bodies(make_documents(1, 2))
    assert stat.S_IMODE(third.stat().st_mode) == 0o640
    assert third.stat().st_mtime == times["auth.ndjson.20260301T000002Z"]


def test_compressing_that_was_interrupted_is_begun_again(path: Path) -> None:
    """What is half done goes; no document is there twice."""
    with opened(path, Clock(), rotate={"max_bytes": 1}) as output:
        for number in range(3):
            output.write(make_documents(1, number))
    first, second = (path.with_name(f"auth.ndjson.20260301T00000{x}Z") for x in (0, 1))
    first.with_name(first.name + ".gz").write_bytes(gzip.compress(first.read_bytes())[:50])
    hidden = second.with_name(f".{second.name}.gz.part")
    hidden.write_bytes(b"half")
    with opened(path, gzip=True):
        wait_until(lambda: shelf(path) == [".20260301T000000Z.gz", ".20260301T000001Z.gz"])
    assert not hidden.exists()
    assert lines(first.with_name(first.name + ".gz")) == bodies(make_documents(1))


def test_no_document_is_there_twice_after_a_kill_within_compressing(path: Path) -> None:
    """At once, and though nothing is compressed any more."""
    with opened(path, Clock(), rotate={"max_bytes": 1}) as output:
        for number in range(2):
            output.write(make_documents(1, number))
    full = path.with_name("auth.ndjson.20260301T000000Z")
    full.with_name(full.name + ".gz").write_bytes(gzip.compress(full.read_bytes()))
    with opened(path):
        assert shelf(path) == [".20260301T000000Z"]


def test_compressing_ends_when_the_output_is_closed(path: Path, clock: Clock) -> None:
    """However large the file; nothing half done stays."""
    path.write_bytes(b"x" * 999 + b"\n")
    os.truncate(path, 1 << 33)
    path.chmod(0o640)
    with path.open("ab") as file:
        file.write(b"\n")
    with opened(path, clock, rotate={"max_bytes": 1}, gzip=True) as output:
        output.write(make_documents(1))
        hidden = path.parent.glob(".*.part")
        wait_until(lambda: any(hidden) or bool(list(path.parent.glob(".*.part"))))
        (part,) = path.parent.glob(".*.part")
        assert stat.S_IMODE(part.stat().st_mode) & ~0o640 == 0  # an umask may take some away
    assert list(path.parent.glob(".*.part")) == []
    assert len(shelf(path)) == 1


def test_compressing_that_fails_is_said(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The file stays as it is, and documents go on."""
    with opened(path, clock, rotate={"max_bytes": 1}, gzip=True) as output:
        path.with_name(".auth.ndjson.20260301T000000Z.gz.part").mkdir()
        output.write(make_documents(1))
        output.write(make_documents(1, 1))
        wait_until(lambda: bool(caplog.messages))
    (message,) = set(caplog.messages)  # what begins at open may see the file, too, if it is slow
    assert message.startswith(f"Rotated files of {str(path)!r} stay as they are until")
    assert shelf(path) == [".20260301T000000Z"]


def test_compressing_that_does_not_fit_leaves_nothing(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk, half of a compressed file would be in the way."""
    path.write_bytes(os.urandom(300_000).hex().encode() + b"\n")
    with largest_file(100_000), opened(path, clock, rotate={"max_bytes": 1}, gzip=True) as output:
        output.write(make_documents(1))
        wait_until(lambda: bool(caplog.messages))
    assert list(path.parent.glob(".*.part")) == []
    assert len(shelf(path)) == 1


def test_no_file_is_begun_as_long_as_batches_come_again(path: Path, clock: Clock) -> None:
    """What comes again is looked for in the file that grows."""
    settings = {"rotate": {"max_bytes": 1, "daily": True}, "gzip": True}
    with opened(path, clock, **settings) as output:
        output.write(make_documents(10))
    clock.now += DAY
    for start in range(0, 10, 2):
        with opened(path, clock, **settings) as output:
            output.write(make_documents(3, start))
            assert shelf(path) == []
    assert lines(path) == bodies(make_documents(11))
    with opened(path, clock, **settings) as output:
        output.write(make_documents(1, 11))
    assert len(shelf(path)) == 1


def test_a_document_that_always_comes_again_keeps_no_file_from_being_full(
    path: Path, clock: Clock
) -> None:
    """As of a log that is sent again and again. It is left out, and only a batch is remembered."""
    (again,) = make_documents(1)
    size = len(again.body) + 1
    for _ in range(2):
        with opened(path, clock, rotate={"max_bytes": 3 * size}) as output:
            for number in range(1, 100):
                output.write([again, *make_documents(1, number)])
                clock.now += 1
                assert path.stat().st_size <= 4 * size
                assert len(output._recent) <= 4  # noqa: SLF001 - what is remembered shows nowhere


# Killed


@pytest.mark.parametrize("how", [["--lines", "89"], ["--moments", "8"]], ids=["lines", "moments"])
def test_documents_are_there_once_whenever_it_is_killed(tmp_path: Path, how: list[str]) -> None:
    """At lines all over the plugin, two times in a row; and at any moment of large batches."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.file_kills", str(tmp_path), *how],
        capture_output=True,
        cwd=Path(__file__).parents[1],
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    print(done.stdout.decode())  # noqa: T201 - with the seed, where it fails
    assert found.pop("kills") >= 8
    assert set(found) <= {"seed", "runs"}


# Settings, and the check


@pytest.mark.parametrize(
    "settings",
    [{}, {"rotate": {"max_bytes": 0}}, {"rotate": {"weekly": True}}, {"keep": 0}],
    ids=repr,
)
def test_wrong_settings_are_refused(path: Path, settings: dict[str, object]) -> None:
    """Without a path, and limits that make no sense."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"path": path, **settings} if settings else {})


SIZE = (
    "is not a valid size; use a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in"
    " 64MB, up to 1000TB"
)
COUNT = "should be a valid integer"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rotate: {max_bytes: true}", f"rotate.max_bytes: true {SIZE}."),
        ("rotate: {max_bytes: 1.5MB}", f"rotate.max_bytes: '1.5MB' {SIZE}."),
        ("rotate: {max_bytes: 10mb}", f"rotate.max_bytes: '10mb' {SIZE}."),
        ("rotate: {max_bytes: 10M}", f"rotate.max_bytes: '10M' {SIZE}."),
        ("rotate: {max_bytes: 1e3}", f"rotate.max_bytes: 1000.0 {SIZE}."),
        (f"rotate: {{max_bytes: {10**26}}}", f"rotate.max_bytes: {10**26} {SIZE}."),
        ("rotate: {max_bytes: 0}", "rotate.max_bytes: 0 should be greater than 0."),
        ("rotate: {max_bytes: 1e999}", f"rotate.max_bytes: a number that is not finite {SIZE}."),
        ("rotate: {max_bytes: .nan}", f"rotate.max_bytes: a number that is not finite {SIZE}."),
        ("keep: true", f"keep: true {COUNT}."),
        ("keep: 1e3", f"keep: 1000.0 {COUNT}."),
        ('keep: "\u0665"', f"keep: '\u0665' {COUNT}."),
        (f"keep: {10**26}", f"keep: {10**26} should be less than or equal to 1000000."),
        ("keep: 0", "keep: 0 should be greater than or equal to 1."),
    ],
)
def test_sizes_and_counts_are_those_of_the_program(tmp_path: Path, setting: str, said: str) -> None:
    """In its words, too."""
    config = tmp_path / "esa.yaml"
    config.write_text(
        f"inputs: [{{type: stdin}}]\noutputs: {{a: {{type: file, path: /x, {setting}}}}}", "utf-8"
    )
    with pytest.raises(InvalidConfigError) as caught:
        load(config, find_outputs)
    assert str(caught.value) == f"{config}:2: outputs.a.{said}"


def test_sizes_have_units() -> None:
    """As people write them."""
    settings = Settings.model_validate({"path": "a", "rotate": {"max_bytes": "100MB"}})
    assert settings.rotate.max_bytes == 100_000_000


def test_a_check_says_whether_it_would_work(path: Path) -> None:
    """And what to do; it makes nothing."""
    (finding,) = check(Settings(path=path), Expected())
    assert finding.good
    assert f"{str(path)!r} can be written; " in finding.text
    assert finding.text.endswith(" MB are free there.")
    assert not path.exists()
    path.mkdir()
    (finding,) = check(Settings(path=path), Expected())
    assert (finding.good, finding.advice) == (False, "Name another.")
    (finding,) = check(Settings(path=path.parent / "missing" / "file"), Expected())
    assert not finding.good
    assert finding.advice.startswith("Create or mount it.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_check_says_what_rights_are_missing(path: Path) -> None:
    """Of the file, and of the folder."""
    path.touch(0)
    (finding,) = check(Settings(path=path), Expected())
    assert finding.text == f"{str(path)!r} cannot be read and written."
    path.parent.chmod(0o500)
    (finding,) = check(Settings(path=path), Expected())
    assert finding.text == f"Files cannot be created in {str(path.parent)!r}."
