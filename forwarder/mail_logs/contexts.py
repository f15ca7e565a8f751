"""Lines that describe a connection, to values.

Many connections share a listener, a policy, a cipher: such texts are looked into once.
"""

import ipaddress
import re

from forwarder.events import Listener, Opened, Policy, Tls, new_opened
from forwarder.mail_logs import grammar
from forwarder.memory import Memory

_IPV4 = re.compile(grammar.IPV4).fullmatch
# How the log says that there is no value (guide; seen).
_NO_DOMAIN = (b"unknown", b"", b"None")
_NO_COUNTRY = (b"", b"not enabled", b"not applicable", b"None")
_SBRS = re.compile(rb"[+-]?\d{1,2}(?:\.\d{1,3})?")
# TLSv1.2, TLSv1, TLSv1/SSLv3, SSLv3 (seen). OpenSSL says TLSv1/SSLv3 for what is TLS 1.0.
_PROTOCOL = re.compile(r"(TLS|SSL)v(\d(?:\.\d)?)(?:/.*)?", re.ASCII)


class Contexts:
    """Looks into the lines of connections."""

    __slots__ = ("_interfaces", "_listeners", "_policies", "_tls")

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._listeners = Memory(_read_listener)
        self._interfaces = Memory(_read_interface)
        self._policies = Memory(_read_policy)
        self._tls = Memory(_read_tls)

    def read_opened(self, line: bytes) -> Opened | None:
        """Look into the ``New`` line of an inbound connection."""
        found = grammar.read(grammar.CONNECTION_OPENED, line)
        if found is None:
            return None
        _, name, own, ipv4, other, domain, verified, unverified = found.groups()
        address, version = read_address(other) if ipv4 is None else (ipv4.decode(), "ipv4")
        if verified is None:
            domain = unverified
        return new_opened(
            (
                self._listeners[name, own],
                address,
                version,
                None,
                None if domain is None or domain in _NO_DOMAIN else _host_name(domain),
                None if verified is None else verified == b"yes",
            ),
        )

    def read_delivery_opened(self, line: bytes) -> Opened | None:
        """Look into the ``New`` line of an outbound connection."""
        found = grammar.read(grammar.DELIVERY_OPENED, line)
        if found is None:
            return None
        _, own, address, port = found.groups()
        number = None if port is None else int(port)
        return Opened(self._interfaces[own], *read_address(address), number, None, None)

    def read_rejected(self, line: bytes) -> Opened | None:
        """Look into a rejection that was put off: it has the client's address."""
        found = grammar.read(grammar.DELAYED_REJECT, line)
        if found is None:
            return None
        return Opened(None, *read_address(found["address"]), None, None, None)

    def read_policy(self, line: bytes, number: bytes) -> Policy | None:
        """Look into the line of the host access table."""
        return self._policies[_behind_number(line, number)]

    def read_tls(self, line: bytes, number: bytes) -> Tls | None:
        """Look into the line of STARTTLS."""
        return self._tls[_behind_number(line, number)]


def read_address(raw: bytes) -> tuple[str, str | None]:
    """Tell what an address is.

    Returns:
        The text, and ``ipv4``, ``ipv6`` or None for what is no IP address.
    """
    if _IPV4(raw):
        return raw.decode(), "ipv4"
    text = raw.decode("utf-8", "replace")
    # A scope id ("fe80::1%em0") is no part of an address that others could look up.
    if ":" in text and "%" not in text:
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            return text, None
        return text, "ipv6"
    return text, None


def _host_name(name: bytes) -> str | None:
    """Decode a name that its owner chose."""
    return name.decode("utf-8", "replace").strip() or None


def _behind_number(line: bytes, number: bytes) -> bytes:
    """Give what connections share: the message behind its number."""
    return line[line.index(number, grammar.STAMP_BYTES) + len(number) + 1 :].removesuffix(b"\r")


def _read_listener(key: tuple[bytes | None, bytes | None]) -> Listener:
    name, own = key
    return Listener(_text(name), *((None, None) if own is None else read_address(own)))


def _read_interface(own: bytes) -> Listener:
    """The appliance's end of an outbound connection is an address, or the name of an interface."""
    address, version = read_address(own)
    return Listener(None, address, version) if version else Listener(address, None, None)


def _read_policy(text: bytes) -> Policy | None:
    found = grammar.match(grammar.POLICY, b"ICID 0 " + text)
    if found is None:
        return None
    _, action, group, match, sbrs, country = found.groups()
    return Policy(
        action.decode(),
        group.decode("utf-8", "replace"),
        _text(match),
        float(sbrs) if sbrs and _SBRS.fullmatch(sbrs) else None,
        None if country in _NO_COUNTRY else _text(country),
    )


def _read_tls(text: bytes) -> Tls | None:
    found = grammar.match(grammar.TLS, b"ICID 0 " + text)
    if found is None:
        return None
    _, success, protocol, cipher = found.groups()
    if success is None:
        return Tls(established=False, version=None, protocol=None, cipher=None)
    known = _PROTOCOL.fullmatch((protocol or b"").decode("utf-8", "replace"))
    version = None if known is None else known[2] if "." in known[2] else f"{known[2]}.0"
    return Tls(
        established=True,
        version=version,
        protocol=None if known is None else known[1].lower(),
        cipher=_text(cipher),
    )


def _text(value: bytes | None) -> str | None:
    """Decode text from outside; nothing is None."""
    return value.decode("utf-8", "replace") if value else None
