"""What files suffer while the service follows them, or while it is stopped: nothing is lost."""

import ctypes
import gzip
import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from tests.corpus import Corpus, forms, hostile
from tests.corpus.layout import lay_out
from tests.corpus.sessions import SESSIONS, guessed
from tests.corpus.world import Tale, World, seeded
from tests.faults.appliances import Rotation, pack, send_again
from tests.faults.program import wait_until
from tests.faults.scenes import Scene
from tests.faults.stories import BEGIN, MACHINES, prefixed, tell, tell_one

CORPUS = hostile(5, connections=60)
"""Two appliances with equal numbers, five files each."""

WHILE = pytest.mark.parametrize("stopped", [False, True], ids=["followed", "stopped"])


def logrotated(live: Path, closed: Path) -> None:
    """Be renamed twice, as logrotate does it: by numbers."""
    first = live.with_name("mail.current.1")
    for number in range(len(list(live.parent.glob("mail.current.*"))), 0, -1):
        old = live.with_name(f"mail.current.{number}")
        old.rename(live.with_name(f"mail.current.{number + 1}"))
    live.rename(first)
    del closed


def copytruncate(live: Path, closed: Path) -> None:
    """Be copied, then truncated."""
    shutil.copyfile(live, closed)
    os.truncate(live, 0)


def rename_and_pack(live: Path, closed: Path) -> None:
    """Be renamed, then compressed."""
    live.rename(closed)
    pack(closed)


def copytruncate_and_pack(live: Path, closed: Path) -> None:
    """Be copied and truncated; then the copy is compressed."""
    copytruncate(live, closed)
    pack(closed)


ROTATIONS: tuple[Rotation, ...] = (
    os.rename,
    logrotated,
    copytruncate,
    rename_and_pack,
    copytruncate_and_pack,
)


@WHILE
def test_rotation(tmp_path: Path, *, stopped: bool) -> None:
    """Each appliance in its way, while the service follows the files or is stopped."""
    scene = Scene(tmp_path, hostile(5, connections=40, appliances=len(ROTATIONS)))
    for writer in scene.writers.values():
        writer.grow_into_a_line()
    scene.program.begin()
    for _ in range(2):
        if stopped and not scene.program.has_ended:
            assert scene.program.end() == 0
        for writer, rotate in zip(scene.writers.values(), ROTATIONS, strict=True):
            writer.grow()
            if not stopped:
                scene.catch_up()
            writer.rotate(rotate)
            writer.grow(5_000)
        if stopped:
            scene.program.begin()
        scene.catch_up()
    scene.write_all()
    scene.assert_whole()


def test_the_live_file_has_its_time_in_its_name(tmp_path: Path) -> None:
    """And is renamed when it is closed: ``.c`` to ``.s``."""
    corpus = tell(2, SESSIONS)
    scene = Scene(tmp_path, corpus, live="mail.@20260301T000000.c")
    scene.program.begin()
    scene.writer.grow()
    scene.writer.rotate()
    scene.writer.grow(1000)
    scene.catch_up()
    scene.write_all()
    scene.assert_whole()


@WHILE
def test_truncate_and_rewrite(tmp_path: Path, *, stopped: bool) -> None:
    """Truncated when all of it was read, and written again."""
    scene = Scene(tmp_path, tell(3, SESSIONS))
    for _ in range(2):
        scene.program.begin()
        scene.writer.grow()
        scene.catch_up()
        if stopped:
            assert scene.program.end() == 0
        # The live file stays; its content becomes that of the next one.
        scene.writer.rotate(lambda live, _: os.truncate(live, 0))
        scene.writer.grow(3000)
    scene.write_all()
    scene.assert_whole()


def test_delete_and_create_with_the_same_inode(tmp_path: Path) -> None:
    """The new file is longer than the old one was, and read from its first byte."""
    scene = Scene(tmp_path, tell(4, SESSIONS, files=2))
    scene.writer.grow()
    scene.program.begin()
    scene.catch_up()
    assert scene.program.end() == 0
    inode = scene.writer.live.stat().st_ino
    scene.writer.rotate(lambda live, _: live.unlink())
    scene.writer.grow()
    if scene.writer.live.stat().st_ino != inode:
        pytest.skip("this file system does not use inodes again at once")
    scene.assert_whole()


@WHILE
def test_same_first_1_kib(tmp_path: Path, *, stopped: bool) -> None:
    """Files that begin alike are told apart by what follows."""
    prefix = b"Sun Mar  1 05:30:00 2026 Info: Begin Logfile\n" * 40
    scene = Scene(tmp_path, prefixed(tell(5, SESSIONS, files=4), prefix))
    scene.writer.grow(len(prefix))
    scene.program.begin()
    while not scene.writer.is_last:
        wait_until(lambda: str(scene.writer.live) in scene.program.open_files, "the file is open")
        if stopped:
            assert scene.program.end() == 0
        scene.writer.grow()
        scene.writer.rotate()
        scene.writer.grow(len(prefix))
        if stopped:
            scene.program.begin()
        scene.catch_up()
    scene.write_all()
    scene.assert_whole()


def test_under_64_bytes(tmp_path: Path) -> None:
    """A file is followed from its first byte on, and known again."""
    scene = Scene(tmp_path, tell(6, SESSIONS, appliances=3))
    writers = list(scene.writers.values())
    live = {str(x.live) for x in writers}
    for _ in range(3):
        for writer, size in zip(writers, (1, 40, 63), strict=True):
            writer.grow(size)
        scene.program.begin()
        wait_until(lambda: live <= {*scene.program.open_files}, "the files are open")
        scene.program.kill()
        for writer in writers:
            writer.grow()
            if not writer.is_last:
                writer.rotate()
    scene.assert_whole()


def test_unterminated_last_line_over_a_restart(tmp_path: Path) -> None:
    """Its rest comes after the restart, or after the rotation that comes then."""
    scene = Scene(tmp_path, CORPUS)
    for _ in range(2):
        for writer in scene.writers.values():
            writer.grow_into_a_line()
        scene.program.begin()
        scene.catch_up()
        assert scene.program.end() == 0
        for writer in scene.writers.values():
            writer.grow()
            writer.rotate()
    scene.write_all()
    scene.assert_whole()


def test_late_whole_file(tmp_path: Path) -> None:
    """A file of an hour ago, when newer ones have been read: it is read, and joined in itself."""
    old = tell_one(
        8, (guessed,), connections=30, files=1, begin=BEGIN - timedelta(hours=1), skip=500
    )
    (content,) = old.files.values()
    late = f"{MACHINES[0].name}/mail.@20260301T043000.s"
    new = tell(8, SESSIONS, files=2)
    scene = Scene(tmp_path, new)
    scene.write_all()
    scene.program.begin()
    scene.catch_up()
    scene.corpus = Corpus(new.files | {late: content}, [*new.expected, *old.expected])
    (tmp_path / "logs" / late).write_bytes(content)
    scene.catch_up(documents=len(scene.corpus.expected))
    scene.assert_whole()


@WHILE
def test_same_file_twice(tmp_path: Path, *, stopped: bool) -> None:
    """Under another name, compressed, with another inode, written over: it is read once."""
    scene = Scene(tmp_path, CORPUS)
    writer = scene.writer
    scene.write_all()
    scene.program.begin()
    scene.catch_up()
    first, second, third, fourth = (x for x in writer.files if x.endswith(".s"))
    if stopped:
        assert scene.program.end() == 0
    folder = writer.folder
    shutil.copyfile(folder / first, folder / first.replace(".s", ".again.s"))
    (folder / f"{second}.gz").write_bytes(gzip.compress(writer.files[second]))
    send_again(folder / third, writer.files[third])
    with (folder / fourth).open("r+b") as file:
        file.truncate(0)
        file.write(writer.files[fourth][:3000])
        file.flush()
        file.write(writer.files[fourth][3000:])
    scene.assert_whole()


@WHILE
def test_half_uploaded_file(tmp_path: Path, *, stopped: bool) -> None:
    """Its second half is read when it comes, of a plain file and of a compressed one."""
    scene = Scene(tmp_path, tell(9, SESSIONS, files=2, appliances=2))
    plain, compressed = scene.writers.values()
    contents = {
        plain.folder / plain.name: plain.files[plain.name],
        compressed.folder / f"{compressed.name}.gz": gzip.compress(
            compressed.files[compressed.name]
        ),
    }
    scene.program.begin()
    for path, content in contents.items():
        path.write_bytes(content[: len(content) // 2])
    paths = {str(x) for x in contents}
    wait_until(lambda: paths <= {*scene.program.open_files}, "the files are open")
    if stopped:
        assert scene.program.end() == 0
    for path, content in contents.items():
        with path.open("ab") as file:
            file.write(content[len(content) // 2 :])
    if stopped:
        scene.program.begin()
    for writer in (plain, compressed):
        writer.sizes[writer.name] = writer.left
    scene.catch_up()
    for writer in (plain, compressed):
        writer.rotate(lambda *_: None)
    scene.write_all()
    scene.assert_whole()


def may_not_read_all() -> None:
    """Take from root's command what lets it read any file."""
    if os.geteuid() == 0:
        drop = ctypes.CDLL(None).prctl
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert drop(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def test_unreadable_file(tmp_path: Path) -> None:
    """It is said, the other appliance is not harmed, and it is read as soon as it may be."""
    scene = Scene(tmp_path, CORPUS)
    scene.write_all()
    path = scene.writer.folder / next(iter(scene.writer.files))
    path.chmod(0)
    scene.program.start(before=may_not_read_all)
    scene.program.await_log("Permission denied")
    scene.program.await_log(str(path))
    others = [x for x in CORPUS.expected if x.appliance != scene.writer.folder.name]
    scene.catch_up(documents=len(others))
    path.chmod(0o600)
    scene.catch_up()
    assert scene.program.end() == 0
    assert scene.program.once(before=may_not_read_all) == 0
    tally = scene.tally()
    # The files behind it were read before it, so what they have in common is not joined.
    assert (tally.lost, tally.doubled) == (0, 0)


def small_files(count: int) -> Corpus:
    """Make a file for each connection."""
    world = World(seeded(10), BEGIN)
    step = timedelta(seconds=10)
    begins = [BEGIN + step * index for index in range(count)]
    for begin in begins:
        tale = Tale(world, begin)
        number = world.next_icid()
        tale.say(forms.new_inbound(number, world.listeners.deal(), world.address(), None), after=1)
        tale.say(forms.login(number, "failure", b"user"), after=1)
        tale.say(forms.ended("inbound", number), after=1)
    return lay_out(MACHINES[0], world.lines, begins)


FILES = 1_000
"""More than may be open at once; ``test_ten_thousand_files`` of the tailer has more of them."""


def test_many_files(tmp_path: Path) -> None:
    """All are read, with a bounded number of descriptors, and none again when it starts again."""
    scene = Scene(tmp_path, small_files(FILES))
    scene.write_all()
    scene.program.begin()
    most = 0

    def is_read() -> bool:
        nonlocal most
        most = max(most, len(scene.program.open_files))
        return scene.count() >= FILES

    wait_until(is_read, "all documents")
    assert most < 300
    scene.program.send(signal.SIGHUP)
    scene.program.await_log("The service has begun.", 2)
    assert scene.program.end() == 0
    scene.assert_whole()


@WHILE
def test_a_directory_removed(tmp_path: Path, *, stopped: bool) -> None:
    """And made again: what was in it was read, and what is new in it is read."""
    scene = Scene(tmp_path, CORPUS)
    for writer in scene.writers.values():
        writer.grow()
    scene.program.begin()
    scene.catch_up()
    if stopped:
        assert scene.program.end() == 0
    for writer in scene.writers.values():
        writer.rotate(lambda live, _: shutil.rmtree(live.parent))
        writer.folder.mkdir()
        writer.grow()
    if stopped:
        scene.program.begin()
    scene.catch_up()
    scene.write_all()
    scene.assert_whole()
