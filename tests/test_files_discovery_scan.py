"""What is seen of files, and by which patterns."""

from pathlib import Path

import pytest

from forwarder.inputs.files.discovery import FileSource, restat, scan
from forwarder.inputs.files.paths import fixed_folder, is_live


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
    seen = scan(inputs)
    assert seen.problems == []
    assert {
        (Path(x.path).relative_to(tmp_path).as_posix(), x.appliance, x.named, x.input)
        for x in seen.files.values()
    } == {
        ("esa1/mail.log", "esa1", False, 0),
        ("esa2/mail.log", "esa2", True, 1),
        ("esa2/notes.md", "named", True, 2),
    }


def test_a_file_goes_by_its_own_name_before_links(tmp_path: Path) -> None:
    """Whatever comes first."""
    (tmp_path / "mail.z").write_bytes(b"1")
    (tmp_path / "mail.a").symlink_to("mail.z")
    (tmp_path / "mail.circle").symlink_to("mail.circle")
    followed = FileSource((f"{tmp_path}/mail*",), follow_symlinks=True)
    seen = scan([followed])
    (stat,) = seen.files.values()
    assert stat.path == str(tmp_path / "mail.z")
    circle = str(tmp_path / "mail.circle")
    assert seen.problems == [f"{circle!r} cannot be accessed: Too many levels of symbolic links."]
    assert restat(stat, followed) == stat
    (tmp_path / "mail.z").write_bytes(b"12")
    again = restat(stat, followed)
    assert again is not None
    assert again.size == 2
    (tmp_path / "mail.z").unlink()
    assert restat(stat, followed) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/srv/esa/{appliance}/mail*", "/srv/esa"),
        ("/srv/esa/mail*", "/srv/esa"),
        ("/srv/esa/mail.log", "/srv/esa"),
        ("/*", "/"),
        ("/srv/**", "/srv"),
        ("/srv/*/", "/srv"),
    ],
)
def test_the_folder_of_a_pattern(pattern: str, expected: str) -> None:
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


def test_a_folder_is_left_out_with_all_in_it(tmp_path: Path) -> None:
    """Also by a link to a folder."""
    for name in ("esa1/mail.log", "state/spool.db", "state/deep/x", "state.old/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link").symlink_to(tmp_path / "state" / "deep")
    inputs = [FileSource((f"{tmp_path}/**/*",), leave_out=(f"{tmp_path}/state/",))]
    seen = scan(inputs)
    names = sorted(x.path.removeprefix(f"{tmp_path}/") for x in seen.files.values())
    assert names == ["esa1/mail.log", "state.old/x"]
    assert seen.problems == []
    inputs.append(FileSource((f"{tmp_path}/**/*",)))
    assert len(scan(inputs).files) == 4


def test_a_folder_whose_files_a_pattern_matches_is_no_problem(tmp_path: Path) -> None:
    """There is nothing to name then."""
    (tmp_path / "mail" / "mail.old").mkdir(parents=True)
    (tmp_path / "mail" / "mail.old" / "mail.log").touch()
    seen = scan([FileSource((f"{tmp_path}/**/mail*",))])
    assert (len(seen.files), seen.problems) == (1, [])
    seen = scan([FileSource((f"{tmp_path}/*/mail*",))])
    assert (len(seen.files), len(seen.problems)) == (0, 1)
