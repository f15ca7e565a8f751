"""Login messages to values."""

import re
from codecs import getincrementaldecoder
from functools import partial

from forwarder.cache import BoundedCache
from forwarder.events import Action, Outcome, Response
from forwarder.mail_logs import grammar

SUCCESS = "success"
FAILURE = "failure"


Attempt = tuple[Outcome, bytes | None, str | None, bytes | None]
"""What a login message says: the outcome; the number of the connection, None where the message
names none; the user; the address of the smart host, on an outbound login."""


MECHANISM = b" using AUTH mechanism: "
"""What stands behind the user of an inbound login."""
PROFILE = b" with profile: "
"""What stands behind the mechanism."""
_ENDING = re.compile(rb"([^ ]+) with profile: (.*)").fullmatch


class Logins:
    """Takes login messages apart; remembers what many of them have in common.

    Attributes:
        endings: The outcome of a client's login, by the word before its user, as the scan has it,
            and the line from the mechanism on; None where :meth:`read` is needed.
    """

    __slots__ = ("_inbound", "_outbound", "_unchecked", "endings")

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self.endings = BoundedCache(self._read_ending)
        self._inbound = BoundedCache(_inbound)
        self._outbound = BoundedCache(_outbound)
        self._unchecked = BoundedCache(_unchecked)

    def _read_ending(self, key: tuple[bytes, bytes]) -> Outcome | None:
        verb, ending = key
        found = _ENDING(ending.removesuffix(b"\r"))
        return None if found is None else self._inbound[verb[2:], found[1], found[2]]

    def read(self, message: bytes) -> Attempt | None:
        """Take a login message apart.

        Args:
            message: Without timestamp, level and line end.

        Returns:
            None where it is no login: another message that begins like one.
        """
        found = grammar.match(grammar.INBOUND_LOGIN, message)
        if found is not None:
            number, succeeded, user, mechanism, profile = found.groups()
            outcome = self._inbound[succeeded, mechanism, profile]
            return outcome, number, _text(user), None
        found = grammar.match(grammar.OUTBOUND_LOGIN, message)
        if found is not None:
            number, address, profile, succeeded, answer, name, done, words = found.groups()
            key = (profile or name, succeeded or done, words if answer is None else answer)
            return self._outbound[key], number, None, address
        found = grammar.match(grammar.INBOUND_LOGIN_CUT, message)
        if found is not None:
            number, succeeded, rest = found.groups()
            user, mechanism = split_cut(rest or b"")
            return self._inbound[succeeded, mechanism, None], number, _whole_text(user), None
        return self._read_unchecked(message)

    def _read_unchecked(self, message: bytes) -> Attempt | None:
        for form, action in _UNCHECKED.items():
            found = grammar.match(form, message)
            if found is not None:
                values = found.groupdict()
                key = (action, values["reason"], values.get("profile"))
                outcome = self._unchecked[key]
                return outcome, values.get("number"), _text(values.get("user")), None
        return None


def split_cut(rest: bytes) -> tuple[bytes, bytes | None]:
    """Tell user and mechanism apart in a login whose end is missing, wherever it was cut.

    Args:
        rest: What is there of the line, from the user on.

    Returns:
        The user, without what the appliance wrote behind it; the mechanism, None without one.
    """
    rest = rest.rstrip()
    user, found, behind = rest.rpartition(MECHANISM)
    if found:
        mechanism, blank, profile = behind.partition(b" ")
        # Other words than the appliance's are the user's own, and say nothing of a mechanism.
        is_own = PROFILE.startswith((blank + profile).rstrip())
        return user, mechanism if is_own and mechanism else None
    size = next((x for x in range(len(MECHANISM), 0, -1) if rest.endswith(MECHANISM[:x])), 0)
    return rest[: len(rest) - size].rstrip(), None


def is_strange(message: bytes) -> bool:
    """Whether a message that is no login begins like one, and is none that is known not to be.

    So does a file header without an offset that could be: all times depend on it.
    """
    begins = (
        message.startswith((b"SMTP Auth", b"Time offset from UTC: "))
        or b" SMTP authentication " in message
    )
    return begins and grammar.match(grammar.SERVER_POOL, message) is None


_UNCHECKED = {
    grammar.PROFILE_BROKEN: Action.ERROR,
    grammar.SERVER_UNREACHABLE: Action.ERROR,
    grammar.LOOKUP_FAILED: Action.ERROR,
    grammar.LDAP_FAILED: Action.ERROR,
    grammar.NOT_INITIATED: Action.NOT_INITIATED,
}


def _inbound(key: tuple[bytes, bytes | None, bytes | None]) -> Outcome:
    outcome, mechanism, profile = key
    succeeded = outcome == b"succeeded"
    return Outcome(
        Action.INBOUND,
        SUCCESS if succeeded else FAILURE,
        _text(mechanism),
        None if profile is None else _text(profile.strip()),
        # The log does not say why: a reason that repeats the outcome is all there is.
        None if succeeded else "SMTP AUTH failed",
        None,
        truncated=not (profile or b"").strip(),
    )


def _unchecked(key: tuple[Action, bytes, bytes | None]) -> Outcome:
    action, reason, profile = key
    result = FAILURE if action is Action.ERROR else None
    return Outcome(action, result, None, _text(profile), _text(reason.strip()), None)


def _outbound(key: tuple[bytes, bytes | None, bytes | None]) -> Outcome:
    profile, succeeded, answer = key
    if succeeded is not None:
        return Outcome(Action.OUTBOUND, SUCCESS, None, _text(profile), None, None)
    said = (answer or b"").strip()
    # A colon, and nothing behind it; or a literal that has no end.
    truncated = answer == b"" or (_BEGUN.match(said) is not None and not _ENDED.search(said))
    response = read_response(said)
    reason = (response.text or None) if response is not None else _text(said)
    return Outcome(
        Action.OUTBOUND, FAILURE, None, _text(profile), reason, response, truncated=truncated
    )


# ('535', ['5.7.8 Error: authentication failed', "can't"])   source: Cisco 118570; seen
_ANSWER = re.compile(rb"\(u?['\"]?(?P<code>\d{3})['\"]?, ?(?P<strings>.*)", re.DOTALL)
_BEGUN = re.compile(rb"\((?:u?['\"]?\d|\Z)")
_ENDED = re.compile(rb"\)\.?\Z")
# A string that nothing ends goes to the end: so no text is looked at twice.
_STRING = re.compile(
    rb"'((?:[^'\\]|\\.)*+)(?:'|\\?\Z)|\"((?:[^\"\\]|\\.)*+)(?:\"|\\?\Z)",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"r": b"\r", b"n": b"\n", b"t": b"\t"}
# Enhanced status code at the start of the text: RFC 3463, section 2.
_ENHANCED_CODE = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")


def read_response(answer: bytes) -> Response | None:
    """Read a smart host's answer.

    Args:
        answer: As the appliance prints it, a Python literal: ``('535', ['text', ...])``. Its end
            may be missing.

    Returns:
        None where it has another shape. Lines of the text are joined by one blank.
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


def _whole_text(value: bytes) -> str | None:
    """Decode text that may be cut within a character: what is left of that is left out."""
    return _decoder().decode(value) or None


_decoder = partial(getincrementaldecoder("utf-8"), "replace")


def _text(value: bytes | None) -> str | None:
    """Decode text from outside; nothing is None."""
    return value.decode("utf-8", "replace") if value else None
