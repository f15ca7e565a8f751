"""Writes the tables of settings in docs/outputs.md from the models of the outputs.

python -m tests.output_settings docs/outputs.md
"""

import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from forwarder.config.types import format_duration, format_size
from forwarder.events import Action
from forwarder.inputs.syslog.sockets import Address
from forwarder.plugins import find_outputs

_MARK = re.compile(r"(<!-- settings (\w+) -->\n).*?(<!-- /settings -->\n)", re.DOTALL)
_HEAD = "| Setting | Type | Default | Meaning |\n|---|---|---|---|\n"
_PLAIN = {
    bool: "boolean",
    int: "number",
    str: "text",
    Path: "path",
    timedelta: "duration",
    ZoneInfo: "time zone",
    SecretStr: "secret",
    Address: "address",
    IPv4Network: "network",
    Action: "action",
}


def page(text: str) -> str:
    """Return the page with the tables that the outputs have now."""
    return _MARK.sub(lambda found: found[1] + table(found[2]) + found[3], text)


def table(output: str) -> str:
    """Return the table of an output's settings."""
    model = find_outputs([output])[output].config
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(model, ""))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _rows(inner, f"{prefix}{name}.")
            continue
        shown = "size" if "_size" in f"{field.metadata}{inner}" else kind(inner)
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"`{prefix}{name}`", shown, default(field, shown), meaning


def kind(annotation: Any) -> str:  # noqa: ANN401 - any type
    """Name a type as the documents do."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        values = [f"`{x}`" for x in arguments]
        return " or ".join([", ".join(values[:-1]), values[-1]] if values[1:] else values)
    if origin is tuple:
        inner = kind(arguments[0])
        return f"list of {inner}" if inner.endswith("`") else f"list of {inner}s"
    if origin is dict:
        inner = kind(arguments[1])
        return "mapping" if inner == "mapping" else f"mapping of {inner}s"
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    # An alternative to None, or something with metadata.
    return kind(next(x for x in arguments if x is not type(None)))


def default(field: FieldInfo, kind: str) -> str:  # noqa: PLR0911 - a return a kind of value
    """Write a default as the documents do."""
    match field.get_default():
        case _ if field.is_required():
            return "required"
        case None:
            return "none"
        case BaseModel():
            return ""
        case bool() as value:
            return f"`{str(value).lower()}`"
        case timedelta() as value:
            return f"`{format_duration(value)}`"
        case int() as value:
            return f"`{format_size(value) if kind == 'size' else value}`"
        case Address() as value:
            return f"`{value.url}`"
        case ():
            return "`[]`"
        case value:
            return f"`{value}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text()))
