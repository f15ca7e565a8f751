"""What a configuration takes from the environment and from files.

``${NAME}`` is a variable of the environment, which has to be set; ``${NAME:-DEFAULT}`` is DEFAULT
where it is not set or empty, as in a shell. ``${file:PATH}`` is the content of a file, without one
newline at its end. ``$${`` stands for ``${``; any other ``$`` for itself.

It is done in text values only, after the YAML is read: what comes in is always text, and cannot
become a key or another value. It is done once: what comes in is taken as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from forwarder.config.issue import Mistake, Where, line_of
from forwarder.config.yaml import Tree

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|(?P<broken>\$\{)")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)
_FILE = "file:"
_FORMS = "${NAME}, ${NAME:-DEFAULT} and ${file:PATH} are known, and $${ stands for ${ itself"


class Unreadable(Exception):  # noqa: N818 - it is the file that is not
    """A file cannot be read; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from."""

    environment: Mapping[str, str]
    read_file: Callable[[str], str]
    """Gives the content of a file.

    Raises:
        Unreadable: It cannot.
    """


@dataclass(frozen=True, slots=True, repr=False)  # there are secrets in it
class Interpolated:
    """A tree in which nothing is left to put in."""

    tree: Tree
    written: Mapping[Where, str]
    """Of the values that came from elsewhere: what stands in the configuration instead."""
    unknown: frozenset[Where]
    """Values that could not be found; in the tree they are still as written."""


class _Missing(Exception):  # noqa: N818 - it is a value that is
    """There is no such value."""


def interpolate(tree: Tree, sources: Sources) -> Interpolated:
    """Put in what comes from elsewhere; what cannot be found is among the mistakes of the tree."""
    written: dict[Where, str] = {}
    mistakes: list[Mistake] = []

    def put_in(value: object, where: Where) -> object:
        match value:
            case dict():
                return {key: put_in(item, (*where, key)) for key, item in value.items()}
            case list():
                return [put_in(item, (*where, number)) for number, item in enumerate(value)]
            case str():
                try:
                    text = _REFERENCE.sub(lambda found: _resolve(found, sources), value)
                except _Missing as error:
                    mistakes.append(Mistake(where, line_of(where, tree.lines), str(error)))
                    return value
                if any(x["inside"] is not None for x in _REFERENCE.finditer(value)):
                    written[where] = value
                return text
            case _:
                return value

    top = {key: put_in(value, (key,)) for key, value in tree.top.items()}
    return Interpolated(
        replace(tree, top=top, mistakes=(*tree.mistakes, *mistakes)),
        written,
        frozenset(x.where for x in mistakes),
    )


def escape(text: str) -> str:
    """Write text so that it comes out of an interpolation as it is."""
    return text.replace("${", "$${")


def _resolve(found: re.Match[str], sources: Sources) -> str:
    inside = found["inside"]
    if found["broken"] is not None:
        raise _Missing(f"a ${{ that is not closed, or one within another; {_FORMS}")
    if inside is None:
        return "${"
    if inside.startswith(_FILE):
        try:
            return sources.read_file(inside.removeprefix(_FILE))
        except Unreadable as error:
            raise _Missing(str(error)) from None
    variable = _VARIABLE.fullmatch(inside)
    if variable is None:
        raise _Missing(f"a ${{}} with nothing in it that can be put in; {_FORMS}")
    name, default = variable["name"], variable["default"]
    value = sources.environment.get(name)
    if default is not None:
        return value or default.removeprefix(":-")
    if value is None:
        raise _Missing(
            f"the environment variable {name} is not set; set it, or say what to take instead: "
            f"${{{name}:-DEFAULT}}"
        )
    return value
