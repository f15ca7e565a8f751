"""What is right by itself and wrong together: one place that is read, written or kept twice.

A place is told by the text of its path and by where links lead now; of what outputs write, by the
file that is there now, too. Links that are made later are not seen.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from forwarder.config.fields import paths_of
from forwarder.config.interpolation import Interpolated
from forwarder.config.issue import Mistake, Where, line_of, spell
from forwarder.config.models import APPLIANCE, TopSettings
from forwarder.inputs.files.patterns import escape, fixed_folder, matches, may_match, overlap

_STDIN = "-"
_OWN = "is in the state folder, which is the program's own; name a place outside of it"
_CLASSES = re.compile(r"(\[[^\]]+\])+")
"""Of characters in a pattern."""


def find_contradictions(
    source: Interpolated, outputs: Mapping[str, BaseModel]
) -> Iterator[Mistake]:
    """Find inputs that would read the same twice, and outputs whose paths are something else's.

    Args:
        source: Inputs and state are taken from it, so that they count while others are wrong.
        outputs: The settings of those that are right, by name.
    """
    inputs = dict(_read_paths(source.tree.top.get("inputs")))
    paths = tuple(_output_paths(outputs))
    state = _state(source)
    found = (
        *_find_named_twice(source.tree.top.get("inputs")),
        *_find_read_twice(inputs),
        *_find_own_read(inputs, state),
        *_find_own(paths, state),
        *_find_read(paths, inputs),
        *_find_written_twice(paths),
        *_find_beside(paths),
    )
    lines = source.tree.lines
    for where, text, other in found:
        place = f"{spell(other)} on line {line_of(other, lines)}"
        yield Mistake(where, line_of(where, lines), text.format(place=place))


class _Found(NamedTuple):
    """A contradiction."""

    where: Where
    text: str
    """With ``{place}`` for what it contradicts."""
    other: Where = ()


class _Path(NamedTuple):
    """A path of an output, absolute."""

    where: Where
    plain: str
    real: str
    """Without links."""
    is_written: bool
    """Whether nothing else may write there."""
    beside: tuple[str, ...]
    """Patterns of names in the folder of ``real`` that are the output's, too."""


def _find_named_twice(inputs: object) -> Iterator[_Found]:
    for number, values in enumerate(inputs if isinstance(inputs, list) else ()):
        if not isinstance(values, dict) or values.get("appliance") is None:
            continue
        paths = values.get("paths")
        if any(APPLIANCE in str(x) for x in (paths if isinstance(paths, list) else ())):
            text = f"names the appliance twice; say appliance, or {APPLIANCE} in paths"
            yield _Found(("inputs", number), _doubled(text))


def _find_read_twice(inputs: Mapping[Where, str]) -> Iterator[_Found]:
    first: dict[str, Where] = {}
    for where, name in inputs.items():
        if name in first:
            yield _Found(where, "reads the same as {place}; take one of them out", first[name])
        else:
            first[name] = where


def _find_own_read(inputs: Mapping[Where, str], state: str | None) -> Iterator[_Found]:
    """Find what lies in the state folder; of patterns that begin above it, it is left out."""
    for where, pattern in inputs.items():
        folder, _ = fixed_folder(os.path.abspath(pattern))  # noqa: PTH100 - as the inputs do
        real = os.path.realpath(folder)
        if pattern != _STDIN and state in {real, *map(str, Path(real).parents)}:
            yield _Found(where, _OWN)


def _find_own(paths: Iterable[_Path], state: str | None) -> Iterator[_Found]:
    for path in paths:
        if state in {path.real, *map(str, Path(path.real).parents)}:
            yield _Found(path.where, _OWN)


def _find_read(paths: Iterable[_Path], inputs: Mapping[Where, str]) -> Iterator[_Found]:
    patterns = {x: _spellings(y) for x, y in inputs.items() if y != _STDIN}
    for path in paths:
        found = (_read_by(path, reader, spellings) for reader, spellings in patterns.items())
        first = next((x for x in found if x is not None), None)
        if first is not None:
            yield first


def _read_by(path: _Path, reader: Where, spellings: Iterable[str]) -> _Found | None:
    """Say what of an output an input reads, if it does."""
    if any(x == y or matches(x, y) for x in spellings for y in (path.plain, path.real)):
        return _Found(path.where, "is what {place} reads; name a place that no input reads", reader)
    folder = os.path.dirname(path.real)  # noqa: PTH120 - as the others
    for form in path.beside:
        if any(may_match(x, folder, form) for x in spellings):
            shown = _doubled(repr(_CLASSES.sub("*", form)))
            text = (
                f"has files like {shown} beside it, which {{place}} reads; name a place that no"
                " input reads"
            )
            return _Found(path.where, text, reader)
    return None


def _find_written_twice(paths: Iterable[_Path]) -> Iterator[_Found]:
    written: dict[str, Where] = {}
    files: dict[tuple[int, int], Where] = {}
    for path in (x for x in paths if x.is_written):
        file = _file(path.real)
        if path.real in written:
            text = "is the same as {place}; name one for each"
            yield _Found(path.where, text, written[path.real])
        elif file in files:
            text = "is the same file as {place}, by a hard link; name one for each"
            yield _Found(path.where, text, files[file])
        written.setdefault(path.real, path.where)
        if file is not None:
            files.setdefault(file, path.where)


def _file(path: str) -> tuple[int, int] | None:
    """Say which file there is at a path, by device and inode; None if there is none now."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as the others
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _find_beside(paths: Iterable[_Path]) -> Iterator[_Found]:
    """Find paths that look like what another output writes beside its own."""
    for path in paths:
        above, name = os.path.split(path.plain)
        # A link is no less gone when it is deleted than what it leads to.
        own = {os.path.split(path.real), (os.path.realpath(above), name)}
        for other in paths:
            there = os.path.dirname(other.real)  # noqa: PTH120 - as the others
            names = [escape(name) for folder, name in own if folder == there]
            if other is not path and any(overlap(x, y) for x in names for y in other.beside):
                text = "is a name that {place} gives to files of its own; name another"
                yield _Found(path.where, text, other.where)


def _output_paths(outputs: Mapping[str, BaseModel]) -> Iterator[_Path]:
    """Give the paths of all outputs."""
    for name, settings in outputs.items():
        for inner, path, is_written, forms in paths_of(settings):
            if "\0" not in str(path):  # which names nothing
                real = os.path.realpath(path)
                own = escape(os.path.basename(real))  # noqa: PTH119 - as the others
                beside = tuple(x.replace("{name}", own) for x in forms)
                where = ("outputs", name, *inner)
                yield _Path(where, os.path.abspath(path), real, is_written, beside)  # noqa: PTH100 - as the system does


def _doubled(text: str) -> str:
    """Write text so that it comes out of ``format`` as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def _state(source: Interpolated) -> str | None:
    """Give the state folder, without links; None where it is no path."""
    state = source.tree.top.get("state", str(TopSettings.model_fields["state"].default))
    return os.path.realpath(state) if isinstance(state, str) and "\0" not in state else None


def _read_paths(inputs: object) -> Iterator[tuple[Where, str]]:
    """Give what is read, and where the configuration says so."""
    for number, values in enumerate(inputs if isinstance(inputs, list) else ()):
        if not isinstance(values, dict):
            continue
        if values.get("type") == "stdin":
            yield ("inputs", number), _STDIN
        paths = values.get("paths")
        for item, path in enumerate(paths if isinstance(paths, list) else ()):
            if isinstance(path, str) and "\0" not in path:
                yield ("inputs", number, "paths", item), os.path.normpath(path)


def _spellings(pattern: str) -> frozenset[str]:
    """Give a pattern as it is written, and as it is where links lead."""
    whole = os.path.abspath(pattern)  # noqa: PTH100 - as the inputs do
    folder, _ = fixed_folder(whole)
    below = os.path.relpath(whole, folder)
    return frozenset({whole, f"{os.path.realpath(folder)}/{below}", os.path.realpath(whole)})
