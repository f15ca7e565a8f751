"""Reading YAML into values that know their lines."""

import pytest

from forwarder.config.yaml import IssuesError, parse


def test_values_have_their_types_and_lines() -> None:
    """Those of YAML 1.2: yes, dates and 010 are no surprise."""
    text = """\
# a comment
a: 1
b:
  - yes
  - true

  - [1.5, 010, 0x1F, ~, 2020-01-01, "1"]
c:
  d: |
    two
    lines
  e: !!str 5
"""
    document = parse(text.encode())
    assert document.top == {
        "a": 1,
        "b": ["yes", True, [1.5, 10, 31, None, "2020-01-01", "1"]],
        "c": {"d": "two\nlines\n", "e": "5"},
    }
    assert document.lines["a",] == 2
    assert document.lines["b",] == 3
    assert document.lines["b", 1] == 5
    assert document.lines["b", 2, 5] == 7
    assert document.lines["c", "d"] == 9
    assert document.lines["c", "e"] == 12


def test_aliases_stand_for_what_they_name() -> None:
    """Also where an anchor comes twice: the later one counts from there on."""
    document = parse(b"a: &x {b: 1}\nc: *x\nd: &x 2\ne: *x\n")
    assert document.top == {"a": {"b": 1}, "c": {"b": 1}, "d": 2, "e": 2}


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", b"---\na: 1\n...\n"])
def test_editors_write_what_they_like(content: bytes) -> None:
    """A byte order mark, other ends of lines, marks of a document."""
    assert parse(content).top == {"a": 1}


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        (b"", 1, "empty; set at least inputs and outputs"),
        (b"# nothing\n", 1, "empty; set at least inputs and outputs"),
        (b"- a\n", 1, "no settings; write lines like state: FOLDER"),
        (b"\nstate\n", 2, "no settings; write lines like state: FOLDER"),
        (b"a: 1\nb: \xff\n", 2, "not plain text in UTF-8: invalid start byte"),
        (b"a: 1\nb: \x00\n", 2, "not plain text in UTF-8: special characters are not allowed"),
        (b"a:\n\tb: 1\n", 2, "a tab; YAML indents with spaces"),
        (b"a: @b\n", 1, "not valid YAML: found character '@' that cannot start any token"),
        (
            b"a: 1\nb: c: d\n",
            2,
            "not valid YAML: mapping values are not allowed here",
        ),
        (
            b"a: [${NAME}]\n",
            1,
            "text with braces, such as ${NAME}, has to be in quotes within [ ] and { }",
        ),
        (
            b"a: *b\n",
            1,
            (
                "an alias (*) without an anchor (&) before it; text that begins with * has to be "
                "in quotes"
            ),
        ),
        (
            b"a: !x!y z\n",
            1,
            "a tag (!), which is not supported; text that begins with ! has to be in quotes",
        ),
        (
            b"a: 1\n---\nb: 1\n",
            2,
            (
                "not valid YAML: but found another document (expected a single document in the"
                " stream on line 1)"
            ),
        ),
        (b"a: " + b"[" * 40 + b"]" * 40, 1, "values are nested more than 32 deep"),
        (b"a: " + b"[" * 9_000, 1, "values are nested more than 32 deep"),
        (b"a: &a [*a]\n", 1, "aliases (*) that stand for themselves"),
        (
            b"a: 1\nb: 'c\n",
            3,
            (
                "not valid YAML: found unexpected end of stream (while scanning a quoted scalar"
                " on line 2)"
            ),
        ),
    ],
)
def test_what_is_no_configuration_says_why(content: bytes, line: int, text: str) -> None:
    """In one clear sentence."""
    with pytest.raises(IssuesError) as caught:
        parse(content)
    assert caught.value.issues == [((), line, text)]


@pytest.mark.parametrize(
    ("text", "where", "line", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ("a",), 3, "is a duplicate of the key on line 1"),
        ("a: {b: 1, b: 2}\n", ("a", "b"), 1, "is a duplicate of the key on line 1"),
        ("a:\n  1: 2\n", ("a",), 2, "a key that is not text; put it in quotes"),
        ("a: {[x]: 2}\n", ("a",), 1, "a key that is not text; put it in quotes"),
        ("a: [!!int x]\n", ("a", 0), 1, "cannot be read as YAML's int"),
        (f"a: {'9' * 5_000}\n", ("a",), 1, "cannot be read as YAML's int"),
        (
            "a: !x 1\n",
            ("a",),
            1,
            "a tag (!), which is not supported; text that begins with ! has to be in quotes",
        ),
        (
            "a: !!set {b, c}\n",
            ("a",),
            1,
            "a tag (!), which is not supported; text that begins with ! has to be in quotes",
        ),
    ],
)
def test_what_is_wrong_with_a_value_names_it(
    text: str, where: tuple[str | int, ...], line: int, expected: str
) -> None:
    """With its line."""
    with pytest.raises(IssuesError) as caught:
        parse(text.encode() + b"other: 1\n")
    assert caught.value.issues == [(where, line, expected)]
