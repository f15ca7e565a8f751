"""What is seen of files, and by which patterns."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.inputs.files.paths import (
    Links,
    expand,
    fixed_folder,
    is_live,
    is_successor,
    matches,
)
from forwarder.inputs.files.scanner import FileSource, folders, is_relevant, restat, scan


def test_whose_a_file_is(tmp_path: Path) -> None:
    """The input names it, or the pattern, or the folder; the first input counts."""
    for name in ("esa1/mail.log", "esa2/mail.log", "esa2/notes.md", "esa2/mail.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    inputs = [
        FileSource((f"{tmp_path}/esa1/mail.log",)),
        FileSource((f"{tmp_path}/{{appliance}}/*",)),
        FileSource((f"{tmp_path}/esa2/*", f"{tmp_path}/none", f"{tmp_path}/esa2/*.md"), "named"),
    ]
    seen = scan(inputs, {})
    assert seen.problems == []
    assert {
        (Path(x.path).relative_to(tmp_path).as_posix(), x.appliance, x.named, x.input)
        for x in seen.files.values()
    } == {
        ("esa1/mail.log", "esa1", False, 0),
        ("esa2/mail.log", "esa2", True, 1),
        ("esa2/notes.md", "named", True, 2),
    }
    known = {x.path: x for x in seen.files.values()}
    assert scan(inputs, known) == seen
    assert folders(inputs) == {str(tmp_path / "esa1"): False, str(tmp_path): True} | {
        str(tmp_path / "esa2"): False
    }


def test_a_file_goes_by_its_own_name_before_links(tmp_path: Path) -> None:
    """Whatever comes first."""
    (tmp_path / "mail.z").write_bytes(b"1")
    (tmp_path / "mail.a").symlink_to("mail.z")
    (tmp_path / "mail.circle").symlink_to("mail.circle")
    followed = FileSource((f"{tmp_path}/mail*",), follow_symlinks=True)
    seen = scan([followed], {})
    (stat,) = seen.files.values()
    assert stat.path == str(tmp_path / "mail.z")
    circle = str(tmp_path / "mail.circle")
    assert seen.problems == [f"{circle!r} cannot be looked at: Too many levels of symbolic links."]
    assert restat(stat, followed) == stat
    (tmp_path / "mail.z").write_bytes(b"12")
    again = restat(stat, followed)
    assert again is not None
    assert again.size == 2
    (tmp_path / "mail.z").unlink()
    assert restat(stat, followed) is None


PARTS = st.sampled_from(["a", "b", "ab", ".h", "*", "a*", "?", "[ab]", "**", "{appliance}", ".*"])


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_a_path_matches_if_it_would_be_found(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    """By the text alone, and by looking, comes the same."""
    root = tree(tmp_path_factory)
    pattern = "/".join([str(root), *parts])
    found = {path for path, _ in expand(pattern, [], Links(follow=True))}
    everything = {str(x) for x in root.rglob("*")}
    # Folders that ** passes through are hidden from it, and a path through one of them, too.
    matched = {x for x in everything if matches(pattern, x)}
    assert found & everything <= matched
    if parts[-1] != "**":  # at the end, it stands for folders only
        assert {x for x in matched - found if "/.h" not in x} == set()


def tree(factory: pytest.TempPathFactory) -> Path:
    """Make a few folders and files, once."""
    root = factory.getbasetemp() / "tree"
    if not root.exists():
        for name in ("a/b/ab", "a/a/a", "b/.h/a", "ab/b/b", ".h/a", "a/.h"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/srv/esa/{appliance}/mail*", ("/srv/esa", True)),
        ("/srv/esa/mail*", ("/srv/esa", False)),
        ("/srv/esa/mail.log", ("/srv/esa", False)),
        ("/*", ("/", False)),
        ("/srv/**", ("/srv", False)),
        ("/srv/*/", ("/srv", True)),
    ],
)
def test_the_folder_of_a_pattern(pattern: str, expected: tuple[str, bool]) -> None:
    """All before the first part that is no name."""
    assert fixed_folder(pattern) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.@20090422T114359.c", True),
        ("mail.current", True),
        ("mail.log", True),
        ("mail.@20090422T114359.s", False),
        ("mail.s", False),
        ("mail.log.1", False),
        ("mail.log-20090422", False),
        ("mail.log.gz", False),
    ],
)
def test_live_names(name: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Those of files that may be written to."""
    assert is_live(f"/srv/{name}") == expected


def test_a_successor_has_the_same_name_and_a_later_time() -> None:
    """In the same folder."""
    early, late = "/a/mail.@20090422T110000.c", "/a/mail.@20090422T120000.c"
    assert is_successor(late, early)
    for path, other in [
        (early, late),
        (early, early),
        (late, early.replace("/a/", "/b/")),
        (late, early.replace("mail", "antispam")),
        ("/a/mail.log", early),
    ]:
        assert not is_successor(path, other)


def test_a_folder_is_left_out_with_all_in_it(tmp_path: Path) -> None:
    """Also by a link to a folder; a change in it brings no look."""
    for name in ("esa1/mail.log", "state/spool.db", "state/deep/x", "state.old/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link").symlink_to(tmp_path / "state" / "deep")
    inputs = [FileSource((f"{tmp_path}/**/*",), leave_out=(f"{tmp_path}/state/",))]
    seen = scan(inputs, {})
    names = sorted(x.path.removeprefix(f"{tmp_path}/") for x in seen.files.values())
    assert names == ["esa1/mail.log", "state.old/x"]
    assert seen.problems == []
    assert not is_relevant(inputs, f"{tmp_path}/state/spool.db-wal")
    assert not is_relevant(inputs, f"{tmp_path}/state")
    assert is_relevant(inputs, f"{tmp_path}/state.old/y")
    inputs.append(FileSource((f"{tmp_path}/**/*",)))
    assert len(scan(inputs, {}).files) == 4
    assert is_relevant(inputs, f"{tmp_path}/state/spool.db-wal")


def test_a_folder_whose_files_a_pattern_matches_is_no_problem(tmp_path: Path) -> None:
    """There is nothing to name then."""
    (tmp_path / "mail" / "mail.old").mkdir(parents=True)
    (tmp_path / "mail" / "mail.old" / "mail.log").touch()
    seen = scan([FileSource((f"{tmp_path}/**/mail*",))], {})
    assert (len(seen.files), seen.problems) == (1, [])
    seen = scan([FileSource((f"{tmp_path}/*/mail*",))], {})
    assert (len(seen.files), len(seen.problems)) == (0, 1)
