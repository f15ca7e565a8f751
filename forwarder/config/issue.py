"""A mistake in a configuration: where it is, and what to do about it."""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias

from forwarder.masking import mask_url
from forwarder.text import cut

Where: TypeAlias = tuple[str | int, ...]
"""The keys and the numbers of items that lead from the top to a value."""

_PLAIN_KEY = re.compile(r"[\w-]+")
_LONGEST = 60
"""Characters of a value in a message: enough to know it again."""
_SUGGESTION = "; did you mean "


class Mistake(NamedTuple):
    """One thing that is wrong."""

    where: Where
    line: int
    """Counted from 1."""
    text: str
    """What is wrong, what is allowed; no secret is in it."""


class Wrong(ValueError):  # noqa: N818 - it is the value that is
    """A value is refused; the message goes on behind it: "is no duration; ..."."""


def spell(where: Where) -> str:
    """Write a path as people do: ``outputs.siem.hosts[0]``."""
    spelt = ""
    for part in where:
        if isinstance(part, int):
            spelt += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part) is None:
            spelt += f"[{quoted(part)}]"
        else:
            spelt += f".{part}" if spelt else part
    return spelt


def line_of(where: Where, lines: Mapping[Where, int]) -> int:
    """Find the line of a value; of one that is missing, the line of what should hold it."""
    return next((lines[y] for i in range(len(where)) if (y := where[: len(where) - i]) in lines), 1)


def quoted(value: object) -> str:
    """Show a plain value of YAML, on one line and not too long; passwords in URLs are masked."""
    match value:
        case None | bool():
            return {None: "nothing", True: "true", False: "false"}[value]
        case str():
            return repr(cut(mask_url(value), _LONGEST))
        case float() if not math.isfinite(value):
            return "no finite number"  # 1e999, of which YAML makes inf
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return str(value)


def suggest(word: str, known: Iterable[str]) -> str:
    """Say which known word may have been meant; empty where none is near."""
    alike = {_folded(x): x for x in known}
    near = get_close_matches(_folded(word), alike, n=1)
    return f"{_SUGGESTION}{alike[near[0]]}?" if near else ""


def without_suggestion(text: str) -> str:
    """Take out what was said to have been meant: it is near to a value that is not to be shown."""
    return text.partition(_SUGGESTION)[0]


def _folded(word: str) -> str:
    return word.casefold().replace("-", "_")
