"""Durations, sizes, time zones, paths and names."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from forwarder.config.types import (
    Count,
    Duration,
    FilePattern,
    FolderPath,
    Keyword,
    LabelName,
    Namespace,
    OutputName,
    Size,
    Zone,
    format_duration,
    format_size,
)

ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "duration": TypeAdapter(Duration),
    "size": TypeAdapter(Size),
    "count": TypeAdapter(Count),
    "zone": TypeAdapter(Zone),
    "folder": TypeAdapter(FolderPath),
    "pattern": TypeAdapter(FilePattern),
    "keyword": TypeAdapter(Keyword),
    "label": TypeAdapter(LabelName),
    "namespace": TypeAdapter(Namespace),
    "output": TypeAdapter(OutputName),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(days=1)),
        ("30d", timedelta(days=30)),
        ("1 h", timedelta(hours=1)),
        ("0s", timedelta(0)),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    """No two readings."""
    assert ADAPTERS["duration"].validate_python(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64MB", 64_000_000),
        ("1GiB", 2**30),
        ("500kB", 500_000),
        ("1 KiB", 1024),
        ("7B", 7),
        ("1TiB", 2**40),
        (4096, 4096),
        (0, 0),
        ("1000TB", 10**15),
    ],
)
def test_a_size_is_a_number_and_a_unit(text: object, expected: int) -> None:
    """Or a number of bytes."""
    assert ADAPTERS["size"].validate_python(text) == expected


@pytest.mark.parametrize(("value", "expected"), [(7, 7), (-1, -1), ("12", 12), ("007", 7)])
def test_a_count_is_a_whole_number(value: object, expected: int) -> None:
    """Also as text, which is what references stand for."""
    assert ADAPTERS["count"].validate_python(value) == expected


@pytest.mark.parametrize(
    "value", [True, 1.0, 1e3, "1e3", "1.0", " 1", "1_0", "\u0665", "", None, "9" * 16]
)
def test_a_count_is_nothing_else(value: object) -> None:
    """Though Python would make a number of it."""
    with pytest.raises(ValidationError) as caught:
        ADAPTERS["count"].validate_python(value)
    assert [x["type"] for x in caught.value.errors()] == ["int_type"]


@given(st.integers(0, 36_500 * 86_400_000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    """Whatever it is."""
    duration = timedelta(milliseconds=milliseconds)
    assert ADAPTERS["duration"].validate_python(format_duration(duration)) == duration


@given(st.integers(0, 10**15))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    """Whatever it is."""
    assert ADAPTERS["size"].validate_python(format_size(size)) == size


@pytest.mark.parametrize(
    ("kind", "value", "begin"),
    [
        ("duration", 5, "is not a valid duration; use a whole number and ms, s, m, h or d"),
        ("duration", "5", "is not a valid duration"),
        ("duration", "1.5h", "is not a valid duration"),
        ("duration", "-1s", "is not a valid duration"),
        ("duration", "5 minutes", "is not a valid duration"),
        ("duration", "5M", "is not a valid duration"),
        ("duration", "\u0665s", "is not a valid duration"),
        ("duration", True, "is not a valid duration"),
        ("duration", None, "is not a valid duration"),
        ("duration", "36501d", "is not a valid duration"),
        ("duration", "999999999999999d", "is not a valid duration"),
        ("size", "64", "is not a valid size"),
        ("size", "64M", "is not a valid size"),
        ("size", "64mb", "is not a valid size"),
        ("size", 1.5, "is not a valid size"),
        ("size", True, "is not a valid size"),
        ("size", [], "is not a valid size"),
        ("size", -1, "is not a valid size"),
        ("size", "1001TB", "is not a valid size"),
        ("zone", "Europe/Rom", "is not an IANA time zone"),
        ("zone", "europe/rome", "is not an IANA time zone"),
        ("zone", "Europe", "is not an IANA time zone"),
        *(
            ("zone", x, "is not an IANA time zone, such as Europe/Rome$")
            for x in ("CEST", "PDT", "BST", "IST", "AEST", "UTC+2", "-05:00")
        ),
        ("zone", "utc", "is not an IANA time zone"),
        ("zone", "GMT+15", "is not an IANA time zone"),
        ("zone", "../../etc/passwd", "is not an IANA time zone"),
        ("zone", "", "is not an IANA time zone"),
        (
            "zone",
            "/etc/localtime",
            "is not an IANA time zone, such as Europe/Rome$",
        ),
        ("zone", "a\0b", "is not an IANA time zone"),
        ("zone", "x" * 9_000, "is not an IANA time zone"),
        ("zone", 1, "is not an IANA time zone"),
        ("folder", "", "is not a valid path"),
        ("folder", "a\0b", "is not a valid path"),
        ("folder", 5, "is not a valid path"),
        ("pattern", "~/x", "begins with ~"),
        ("keyword", " ", "is empty"),
        ("keyword", "a\nb", "is empty, or contains invisible characters"),
        ("keyword", "x" * 1025, "is longer than 1024 characters"),
    ],
)
def test_what_is_none_says_what_would_be(kind: str, value: object, begin: str) -> None:
    """Behind the value that is refused."""
    with pytest.raises(ValidationError) as caught:
        ADAPTERS[kind].validate_python(value)
    (error,) = caught.value.errors()
    assert re.match(begin, str(error["ctx"]["error"]))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("label", x) for x in ("a.b", "")),
        *(("namespace", x) for x in ("A", "a-b", "")),
        *(("output", x) for x in ("-a", "a/b", "è", "x" * 64, "a\n")),
    ],
)
def test_names_have_a_form(kind: str, name: str) -> None:
    """Which the message has."""
    with pytest.raises(ValidationError, match="String should match pattern"):
        ADAPTERS[kind].validate_python(name)


@pytest.mark.parametrize("name", ["siem", "A-1_b", "7", "x" * 63])
def test_an_output_has_a_plain_name(name: str) -> None:
    """Which can be typed, and be part of a file's name."""
    assert ADAPTERS["output"].validate_python(name) == name
