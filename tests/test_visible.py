"""Text of strangers, made safe to look at."""

import pytest

from forwarder.visible import quoted, visible


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
        ("\\u202e", "\\\\u202e"),
        ("\\x1b \\U000e0041", "\\\\x1b \\\\U000e0041"),
        ("\\\\u202e", "\\\\\\\\u202e"),
    ],
)
def test_what_hides_is_shown_by_its_code(text: str, expected: str) -> None:
    """Everything else stays as it is."""
    assert visible(text) == expected


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
