"""What pydantic found wrong, in the words of whoever wrote the configuration.

No secret gets into these words: not from the environment or a file, which are shown as they are
written, ``${NAME}``, and not the value of a setting that is secret or unknown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from forwarder.config.booleans import WORDS, find_loose
from forwarder.config.fields import fields_of, is_secret, models_at, secret_names, tags_of
from forwarder.config.interpolation import Interpolated
from forwarder.config.issue import (
    Mistake,
    Where,
    Wrong,
    line_of,
    quoted,
    suggest,
    without_suggestion,
)
from forwarder.masking import MASK

_KEY = "[key]"
"""How pydantic says that it is the key that is wrong, not the value."""

_HIDDEN = "the value"
"""Instead of a secret."""

_SEARCHED = 8
"""Characters of a secret that is looked for wherever it may stand in a plugin's words; the least
of a password (NIST SP 800-63B). A shorter one is part of other words by chance, and what is masked
within a word that everybody knows is told by that. It is looked for in quotes alone, where values
stand."""

_LIST = "has to be a list, as in [one, two]"
_MAPPING = "has to be a mapping: lines of KEY: VALUE, indented alike"
_BOOLEAN = "has to be true or false"
_WHOLE = "has to be a whole number"
_NUMBER = "has to be a number"
_WANTED = {
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_type": "has to be text, in quotes where it looks like something else",
    "string_unicode": "has to be UTF-8",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
}
"""By pydantic's type of error."""
_BOUNDS = {
    "greater_than_equal": ("ge", "is too small; the least is {}"),
    "greater_than": ("gt", "is too small; it has to be more than {}"),
    "less_than_equal": ("le", "is too large; the most is {}"),
    "less_than": ("lt", "is too large; it has to be less than {}"),
    "string_too_short": ("min_length", "is too short; the least is {} characters"),
    "string_too_long": ("max_length", "is too long; the most is {} characters"),
    "too_short": ("min_length", "is too short; say at least {}"),
    "too_long": ("max_length", "is too long; say at most {}"),
    "string_pattern_mismatch": ("pattern", "has not the form {}"),
}


_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Explainer(Generic[_Model]):
    """Explains what is wrong with the settings of one model."""

    source: Interpolated
    model: type[_Model]
    start: Where = ()
    """Where the settings of the model stand."""
    besides: tuple[str, ...] = ()
    """Settings that are allowed there and not of the model."""

    def explain(self, error: ValidationError) -> list[Mistake]:
        """Make mistakes of what pydantic found; what only follows from others is left out."""
        details = [(self._where(x), x) for x in error.errors(include_url=False)]
        places = [where for where, _ in details]
        mistakes = []
        for where, detail in details:
            match detail["type"]:
                case "extra_forbidden" | "missing":
                    follows = False
                case "too_short":  # items that are refused are missing from their list
                    follows = any(x != where and _is_within(x, where) for x in places)
                case _:  # a value that could not be put in is a mistake already
                    follows = any(_is_within(x, where) for x in self.source.unknown)
            if not follows:
                line = line_of(where, self.source.tree.lines)
                text = self._text(where, detail)
                if where in self.source.written:
                    text = without_suggestion(text)
                mistakes.append(Mistake(where, line, text))
        return mistakes

    def explain_booleans(self, values: Mapping[str, object]) -> list[Mistake]:
        """Make mistakes of what pydantic takes for booleans, and YAML does not."""
        mistakes = []
        for where, value in find_loose(self.model, values, self.start):
            is_reference = where in self.source.written
            if where in self.source.unknown or (is_reference and value in WORDS):
                continue
            text, shown = _BOOLEAN, self._shown(where, value)
            if isinstance(value, str) and value in WORDS:
                text += ", without quotes"
            if shown != _HIDDEN:
                text += f"; it is {shown}"
            mistakes.append(Mistake(where, line_of(where, self.source.tree.lines), text))
        return mistakes

    def _text(self, where: Where, detail: ErrorDetails) -> str:
        value = _value_at(self.source.tree.top, where)
        shown = self._shown(where, value)
        context = detail.get("ctx", {})
        match detail["type"]:
            case "missing":
                field = self._fields(detail["loc"]).get(str(where[-1]))
                text = f"is missing. {field.description or '' if field else ''}".rstrip()
            case "union_tag_not_found":
                tags = tags_of(models_at(self.model, detail["loc"]))
                text = f"is missing; say {' or '.join(map(repr, tags))}"
            case "extra_forbidden":
                besides = self.besides if len(detail["loc"]) == 1 else ()
                known = sorted((*self._fields(detail["loc"]), *besides))
                text = f"is no setting; there are: {', '.join(known)}"
                text += suggest(str(where[-1]), known)
            case "literal_error" | "enum" | "union_tag_invalid":
                allowed = str(context.get("expected", context.get("expected_tags")))
                text = f"{shown} is not allowed; say {allowed.replace(', ', ' or ')}"
                text += suggest(str(value), allowed.split("'")[1::2])
            case kind if kind in _BOUNDS:
                key, form = _BOUNDS[kind]
                text = f"{shown} {form.format(context.get(key))}"
            case kind if kind in _WANTED:
                text = _WANTED[kind]
                # Text in the place of a mapping may be a secret whose colon lacks its blank.
                if shown != _HIDDEN and not (text is _MAPPING and isinstance(value, str)):
                    text += f"; it is {shown}"
            case _:
                text = self._refusal(value, shown, detail)
        return text

    def _refusal(self, value: object, shown: str, detail: ErrorDetails) -> str:
        """Say why a value is refused, in the words of whoever refused it."""
        reason = detail.get("ctx", {}).get("error", detail["msg"])
        if not isinstance(reason, Wrong):
            return f"{shown} is refused: {self._without_secrets(str(reason))}"
        if isinstance(value, list | dict) or _KEY in detail["loc"]:
            return str(reason)
        return f"{shown} {reason}"

    def _fields(self, loc: Where) -> dict[str, FieldInfo]:
        """Give the settings that are allowed beside one."""
        models = models_at(self.model, loc[:-1])
        return {name: field for x in models for name, field in fields_of(x).items()}

    def _shown(self, where: Where, value: object) -> str:
        if is_secret(where, secret_names(self.model)):
            return _HIDDEN
        return quoted(self.source.written.get(where, value))

    def _where(self, detail: ErrorDetails) -> Where:
        """Make a path of what pydantic has; tags of unions and of keys are in that, too."""
        where, value = self.start, _value_at(self.source.tree.top, self.start)
        for part in detail["loc"]:
            inner = _item(value, part)
            if inner is not _NOTHING:
                where, value = (*where, part), inner
        if detail["type"] == "missing":
            return (*where, detail["loc"][-1])
        if detail["type"].startswith("union_tag"):
            return (*where, detail["ctx"]["discriminator"].strip("'"))
        return where

    def _without_secrets(self, text: str) -> str:
        """Take out of a plugin's own words what it was told in confidence."""
        names = secret_names(self.model)
        known: dict[str, str] = {}
        for where, value in texts_below(self.source.tree.top, self.start):
            instead = self.source.written.get(where, MASK if is_secret(where, names) else value)
            if value and instead != value:
                known |= {value: instead, repr(value)[1:-1]: instead}
        longest_first = sorted(known, key=len, reverse=True)
        expression = "|".join(map(_search_for, longest_first))
        return re.sub(expression, lambda x: known[x[0]], text) if known else text


def _search_for(secret: str) -> str:
    """Make an expression that finds a secret in text."""
    found = re.escape(secret)
    return found if len(secret) >= _SEARCHED else rf"(?<=['\"`]){found}(?=['\"`])"


_NOTHING = object()


def _item(value: object, part: str | int) -> object:
    match value, part:
        case dict(), str() if part in value:
            return value[part]
        case list(), int() if part < len(value):
            return value[part]
    return _NOTHING


def _value_at(value: object, where: Where) -> object:
    """Give a value; of one that is not there, None."""
    for part in where:
        value = _item(value, part)
    return None if value is _NOTHING else value


def _texts(value: object, where: Where) -> Iterator[tuple[Where, str]]:
    match value:
        case str():
            yield where, value
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*where, key))
        case list():
            for number, item in enumerate(value):
                yield from _texts(item, (*where, number))
        case _:
            pass


def texts_below(top: object, where: Where) -> Iterator[tuple[Where, str]]:
    """Give the texts of a part of a configuration, with their places.

    Args:
        top: All of it.
        where: The part.
    """
    return _texts(_value_at(top, where), where)


def _is_within(inner: Where, outer: Where) -> bool:
    return inner[: len(outer)] == outer
