"""Which settings are secrets, and the mask that keeps them out of all that is printed or logged.

Secrets are settings that a plugin marks as such, settings named like a secret, values from files
(``${file:PATH}``) and passwords in URLs.
"""

import re
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

from forwarder.config.types import fields_of, models_in, types_in
from forwarder.config.yaml import Loc
from forwarder.masking import Mask, masking
from forwarder.output import Finding

if TYPE_CHECKING:
    from forwarder.config.load import Config

_SECRET_NAME = re.compile(
    r"(?i)passw|passphrase|secret|token|api_?key|credential|private|authorization"
)
"""Of plugins that do not mark a setting as secret, and of misspelt settings."""


_KEYS = {"key", "client_key"}
"""Settings that name a file with a private key."""


def secret_names(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the secret settings of a model, at any depth."""
    names: set[str] = set()
    seen: set[type[BaseModel]] = set()
    waiting = [model]
    while waiting:
        here = waiting.pop()
        seen.add(here)
        for name, field in fields_of(here).items():
            if any(x is SecretStr or x is SecretBytes for x in types_in(field.annotation)):
                names.add(name)
            waiting += (x for x in models_in(field.annotation) if x not in seen)
    return frozenset(names)


def is_secret(loc: Loc, names: Iterable[str]) -> bool:
    """Whether a value must not be shown, given the settings that are secret."""
    known = set(names)
    if loc[:1] in {("appliances",), ("outputs",)}:
        loc = loc[2:]  # the name of an appliance or output means nothing
    return any(x in known or _SECRET_NAME.search(x) for x in loc if isinstance(x, str))


def mask_of(config: "Config", *names: str, more: Iterable[str] = ()) -> Mask:
    """Create a mask for the secrets of some or all outputs, of HTTP, and for others."""
    secrets = list(more)
    users = list[str]()
    if config.http is not None and config.http.token is not None:
        secrets.append(config.http.token.get_secret_value())
    for name in names or config.outputs:
        known = secret_names(config.outputs[name].plugin.config)
        for loc, text in config.source.texts(("outputs", name)):
            if is_secret(loc, known) or config.source.files_of(loc):
                secrets.append(text)
            elif "://" not in text:
                users.append(text)
            secrets += _in_url(text)
    return masking(secrets, users)


def _in_url(text: str) -> Iterator[str]:
    """Yield the password of a URL, and user and password as headers have them."""
    with suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme and parts.password:
            yield from {parts.password, unquote(parts.password)}
            yield f"{unquote(parts.username or '')}:{unquote(parts.password)}"


def check_secret_files(config: "Config") -> Iterator[Finding]:
    """Warn of files with secrets (references and private keys) that all users can read."""
    found = [y for x in config.source.written for y in config.source.files_of(x)]
    found += (x for loc, x in config.source.texts() if loc[-1] in _KEYS)
    for path in dict.fromkeys(found):
        with suppress(OSError, ValueError):
            if Path(path).stat().st_mode & stat.S_IROTH:
                advice = f"Restrict it: chmod o= {shlex.quote(path)}"
                yield Finding(
                    good=True, text=f"{path!r} has a secret that all users can read", advice=advice
                )
