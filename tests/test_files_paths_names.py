"""What file names say: timestamps, and the order of reading."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.inputs.files.paths import base_name, is_live, log_folder, reading_order, time_in_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.@20090422T114359.s", datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)),
        ("mail.@20090422T114359.c", datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)),
        ("mail.@20090422T114359.s.gz", datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)),
        ("/20300101/mail.@20090422T114359.s", datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)),
        ("esa-20200101.@20090422T114359.s", datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)),
        ("mail.log-20260131", datetime(2026, 1, 31, tzinfo=UTC)),
        ("mail.log-20260131.gz", datetime(2026, 1, 31, tzinfo=UTC)),
        ("mail-20260131.log", datetime(2026, 1, 31, tzinfo=UTC)),
        ("mail.log-20260131-1769853600", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("mail.log-2026013105", datetime(2026, 1, 31, 5, tzinfo=UTC)),
        ("mail.2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("mail.2026-01-31T11:22:33.log", datetime(2026, 1, 31, 11, 22, 33, tzinfo=UTC)),
        ("mail_2026-01-31_11-22-33", datetime(2026, 1, 31, 11, 22, 33, tzinfo=UTC)),
        ("mail-20260131-996099", datetime(2026, 1, 31, tzinfo=UTC)),
        ("mail.log-20261399", None),
        ("mail.log-20260230", None),
        ("mail.30260131", None),
        ("mail.120260131", None),
        ("mail.2026-0131", None),
        ("mail.2026.01.31.log", datetime(2026, 1, 31, tzinfo=UTC)),
        ("10.0.0.1", None),
        ("mail.log.2", None),
        ("mail.current", None),
        ("-", None),
        ("", None),
        ("mail.@\u0662\u0660\u0660\u06690422T114359.s", None),
    ],
)
def test_the_time_in_a_name(name: str, expected: datetime | None) -> None:
    """A valid timestamp is read as UTC, the last one counts, anything else is none."""
    assert expected == time_in_name(name)


@pytest.mark.parametrize(
    "expected",
    [
        ["mail.@20090422T114359.s", "mail.@20090422T120000.s", "mail.@20090422T130000.c"],
        ["mail.@20090422T114359.s", "mail.@20090422T120000.s.gz", "mail.current"],
        ["mail.@20090422T120000.s", "mail.@20090422T120000.s.gz", "mail.@20090422T114359.c"],
        ["mail.@20090422T114359.c", "mail.@20090422T120000.c", "mail.current"],
        ["mail.log.10", "mail.log.9", "mail.log.3.gz", "mail.log.2", "mail.log.1", "mail.log"],
        ["mail.log.1", "mail.log.0", "mail.log"],
        ["a.log.2", "b.log.2", "a.log.1", "b.log.1", "a.log", "b.log"],
        ["mail.log-20260130.gz", "mail.log-20260131", "mail.log"],
        ["mail.log-20260131", "mail.log-20260131-1769817601", "mail.log-2026013105", "mail.log"],
        ["mail.2026-01-30", "mail.2026-01-31", "mail.log.1", "mail.log"],
        ["mail-20260131.log.2", "mail-20260131.log.1", "mail-20260131.log", "mail-20260201.log.9"],
        ["mail-20260131.log", "mail-20260131-1.log", "mail-20260131-2.log", "mail-20260201.log"],
        ["mail.2.log", "mail.1.log", "mail.log"],
        ["/z/mail.@20090422T110000.s", "/a/mail.@20090422T120000.s", "/z/mail.@20090422T130000.s"],
        ["/a/mail.@20090422T110000.s", "/b/mail.@20090422T110000.s"],
        ["/b/a.@20090422T110000.s", "/a/b.@20090422T110000.s"],
    ],
)
def test_the_order_of_reading(expected: list[str]) -> None:
    """Stamped names by time, numbered ones from the highest, live ones last, ties by name."""
    backwards = expected[::-1]
    assert expected == sorted(backwards, key=reading_order)


LOGS = {
    "mail": (
        "mail.@20260422T110000.s mail.@20260422T110000.s.gz mail.@20260422T110000.c mail.current"
        " mail.c mail mail.gz mail.1 mail.12.gz mail-20260422 mail.@20260422T110000.s-20260423.gz"
        " mail.@20260422T110000.s.1 mail_2026-04-22_11-22-33"
    ),
    "mail.log": (
        "mail.log mail.log.gz mail.log.1 mail.log.0 mail.log.10.gz"
        " mail.log-20260422 mail.log-20260422.gz mail.log-2026042213 mail.log-20260422-1776816000"
        " mail.log-2026-04-22 mail.log.2026-04-22 mail.log.2026-04-22_13-00-00 mail-20260422.log"
        " mail-20260422.log.gz mail.2026-04-22.log mail.2026.04.22.log mail_2026_04_22.log"
        " mail-20260422-1.log mail-20260422-12.log mail.log.20260422110000 20260422-mail.log"
        " mail.log-20260422.1.gz"
    ),
    "mail_logs.esa1.example.com": "mail_logs.esa1.example.com.@20260422T110000.s",
    "10.0.0.1": "10.0.0.1 10.0.0.1.gz 10.0.0.1.1 10.0.0.1.current 10.0.0.1-20260422",
    "10.0.0.2.log": "10.0.0.2.log 10.0.0.2.log.1 10.0.0.2-20260422.log.gz",
    "10.0.0.2.3.log": "10.0.0.2.3.log",
    "esa.1.log": "esa.1.log esa.1.log.2.gz",
    "esa.10.0.0.2": "esa.10.0.0.2 esa.10.0.0.2.4.gz esa.10.0.0.2-20260422",
    "2001:db8::1.log": "2001:db8::1.log 2001:db8::1.log.2",
    "esa1.log": "esa1.log esa1.log.1 esa1-20260422.log",
    "esa2.log": "esa2.log",
    "mail.esa1": "mail.esa1 mail.esa1-20260422.gz",
    "mail-1234567890.log": "mail-1234567890.log",
    "mail.120260131.log": "mail.120260131.log.2",
    "1.2": "1.2.3",
    "log": "2026-04-22.log",
    "": "20260422 20260422.gz -20260422",
}
"""Names of the files of one log, by what they have in common."""


@pytest.mark.parametrize(
    ("name", "log"), [(name, log) for log, names in LOGS.items() for name in names.split()]
)
def test_the_name_of_a_log_is_what_rotation_leaves(name: str, log: str) -> None:
    """Of a name with that of a machine, all of that."""
    assert base_name(name) == base_name(f"/srv/20260422/mail.log.1/{name}") == log


@pytest.mark.parametrize("name", ["10.0.0.1", "10.0.0.2.log", "mail", "mail.log", "mail.current"])
def test_a_name_without_rotation_is_live(name: str) -> None:
    """An address at its end is no number."""
    assert is_live(name)


STEMS = st.sampled_from(["mail", "mail.log", "a", "mail\udcff", "20260131", ".s", ""])
STAMPS = st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001 names have no zone
TAILS = st.one_of(
    STAMPS.map(lambda time: f".@{time:%Y%m%dT%H%M%S}.s"),
    STAMPS.map(lambda time: f".@{time:%Y%m%dT%H%M%S}.c"),
    STAMPS.map(lambda time: f"-{time:%Y%m%d}"),
    st.integers(0, 99).map(lambda number: f".{number}"),
    st.sampled_from(["", ".current", ".c", ".s"]),
)
NAMES = st.one_of(
    st.builds(lambda stem, tail, suffix: stem + tail + suffix, STEMS, TAILS, st.just("")),
    st.builds(lambda stem, tail, suffix: stem + tail + suffix, STEMS, TAILS, st.just(".gz")),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=40),
)
PATHS = st.builds(lambda folder, name: folder + name, st.sampled_from(["", "a/", "b/c/"]), NAMES)


@given(
    st.lists(PATHS, unique=True).flatmap(
        lambda paths: st.tuples(st.just(paths), st.permutations(paths))
    )
)
def test_the_order_does_not_depend_on_how_files_were_found(
    both: tuple[list[str], list[str]],
) -> None:
    """Any shuffling sorts to the same order, so no two paths are equal in it."""
    paths, shuffled = both
    assert sorted(paths, key=reading_order) == sorted(shuffled, key=reading_order)


@given(st.lists(PATHS, unique=True), st.sampled_from(["/", "/srv/", "/zz/20260131/mail.@1.s/"]))
def test_the_order_does_not_depend_on_where_the_folder_is(paths: list[str], root: str) -> None:
    """Moving the folder that holds all files moves none of them in the order."""
    expected = [root + path for path in sorted(paths, key=reading_order)]
    assert expected == sorted((root + path for path in paths), key=reading_order)


@given(STAMPS, STAMPS, STEMS, STEMS)
def test_stamped_files_are_read_by_time(
    one: datetime, two: datetime, stem: str, other: str
) -> None:
    """Of two closed files the one begun earlier comes first, whatever they are called."""
    earlier, later = sorted([one.replace(microsecond=0), two.replace(microsecond=0)])
    if earlier < later:
        first = f"z/{stem}.@{earlier:%Y%m%dT%H%M%S}.s"
        assert reading_order(first) < reading_order(f"a/{other}.@{later:%Y%m%dT%H%M%S}.s.gz")


@given(PATHS, STAMPS)
def test_nothing_that_is_closed_comes_behind_the_live_file(path: str, time: datetime) -> None:
    """A closed file sorts before every live one."""
    closed = f"{path}.@{time:%Y%m%dT%H%M%S}.s"
    assert reading_order(closed) < reading_order("mail.@19710101T000000.c")
    assert reading_order(closed) < reading_order("")


@given(st.text())
def test_any_text_has_a_place_and_perhaps_a_time(name: str) -> None:
    """Names come from strangers: nothing raises, times are aware; what is left stays."""
    assert base_name(base_name(name)) in {base_name(name), base_name(base_name(base_name(name)))}
    time = time_in_name(name)
    assert time is None or time.tzinfo is UTC
    assert reading_order(name) == reading_order(name)


def test_of_two_copies_the_one_with_the_name_of_its_log_is_first() -> None:
    """Its lines are joined to those of the files before and behind it."""
    names = ["mail.@20260422T110000.again.s", "mail.@20260422T110000.s"]
    assert sorted(names, key=reading_order) == names[::-1]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/srv/esa1/mail.log", "/srv/esa1"),
        ("/srv/esa1/archive/mail.log.1", "/srv/esa1"),
        ("/srv/esa1/Old/2025/mail.log.1.gz", "/srv/esa1"),
        ("/srv/2026/03/04/esa1/mail.log", "/srv/esa1"),
        ("/srv/2026-03-04/mail.log", "/srv"),
        ("/srv/20260304/12/mail.log", "/srv"),
        ("/srv/esa10/mail.log", "/srv/esa10"),
        ("/srv/10.0.0.1/mail.log", "/srv/10.0.0.1"),
        ("mail.log", ""),
    ],
)
def test_a_log_is_in_one_folder(path: str, folder: str) -> None:
    """Whatever folders there are for archives and days."""
    assert log_folder(path) == folder
