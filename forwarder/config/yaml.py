"""Reading a configuration file: YAML 1.2 into plain values, each with its line, and references.

The library reads the YAML; its nodes become dicts, lists and scalars here, because the library's
own values have no lines, and because the first duplicate key would hide all other issues.

``${NAME}`` is a variable of the environment, which has to be set; ``${NAME:-DEFAULT}`` is DEFAULT
where it is not set or empty, as in a shell. ``${file:PATH}`` is the content of a file, without one
newline at its end. ``$${`` stands for ``${``; any other ``$`` for itself. References are replaced
once, in text values only and after the YAML is read: the result is text, and never a key.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from forwarder.config.issue import ConfigIssue, Loc, line_of

MAX_BYTES = 256 * 1024
"""Of a configuration. Hundreds of outputs fit; reading so much takes seconds."""
_MAX_DEPTH = 32
"""Of values within values. Settings need six."""
_MAX_VALUES = MAX_BYTES // 2
"""Aliases count each time: nine lines of them can stand for a billion values ("billion laughs",
CVE-2003-1564). Without aliases there are never so many: a value takes two bytes at least."""
_MAX_NUMBER = 100
"""Characters of a number. Python refuses to read more than 4,300 digits."""
_MAX_REFERENCED = 64 * 1024
"""Bytes of a file that is a value. Keys, and chains of certificates, are a few KiB."""

_TAG = "tag:yaml.org,2002:"
_TEXTS = {"str", "timestamp"}
"""Dates stay text: no setting is one."""
_SCALARS = {"null", "bool", "int", "float"}

_QUOTES = "text with braces, such as ${NAME}, has to be in quotes within [ ] and { }"
_NO_TAGS = "a tag (!), which is not supported; text that begins with ! has to be in quotes"
_NO_MERGE = "a merge key, which is of YAML 1.1 and not supported; write the settings out"
_ADVICE = {
    r"found character '\t'": "a tab; YAML indents with spaces",
    "found character '@'": "text that begins with @ has to be in quotes",
    "found character '`'": "text that begins with ` has to be in quotes",
    "found character '%'": "text that begins with % has to be in quotes",
    "mapping values are not allowed": "a colon is not allowed here; correct the indentation, or"
    " put text that contains a colon and a space in quotes",
    "expected ',' or '}', but got '{'": _QUOTES,
    "expected ',' or ']', but got '{'": _QUOTES,
    "found undefined alias": "an alias (*) without an anchor (&) before it; text that begins with "
    "* has to be in quotes",
    "found undefined tag handle": _NO_TAGS,
    "maximum depth": f"values are nested more than {_MAX_DEPTH} deep",
    "but found another document": "a second document begins here; a configuration is one document",
}
"""By the beginning of the library's message: the most frequent errors, and those that would show a
piece of a password that begins with such a character."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|(?P<broken>\$\{)")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)
_FILE = "file:"
_FORMS = "use ${NAME}, ${NAME:-DEFAULT} or ${file:PATH}; $${ stands for ${ itself"


class YamlError(Exception):
    """The text cannot be read at all."""

    def __init__(self, line: int, text: str) -> None:
        """Take the line, counted from 1, and the reason."""
        super().__init__(text)
        self.issue = ConfigIssue((), line, text)


class UnreadableError(Exception):
    """A file, or a reference to something, cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, repr=False)  # secrets are in it
class YamlDocument:
    """The values of a configuration."""

    top: dict[str, Any]
    """Made of dicts, lists, text, numbers, booleans and None."""
    lines: Mapping[Loc, int]
    """Of each value; of a value with a key, the key's line."""
    issues: tuple[ConfigIssue, ...] = ()
    """Values left out above, such as duplicate keys, and references that cannot be replaced."""
    written: Mapping[Loc, str] = field(default_factory=dict)
    """Of values that came from references: what the configuration has instead."""
    unknown: frozenset[Loc] = frozenset()
    """Values whose references cannot be replaced; they are as written."""


def read_config(path: Path) -> bytes:
    """Read a configuration, also from a pipe; of one that is too long, the beginning."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(_reason(error)) from None


def parse(content: bytes) -> YamlDocument:
    """Parse one YAML document in UTF-8; its references stay as they are.

    Raises:
        YamlError: The rest cannot be read either.
    """
    if len(content) > MAX_BYTES:
        raise YamlError(1, f"longer than {MAX_BYTES} bytes, the limit of a configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"not UTF-8 (byte {error.start} of the file); save it as UTF-8"
        raise YamlError(line, text) from None
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # the later one counts from there on, as YAML says
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        raise YamlError(*_explain(error)) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"a control character (U+{ord(text[error.position]):04X})") from None
    if node is None:
        raise YamlError(1, "empty; set at least inputs and outputs")
    if not isinstance(node, MappingNode):
        raise YamlError(node.start_mark.line + 1, "no settings; write lines like state: FOLDER")
    builder = _Builder(yaml)
    return YamlDocument(builder.mapping(node, (), 1), builder.lines, tuple(builder.issues))


class _Builder:
    """Builds plain values from nodes."""

    def __init__(self, yaml: YAML) -> None:
        self._yaml = yaml
        self._values = 0
        self.lines: dict[Loc, int] = {}
        self.issues: list[ConfigIssue] = []

    def mapping(self, node: MappingNode, loc: Loc, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if _kind(key) == "merge":
                self._report((*loc, "<<"), line, _NO_MERGE)
            elif not isinstance(key, ScalarNode) or _kind(key) not in _TEXTS:
                self._report(loc, line, "a key that is not text; put it in quotes")
            elif key.value in values:
                here = (*loc, key.value)
                self._report(here, line, f"is a duplicate of the key on line {self.lines[here]}")
            else:
                here = (*loc, key.value)
                self.lines[here] = line
                values[key.value] = self._value(value, here, line, depth)
        return values

    def _value(self, node: Node, loc: Loc, line: int, depth: int) -> object:
        self._values += 1
        if self._values > _MAX_VALUES or depth > _MAX_DEPTH:
            raise YamlError(line, "aliases (*) that stand for too many values, or for themselves")
        kind = _kind(node)
        match node:
            case MappingNode() if kind == "map":
                return self.mapping(node, loc, depth + 1)
            case SequenceNode() if kind == "seq":
                items = []
                for number, item in enumerate(node.value):
                    here, line = (*loc, number), item.start_mark.line + 1
                    self.lines[here] = line
                    items.append(self._value(item, here, line, depth + 1))
                return items
            case ScalarNode() if kind in _TEXTS:
                return node.value
            case ScalarNode() if kind in _SCALARS:
                try:
                    if len(node.value) <= _MAX_NUMBER:
                        return self._yaml.constructor.construct_object(node)
                except (ValueError, LookupError):  # as of !!int many
                    pass
                self._report(loc, line, f"cannot be read as YAML's {kind}")
            case _:
                self._report(loc, line, _NO_TAGS)
        return None

    def _report(self, loc: Loc, line: int, text: str) -> None:
        self.issues.append(ConfigIssue(loc, line, text))


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _explain(error: MarkedYAMLError) -> tuple[int, str]:
    """Return the line of what the library cannot read, and the reason."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    problem = str(error.problem)
    for beginning, advice in _ADVICE.items():
        if problem.startswith(beginning):
            return line, advice
    context = f" {error.context}" if error.context else ""
    if error.context_mark is not None:
        context += f" that begins on line {error.context_mark.line + 1}"
    return line, f"not valid YAML: {problem}{context}"


def read_value(path: str) -> str:
    """Read a file whose content is a value, without one newline at its end."""
    try:
        # Without O_NONBLOCK, a FIFO that has no writer would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError(f"{path!r} is not a regular file")
            content = file.read(_MAX_REFERENCED + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"the file {path!r} {_reason(error)}") from None
    if len(content) > _MAX_REFERENCED:
        raise UnreadableError(f"the file {path!r} is longer than {_MAX_REFERENCED} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UnreadableError(f"the file {path!r} is not UTF-8; save it as UTF-8") from None
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "does not exist"
        case IsADirectoryError():
            return "is a folder; name a file"
        case PermissionError():
            return "cannot be read: Permission denied; give this user the right to read it"
        case OSError():
            return f"cannot be read: {error.strerror}"
        case _:  # a NUL in the path
            return f"cannot be read: {error}"


def interpolate(
    document: YamlDocument,
    environment: Mapping[str, str],
    read_file: Callable[[str], str] = read_value,
) -> YamlDocument:
    """Replace references; those that cannot be are among the issues of the document."""
    written: dict[Loc, str] = {}
    issues: list[ConfigIssue] = []

    def replaced(value: object, loc: Loc) -> object:
        match value:
            case dict():
                return {key: replaced(item, (*loc, key)) for key, item in value.items()}
            case list():
                return [replaced(item, (*loc, number)) for number, item in enumerate(value)]
            case str():
                try:
                    text = _REFERENCE.sub(lambda x: _resolve(x, environment, read_file), value)
                except UnreadableError as error:
                    issues.append(ConfigIssue(loc, line_of(loc, document.lines), str(error)))
                    return value
                if any(x["inside"] is not None for x in _REFERENCE.finditer(value)):
                    written[loc] = value
                return text
            case _:
                return value

    top = {key: replaced(value, (key,)) for key, value in document.top.items()}
    unknown = frozenset(x.loc for x in issues)
    return replace(
        document, top=top, issues=(*document.issues, *issues), written=written, unknown=unknown
    )


def _resolve(
    found: re.Match[str], environment: Mapping[str, str], read_file: Callable[[str], str]
) -> str:
    inside = found["inside"]
    if found["broken"] is not None:
        raise UnreadableError(f"a ${{ that is not closed, or is nested; {_FORMS}")
    if inside is None:
        return "${"
    if inside.startswith(_FILE):
        return read_file(inside.removeprefix(_FILE))
    variable = _VARIABLE.fullmatch(inside)
    if variable is None:
        raise UnreadableError(f"a ${{}} that is not a valid reference; {_FORMS}")
    name, default = variable["name"], variable["default"]
    value = environment.get(name)
    if default is not None:
        return value or default.removeprefix(":-")
    if value is None:
        raise UnreadableError(
            f"the environment variable {name} is not set; set it, or give a default: "
            f"${{{name}:-DEFAULT}}"
        )
    return value


def escape(text: str) -> str:
    """Write text so that interpolation gives it back unchanged."""
    return text.replace("${", "$${")
