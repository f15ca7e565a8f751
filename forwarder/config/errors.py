"""What pydantic found wrong with settings, in the terms of the configuration.

Messages contain no secrets: values from the environment or a file are shown as written,
``${NAME}``, and values of secret or unknown settings not at all.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from forwarder.config.secret_settings import is_secret, secret_names
from forwarder.config.types import InvalidValue, fields_of, models_in
from forwarder.config.yaml import ConfigIssue, Loc, YamlDocument
from forwarder.masking import mask_url, masking
from forwarder.text import cut

_KEY = "[key]"  # pydantic's mark of an error in a key rather than its value

_LIST = "should be a list, as in [one, two]"
_MAPPING = "should be a mapping: lines of KEY: VALUE with the same indentation"
_BOOLEAN = "should be true or false"
_KINDS = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _MAPPING),
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOLEAN),
    "string_type": "should be text, in quotes where it looks like something else",
}
"""Where pydantic speaks of Python's types."""
_PYDANTICS = re.compile(r"\w+ (should .*?)(?: after validation, not \d+)?", re.DOTALL)
"""As in "Input should be a valid integer"; the value replaces the first word."""
_HIDDEN = "the value"  # instead of a secret
_PLAIN_KEY = re.compile(r"[\w-]+")
_LONGEST = 60  # characters of a value in a message: enough to recognise it

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class IssueFormatter(Generic[_Model]):
    """Formats what is wrong with the settings of one model."""

    document: YamlDocument
    model: type[_Model]
    start: Loc = ()  # where the settings of the model stand
    besides: tuple[str, ...] = ()  # settings that are allowed there but not part of the model

    def format(self, error: ValidationError) -> Iterator[ConfigIssue]:
        """Yield an issue for each error."""
        for detail in error.errors(include_url=False):
            loc = self._loc(detail)
            # Items that are refused are missing from their list.
            least = detail["ctx"]["min_length"] if detail["type"] == "too_short" else 0
            if 0 < least <= len(detail["input"]):
                continue
            yield self.document.issue(loc, self._text(loc, detail))

    def _text(self, loc: Loc, detail: ErrorDetails) -> str:
        value = self.document.value_at(loc)
        shown = quoted(self.document.written.get(loc, value))
        if is_secret(loc, secret_names(self.model)):
            shown = _HIDDEN
        context = detail.get("ctx", {})
        reason = context.get("error")
        match detail["type"]:
            case "missing":
                field = self._fields(detail["loc"]).get(str(loc[-1]))
                words = field.description if field is not None else None
                text = " ".join(["is missing.", *(words or "").split()])
            case "union_tag_not_found":
                tags = _tags_of(_models_at(self.model, detail["loc"]))
                text = f"is missing; use {' or '.join(map(repr, tags))}"
            case "extra_forbidden":
                besides = self.besides if len(detail["loc"]) == 1 else ()
                known = sorted((*self._fields(detail["loc"]), *besides))
                text = f"is not a setting; available are: {', '.join(known)}"
                text += suggest(str(loc[-1]), known)
            case "literal_error" | "enum" | "union_tag_invalid":
                allowed = str(context.get("expected", context.get("expected_tags")))
                text = f"{shown} is not allowed; use {allowed.replace(', ', ' or ')}"
                if loc not in self.document.written:
                    text += suggest(str(value), allowed.split("'")[1::2])
            case kind if kind in _KINDS:
                # Text in the place of a mapping may be a secret without a space after its colon.
                is_hidden = _KINDS[kind] is _MAPPING and isinstance(value, str)
                text = f"{_HIDDEN if is_hidden else shown} {_KINDS[kind]}"
            case _ if isinstance(reason, InvalidValue):
                text = str(reason) if isinstance(value, list | dict) else f"{shown} {reason}"
            case _ if (found := _PYDANTICS.fullmatch(detail["msg"])) is not None:
                # It counts the items of secrets.
                words = (
                    found[1].replace(" items", " characters")
                    if isinstance(value, str)
                    else found[1]
                )
                text = words if _KEY in detail["loc"] else f"{shown} {words}"
            case _:  # in the words of the validator that refused it
                words = str(detail["msg"] if reason is None else reason)
                text = f"{shown} is refused: {self._without_secrets(words)}"
        return text

    def _fields(self, loc: Loc) -> dict[str, FieldInfo]:
        """Return the settings allowed in the same place as one."""
        models = _models_at(self.model, loc[:-1])
        return {name: field for x in models for name, field in fields_of(x).items()}

    def _loc(self, detail: ErrorDetails) -> Loc:
        """Drop from pydantic's location the tags of unions and keys."""
        loc = self.start
        for part in detail["loc"]:
            if (*loc, part) in self.document.lines:
                loc = (*loc, part)
        if detail["type"] == "missing":
            return (*loc, detail["loc"][-1])
        if detail["type"].startswith("union_tag"):
            return (*loc, detail["ctx"]["discriminator"].strip("'"))
        return loc

    def _without_secrets(self, text: str) -> str:
        """Mask the secrets of a plugin's settings in its message."""
        names, written = secret_names(self.model), self.document.written
        texts = self.document.texts(self.start)
        return masking(y for x, y in texts if x in written or is_secret(x, names))(text)


def _models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """Return the models possible at pydantic's location, which includes tags of unions."""
    models = [model]
    for part in loc:
        fields = [y for x in models if (y := fields_of(x).get(str(part))) is not None]
        if fields:
            models = [y for x in fields for y in models_in(x.annotation)]
        else:  # the number of an item, a key of a mapping, or a tag
            models = [x for x in models if part in _tags_of([x])] or models
    return models


def _tags_of(models: Iterable[type[BaseModel]]) -> list[object]:
    """Return the values that select one of several models: those of literal settings."""
    fields = [y for x in models for y in x.model_fields.values() if y.is_required()]
    return [
        y for x in fields if get_origin(x.annotation) is Literal for y in get_args(x.annotation)
    ]


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


def quoted(value: object) -> str:
    """Show a YAML value on one short line; passwords in URLs are masked."""
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
    """Suggest the known word that may have been meant; empty if none is similar."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
