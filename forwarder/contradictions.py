"""What is right by itself and wrong together: one place that is read, written or kept twice.

A place is told by the text of its path and by where links lead now. Hard links, and links that are
made later, are not seen.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from forwarder.inputs.patterns import fixed_folder, matches
from forwarder.settings.fields import paths_of
from forwarder.settings.interpolation import Interpolated
from forwarder.settings.mistakes import Mistake, Where, line_of, spell
from forwarder.settings.models import TopSettings

_STDIN = "-"


def find_contradictions(
    source: Interpolated, outputs: Mapping[str, BaseModel]
) -> Iterator[Mistake]:
    """Find inputs that would read the same twice, and outputs whose paths are something else's.

    Args:
        source: Inputs and state are taken from it, so that they count while others are wrong.
        outputs: The settings of those that are right, by name.
    """
    lines = source.tree.lines
    inputs = dict(_read_paths(source.tree.top.get("inputs")))
    first: dict[str, Where] = {}
    for where, name in inputs.items():
        if name in first:
            place = f"{spell(first[name])} on line {line_of(first[name], lines)}"
            text = f"reads the same as {place}; take one of them out"
            yield Mistake(where, line_of(where, lines), text)
        else:
            first[name] = where
    patterns = {x: _spellings(y) for x, y in inputs.items() if y != _STDIN}
    state = _state(source)
    written: dict[str, Where] = {}
    for where, path, is_written in _output_paths(outputs):
        line = line_of(where, lines)
        if state in {path.real, *map(str, Path(path.real).parents)}:
            text = "is in the state folder, which is the program's own; name a place outside of it"
            yield Mistake(where, line, text)
        for reader, spellings in patterns.items():
            if any(x == y or matches(x, y) for x in spellings for y in path):
                place = f"{spell(reader)} on line {line_of(reader, lines)}"
                text = f"is what {place} reads; name a place that no input reads"
                yield Mistake(where, line, text)
                break
        if is_written and path.real in written:
            other = written[path.real]
            place = f"{spell(other)} on line {line_of(other, lines)}"
            yield Mistake(where, line, f"is the same as {place}; name one for each")
        elif is_written:
            written[path.real] = where


class _Place(NamedTuple):
    """A path, absolute."""

    plain: str
    real: str
    """Without links."""


def _output_paths(outputs: Mapping[str, BaseModel]) -> Iterator[tuple[Where, _Place, bool]]:
    """Give the paths of all outputs, and whether nothing else may write there."""
    for name, settings in outputs.items():
        for inner, path, is_written in paths_of(settings):
            if "\0" not in str(path):  # which names nothing
                place = _Place(os.path.abspath(path), os.path.realpath(path))  # noqa: PTH100 - as the system does
                yield ("outputs", name, *inner), place, is_written


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
