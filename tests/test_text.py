"""Text of strangers, made safe to look at."""

import json

import pytest

from forwarder.text import escaped, escaped_json, many, quoted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rossi", "rossi"),
        ("è 山田 😀", "è 山田 😀"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\n\tb\x00", "a\\x0d\\x0a\\x09b\\x00"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("DOMAIN\\user", "DOMAIN\\user"),
    ],
)
def test_what_hides_is_shown_by_its_code(text: str, expected: str) -> None:
    """Everything else stays as it is."""
    assert escaped(text) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/esa1", "'/srv/esa1'"),
        ("esa\udcff", r"'esa\xff'"),
        ("a\\udcff", r"'a\\udcff'"),
        ("a\nb'", '"a\\nb\'"'),
    ],
)
def test_names_of_files_are_shown_in_quotes(path: str, expected: str) -> None:
    """Their bytes that are no text by their code."""
    assert quoted(path) == expected


def test_a_sentence_with_codes_in_it_keeps_them() -> None:
    """A quoted path has its backslashes already; what is invisible is shown all the same."""
    shown = quoted("a\x1b")
    assert escaped(f"{shown} is gone\x9b") == r"'a\x1b' is gone\x9b"


def test_json_for_a_terminal_means_the_same() -> None:
    """All that a terminal obeys or hides is escaped, in the way of JSON."""
    hidden = "\x7f\x80\x9b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\U000e0041"
    text = json.dumps({"a": f"{hidden}\\ è 😀", "b": [1]}, ensure_ascii=False, indent=1)
    shown = escaped_json(text)
    assert json.loads(shown) == json.loads(text)
    assert [x for x in hidden if x in shown] == []
    assert shown.count("\n") == text.count("\n")
    assert r"\u009b" in shown
    assert "è 😀" in shown


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1234, "1,234 lines")]
)
def test_a_number_is_written_with_its_noun(number: int, expected: str) -> None:
    """One of them is not many."""
    assert many(number, "line") == expected
