"""Whether two patterns have a name in common; for the configuration's check alone."""

import re
import string

from forwarder.inputs.files.paths import (
    _ITEM,
    APPLIANCE,
    _compiled,
    _matches,
    _parts,
    fixed_folder,
    matches,
)

__all__ = ("escape", "fixed_folder", "matches", "may_match", "overlap")


def may_match(pattern: str, folder: str, form: str) -> bool:
    """Say whether a pattern may match a file of which only the form of its name is known.

    Args:
        pattern: Absolute.
        folder: Absolute; where the file is.
        form: Of its name: a pattern without ``{appliance}``.

    Returns:
        True if :func:`matches` is true of a path with a name of that form.
    """
    *above, last = _parts(pattern)
    if form.startswith(".") and not last.startswith("."):
        return False
    folders = [x for x in folder.split("/") if x]
    return _matches(above, folders, None) and overlap(last, form)


def overlap(one: str, other: str) -> bool:
    """Say whether two patterns of one part of a path have a name in common."""
    left, right = _items(one), _items(other)
    seen, waiting = set[tuple[int, int]](), [(0, 0)]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        i, j = place
        here, there = left[i : i + 1], right[j : j + 1]
        if not here and not there:
            return True
        if here == ["*"]:
            waiting += [(i + 1, j), (i, j + 1)] if there else [(i + 1, j)]
        elif there == ["*"]:
            waiting += [(i, j + 1), (i + 1, j)] if here else [(i, j + 1)]
        elif here and there and _meet(here[0], there[0]):
            waiting.append((i + 1, j + 1))
    return False


def escape(name: str) -> str:
    """Write a name so that as a pattern it stands for itself."""
    return re.sub(r"[*?\[]|\{(?=appliance\})", r"[\g<0>]", name)


def _items(part: str) -> list[str]:
    """Take a part of a pattern apart: characters, ``?``, classes and stars."""
    items = list[str]()
    for item in _ITEM.findall(part):
        if item.startswith(APPLIANCE):
            items += ["?", "*"]
        else:
            items.append("*" if item.startswith("*") else item)
    return items


def _meet(one: str, other: str) -> bool:
    """Say whether there is a character that two items match, none of them a star."""
    both = [_compiled(escape(x) if len(x) == 1 and x != "?" else x) for x in (one, other)]
    characters = {*string.printable, "\u00e9", *one, *other}
    return any(all(x.fullmatch(y) for x in both) for y in characters)
