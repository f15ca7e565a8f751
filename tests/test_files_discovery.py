"""Finding files: what PATHs come to, whose they are, and in what order they are read."""

import gzip
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.inputs.files.discovery import LogFile, find
from forwarder.inputs.files.paths import Search, walk


def fill(folder: Path, names: Iterable[str]) -> None:
    """Write files whose content is their name, and none the beginning of another."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name) + b"\n")


def test_the_user_names_the_appliance(srv: Path) -> None:
    """--appliance counts for every PATH, whatever the folders or the pattern say."""
    fill(srv, ["a/mail.log", "b/mail.log", "c/mail.log"])
    found = find(["a", "b/mail.log", "{appliance}/mail.log", "-"], "esa1")
    assert [(file.appliance, file.named) for file in found.files] == [("esa1", True)] * 4


MATCHES_NO_LOG = (
    "matches no log: check it against what is there, and that it is quoted in full (* ? [] match "
    "within a folder, ** across folders, {appliance} a name); hidden files and those with one of "
    "these endings are read only if a path names them: .tmp .part .partial .filepart .swp ~ .md "
    ".json .ndjson .yml .yaml .html .pdf .py .sh"
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("no.log", "'no.log' does not exist; name a file, a folder, a glob or -."),
        ("no\n\udcff", "'no\\n\\xff' does not exist; name a file, a folder, a glob or -."),
        ("dangling", "'dangling' does not exist; name a file, a folder, a glob or -."),
        ("circle", "'circle' cannot be accessed: Too many levels of symbolic links."),
        ("log/x", "'log/x' cannot be accessed: Not a directory."),
        ("*.none", f"'*.none' {MATCHES_NO_LOG}"),
        ("{appliance}/{x\n}/*.none", f"'{{appliance}}/{{x\\n}}/*.none' {MATCHES_NO_LOG}"),
        ("empty", f"'empty' {MATCHES_NO_LOG}"),
        ("/none/{appliance}/*", "'/none/{appliance}/*' matches no log: '/none' does not exist."),
        ("socket", f"'socket' {MATCHES_NO_LOG}"),
        ("/dev/null", f"'/dev/null' {MATCHES_NO_LOG}"),
    ],
)
def test_a_problem_is_one_sentence(srv: Path, path: str, expected: str) -> None:
    """It says what is wrong with which PATH and what is allowed; the rest is read."""
    fill(srv, ["log", "empty/.hidden", "empty/upload.FILEPART"])
    (srv / "dangling").symlink_to("nowhere")
    (srv / "circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")  # relative: the name of a socket has to be short
    found = find([path, path, "log"])
    assert found.problems == (expected,)
    assert found.files == (LogFile(str(srv / "log"), "srv", named=False),)


def test_only_regular_files_are_taken_from_folders_and_globs(srv: Path) -> None:
    """A FIFO would be waited for; it is read where it is named."""
    fill(srv, ["mail.log"])
    os.mkfifo("mail.fifo")
    (srv / "mail.dangling").symlink_to("nowhere")
    (srv / "mail.circle").symlink_to("mail.circle")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("mail.socket")
    expected = (LogFile(str(srv / "mail.log"), "srv", named=False),)
    assert expected == find(["."]).files
    assert expected == find(["mail.*"]).files
    assert find(["mail.fifo"]).files == (LogFile(str(srv / "mail.fifo"), "srv", named=False),)


def test_a_pipe_of_the_shell_has_no_appliance() -> None:
    """<(zcat ...) is /dev/fd/63, and "fd" is no appliance."""
    reading, writing = os.pipe()
    try:
        path = f"/dev/fd/{reading}"
        assert find([path]).files == (LogFile(path, "unknown", named=False),)
    finally:
        os.close(reading)
        os.close(writing)


def test_links_in_a_circle_end(srv: Path) -> None:
    """Each folder is visited once, and files are read under their own name if they have one."""
    fill(srv, ["esa1/mail.log", "esa1/deep/mail.log.1"])
    (srv / "a").symlink_to("esa1")
    for folder in ("esa1", "esa1/deep"):
        for name in ("one", "two", "three"):
            (srv / folder / name).symlink_to(srv)
    expected = [str(srv / "esa1/deep/mail.log.1"), str(srv / "esa1/mail.log")]
    for paths in ([str(srv)], ["**"], ["**/mail*"], ["**/**/mail*"], ["*/mail*", "."]):
        found = find(paths, follow_symlinks=True)
        assert expected == [file.path for file in found.files]
        assert found.problems == ()
        found = find(paths)
        assert expected == [file.path for file in found.files]
        assert found.problems == ()


def test_a_folder_elsewhere_is_followed(srv: Path) -> None:
    """A link to a folder gives it its name, as administrators do it."""
    fill(srv.parent, ["volume3/x17/mail.log"])
    (srv / "esa1").symlink_to(srv.parent / "volume3/x17")
    expected = (LogFile(str(srv / "esa1/mail.log"), "esa1", named=False),)
    assert expected == find(["."], follow_symlinks=True).files
    assert expected == find(["esa1"]).files
    assert expected == find(["esa1/mail*"]).files
    for pattern in (".", "*", "{appliance}/mail.log", "**/mail.log"):
        found = find([pattern])
        assert found.files == ()
        assert [os.path.basename(x) for x in found.links] == ["esa1"]  # noqa: PTH119
    assert find(["esa1/../x17"]).files == (
        LogFile(str((srv.parent / "volume3/x17/mail.log").resolve()), "x17", named=False),
    )


def test_a_linked_file_is_read_once(srv: Path) -> None:
    """Also if what it points to is the live file, is empty or is reached by another PATH."""
    fill(srv, ["esa1/mail.@20090422T114359.c", "esa1/mail.@20090422T100000.s"])
    (srv / "esa1/mail.@20090422T100000.s").write_bytes(b"")
    (srv / "esa1/mail.current").symlink_to("mail.@20090422T114359.c")
    (srv / "esa1/empty").symlink_to("mail.@20090422T100000.s")
    (srv / "latest").symlink_to("esa1")
    found = find(["esa1", "latest/*.c", "."], follow_symlinks=True)
    closed, live = (f"{srv}/esa1/mail.@20090422T{name}" for name in ("100000.s", "114359.c"))
    assert [closed, live] == [file.path for file in found.files]
    assert found.repeated == (
        (f"{srv}/esa1/empty", closed),
        (f"{srv}/esa1/mail.current", live),
        (f"{srv}/latest/mail.@20090422T114359.c", live),
    )


def test_the_same_content_is_read_once_for_an_appliance(srv: Path) -> None:
    """Pushed again, compressed, or linked: the first in order is read; others have their own."""
    content = b"Wed Apr 22 11:46:14 2009 Info: ICID 450 close\n"
    fill(srv, ["esa1/again/x", "esa2/mail.log"])
    (srv / "esa1/mail.log").write_bytes(content)
    (srv / "esa1/mail.log.1.gz").write_bytes(gzip.compress(content))
    (srv / "esa1/again/mail.@20090422T114359.s").write_bytes(content)
    (srv / "esa1/link").symlink_to("mail.log")
    (srv / "esa2/mail.log").write_bytes(content)
    found = find(["{appliance}"], follow_symlinks=True)
    first = f"{srv}/esa1/again/mail.@20090422T114359.s"
    expected = [first, f"{srv}/esa1/again/x", f"{srv}/esa2/mail.log"]
    assert expected == [file.path for file in found.files]
    assert found.repeated == tuple(
        (f"{srv}/esa1/{name}", first) for name in ("link", "mail.log", "mail.log.1.gz")
    )


def test_the_files_of_an_appliance_are_read_in_the_order_of_time(srv: Path) -> None:
    """Subscriptions and PATHs do not matter; appliances come one after the other."""
    times = ["110000", "120000", "130000", "140000"]
    names = [f"{'ab'[at % 2]}/mail.@20090422T{time}.s" for at, time in enumerate(times)]
    fill(srv, [f"esa{number}/{name}" for number in (2, 1) for name in [*names, "a/mail.current"]])
    found = find(["{appliance}/b", "{appliance}/a"])
    expected = [
        f"{srv}/esa{number}/{name}" for number in (1, 2) for name in [*names, "a/mail.current"]
    ]
    assert expected == [file.path for file in found.files]


def test_names_that_are_not_utf8_are_found(srv: Path) -> None:
    """The path stays what the system knows; the appliance becomes text that a document can hold."""
    folder = os.fsencode(srv) + b"/esa\xff"
    Path(os.fsdecode(folder)).mkdir()
    Path(os.fsdecode(folder + b"/mail\xfe.log")).write_bytes(b"x")
    path = os.fsdecode(folder + b"/mail\xfe.log")
    assert find(["."]).files == (LogFile(path, "esa\\xff", named=False),)
    assert find(["{appliance}/*"]).files == (LogFile(path, "esa\\xff", named=True),)
    assert find(["-"], os.fsdecode(b"\xff")).files == (LogFile("-", "\\xff", named=True),)


def test_a_folder_that_goes_away_is_empty(srv: Path) -> None:
    """Logs are rotated away while they are looked for."""
    search = Search()
    assert list(walk(str(srv / "gone"), search)) == [(str(srv / "gone"), [])]
    assert search.problems == []


LISTING = """
import os, sys
from forwarder.inputs.files.discovery import find
os.setuid(65534)
found = find(sys.argv[1:])
print(*found.problems, len(found.files), sep="\\n", end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_a_folder_that_may_not_be_listed_is_a_problem() -> None:
    """An appliance's logs are not left out in silence, for any user that runs the tests."""
    folder = Path(tempfile.mkdtemp())  # above tmp_path, all is closed to others
    folder.chmod(0o755)
    fill(folder, ["esa1/mail.log", "esa2/mail.log"])
    try:
        (folder / "esa2").chmod(0o700)
        for path in (str(folder), f"{folder}/{{appliance}}/*"):
            command = [sys.executable, "-c", LISTING, path]
            done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
            expected = (
                f"'{folder}/esa2' cannot be listed, so no log in it is read: Permission denied; "
                f"give this user the right to list it.\n1"
            )
            assert expected == done.stdout.decode()
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_closed_folder_is_a_problem_and_the_rest_is_read(srv: Path) -> None:
    """The same without changing who is asking."""
    fill(srv, ["esa1/mail.log", "esa2/mail.log"])
    (srv / "esa2").chmod(0)
    try:
        for path in (".", "{appliance}/*"):
            found = find([path])
            assert [file.appliance for file in found.files] == ["esa1"]
            assert len(found.problems) == 1
    finally:
        (srv / "esa2").chmod(0o700)


NAMES = st.lists(
    st.sampled_from(
        [
            f"{folder}{name}"
            for folder in ("", "a/", "b/", "b/c/")
            for name in (
                "mail.log",
                "mail.log.1",
                "mail.current",
                "m-20260131",
                "m.@20260131T010101.s",
            )
        ]
    ),
    unique=True,
    min_size=1,
)


@settings(deadline=None)  # it writes files
@given(NAMES)
def test_the_order_depends_on_names_only(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Neither the place of the folder nor the order of PATHs or of writing changes it."""
    orders = []
    for root, written in (("a", names), ("z/y", reversed(names))):
        folder = tmp_path_factory.mktemp("order") / root
        fill(folder, written)
        for paths in ([str(folder)], [str(folder / name) for name in names]):
            found = find(paths, "esa1")
            orders.append([str(Path(file.path).relative_to(folder)) for file in found.files])
            assert found.problems == ()
            assert found.repeated == ()
    assert len(orders[0]) == len(names)
    assert all(orders[0] == order for order in orders)
