"""No link makes a log that of another appliance, or a log of what is none."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from forwarder.inputs.files.discovery import FileSource
from tests.following import Reader, numbered

OWN, OTHER, MORE = numbered(range(10)), numbered(range(10, 20)), numbered(range(20, 30))
HEADER = b"Wed Apr 22 11:43:59 2009 Info: Begin Logfile\n"


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """Make folders of two appliances, reached through a link, with a log each."""
    for appliance, lines in (("esa1", OWN), ("esa2", OTHER)):
        folder = tmp_path / "data" / appliance
        folder.mkdir(parents=True)
        (folder / "mail.current").write_bytes(b"".join(lines))
    (tmp_path / "srv").symlink_to("data")
    return tmp_path / "srv"


def followed(srv: Path, *, one_each: bool, follow: bool = False) -> list[FileSource]:
    """Follow both with one input, or with one input each."""
    names = ("esa1", "esa2") if one_each else ("{appliance}",)
    return [FileSource((f"{srv}/{x}/mail*",), follow_symlinks=follow) for x in names]


def read(reader: Reader) -> dict[str, list[bytes]]:
    """Read all, and give the lines of each appliance."""
    reader.finish()
    lines: dict[str, bytes] = {}
    for piece in reader.pieces:
        lines[piece.appliance] = lines.get(piece.appliance, b"") + piece.data
    return {x: y.splitlines(keepends=True) for x, y in sorted(lines.items())}


def file_link(srv: Path) -> Path:
    """Link the log of the other appliance."""
    link = srv / "esa1/mail.zz"
    link.symlink_to("../esa2/mail.current")
    return link


def first_link(srv: Path) -> Path:
    """Link it by a name that sorts first."""
    link = srv / "esa1/mail.@20200101T000000.s"
    link.symlink_to("../esa2/mail.current")
    return link


def hard_link(srv: Path) -> Path:
    """Give it another name."""
    link = srv / "esa1/mail.@20200101T000000.s"
    link.hardlink_to(srv / "esa2/mail.current")
    return link


@pytest.mark.parametrize("attack", [file_link, first_link])
@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_link_does_not_move_a_log(
    srv: Path, attack: Callable[[Path], Path], *, one_each: bool, follow: bool, is_late: bool
) -> None:
    """The input that comes first has it, followed or not, through a link above, over a restart."""
    reader = Reader(*followed(srv, one_each=one_each, follow=follow))
    if is_late:
        assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    link = attack(srv)
    assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    reader.crash()
    assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    with (srv / "esa2/mail.current").open("ab") as file:
        file.writelines(MORE)
    assert read(reader) == {"esa1": OWN, "esa2": OTHER + MORE}
    said = reader.following.take_links()
    assert (said is None) == follow
    assert said is None or repr(str(link)) in said
    assert reader.following.take_links() is None
    assert reader.problems == []


@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize("pack_it", [bytes, gzip.compress])
@pytest.mark.parametrize("while_stopped", [False, True])
def test_a_hard_link_does_not_move_a_log(
    srv: Path, pack_it: Callable[[bytes], bytes], *, one_each: bool, while_stopped: bool
) -> None:
    """The first that had it keeps it, also when its own name is gone."""
    log = srv / "esa2/mail.current"
    log.write_bytes(pack_it(log.read_bytes()))
    reader = Reader(*followed(srv, one_each=one_each))
    expected = {"esa1": OWN, "esa2": OTHER}
    assert read(reader) == expected
    if while_stopped:
        reader.following.close()
    link = hard_link(srv)
    if while_stopped:
        reader.start()
    assert read(reader) == expected
    reader.crash()
    assert read(reader) == expected
    if while_stopped:
        reader.following.close()
    log.unlink()
    if while_stopped:
        reader.start()
    assert read(reader) == expected
    with link.open("ab") as file:
        file.write(pack_it(b"".join(MORE)))
    assert read(reader) == {"esa1": OWN, "esa2": OTHER + MORE}
    reader.crash()
    assert read(reader) == {"esa1": OWN, "esa2": OTHER + MORE}


@pytest.mark.parametrize("one_each", [False, True])
@pytest.mark.parametrize("while_stopped", [False, True])
def test_a_hard_link_does_not_move_a_log_that_is_compressed(
    srv: Path, *, one_each: bool, while_stopped: bool
) -> None:
    """It is the only name of the inode then; the compressed file has another, and the content."""
    log = srv / "esa2/mail.current"
    reader = Reader(*followed(srv, one_each=one_each))
    expected = {"esa1": OWN, "esa2": OTHER}
    assert read(reader) == expected
    link = srv / "esa1/mail.hard"
    link.hardlink_to(log)
    assert read(reader) == expected
    if while_stopped:
        reader.following.close()
    closed = log.rename(srv / "esa2/mail.@20260301T000900.s")
    pack(closed, srv / "esa2/mail.@20260301T000900.s.gz")
    closed.unlink()
    log.write_bytes(HEADER)
    expected["esa2"] = [*OTHER, HEADER]
    if while_stopped:
        reader.start()
    else:
        reader.settle(2)
        reader.commit()
        reader.crash()  # before it is known that nothing more comes
    for _ in range(3):
        assert read(reader) == expected
        reader.crash()
    link.unlink()
    for _ in range(2):
        assert read(reader) == expected
        reader.crash()


def pack(path: Path, to: Path) -> Path:
    """Make a compressed copy."""
    to.write_bytes(gzip.compress(path.read_bytes()))
    return to


@pytest.mark.parametrize(
    ("name", "more", "is_there"),
    [
        ("mail.@20260301T000115.s", b"", True),
        ("mail.zz.gz", b"", True),
        ("mail.zz", b"", True),
        ("mail.zz", b"", False),
        ("mail.zz.gz", b"", False),
        ("mail.@20260301T000115.s", HEADER, False),
        ("mail.zz.gz", HEADER, False),
    ],
)
def test_a_log_like_that_of_another_is_a_log_of_its_own(
    srv: Path, name: str, more: bytes, *, is_there: bool
) -> None:
    """Whether the other one is there or not."""
    log = srv / "esa2" / name
    content = b"".join(MORE)
    pack_it = gzip.compress if name.endswith(".gz") else bytes
    log.write_bytes(pack_it(content))
    reader = Reader(*followed(srv, one_each=False))

    def read_sorted() -> dict[str, list[bytes]]:
        return {x: sorted(y) for x, y in read(reader).items()}

    expected = {"esa1": sorted(OWN), "esa2": sorted(OTHER + MORE)}
    assert read_sorted() == expected
    if not is_there:
        log.rename(srv / "gone")  # the inode is not given to the next file
        assert read_sorted() == expected
    (srv / "esa1" / name).write_bytes(pack_it(content + more))
    expected["esa1"] = sorted(OWN + (content + more).splitlines(keepends=True))
    for _ in range(2):
        assert read_sorted() == expected
        reader.crash()


def test_folders_behind_a_pattern_are_not_links(srv: Path) -> None:
    """Neither what the pattern finds nor what is written behind it; what is written before may."""
    (srv / "esa3").symlink_to("esa2")
    (srv / "esa1/logs").symlink_to("../esa2")
    patterns = (f"{srv}/{{appliance}}/mail*", f"{srv}/*/logs/mail*", f"{srv}/**/mail*")
    reader = Reader(FileSource(patterns))
    assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    said = reader.following.take_links()
    assert said == (
        f"'{srv}/esa3', '{srv}/esa1/logs' are symbolic links and were skipped, because a link"
        " can lead to anything; to have it followed, set follow_symlinks: true for the input"
    )
    assert reader.following.problems == [said]
    assert read(Reader(FileSource((f"{srv}/esa3/mail*",)))) == {"esa3": OTHER}


def test_a_file_that_is_named_is_not_a_link(srv: Path) -> None:
    """Anyone who may write to its folder could make it one."""
    link = file_link(srv)
    reader = Reader(FileSource((str(link),)))
    assert read(reader) == {}
    assert "is a symbolic link and was skipped" in reader.following.problems[0]
    assert read(Reader(FileSource((str(link),), follow_symlinks=True))) == {"esa1": OTHER}


def test_a_link_beside_what_it_leads_to_is_not_worth_a_word(srv: Path) -> None:
    """As to the newest log; nothing is left out."""
    (srv / "esa1/mail.latest").symlink_to("mail.current")
    reader = Reader(*followed(srv, one_each=False))
    assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    assert reader.following.problems == []


@pytest.mark.parametrize("follow", [False, True])
def test_what_is_the_programs_own_or_the_systems_is_never_opened(
    srv: Path, *, follow: bool
) -> None:
    """Not even to look what it is: to close one of them would release SQLite's locks."""
    state = srv / "state"
    state.mkdir()
    (state / "spool.db").write_bytes(b"".join(MORE))
    names = ("spool", "hard", "zero", "environ")
    (srv / "esa1/mail.spool").symlink_to(state / "spool.db")
    (srv / "esa1/mail.hard").hardlink_to(state / "spool.db")
    (srv / "esa1/mail.zero").symlink_to("/dev/zero")
    (srv / "esa1/mail.environ").symlink_to("/proc/self/environ")
    inputs = [
        x._replace(leave_out=(f"{os.path.realpath(state)}/",))
        for x in followed(srv, one_each=True, follow=follow)
    ]
    reader = Reader(*inputs)
    assert read(reader) == {"esa1": OWN, "esa2": OTHER}
    said = "\n".join(reader.following.problems)
    assert all(f"mail.{x}" in said for x in names if x != "hard" or not follow)
    assert reader.following.number == 2


def test_what_comes_and_goes_is_said_once(tmp_path: Path) -> None:
    """A name that is now a FIFO, now an archive and now a link does not fill the log."""
    path = tmp_path / "mail.log"
    reader = Reader(FileSource((f"{tmp_path}/mail*",)))
    said = 0
    for _ in range(5):
        os.mkfifo(path)
        reader.settle()
        path.unlink()
        path.write_bytes(b"BZh91AY&SY")
        reader.settle()
        path.unlink()
        path.symlink_to("/etc/passwd")
        reader.settle()
        said += reader.following.take_links() is not None
        path.unlink()
        reader.settle()
    assert [x.split(" ", 1)[1][:12] for x in reader.problems] == [
        "is a FIFO an",
        "is compresse",
        "is gone, and",
    ]
    assert said == 1
    reader.clock.now += 3700
    os.mkfifo(path)
    reader.settle()
    assert len([x for x in reader.problems if "is a FIFO" in x]) == 2
