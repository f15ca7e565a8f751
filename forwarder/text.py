"""Makes untrusted text safe to show, and words numbers, paths and errors in sentences.

A terminal obeys control characters, and a log is read line by line, so invisible characters are
shown as escapes.
"""

import re
from datetime import UTC, datetime

import orjson

_INVISIBLE = re.compile(
    # Control characters, and those that reorder or hide text: bidirectional marks,
    # zero-width characters, line separators, the byte order mark (Unicode, UAX #9 and UTR #36).
    "[\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)
_ESCAPES = re.compile(r"\\(?:\\|udc(?P<byte>[89a-f][0-9a-f]))")
_LAST_LATIN_1, _LAST_BASIC = 0xFF, 0xFFFF  # where Python's escapes need more digits

MAX_WORDS = 1_000
"""Characters of an error in the log and in ``status``: servers quote what they reject, and a line
has to stay readable. Dead letters keep more."""


def escaped(text: str) -> str:
    r"""Escape characters that a terminal would hide or obey, as ``\x1b`` or ``\u202e``."""
    return _INVISIBLE.sub(_code, text)


def escaped_json(text: str) -> str:
    r"""Escape invisible characters in JSON, except newlines, as ``\u009b``, for a terminal.

    The value stays the same. orjson escapes only what JSON requires: characters below U+0020.
    """
    return _INVISIBLE.sub(_json_code, text)


def json_text(value: object, *, indent: bool = False) -> str:
    """Format a value as JSON that is safe on a terminal."""
    option = orjson.OPT_INDENT_2 if indent else None
    return escaped_json(orjson.dumps(value, option=option).decode())


def _code(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _LAST_LATIN_1:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_BASIC else f"\\U{code:08x}"


def _json_code(found: re.Match[str]) -> str:
    if found[0] == "\n":
        return "\n"
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[x]:02x}{units[x + 1]:02x}" for x in range(0, len(units), 2))


def many(number: int, noun: str) -> str:
    """Format a number with its noun: ``1 line``, ``2,000 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cut(text: str, most: int) -> str:
    """Cut a text to a number of characters; an ellipsis shows that something is missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shortened(text: str, most: int = MAX_WORDS) -> str:
    """Cut a text that is too long, and replace what is not valid Unicode and cannot be stored."""
    return cut(text, most).encode("utf-8", "replace").decode()


def error_text(error: BaseException, *, typed: bool = False, whole: bool = False) -> str:
    """Return the message of an exception, even if its ``__str__`` fails.

    With ``typed``, the name of its type comes first. ``whole`` is for callers that mask secrets
    before they cut the message.
    """
    kind = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - it is the code of a plugin
        return f"{kind}, whose message cannot be shown"
    if typed:
        text = f"{kind}: {text}" if text else kind
    return text if whole else shortened(text)


def iso_time(epoch: float) -> str:
    """Format seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Time(int):
    """Seconds since 1970; a cell of a table."""

    def __str__(self) -> str:
        """Format it in UTC, to the second."""
        return datetime.fromtimestamp(self, UTC).strftime("%Y-%m-%d %H:%M:%S")


def is_number(cell: object) -> bool:
    """Whether a cell has a number, which is right-aligned."""
    return type(cell) is int


def show(cell: object) -> str:
    """Format the value of a cell."""
    if cell is None:
        return ""
    return f"{cell:,}" if is_number(cell) else str(cell)


def decoded(line: bytes) -> str:
    r"""Decode a log line; bytes that are not UTF-8 become ``\xff``."""
    return line.decode("utf-8", "backslashreplace")


def quoted(path: str) -> str:
    r"""Quote a file name; bytes that are not UTF-8 become ``\xff``."""
    return _ESCAPES.sub(lambda x: x[0] if x["byte"] is None else f"\\x{x['byte']}", repr(path))


def shown(path: str) -> str:
    """Name what is read, for a sentence; ``-`` is standard input."""
    return "standard input" if path == "-" else quoted(path)
