"""Lines that describe a connection, to values.

Many connections share a listener, a policy, a cipher: such texts are looked into once.
"""

import ipaddress
import re
from dataclasses import replace

from forwarder.cache import BoundedCache
from forwarder.events import Listener, Opened, Policy, Tls, new_opened
from forwarder.mail_logs import grammar
from forwarder.mail_logs.grammar import STAMP_BYTES

# No leading zeros: some readers take them for octal, and Elasticsearch refuses them.
_OCTETS = frozenset(b"%d" % x for x in range(256))
_OCTET = rb"(?:1[0-9]?[0-9]?|2(?:[0-4]?[0-9]|5[0-5])?|[3-9][0-9]?|0)"
# How nearly all inbound connections begin; the form says the same, but takes twice the time.
_USUAL = re.compile(
    rb"Info: New SMTP ICID [0-9]{1,20} interface ([^(]+ \([^)]+)\)"
    rb" address (" + rb"\.".join([_OCTET] * 4) + rb")"
    rb" reverse dns host (?:unknown|None|([!-~]+)) verified (yes|no)",
).fullmatch
_NAME_AND_ADDRESS = re.compile(rb"([^ ()]+(?: [^ ()]+)?) \(([^ ()]+)").fullmatch
# How the log says that there is no value (guide; seen).
_NO_DOMAIN = (b"unknown", b"", b"None")
_NO_COUNTRY = (b"", b"not enabled", b"not applicable", b"None")
_SBRS = re.compile(rb"[+-]?\d{1,2}(?:\.\d{1,3})?")
# TLSv1.2, TLSv1, TLSv1/SSLv3, SSLv3 (seen). OpenSSL says TLSv1/SSLv3 for what is TLS 1.0.
_PROTOCOL = re.compile(r"(TLS|SSL)v(\d(?:\.\d)?)(?:/.*)?", re.ASCII)
# CN=mx.example.com, CN: <mx.example.com> (seen)
_SUBJECT = re.compile(rb" CN(?:=|: ?)(?:<([^<>]+)>|([^<> ,]+(?:, ?[A-Z]+=[^<> ,]+)*))")


Said = tuple[Policy | None, Tls | None, Opened | None]
"""What a line says of an open connection, at most one of these: a policy, TLS, or the address of
a client whose rejection was put off."""


class Contexts:
    """Looks into the lines of connections.

    Attributes:
        others: What the other lines of an inbound connection say, by their message behind the
            number.
        deliveries: What the TLS line of an outbound connection says, by the same.
    """

    __slots__ = ("_interfaces", "_listeners", "_usual_listeners", "deliveries", "others")

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._listeners = BoundedCache(_read_listener)
        self._usual_listeners = BoundedCache(self._read_usual_listener)
        self._interfaces = BoundedCache(_read_interface)
        self.others = BoundedCache(_read_other)
        self.deliveries = BoundedCache(_read_delivery_tls)

    def read_opened(self, line: bytes) -> Opened | None:
        """Look into the ``New`` line of an inbound connection."""
        usual = _USUAL(line, STAMP_BYTES)
        if usual is not None:
            listener, address, domain, verified = usual.groups()
            known = self._usual_listeners[listener]
            if known is not None:
                name = None if domain is None else domain.decode()
                return new_opened((known, address, "ipv4", None, name, verified == b"yes"))
        found = grammar.read(grammar.CONNECTION_OPENED, line)
        if found is None:
            return None
        _, name, own, address, domain, verified, unverified = found.groups()
        if verified is None:
            domain = unverified
        return Opened(
            self._listeners[name, own],
            *read_address(address),
            port=None,
            domain=None if domain is None or domain in _NO_DOMAIN else _host_name(domain),
            verified=None if verified is None else verified == b"yes",
        )

    def _read_usual_listener(self, text: bytes) -> Listener | None:
        """Read a listener's name and address; None where it takes the form to tell them apart."""
        found = _NAME_AND_ADDRESS(text)
        return None if found is None else self._listeners[found[1], found[2]]

    def read_delivery_opened(self, line: bytes) -> Opened | None:
        """Look into the ``New`` line of an outbound connection."""
        found = grammar.read(grammar.DELIVERY_OPENED, line)
        if found is None:
            return None
        _, own, address, port = found.groups()
        number = None if port is None else int(port)
        return Opened(self._interfaces[own], *read_address(address), number, None, None)


def read_address(raw: bytes) -> tuple[bytes, str | None]:
    """Tell what an address is.

    Returns:
        The address, and ``ipv4``, ``ipv6`` or None for what is no IP address.
    """
    octets = raw.split(b".")
    if len(octets) == 4 and _OCTETS.issuperset(octets):  # noqa: PLR2004 - as the name says
        return raw, "ipv4"
    # A scope id ("fe80::1%em0") is no part of an address that others could look up.
    if b":" in raw and b"%" not in raw:
        try:
            ipaddress.IPv6Address(raw.decode("utf-8", "replace"))
        except ValueError:
            return raw, None
        return raw, "ipv6"
    return raw, None


def _host_name(name: bytes) -> str | None:
    """Decode a name that its owner chose."""
    return name.decode("utf-8", "replace").strip() or None


def _read_listener(key: tuple[bytes | None, bytes | None]) -> Listener:
    name, own = key
    if own is None:
        return Listener(_text(name), None, None)
    address, version = read_address(own)
    return Listener(_text(name), _text(address), version)


def _read_interface(own: bytes | None) -> Listener:
    """The appliance's end of an outbound connection is an address, or the name of an interface."""
    if own is None:
        return Listener(None, None, None)
    _, version = read_address(own)
    text = _text(own)
    return Listener(None, text, version) if version else Listener(text, None, None)


def _read_other(text: bytes) -> Said:
    """Read a message from behind the number of its connection."""
    text = text.strip()
    # The first word tells the forms apart; most lines are of the host access table.
    if text.startswith(b"TLS"):
        return None, _read_tls(text), None
    if text.startswith(b"Delayed"):
        return None, None, _read_rejected(text)
    return _read_policy(text), None, None


def _read_rejected(text: bytes) -> Opened | None:
    found = grammar.match(grammar.DELAYED_REJECT, b"ICID 0 " + text)
    if found is None:
        return None
    return Opened(None, *read_address(found["address"]), None, None, None)


def _read_policy(text: bytes) -> Policy | None:
    found = grammar.match(grammar.POLICY, b"ICID 0 " + text)
    if found is None:
        return None
    _, action, group, match, sbrs, country = found.groups()
    return Policy(
        action.decode(),
        _text(group) or "",
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
    subject = _SUBJECT.search(text)
    return Tls(
        established=True,
        version=version,
        protocol=None if known is None else known[1].lower(),
        cipher=_text(cipher),
        client_subject=None if subject is None else f"CN={_text(subject[1] or subject[2])}",
    )


def _read_delivery_tls(text: bytes) -> Tls | None:
    """Read the TLS line of an outbound connection: the certificate is the other end's."""
    tls = _read_tls(text.strip())
    if tls is None or tls.client_subject is None:
        return tls
    return replace(tls, client_subject=None, server_subject=tls.client_subject)


_MAX_TEXT_BYTES = 4096
"""A document has 1,024 characters of any of these texts, and UTF-8 takes four bytes at most."""


def _text(value: bytes | None) -> str | None:
    """Decode text from outside; nothing is None."""
    return value[:_MAX_TEXT_BYTES].decode("utf-8", "replace") if value else None
