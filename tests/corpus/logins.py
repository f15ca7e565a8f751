"""Finds logins by the first words of a line: a check on the truth, which never reads a line."""

import re

_LOGIN = re.compile(
    rb"^.{24} [A-Z][a-z]+: (?:"
    rb"SMTP Auth:? \(ICID \d+\) |SMTP Auth:? LDAP query failed|DCID: \d+ IP: \S+ SMTP auth"
    rb")"
)


def login_lines(content: bytes) -> list[bytes]:
    """Return the lines that make an event of their own, in order.

    Args:
        content: Whole lines.
    """
    return [line for line in content.split(b"\n") if _LOGIN.match(line)]
