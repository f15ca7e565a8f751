"""What is wrong in a configuration: where, on which line, and what is allowed."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias

from forwarder.masking import mask_url
from forwarder.text import cut

Loc: TypeAlias = tuple[str | int, ...]
"""The keys and the numbers of items that lead from the top to a value."""

_PLAIN_KEY = re.compile(r"[\w-]+")
_LONGEST = 60  # characters of a value in a message: enough to recognise it


class ConfigIssue(NamedTuple):
    """One thing that is wrong."""

    loc: Loc
    line: int  # counted from 1
    text: str  # what is wrong and what is allowed, without secrets


class IssuesError(Exception):
    """A configuration has issues."""

    def __init__(self, issues: Sequence[ConfigIssue]) -> None:
        super().__init__(*issues)
        self.issues = issues


class InvalidValue(ValueError):  # noqa: N818 - it is the value that is
    """A value is refused; the message follows the value: "is not a valid duration; ..."."""


def format_path(loc: Loc) -> str:
    """Write a location as people do: ``outputs.siem.hosts[0]``."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part) is None:
            path += f"[{quoted(part)}]"
        else:
            path += f".{part}" if path else part
    return path


def line_of(loc: Loc, lines: Mapping[Loc, int]) -> int:
    """Find the line of a value; of a missing one, the line of what should hold it."""
    return next((lines[y] for i in range(len(loc)) if (y := loc[: len(loc) - i]) in lines), 1)


def quoted(value: object) -> str:
    """Show a plain value of YAML, on one line and not too long; passwords in URLs are masked."""
    match value:
        case None | bool():
            return {None: "nothing", True: "true", False: "false"}[value]
        case str():
            return repr(cut(mask_url(value), _LONGEST))
        case float() if not math.isfinite(value):
            return "a number that is not finite"  # 1e999, of which YAML makes inf
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return str(value)


def suggest(word: str, known: Iterable[str]) -> str:
    """Propose the known word that may have been meant; empty where none is similar."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
