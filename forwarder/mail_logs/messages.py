"""Parses messages: what the lines of a connection say, and logins.

Many connections share a listener, a policy, a cipher or an outcome: each such text is parsed once.
"""

import ipaddress
import re
from codecs import getincrementaldecoder
from contextlib import suppress
from dataclasses import replace
from functools import partial

from forwarder.cache import BoundedCache
from forwarder.events import Action, Listener, Opened, Outcome, Policy, Response, Tls, new_opened
from forwarder.mail_logs import grammar
from forwarder.mail_logs.grammar import STAMP_BYTES

SUCCESS = "success"
FAILURE = "failure"

MECHANISM = b" using AUTH mechanism: "  # follows the user of an inbound login
_REASON = b" with reason: "  # follows a forwarding server
PROFILE = b" with profile: "  # follows the mechanism

LEAST_PIECE = len(b" using")
"""Bytes of :data:`MECHANISM` at the end of a profile that show a cut; a name may be "relay us"."""

_MAX_TEXT_BYTES = 4096  # 1,024 characters in a document, each up to four bytes of UTF-8

# No leading zeros: some programs read them as octal, and Elasticsearch rejects them.
_OCTET = rb"(?:1[0-9]?[0-9]?|2(?:[0-4]?[0-9]|5[0-5])?|[3-9][0-9]?|0)"
# The usual beginning of an inbound connection; the form in the grammar takes twice the time.
_USUAL = re.compile(
    rb"Info: New SMTP ICID [0-9]{1,20} interface ([^(]+ \([^)]+)\)"
    rb" address (" + rb"\.".join([_OCTET] * 4) + rb")"
    rb" reverse dns host (?:unknown|None|([!-~]+)) verified (yes|no)",
).fullmatch
_NAME_AND_ADDRESS = re.compile(rb"([^ ()]+(?: [^ ()]+)?) \(([^ ()]+)").fullmatch
# Values of the log that mean none (guide; seen).
_NO_DOMAIN = (b"unknown", b"", b"None")
_NO_COUNTRY = (b"", b"not enabled", b"not applicable", b"None")
_SBRS = re.compile(rb"[+-]?\d{1,2}(?:\.\d{1,3})?")
# TLSv1.2, TLSv1, TLSv1/SSLv3, SSLv3 (seen). OpenSSL says TLSv1/SSLv3 for what is TLS 1.0.
_PROTOCOL = re.compile(r"(TLS|SSL)v(\d(?:\.\d)?)(?:/.*)?", re.ASCII)
# CN=mx.example.com, CN: <mx.example.com> (seen)
_SUBJECT = re.compile(rb" CN(?:=|: ?)(?:<([^<>]+)>|([^<> ,]+(?:, ?[A-Z]+=[^<> ,]+)*))")

_LOGIN_ENDING = re.compile(rb"([^ ]+) with profile: (.*)").fullmatch
# ('535', ['5.7.8 Error: authentication failed', "can't"])   source: Cisco 118570; seen
_ANSWER = re.compile(rb"\(u?['\"]?(?P<code>\d{3})['\"]?, ?(?P<strings>.*)", re.DOTALL)
_ANSWER_BEGUN = re.compile(rb"\(u?['\"]?(?:\d|\Z)")
_ANSWER_ENDED = re.compile(rb"(?:['\"]\]?|\[\])\)\.?\Z")
# An unterminated string extends to the end, so that no text is read twice.
_STRING = re.compile(rb"(?s)'((?:[^'\\]|\\.)*+)(?:'|\\?\Z)|\"((?:[^\"\\]|\\.)*+)(?:\"|\\?\Z)")
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"r": b"\r", b"n": b"\n", b"t": b"\t"}
_SERVER_AND_REASON = re.compile(rb"could not reach forwarding server ?([^ ]*)(.*)").fullmatch
# Enhanced status code at the start of the text: RFC 3463, section 2.
_ENHANCED_CODE = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")

_UNCHECKED = {
    grammar.PROFILE_BROKEN: Action.ERROR,
    grammar.SERVER_UNREACHABLE: Action.ERROR,
    grammar.LOOKUP_FAILED: Action.ERROR,
    grammar.LDAP_FAILED: Action.ERROR,
    grammar.NOT_INITIATED: Action.NOT_INITIATED,
}
"""Logins that could not be checked or were never begun."""

ConnectionFact = tuple[Policy | None, Tls | None, Opened | None]
"""What a line says about an open connection: a policy, TLS, or the address of a client whose
rejection was delayed; the others are None."""

Login = tuple[Outcome, bytes | None, str | None, bytes | None]
"""What a login message says: the outcome; the number of the connection, if any; the user; the
address of the smart host, for an outbound login."""


class MessageParser:
    """Parses messages, and caches what many of them have in common."""

    def __init__(self) -> None:
        # By the message behind the number. Outbound connections only have TLS.
        self.facts = BoundedCache(_read_fact)
        self.delivery_facts = BoundedCache(_read_delivery_tls)
        self.endings = BoundedCache(self._read_login_ending)
        """The outcome of a client's login, by the scanner's word before the user and the line from
        the mechanism on; None if it takes :meth:`read_login`."""
        self._listeners = BoundedCache(_read_listener)
        self._usual_listeners = BoundedCache(self._read_usual_listener)
        self._interfaces = BoundedCache(_read_interface)
        self._inbound = BoundedCache(_inbound_outcome)
        self._outbound = BoundedCache(_outbound_outcome)

    def read_opened(self, line: bytes) -> Opened | None:
        """Read the ``New`` line of an inbound connection."""
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
            domain=None if domain in _NO_DOMAIN else (_text(domain) or "").strip() or None,
            verified=None if verified is None else verified == b"yes",
        )

    def read_delivery_opened(self, line: bytes) -> Opened | None:
        """Read the ``New`` line of an outbound connection."""
        found = grammar.read(grammar.DELIVERY_OPENED, line)
        if found is None:
            return None
        _, own, address, port = found.groups()
        number = None if port is None else int(port)
        return Opened(self._interfaces[own], *read_address(address), number, None, None)

    def read_login(self, message: bytes) -> Login | None:
        """Read a login message, without timestamp, level and line end; None for any other."""
        if found := grammar.match(grammar.INBOUND_LOGIN, message):
            number, succeeded, user, mechanism, profile = found.groups()
            if not is_profile_cut(profile):
                return self._inbound[succeeded, mechanism, profile], number, _text(user), None
            # Nothing shows which of the words are the client's; the text before all of them is.
            begin = user.partition(MECHANISM)[0]
            return self._inbound[succeeded, None, None], number, _text(begin), None
        if found := grammar.match(grammar.OUTBOUND_LOGIN, message):
            number, address, profile, succeeded, answer, name, done, words = found.groups()
            key = (profile or name, succeeded or done, words if answer is None else answer)
            return self._outbound[key], number, None, address
        if found := grammar.match(grammar.INBOUND_LOGIN_CUT, message):
            number, succeeded, rest = found.groups()
            begin, cut_mechanism = split_cut(rest or b"")
            # An incomplete character at the end is dropped.
            cut_user = _decoder().decode(begin) or None
            return self._inbound[succeeded, cut_mechanism, None], number, cut_user, None
        for form, action in _UNCHECKED.items():
            if found := grammar.match(form, message):
                values = found.groupdict()
                result = FAILURE if action is Action.ERROR else None
                profile, reason = _text(values.get("profile")), _text(values["reason"].strip())
                truncated = _is_unchecked_cut(values)
                outcome = Outcome(action, result, None, profile, reason, None, truncated=truncated)
                return outcome, values.get("number"), _text(values.get("user")), None
        return None

    def _read_usual_listener(self, text: bytes) -> Listener | None:
        """Read a listener's name and address; None if only the form can separate them."""
        found = _NAME_AND_ADDRESS(text)
        return None if found is None else self._listeners[found[1], found[2]]

    def _read_login_ending(self, key: tuple[bytes, bytes]) -> Outcome | None:
        verb, ending = key
        found = _LOGIN_ENDING(ending.removesuffix(b"\r"))
        if found is None or is_profile_cut(found[2]):
            return None
        return self._inbound[verb[2:], found[1], found[2]]


def read_address(raw: bytes) -> tuple[bytes, str | None]:
    """Return an address with its kind: ``ipv4``, ``ipv6``, or None if it is not an IP address."""
    # A scope id ("fe80::1%em0") has no meaning outside of the appliance.
    if b"%" not in raw:
        with suppress(ValueError):
            return raw, f"ipv{ipaddress.ip_address(raw.decode('utf-8', 'replace')).version}"
    return raw, None


def behind_number(number: bytes, line: bytes) -> bytes:
    """Return the message behind the number, which many connections share."""
    return line[line.index(number, STAMP_BYTES) + len(number) + 1 :]


def split_cut(rest: bytes) -> tuple[bytes, bytes | None]:
    """Separate user and mechanism in a login whose end is missing; ``rest`` is from the user on.

    The user excludes the appliance's own words; the mechanism may be None.
    """
    rest = rest.rstrip()
    user, found, behind = rest.rpartition(MECHANISM)
    if found:
        mechanism, blank, profile = behind.partition(b" ")
        # Other words than the appliance's belong to the user and name no mechanism.
        is_own = PROFILE.startswith((blank + profile).rstrip())
        return user, mechanism if is_own and mechanism else None
    return rest[: len(rest) - _count_begun(rest)].rstrip(), None


def is_profile_cut(profile: bytes) -> bool:
    """Whether a profile ends in the words that follow a user, so that the login is cut."""
    return MECHANISM in profile or _count_begun(profile.rstrip()) >= LEAST_PIECE


def _count_begun(text: bytes) -> int:
    """Count the bytes of :data:`MECHANISM` at the end of a text without trailing spaces."""
    return next((x for x in range(len(MECHANISM), 0, -1) if text.endswith(MECHANISM[:x])), 0)


def is_unparsed_login(message: bytes) -> bool:
    """Whether a message of no known form begins like a login, or like the offset in a header.

    All times depend on the offset.
    """
    begins = message.startswith((b"SMTP Auth", b"Time offset from UTC: "))
    begins = begins or b" SMTP authentication " in message
    return begins and grammar.match(grammar.SERVER_POOL, message) is None


def read_response(answer: bytes) -> Response | None:
    """Read a smart host's answer; None if it has another form.

    The appliance prints a Python literal, ``('535', ['text', ...])``; its end may be missing.
    """
    found = _ANSWER.fullmatch(answer.strip())
    if found is None:
        return None
    strings = (single or double for single, double in _STRING.findall(found["strings"]))
    texts = (_ESCAPE.sub(_unescape, x).decode("utf-8", "replace").strip() for x in strings)
    text = " ".join(x for x in texts if x)
    enhanced = _ENHANCED_CODE.match(text)
    return Response(int(found["code"]), None if enhanced is None else enhanced[1], text)


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code[1:], 16)]) if len(code) > 1 else _ESCAPED.get(code, code)


def _read_listener(key: tuple[bytes | None, bytes | None]) -> Listener:
    name, own = key
    version = None if own is None else read_address(own)[1]
    return Listener(_short_text(name), _short_text(own), version)


def _read_interface(own: bytes | None) -> Listener:
    """Read the appliance's end of an outbound connection: an address or an interface's name."""
    text, version = _short_text(own), None if own is None else read_address(own)[1]
    return Listener(None, text, version) if version else Listener(text, None, None)


def _read_fact(text: bytes) -> ConnectionFact:
    """Read a message from behind the number of its connection."""
    text = text.strip()
    # The first word distinguishes the forms; most lines are policies.
    if text.startswith(b"TLS"):
        return None, _read_tls(text), None
    if text.startswith(b"Delayed"):
        found = grammar.match(grammar.DELAYED_REJECT, b"ICID 0 " + text)
        address = None if found is None else read_address(found["address"])
        return None, None, address and Opened(None, *address, None, None, None)
    return _read_policy(text), None, None


def _read_policy(text: bytes) -> Policy | None:
    found = grammar.match(grammar.POLICY, b"ICID 0 " + text)
    if found is None:
        return None
    _, action, group, match, sbrs, country = found.groups()
    return Policy(
        action.decode(),
        _short_text(group) or "",
        _short_text(match),
        float(sbrs) if sbrs and _SBRS.fullmatch(sbrs) else None,
        None if country in _NO_COUNTRY else _short_text(country),
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
        cipher=_short_text(cipher),
        client_subject=None if subject is None else f"CN={_short_text(subject[1] or subject[2])}",
    )


def _read_delivery_tls(text: bytes) -> Tls | None:
    """Read the TLS line of an outbound connection; the certificate is the smart host's."""
    tls = _read_tls(text.strip())
    if tls is None or tls.client_subject is None:
        return tls
    return replace(tls, client_subject=None, server_subject=tls.client_subject)


def _inbound_outcome(key: tuple[bytes, bytes | None, bytes | None]) -> Outcome:
    outcome, mechanism, profile = key
    succeeded = outcome == b"succeeded"
    return Outcome(
        Action.INBOUND,
        SUCCESS if succeeded else FAILURE,
        _text(mechanism),
        None if profile is None else _text(profile.strip()),
        # The log gives no other reason.
        None if succeeded else "SMTP AUTH failed",
        None,
        truncated=not (profile or b"").strip(),
    )


def _is_unchecked_cut(values: dict[str, bytes]) -> bool:
    """Whether the end of a login that could not be checked is missing."""
    found = _SERVER_AND_REASON(values["reason"])
    if found is None:
        return values.get("user", b"x") in {b"", None}
    server, words = found.groups()
    return not server or (words != b"" and _REASON.startswith(words.rstrip()))


def _outbound_outcome(key: tuple[bytes, bytes | None, bytes | None]) -> Outcome:
    profile, succeeded, answer = key
    if succeeded is not None:
        return Outcome(Action.OUTBOUND, SUCCESS, None, _text(profile), None, None)
    text = (answer or b"").strip()
    # Nothing or a colon behind "failed", or a literal without its end.
    truncated = not answer or bool(_ANSWER_BEGUN.match(text) and not _ANSWER_ENDED.search(text))
    response = read_response(text)
    reason = (response.text or None) if response is not None else _text(text)
    return Outcome(
        Action.OUTBOUND, FAILURE, None, _text(profile), reason, response, truncated=truncated
    )


_decoder = partial(getincrementaldecoder("utf-8"), "replace")


def _text(value: bytes | None) -> str | None:
    """Decode external text; None if it is empty."""
    return value.decode("utf-8", "replace") if value else None


def _short_text(value: bytes | None) -> str | None:
    """Decode the text of a keyword field."""
    return _text(value and value[:_MAX_TEXT_BYTES])
