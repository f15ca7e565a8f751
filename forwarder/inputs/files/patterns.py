"""Matching patterns against the file system, and walking folders.

Why not ``glob``: it follows links in a circle (bpo-26012), is silent about folders that may not
be listed, and does not say what part of a name ``{appliance}`` stands for.
"""

# Paths stay the text that the user wrote and the system knows: pathlib takes "" for the working
# directory, and drops the slash behind which a file is no folder.
# ruff: noqa: PTH112, PTH118

import fnmatch
import os
import re
import string
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from forwarder.text import quoted

APPLIANCE = "{appliance}"
_ANY_FOLDERS = "**"

_ITEM = re.compile(r"\{appliance\}\**|\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_MAGIC = re.compile(r"\{appliance\}|[*?\[]")


@dataclass(slots=True)
class Links:
    """What is done with symbolic links that nobody named.

    What a pattern finds in folders may have been put there by an account that uploads logs, and a
    link of its own could make it any file. Folders that are written literally, before anything
    that is a pattern, may be reached through links: whoever wrote them knows them.
    """

    follow: bool = False
    passed: list[str] = field(default_factory=list)
    """Paths of links that were passed over."""

    def passes_over(self, path: str, *, is_link: bool) -> bool:
        """Say whether something is a link that is not followed, and take note of it."""
        if self.follow or not is_link:
            return False
        self.passed.append(path)
        return True


def is_pattern(path: str) -> bool:
    """Say whether a path holds ``{appliance}`` or a character that means something in a glob.

    Args:
        path: The path as the user wrote it.

    Returns:
        True if it does; a path that exists is still to be taken literally.
    """
    return _MAGIC.search(path) is not None


def expand(pattern: str, problems: list[str], links: Links) -> Iterator[tuple[str, str | None]]:
    """Find what a pattern matches.

    Hidden files and folders are matched only by parts that begin with a dot.

    Args:
        pattern: Absolute, or relative to the working directory.
        problems: Is given one sentence for each folder that cannot be listed.
        links: What to do with links behind the first part that is a pattern.

    Yields:
        Path of a file or folder (the same one may come again), and what ``{appliance}`` stands
        for in it; None if the pattern does not hold that.
    """
    base = "/" if pattern.startswith("/") else os.curdir
    parts = _parts(pattern)
    fixed = next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))
    base = os.path.join(base, *parts[:fixed])
    if not fixed or os.path.lexists(base):
        yield from _expand(base, parts[fixed:], None, problems, links)


def matches(pattern: str, path: str) -> bool:
    """Say whether a pattern matches a path, by the text alone.

    Args:
        pattern: Absolute.
        path: Absolute; of a file or folder, whether it exists or not.

    Returns:
        True if :func:`expand` would find it where it exists; False may be said of a path that
        leads through a link.
    """
    return _matches(_parts(pattern), _parts(path), None)


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


def fixed_folder(pattern: str) -> tuple[str, bool]:
    """Say below which folder all lies that a pattern matches.

    Args:
        pattern: Absolute.

    Returns:
        The folder, and whether the pattern looks into folders within it.
    """
    parts = _parts(pattern)
    fixed = next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))
    fixed = min(fixed, len(parts) - 1)
    return "/" + "/".join(parts[:fixed]), fixed < len(parts) - 1


def walk(folder: str, problems: list[str], links: Links) -> Iterator[tuple[str, list[str]]]:
    """Visit a folder and all folders below it, without hidden files and folders.

    Links, if they are followed, come after everything else, so that a folder is seen under its own
    name where it has one, and each folder is visited once, so that links in a circle do no harm.

    Args:
        folder: Path of the folder.
        problems: Is given one sentence for each folder that cannot be listed.
        links: What to do with links in them; the folder itself may be reached through some.

    Yields:
        Path of a folder and the paths of the regular files in it, sorted by name.
    """
    visited = set()
    waiting, linked = [folder], deque[str]()
    while waiting or linked:
        here = waiting.pop() if waiting else linked.popleft()
        real = os.path.realpath(here)
        if real in visited:
            continue
        visited.add(real)
        entries = [
            entry
            for entry in _entries(here, problems)
            if not entry.name.startswith(".")
            and not links.passes_over(entry.path, is_link=entry.is_symlink())
        ]
        folders = [entry for entry in entries if _is(entry.is_dir)]
        linked += (entry.path for entry in folders if entry.is_symlink())
        waiting += (entry.path for entry in reversed(folders) if not entry.is_symlink())
        yield here, [entry.path for entry in entries if _is(entry.is_file)]


def _parts(path: str) -> list[str]:
    """Take a path apart; a slash at its end asks for a folder, other empty parts mean nothing."""
    parts = path.lstrip("/").split("/")
    return [part for part in parts[:-1] if part] + parts[-1:]


def _matches(parts: Sequence[str], names: Sequence[str], appliance: str | None) -> bool:
    if not parts:
        return not names
    if parts[0] == _ANY_FOLDERS:
        skip = range(len(names) + 1)
        return any(_matches(parts[1:], names[number:], appliance) for number in skip)
    if not names:
        return False
    if not is_pattern(parts[0]):
        return parts[0] == names[0] and _matches(parts[1:], names[1:], appliance)
    named = _name(parts[0], names[0], appliance)
    return named is not None and _matches(parts[1:], names[1:], named or None)


def _name(part: str, name: str, appliance: str | None) -> str | None:
    """Match a part: None if it does not, else the appliance so far, "" while it has no name."""
    match = _compiled(part).fullmatch(name)
    if match is None or (name.startswith(".") and not part.startswith(".")):
        return None
    named: str = match.groupdict().get("appliance") or appliance or ""
    return named if appliance in {None, named} else None


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


def _expand(
    base: str, parts: Sequence[str], name: str | None, problems: list[str], links: Links
) -> Iterator[tuple[str, str | None]]:
    if not parts:
        yield base, name
        return
    part, *rest = parts
    if not is_pattern(part):
        path = os.path.join(base, part)
        if os.path.lexists(path) and not links.passes_over(path, is_link=os.path.islink(path)):  # noqa: PTH114 - as above
            yield from _expand(path, rest, name, problems, links)
    elif not os.path.isdir(base):
        return
    elif part == _ANY_FOLDERS:
        for folder, _ in walk(base, problems, links):
            yield from _expand(folder, rest, name, problems, links)
    else:
        for entry in _entries(base, problems):
            named = _name(part, entry.name, name)
            if named is not None and not links.passes_over(entry.path, is_link=entry.is_symlink()):
                yield from _expand(entry.path, rest, named or None, problems, links)


def _entries(folder: str, problems: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:  # removed meanwhile
        return []
    except OSError as error:
        problems.append(
            f"{quoted(folder)} cannot be listed, so no log in it is read: {error.strerror}; give "
            f"this user the right to list it."
        )
        return []


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link in a circle, or into a folder that is closed to this user
        return False


@lru_cache(maxsize=64)  # a pattern has a handful of parts, each matched in many folders
def _compiled(part: str) -> re.Pattern[str]:
    """Translate a part of a pattern; each star and the name take as little as they can.

    So ``{appliance}-*.log`` finds esa1 in ``esa1-mail-2026.log``. Only a name with a star right
    behind it takes as much as it can: as little would be one letter.
    """
    expression = ""
    for item in _ITEM.findall(part):
        if item.startswith(APPLIANCE) and "(?P<appliance>" in expression:
            expression += "(?P=appliance)" + (".*?" if item.endswith("*") else "")
        elif item.startswith(APPLIANCE):
            expression += "(?P<appliance>.+)" if item.endswith("*") else "(?P<appliance>.+?)"
        elif item.startswith("*"):
            expression += ".*?"
        elif item == "?":
            expression += "."
        elif len(item) > 1:
            expression += fnmatch.translate(item)[:-2]  # without its \Z: (?s:[0-9])
        else:
            expression += re.escape(item)
    return re.compile(expression, re.DOTALL)
