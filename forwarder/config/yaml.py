"""Reading a configuration file: YAML 1.2 into plain values, each with its line, and references.

The library reads the YAML; its nodes become dicts, lists and scalars here, because the library's
own values have no lines.

``${NAME}`` is a variable of the environment, which has to be set; ``${NAME:-DEFAULT}`` is DEFAULT
where it is not set or empty, as in a shell. ``${file:PATH}`` is the content of a file, without one
newline at its end. ``$${`` stands for ``${``; any other ``$`` for itself. References are replaced
once, in text values only and after the YAML is read: the result is text, and never a key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

MAX_BYTES = 256 * 1024
"""Of a configuration. Hundreds of outputs fit; reading so much takes seconds."""
_MAX_DEPTH = 32
"""Of values within values. Settings need six; an alias may stand for itself."""
_MAX_REFERENCED = 64 * 1024
"""Bytes of a file that is a value. Keys, and chains of certificates, are a few KiB."""

_TAG = "tag:yaml.org,2002:"
_TEXTS = {"str", "timestamp"}  # dates stay text: no setting is one
_SCALARS = {"null", "bool", "int", "float"}

_QUOTES = "text with braces, such as ${NAME}, has to be in quotes within [ ] and { }"
_NO_TAGS = "a tag (!), which is not supported; text that begins with ! has to be in quotes"
_ADVICE = {
    r"found character '\t'": "a tab; YAML indents with spaces",
    "maximum depth": f"values are nested more than {_MAX_DEPTH} deep",
    "expected ',' or '}', but got '{'": _QUOTES,
    "expected ',' or ']', but got '{'": _QUOTES,
    "found undefined alias": "an alias (*) without an anchor (&) before it; text that begins with "
    "* has to be in quotes",
    "found undefined tag handle": _NO_TAGS,
}
"""By the beginning of the library's message: where it misleads, or shows a piece of a password."""

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?:file:(?P<path>[^{}]+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}]*)?)\}|\$\{"
)

_FILE = re.compile(r"(?<!\$)\$\{file:([^{}]+)\}")

Loc: TypeAlias = tuple[str | int, ...]
"""The keys and the numbers of items that lead from the top to a value."""


class UnreadableError(Exception):
    """A file, or a reference to something, cannot be read; the message says why."""


class ConfigIssue(NamedTuple):
    """One mistake in a configuration."""

    loc: Loc
    line: int  # counted from 1
    text: str  # what is wrong and what is allowed, without secrets


class IssuesError(Exception):
    """A configuration has issues."""

    def __init__(self, issues: Sequence[ConfigIssue]) -> None:
        super().__init__(*issues)
        self.issues = issues


@dataclass(frozen=True, slots=True, repr=False)  # secrets are in it
class YamlDocument:
    """The values of a configuration."""

    top: dict[str, Any]  # made of dicts, lists, text, numbers, booleans and None
    lines: Mapping[Loc, int]  # of each value; of a value with a key, the key's line
    written: Mapping[Loc, str]
    """Of values that came from references: what the configuration has instead."""
    unresolved: Sequence[ConfigIssue] = ()  # references that stay, as they cannot be replaced

    def line_of(self, loc: Loc) -> int:
        """Return the line of a value; for a missing one, that of the mapping it belongs in."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def issue(self, loc: Loc, text: str) -> ConfigIssue:
        """Say what is wrong with a value."""
        return ConfigIssue(loc, self.line_of(loc), text)

    def files_of(self, loc: Loc) -> list[str]:
        """Return the paths of the files that a value came from."""
        return _FILE.findall(self.written.get(loc, ""))

    def texts(self, below: Loc = ()) -> Iterator[tuple[Loc, str]]:
        """Yield its texts, or those of a part of it, with their locations."""
        for loc, value in leaves(self.value_at(below), below):
            if isinstance(value, str):
                yield loc, value

    def value_at(self, loc: Loc) -> object:
        """Return the value at a location; None where there is none."""
        value: Any = self.top
        try:
            for part in loc:
                value = value[part]
        except (LookupError, TypeError):
            return None
        return value


def leaves(value: object, loc: Loc) -> Iterator[tuple[Loc, object]]:
    """Yield each value that is neither a mapping nor a list, with its location."""
    match value:
        case dict():
            for key, item in value.items():
                yield from leaves(item, (*loc, str(key)))
        case list() | tuple():
            for number, item in enumerate(value):
                yield from leaves(item, (*loc, number))
        case _:
            yield loc, value


def read_file(path: Path, limit: int) -> bytes:
    """Read a file or pipe with at most a number of bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnreadableError(f"cannot be read: {reason}") from None
    if len(content) > limit:
        raise UnreadableError(f"is longer than {limit} bytes")
    return content


def parse(content: bytes, environment: Mapping[str, str] | None = None) -> YamlDocument:
    """Parse one YAML document; without an environment, its references stay as they are.

    IssuesError names the first reason why it cannot be read.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # the later one counts from there on, as YAML says
    try:
        node = yaml.compose(content)
    except MarkedYAMLError as error:
        raise _explain(error) from None
    except ReaderError as error:
        line = content.count(b"\n", 0, error.position) + 1
        raise _wrong(line, f"not plain text in UTF-8: {error.reason}") from None
    if node is None:
        raise _wrong(1, "empty; set at least inputs and outputs")
    if not isinstance(node, MappingNode):
        raise _wrong(node.start_mark.line + 1, "no settings; write lines like state: FOLDER")
    builder = _Builder(yaml, environment)
    top = builder.mapping(node, ())
    return YamlDocument(top, builder.lines, builder.written, builder.unresolved)


def _wrong(line: int, text: str, loc: Loc = ()) -> IssuesError:
    return IssuesError([ConfigIssue(loc, line, text)])


class _Builder:
    """Makes plain values of nodes, and replaces references."""

    def __init__(self, yaml: YAML, environment: Mapping[str, str] | None) -> None:
        self._yaml, self._environment = yaml, environment
        self.lines: dict[Loc, int] = {}
        self.written: dict[Loc, str] = {}
        self.unresolved: list[ConfigIssue] = []

    def mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or _kind(key) not in _TEXTS:
                raise _wrong(line, "a key that is not text; put it in quotes", loc)
            here = (*loc, key.value)
            if key.value in values:
                raise _wrong(line, f"is a duplicate of the key on line {self.lines[here]}", here)
            values[key.value] = self._value(value, here, line)
        return values

    def _value(self, node: Node, loc: Loc, line: int) -> object:
        self.lines[loc] = line
        if len(loc) > _MAX_DEPTH:
            raise _wrong(line, "aliases (*) that stand for themselves")
        kind = _kind(node)
        match node:
            case MappingNode() if kind == "map":
                return self.mapping(node, loc)
            case SequenceNode() if kind == "seq":
                return [
                    self._value(item, (*loc, number), item.start_mark.line + 1)
                    for number, item in enumerate(node.value)
                ]
            case ScalarNode() if kind in _TEXTS:
                return self._text(node.value, loc, line)
            case ScalarNode() if kind in _SCALARS:
                try:
                    return self._yaml.constructor.construct_object(node)
                except (ValueError, LookupError):  # as of !!int many
                    raise _wrong(line, f"cannot be read as YAML's {kind}", loc) from None
        raise _wrong(line, _NO_TAGS, loc)

    def _text(self, written: str, loc: Loc, line: int) -> str:
        environment = self._environment
        if environment is None:
            return written
        try:
            text = _REFERENCE.sub(lambda x: _resolve(x, environment), written)
        except UnreadableError as error:
            self.unresolved.append(ConfigIssue(loc, line, str(error)))
            return written
        if any(x[0] != "$${" for x in _REFERENCE.finditer(written)):
            self.written[loc] = written
        return text


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _explain(error: MarkedYAMLError) -> IssuesError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    problem = str(error.problem)
    for beginning, advice in _ADVICE.items():
        if problem.startswith(beginning):
            return _wrong(line, advice)
    begin = error.context_mark
    context = f" ({error.context} on line {begin.line + 1})" if begin and error.context else ""
    return _wrong(line, f"not valid YAML: {problem}{context}")


def _resolve(found: re.Match[str], environment: Mapping[str, str]) -> str:
    path, name, default = found["path"], found["name"], found["default"]
    if found[0] == "$${":
        return "${"
    if path is not None:
        return _read_value(path)
    if name is None:
        raise UnreadableError(
            "a ${ that does not begin a reference; use ${NAME}, ${NAME:-DEFAULT} or ${file:PATH};"
            " $${ stands for ${ itself"
        )
    value = environment.get(name)
    if default is not None:
        return value or default.removeprefix(":-")
    if value is None:
        raise UnreadableError(
            f"the environment variable {name} is not set; set it, or give a default: "
            f"${{{name}:-DEFAULT}}"
        )
    return value


def _read_value(path: str) -> str:
    """Read a value from a file, without one newline at its end."""
    try:
        text = read_file(Path(path), _MAX_REFERENCED).decode()
    except UnicodeDecodeError:
        raise UnreadableError(f"the file {path!r} is not UTF-8; save it as UTF-8") from None
    except UnreadableError as error:
        raise UnreadableError(f"the file {path!r} {error}") from None
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def escape(text: str) -> str:
    """Escape text so that its references stay as they are."""
    return text.replace("${", "$${")
