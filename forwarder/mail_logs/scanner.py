"""Picks the lines of a block that matter, in their order, with no work for the others.

One expression, run once over the whole block: ninety-nine of a hundred lines never become a
Python object. It knows only the heads of the forms; what it picks may still be none of them.
"""

import re

from forwarder.mail_logs.grammar import LEVEL

Pick = tuple[bytes, bytes, bytes, bytes, bytes]
"""A line that may hold a form: the whole line; its head (empty for a login line of another kind or
a file header); the number behind the head (of a connection or a message); the word behind that,
where it is one that tells the forms of ``ICID`` and ``DCID`` apart; of a client's login, what
follows from the user on."""

# The frequent words first, and nothing that is tried twice: every line of a log comes by here. An
# alternative that is empty in place of "?", and classes in place of words, save a tenth of it.
_MESSAGE = (
    rb"(?:"
    # Lookaheads leave out the message lines that carry nothing of use.
    rb"(ICID|DCID:?|New [Ss][Mm][Tt][Pp] [ID]CID|MID(?= \d++ (?:ICID \d++ R|r))|Start MID"
    rb"|SMTP Auth:? \(ICID|Message aborted MID|SMTP server connection killed [ID]CID:?)"
    rb" ++(\d++) *+(close\b|TLS(?= +(?:success|failed)\b)|ICID|ready|ACCEPT(?= +SG )"
    rb"|\) (?:succeeded|failed)(?= for user: (.*))|(?:RELAY|REJECT)(?= +SG )|Delayed(?= )"
    rb"|lost\b|)"
    rb"|SMTP Auth|Version: |Time offset from UTC: ).*"
)
# What the timestamp's bytes may be does not matter, so they are passed over in one step.
_SCAN = re.compile(rb"\n((?s:.{25})" + LEVEL + rb"+: " + _MESSAGE + rb")", re.MULTILINE)

NEW_INBOUND = (b"New SMTP ICID", b"New smtp ICID")
NEW_OUTBOUND = (b"New SMTP DCID", b"New smtp DCID")
INBOUND_LOGIN = (b"SMTP Auth: (ICID", b"SMTP Auth (ICID")
KILLED_INBOUND = (b"SMTP server connection killed ICID:", b"SMTP server connection killed ICID")
KILLED_OUTBOUND = (b"SMTP server connection killed DCID:", b"SMTP server connection killed DCID")
"""Heads as :func:`scan` gives them, in both ways that were seen."""


def scan(text: bytes, start: int, end: int) -> list[Pick]:
    """Pick the lines of a block that may hold a form.

    Args:
        text: Lines, each behind a newline, each with a timestamp of 25 bytes and a level.
        start: Where to begin: at a newline, in bytes.
        end: Where to end, in bytes.

    Returns:
        In the order of the lines.
    """
    return _SCAN.findall(text, start, end)


def compile_proof(begin: bytes) -> re.Pattern[bytes]:
    """Make an expression that picks the same, and proves that all lines begin alike.

    Args:
        begin: An expression for what they are to begin with, up to the message; that begins with
            no blank.

    Returns:
        At the first line that begins otherwise it takes all that is left for a pick without a
        line, the last one.
    """
    proof = rb"\n(?:(" + begin + _MESSAGE + rb")|(?!" + begin + rb"[^ ])(?s:.*))"
    return re.compile(proof, re.MULTILINE)
