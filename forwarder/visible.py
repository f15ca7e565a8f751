"""Text of strangers, made safe to look at.

A terminal obeys control characters, and a log is read line by line: whatever is not plainly
visible is shown by its code.
"""

import re

# Control characters, and what turns or hides the text around it: bidirectional marks,
# zero-width characters, line separators, the byte order mark (Unicode, UAX #9 and UTR #36).
_INVISIBLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\U000e0000-\\U000e007f]"
    # And a backslash that would make what follows look like such a code.
    r"|\\(?=\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})",
)
_ESCAPES = re.compile(r"\\(?:\\|udc(?P<byte>[89a-f][0-9a-f]))")
_LAST_LATIN_1, _LAST_BASIC = 0xFF, 0xFFFF
"""Where Python's escapes need more digits."""

MAX_WORDS = 1_000
"""Characters of what an error says, in the log and in ``status``: servers quote what they refuse,
and a line has to be readable. Of documents that are refused, dead letters have more."""


def visible(text: str) -> str:
    r"""Show what a terminal would hide or obey by its code, as ``\x1b`` or ``\u202e``.

    What already looks like such a code gets another backslash, so that it is not mistaken for one.
    """
    return _INVISIBLE.sub(_code, text)


def cut(text: str, most: int) -> str:
    """Cut a text that has more characters than that, and show that it was."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shortened(text: str, most: int = MAX_WORDS) -> str:
    """Cut a text that is too long; what is not valid Unicode, and could not be stored, goes."""
    return cut(text, most).encode("utf-8", "replace").decode()


def words_of(error: BaseException, *, typed: bool = False, whole: bool = False) -> str:
    """Say what an error says, whatever it does when it is asked, and not too much of it.

    Args:
        error: Perhaps of a stranger.
        typed: Whether to begin with its type.
        whole: Whether to give all of it, to whoever looks for secrets in it and cuts it then.
    """
    kind = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - it is the code of a stranger
        return f"{kind}, whose own words cannot be shown"
    if typed:
        text = f"{kind}: {text}" if text else kind
    return text if whole else shortened(text)


def quoted(path: str) -> str:
    r"""Show the name of a file in quotes; bytes that are not UTF-8 as ``\xff``."""
    return _ESCAPES.sub(lambda x: x[0] if x["byte"] is None else f"\\x{x['byte']}", repr(path))


def _code(found: re.Match[str]) -> str:
    if found[0] == "\\":
        return "\\\\"
    code = ord(found[0])
    if code <= _LAST_LATIN_1:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_BASIC else f"\\U{code:08x}"
