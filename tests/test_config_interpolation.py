"""What a configuration takes from the environment and from files."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.yaml import (
    UnreadableError,
    YamlDocument,
    escape,
    interpolate,
    read_value,
)

ENVIRONMENT = {"A": "one", "EMPTY": "", "TRICK": "${A}", "YAML": "x\nkey: [1]"}
FORMS = "use ${NAME}, ${NAME:-DEFAULT} or ${file:PATH}; $${ stands for ${ itself"


def replaced(document: YamlDocument) -> YamlDocument:
    """Replace the references of a document."""
    return interpolate(document, ENVIRONMENT, lambda path: f"<{path}>")


def put_in(value: object) -> object:
    """Interpolate one valid value."""
    done = replaced(YamlDocument({"a": value}, {("a",): 1}))
    assert done.issues == ()
    return done.top["a"]


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
        ("${file:/run/key}", "</run/key>"),
        ("x ${file:a b:-c}", "x <a b:-c>"),
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
        ("${}", f"a ${{}} that is not a valid reference; {FORMS}"),
        ("${a b}", f"a ${{}} that is not a valid reference; {FORMS}"),
        ("${1}", f"a ${{}} that is not a valid reference; {FORMS}"),
        ("${A:+x}", f"a ${{}} that is not a valid reference; {FORMS}"),
        ("${A", f"a ${{ that is not closed, or is nested; {FORMS}"),
        ("${file:${A}}", f"a ${{ that is not closed, or is nested; {FORMS}"),
    ],
)
def test_what_cannot_be_put_in_is_a_mistake(text: str, expected: str) -> None:
    """Where it is, and the value stays as it is written."""
    done = replaced(YamlDocument({"a": [text]}, {("a",): 7}))
    assert done.issues == ((("a", 0), 7, expected),)
    assert done.unknown == {("a", 0)}
    assert done.top == {"a": [text]}


def test_it_is_known_what_came_from_elsewhere() -> None:
    """As it is written; what is only escaped did not."""
    done = replaced(YamlDocument({"a": "${A}", "b": ["x", "${file:y}"], "c": "$${A}"}, {}))
    assert done.written == {("a",): "${A}", ("b", 1): "${file:y}"}


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
    assert read_value(str(path)) == expected


def refusal(path: str) -> str:
    """Say why a file is not read."""
    with pytest.raises(UnreadableError) as caught:
        read_value(path)
    return str(caught.value)


def test_a_file_that_cannot_be_a_value_says_so(tmp_path: Path) -> None:
    """In one clear sentence, and at once: the FIFO has no writer."""
    path = tmp_path / "key"
    assert refusal(str(path)) == f"the file {str(path)!r} does not exist"
    path.write_bytes(b"\xff")
    assert refusal(str(path)) == f"the file {str(path)!r} is not UTF-8; save it as UTF-8"
    path.write_bytes(b"x" * 65_537)
    assert refusal(str(path)) == f"the file {str(path)!r} is longer than 65536 bytes"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert refusal(str(fifo)) == f"{str(fifo)!r} is not a regular file"
    assert refusal("/dev/zero") == "'/dev/zero' is not a regular file"
    folder = str(tmp_path)
    assert refusal(folder) == f"the file {folder!r} is a folder; name a file"
    assert refusal("a\0b") == "the file 'a\\x00b' cannot be read: embedded null byte"
    assert refusal("x" * 300).endswith("cannot be read: File name too long")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    """The user learns what right is missing."""
    path = tmp_path / "key"
    path.touch(mode=0)
    assert refusal(str(path)) == (
        f"the file {str(path)!r} cannot be read: Permission denied; give this user the right to "
        f"read it"
    )


def test_a_mistake_of_a_file_has_its_place() -> None:
    """As that of a variable has."""
    done = interpolate(YamlDocument({"a": "${file:/does/not/exist}"}, {("a",): 3}), {})
    assert done.issues == ((("a",), 3, "the file '/does/not/exist' does not exist"),)
