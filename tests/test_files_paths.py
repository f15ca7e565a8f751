"""What each kind of PATH comes to: files, folders, globs, patterns and standard input."""

from pathlib import Path

import pytest

from forwarder.inputs.files.discovery import LogFile, find
from tests.test_files_discovery import fill

TREE = (
    "esa1/mail.@20090422T114359.s",
    "esa1/mail.@20090422T120000.c",
    "esa1/audit/mail.@20090422T115000.s",
    "esa2/mail.log",
    "esa2/mail.log.1",
    "esa2/readme.md",
    "esa2/.hidden",
    ".git/mail.log",
    "esa3.log",
    "esa3-mail-2009.txt",
    "note.json",
)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["esa2/mail.log"], ["esa2: esa2/mail.log"], id="file"),
        pytest.param(["./esa2/../esa2//mail.log"], ["esa2: esa2/mail.log"], id="detour"),
        pytest.param(["esa3.log"], ["srv: esa3.log"], id="file here"),
        pytest.param(["esa2/readme.md"], ["esa2: esa2/readme.md"], id="no log but named"),
        pytest.param(["esa2/.hidden"], ["esa2: esa2/.hidden"], id="hidden but named"),
        pytest.param([".git"], [".git: .git/mail.log"], id="hidden folder but named"),
        pytest.param(["esa2"], ["esa2: esa2/mail.log.1", "esa2: esa2/mail.log"], id="folder"),
        pytest.param(
            ["."],
            [
                "audit: esa1/audit/mail.@20090422T115000.s",
                "esa1: esa1/mail.@20090422T114359.s",
                "esa1: esa1/mail.@20090422T120000.c",
                "esa2: esa2/mail.log.1",
                "esa2: esa2/mail.log",
                "srv: esa3.log",
                "srv: esa3-mail-2009.txt",
            ],
            id="folders",
        ),
        pytest.param(
            ["esa?/mail*.s", "*.log"],
            ["esa1: esa1/mail.@20090422T114359.s", "srv: esa3.log"],
            id="globs",
        ),
        pytest.param(["esa[!2-9]/*.c"], ["esa1: esa1/mail.@20090422T120000.c"], id="class"),
        pytest.param(
            ["esa[2]"], ["esa2: esa2/mail.log.1", "esa2: esa2/mail.log"], id="folder glob"
        ),
        pytest.param(
            ["**/*.s"],
            [
                "audit: esa1/audit/mail.@20090422T115000.s",
                "esa1: esa1/mail.@20090422T114359.s",
            ],
            id="any folders",
        ),
        pytest.param(["**/mail.log"], ["esa2: esa2/mail.log"], id="any folders, not hidden ones"),
        pytest.param([".g*/*"], [".git: .git/mail.log"], id="hidden but matched"),
        pytest.param(["esa2/*"], ["esa2: esa2/mail.log.1", "esa2: esa2/mail.log"], id="only logs"),
        pytest.param(["esa2/*.md"], ["esa2: esa2/readme.md"], id="no log but matched"),
        pytest.param(["esa2/*/"], ["PROBLEM"], id="only folders"),
        pytest.param(
            ["{appliance}/mail.@*"],
            [
                "esa1! esa1/mail.@20090422T114359.s",
                "esa1! esa1/mail.@20090422T120000.c",
            ],
            id="appliance is the folder",
        ),
        pytest.param(
            ["{appliance}1"],
            [
                "esa! esa1/mail.@20090422T114359.s",
                "esa! esa1/audit/mail.@20090422T115000.s",
                "esa! esa1/mail.@20090422T120000.c",
            ],
            id="appliance is a piece of a folder, all below is its",
        ),
        pytest.param(
            ["{appliance}/**/*.s"],
            [
                "esa1! esa1/mail.@20090422T114359.s",
                "esa1! esa1/audit/mail.@20090422T115000.s",
            ],
            id="appliance is above",
        ),
        pytest.param(["{appliance}.log"], ["esa3! esa3.log"], id="appliance is in the name"),
        pytest.param(
            ["{appliance}-*.txt"],
            ["esa3! esa3-mail-2009.txt"],
            id="appliance is as short as can be",
        ),
        pytest.param(
            ["{appliance}*.txt"], ["esa3-mail-2009! esa3-mail-2009.txt"], id="unless a star follows"
        ),
        pytest.param(["*{appliance}.log"], ["esa3! esa3.log"], id="a star before takes nothing"),
        pytest.param(["{appliance}/{appliance}*"], ["PROBLEM"], id="twice is the same name"),
        pytest.param(
            ["{appliance}/../{appliance}/*.c"],
            ["esa1! esa1/mail.@20090422T120000.c"],
            id="same name twice",
        ),
        pytest.param(["{appliance}2/{appliance}il.lo{appliance}"], ["PROBLEM"], id="thrice"),
        pytest.param(
            ["e{appliance}a3.lo*", "{appliance}s{appliance}"],
            ["s! esa3.log", "PROBLEM"],
            id="twice in a part",
        ),
        pytest.param(["{appliance}.log", "esa3.log"], ["esa3! esa3.log"], id="pattern before file"),
        pytest.param(["esa3.log", "{appliance}.log"], ["esa3! esa3.log"], id="file before pattern"),
        pytest.param(
            ["{appliance}.log", "e{appliance}.log"], ["esa3! esa3.log"], id="first of two patterns"
        ),
        pytest.param(["esa3.log", "*.log", "./esa3.log"], ["srv: esa3.log"], id="thrice"),
        pytest.param(["-"], ["unknown: -"], id="standard input"),
        pytest.param(["-", "esa3.log", "-"], ["srv: esa3.log", "unknown: -"], id="input once"),
        pytest.param(["/dev/stdin", "-", "/dev/fd/0"], ["unknown: -"], id="input by other names"),
        pytest.param([], [], id="nothing"),
        pytest.param(["esa9.log"], ["PROBLEM"], id="missing"),
        pytest.param([""], ["PROBLEM"], id="empty"),
        pytest.param(["esa3.log/mail.log"], ["PROBLEM"], id="file as a folder"),
        pytest.param(["esa3.log/*", "esa3.log/**"], ["PROBLEM", "PROBLEM"], id="file as a folder?"),
        pytest.param(["a\0b"], ["PROBLEM"], id="NUL"),
        pytest.param(["a\0*", "*/a\0b"], ["PROBLEM", "PROBLEM"], id="NUL in a pattern"),
        pytest.param(["x" * 5000], ["PROBLEM"], id="too long"),
        pytest.param(["esa9*", "esa3.log"], ["srv: esa3.log", "PROBLEM"], id="the rest is read"),
    ],
)
def test_what_paths_come_to(srv: Path, paths: list[str], expected: list[str]) -> None:
    """Each PATH gives its files, with their appliance ("!" if it was named), or a problem."""
    fill(srv, TREE)
    found = find(paths)
    shown = [
        f"{file.appliance}{'!' if file.named else ':'} "
        + (file.path if file.path == "-" else str(Path(file.path).relative_to(srv)))
        for file in found.files
    ]
    assert expected == shown + ["PROBLEM"] * len(found.problems)


@pytest.mark.parametrize("pattern", ["[z-a]*", "[", "[!]", "[]", "{appliance", "{}*", "\\*", "(*"])
def test_odd_globs_match_nothing_and_do_no_harm(srv: Path, pattern: str) -> None:
    """What means nothing in a glob stands for itself."""
    fill(srv, ["esa1/mail.log"])
    found = find([pattern])
    assert found.files == ()
    assert len(found.problems) == 1


@pytest.mark.parametrize("name", ["mail[1].log", "mail*.log", "mail?", "{appliance}.log", "[a]"])
def test_what_exists_is_taken_literally(srv: Path, name: str) -> None:
    """Characters of a glob mean nothing in the name of a file that is there."""
    fill(srv, [name, "mail1.log", "mail2.log", "a"])
    assert find([name]).files == (LogFile(str(srv / name), "srv", named=False),)
