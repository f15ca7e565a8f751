"""What a configuration takes from the environment and from files."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.yaml import escape, parse

ENVIRONMENT = {"A": "one", "EMPTY": "", "TRICK": "${A}", "YAML": "x\nkey: [1]"}
NONE = (
    "a ${ that does not begin a reference; use ${NAME}, ${NAME:-DEFAULT} or ${file:PATH};"
    " $${ stands for ${ itself"
)


def put_in(value: object) -> object:
    """Interpolate one valid value."""
    return parse(json.dumps({"a": value}).encode(), ENVIRONMENT).top["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${NONE:-two words: [1] :-}", "two words: [1] :-"),
        ("${NONE:-}", ""),
        ("${A:-two}", "one"),
        ("${TRICK}", "${A}"),
        ("${YAML}", "x\nkey: [1]"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $ $$ {A} $", "$A $ $$ {A} $"),
        (5, 5),
        (None, None),
        (["${A}", {"b": "${A}"}], ["one", {"b": "one"}]),
        ({"${A}": True}, {"${A}": True}),
    ],
)
def test_references_are_put_in(text: object, expected: object) -> None:
    """In values, once."""
    assert put_in(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "${NONE}",
            (
                "the environment variable NONE is not set; set it, or give a default: "
                "${NONE:-DEFAULT}"
            ),
        ),
        ("${}", NONE),
        ("${a b}", NONE),
        ("${1}", NONE),
        ("${A:+x}", NONE),
        ("${A", NONE),
        ("${file:${A}}", NONE),
    ],
)
def test_what_cannot_be_put_in_is_a_mistake(text: str, expected: str) -> None:
    """Where it is."""
    document = parse(json.dumps({"a": [text]}).encode(), ENVIRONMENT)
    assert document.unresolved == [(("a", 0), 1, expected)]


def test_it_is_known_what_came_from_elsewhere(tmp_path: Path) -> None:
    """As it is written; what is only escaped did not."""
    (tmp_path / "y").write_text("z")
    reference = f"${{file:{tmp_path}/y}}"
    document = {"a": "${A}", "b": ["x", reference], "c": "$${A}"}
    done = parse(json.dumps(document).encode(), ENVIRONMENT)
    assert done.written == {("a",): "${A}", ("b", 1): reference}


@given(st.text("${}A:-x\\\n"))
def test_what_is_escaped_comes_out_as_it_was(text: str) -> None:
    """Whatever it is."""
    assert put_in(escape(text)) == text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"key\n", "key"),
        (b"key", "key"),
        (b"key\r\n", "key"),
        (b"key\n\n", "key\n"),
        (b" key \n", " key "),
        (b"key\r", "key\r"),
        (b"", ""),
        ("è\n".encode(), "è"),
    ],
)
def test_a_file_loses_one_newline(tmp_path: Path, content: bytes, expected: str) -> None:
    """Which editors put there; all else is its value."""
    path = tmp_path / "key"
    path.write_bytes(content)
    assert put_in(f"x ${{file:{path}}}") == f"x {expected}"


def refusal(path: str) -> str:
    """Say why a file is not read."""
    document = parse(f"\n\na: {json.dumps(f'${{file:{path}}}')}".encode(), {})
    ((loc, line, text),) = document.unresolved
    assert (loc, line) == (("a",), 3)
    return text.removeprefix(f"the file {path!r} ")


def test_a_file_that_cannot_be_a_value_says_so(tmp_path: Path) -> None:
    """In one clear sentence, with its place."""
    path = tmp_path / "key"
    assert refusal(str(path)) == "cannot be read: No such file or directory"
    path.write_bytes(b"\xff")
    assert refusal(str(path)) == "is not UTF-8; save it as UTF-8"
    path.write_bytes(b"x" * 65_537)
    assert refusal(str(path)) == "is longer than 65536 bytes"
    assert refusal("/dev/zero") == "is longer than 65536 bytes"
    assert refusal(str(tmp_path)) == "cannot be read: Is a directory"
    assert refusal("a\0b") == "cannot be read: embedded null byte"
    assert refusal("x" * 300) == "cannot be read: File name too long"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    """The user learns what right is missing."""
    path = tmp_path / "key"
    path.touch(mode=0)
    assert refusal(str(path)) == "cannot be read: Permission denied"
