"""Masks secrets of the configuration in messages from plugins, their libraries and servers.

Servers and proxies echo what they were sent: the header with the key, verbatim or as JSON, within
HTML, or truncated. So each secret is searched for in every form in which it is sent, and its
beginning where a text is truncated.
"""

import html
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import quote, quote_plus

Mask: TypeAlias = Callable[[str], str]  # masks secrets in a text

MASK = "********"  # stands for a secret, whatever its length

_PASSWORD_IN_URL = re.compile(r"//.*@")
_QUERY_IN_URL = re.compile(r"""(//[^\s?]*\?)[^\s'"]+""")

_SEARCHED = 8
"""Length from which a secret is also found within words, and of the beginning by which a truncated
one is found: the minimum for passwords (NIST SP 800-63B). Shorter ones occur in words by chance."""
_WHOLE_WORD = 4
"""Length from which a secret is found as a whole word. Shorter ones are only found where they are
encoded, as in a header."""


def NO_MASK(text: str) -> str:  # noqa: N802
    """Change nothing."""
    return text


def masking(secrets: Iterable[str], users: Iterable[str] = ()) -> Mask:
    """Create a mask for secrets; in a header, a user or an id and a colon may precede one."""
    users = list(users)
    forms = {y for x in secrets if x.strip() for y in _forms(x.strip(), users)}
    long = defaultdict[str, list[str]](list)
    for form in forms:
        if len(form) >= _SEARCHED:
            long[form[:_SEARCHED]].append(form)
    short = [x for x in forms if _WHOLE_WORD <= len(x) < _SEARCHED]
    if not long and not short:
        return NO_MASK
    head = re.compile("|".join(map(re.escape, long)) or "(?!)")
    word = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, short)) or '(?!)'})(?!\w)")

    def mask(text: str) -> str:
        return word.sub(MASK, "".join(_without_long(text, head, long)))

    return mask


def _without_long(text: str, head: re.Pattern[str], long: dict[str, list[str]]) -> Iterator[str]:
    start = 0
    while found := head.search(text, start):
        at = found.start()
        end = at + max(_common(text, at, x) for x in long[found[0]])
        is_whole = any(text.startswith(x, at) for x in long[found[0]])
        # A truncated secret is followed by the end of the text, a quotation mark or dots.
        if is_whole or not text[end : end + 1].isalnum():
            yield text[start:at]
            yield MASK
            start = end
        else:
            yield text[start : at + 1]
            start = at + 1
    yield text[start:]


def _common(text: str, at: int, form: str) -> int:
    """Count how many characters of a form the text has at a position."""
    if text.startswith(form, at):
        return len(form)
    return next(i for i, x in enumerate(form) if text[at + i : at + i + 1] != x)


def _forms(secret: str, users: Iterable[str]) -> Iterator[str]:
    """Yield the forms that a secret may appear in."""
    plain = {secret}
    headers = {secret, *(f"{x}:{secret}" for x in users)}
    with suppress(ValueError):  # already encoded, such as an API key: ID:KEY
        decoded = b64decode(secret, validate=True).decode()
        if ":" in decoded and decoded.isprintable():
            plain.add(decoded)
    for pair in [x for x in plain if ":" in x]:
        headers.add(pair)
        plain.add(pair.partition(":")[2])
    for text in plain:
        yield from (text, quote(text, safe=""), quote_plus(text), html.escape(text))
        yield from (repr(text)[1:-1], json.dumps(text)[1:-1])
        yield json.dumps(text, ensure_ascii=False)[1:-1]
    for text in headers:
        for encoding in ("utf-8", "latin-1"):
            with suppress(UnicodeEncodeError):
                data = text.encode(encoding)
                for form in (b64encode(data).decode(), urlsafe_b64encode(data).decode()):
                    yield from (form, form.rstrip("="))


def mask_url(text: str, *, whole: bool = False) -> str:
    """Mask passwords and queries of URLs; ``whole`` also masks queries without a password."""
    masked = _PASSWORD_IN_URL.sub(f"//{MASK}@", text)
    return _QUERY_IN_URL.sub(rf"\1{MASK}", masked) if whole or masked != text else masked
