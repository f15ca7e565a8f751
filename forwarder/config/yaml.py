"""Reading YAML 1.2 into plain values, each with its line.

The library reads the YAML; here its nodes become dicts, lists and scalars. This is done here, not
by the library, because its values do not know their lines, and because the first key that comes
twice would hide all other mistakes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from forwarder.config.issue import Mistake, Where

MAX_BYTES = 256 * 1024
"""Of a configuration. Hundreds of outputs fit; reading so much takes seconds."""
_MAX_DEPTH = 32
"""Of values within values. Settings need six."""
_MAX_VALUES = MAX_BYTES // 2
"""Aliases count each time: nine lines of them can stand for a billion values ("billion laughs",
CVE-2003-1564). Without aliases there are never so many: a value takes two bytes at least."""
_MAX_NUMBER = 100
"""Characters of a number. Python refuses to read more than 4,300 digits."""

_TAG = "tag:yaml.org,2002:"
_TEXTS = {"str", "timestamp"}
"""Dates stay text: no setting is one."""
_SCALARS = {"null", "bool", "int", "float"}

_QUOTES = "text with braces, such as ${NAME}, has to be in quotes within [ ] and { }"
_NO_TAGS = "a tag (!), which means nothing here; text that begins with ! has to be in quotes"
_NO_MERGE = "a merge key, which is of YAML 1.1 and is not read; write the settings out"
_ADVICE = {
    r"found character '\t'": "a tab; YAML indents with blanks",
    "found character '@'": "text that begins with @ has to be in quotes",
    "found character '`'": "text that begins with ` has to be in quotes",
    "found character '%'": "text that begins with % has to be in quotes",
    "mapping values are not allowed": "a colon where none can be; mend the indentation, or put "
    "text that holds a colon and a blank in quotes",
    "expected ',' or '}', but got '{'": _QUOTES,
    "expected ',' or ']', but got '{'": _QUOTES,
    "found undefined alias": "an alias (*) without an anchor (&) before it; text that begins with "
    "* has to be in quotes",
    "found undefined tag handle": _NO_TAGS,
    "maximum depth": f"values within values, more than {_MAX_DEPTH} deep",
    "but found another document": "a second document begins here; a configuration is one",
}
"""By the beginning of what the library says: what people do wrong most, and what would show a
piece of a password that begins with such a character."""


class NotYaml(Exception):  # noqa: N818 - it is the text that is not
    """The text cannot be read at all."""

    def __init__(self, line: int, text: str) -> None:
        """Say where, counted from 1, and why."""
        super().__init__(text)
        self.mistake = Mistake((), line, text)


@dataclass(frozen=True, slots=True)
class Tree:
    """The values of a configuration."""

    top: dict[str, Any]
    """Made of dicts, lists, text, numbers, booleans and None."""
    lines: Mapping[Where, int]
    """Where each of them stands: of a value with a key, the key's line."""
    mistakes: tuple[Mistake, ...]
    """Keys that come twice, and others that cannot be keys; they are left out above."""


def parse(content: bytes) -> Tree:
    """Read a configuration.

    Args:
        content: One YAML document, UTF-8.

    Raises:
        NotYaml: There is nothing to go on with.
    """
    if len(content) > MAX_BYTES:
        raise NotYaml(1, f"longer than {MAX_BYTES} bytes; a configuration is not so long")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotYaml(
            line, f"not UTF-8 (byte {error.start} of the file); save it as UTF-8"
        ) from None
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # the later one counts from there on, as YAML says
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        raise NotYaml(*_explain(error)) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(line, f"a control character (U+{ord(text[error.position]):04X})") from None
    if node is None:
        raise NotYaml(1, "empty; say at least inputs and outputs")
    if not isinstance(node, MappingNode):
        raise NotYaml(node.start_mark.line + 1, "no settings; they are lines such as state: FOLDER")
    growth = _Growth(yaml)
    return Tree(growth.mapping(node, (), 1), growth.lines, tuple(growth.mistakes))


class _Growth:
    """A tree while it is made of nodes."""

    def __init__(self, yaml: YAML) -> None:
        self._yaml = yaml
        self._values = 0
        self.lines: dict[Where, int] = {}
        self.mistakes: list[Mistake] = []

    def mapping(self, node: MappingNode, where: Where, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if _kind(key) == "merge":
                self._blame((*where, "<<"), line, _NO_MERGE)
            elif not isinstance(key, ScalarNode) or _kind(key) not in _TEXTS:
                self._blame(where, line, "a key that is no text; put it in quotes")
            elif key.value in values:
                here = (*where, key.value)
                self._blame(here, line, f"comes twice; it is on line {self.lines[here]} already")
            else:
                here = (*where, key.value)
                self.lines[here] = line
                values[key.value] = self._value(value, here, line, depth)
        return values

    def _value(self, node: Node, where: Where, line: int, depth: int) -> object:
        self._values += 1
        if self._values > _MAX_VALUES or depth > _MAX_DEPTH:
            raise NotYaml(line, "aliases (*) that stand for too much, or for themselves")
        kind = _kind(node)
        match node:
            case MappingNode() if kind == "map":
                return self.mapping(node, where, depth + 1)
            case SequenceNode() if kind == "seq":
                items = []
                for number, item in enumerate(node.value):
                    here, line = (*where, number), item.start_mark.line + 1
                    self.lines[here] = line
                    items.append(self._value(item, here, line, depth + 1))
                return items
            case ScalarNode() if kind in _TEXTS or kind in _SCALARS:
                return self._scalar(node, kind, where, line)
        self._blame(where, line, _NO_TAGS)
        return None

    def _scalar(self, node: ScalarNode, kind: str, where: Where, line: int) -> object:
        if kind in _TEXTS:
            return node.value
        try:
            if len(node.value) <= _MAX_NUMBER:
                return self._yaml.constructor.construct_object(node)
        except (ValueError, LookupError):  # as of !!int many
            pass
        self._blame(where, line, f"cannot be read as YAML's {kind}")
        return None

    def _blame(self, where: Where, line: int, text: str) -> None:
        self.mistakes.append(Mistake(where, line, text))


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _explain(error: MarkedYAMLError) -> tuple[int, str]:
    """Give the line of what the library cannot read, and the reason."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    problem = str(error.problem)
    for beginning, advice in _ADVICE.items():
        if problem.startswith(beginning):
            return line, advice
    while_doing = f" {error.context}" if error.context else ""
    if error.context_mark is not None:
        while_doing += f" that begins on line {error.context_mark.line + 1}"
    return line, f"no YAML: {problem}{while_doing}"
