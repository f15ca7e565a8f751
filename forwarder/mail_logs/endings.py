"""How lines end, where that shows whether something of them is missing.

A line that makes or describes a login mostly ends in the appliance's own words. Where it does not,
as at a user or a server, nothing tells its end from the place where a copy broke off.
"""

import re

from forwarder.mail_logs.grammar import LEVEL

_HEAD = re.compile(rb".*?" + LEVEL + rb": (?:SMTP Auth|DCID: |New (?:SMTP|smtp) |ICID \d+ .* SG )")
_ENDS = (
    rb" with profile: [^ ].*",
    rb" verified (?:yes|no)",
    rb" SBRS (?:None|rfc1918|-?[\d.]+)",
    rb" (?:close|lost)",
    rb" SMTP authentication using the profile .* succeeded\.?",
    rb"'\]\)",
)
_OTHER_ENDS = (
    rb" SMTP authentication using the profile .* failed",
    rb" port \d{1,5}",
    rb" lookup failed for user: .+",
    rb" could not reach forwarding server .+",
    rb" did not initiate it\.?",
    rb" missing causing an Auth failure\.?",
    rb" or unreachable server\.?",
    rb" connections available",
)


def _any_of(*ends: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:" + rb"|".join(ends) + rb")\s*\Z")


_WHOLE = _any_of(*_ENDS)
_WHOLE_OR_OPEN = _any_of(*_ENDS, *_OTHER_ENDS)


def is_whole(line: bytes) -> bool:
    """Say whether a line surely needs no continuation."""
    return _WHOLE.search(line) is not None


def is_broken_off(line: bytes) -> bool:
    """Say whether a line that no newline ends is a piece of one that matters for logins.

    Args:
        line: From the timestamp or the level.
    """
    return _HEAD.match(line) is not None and _WHOLE_OR_OPEN.search(line) is None
