"""Picks the lines of a block that matter, in their order, with no work for the others.

One expression, run once over the whole block: ninety-nine of a hundred lines never become a
Python object. It knows only the heads of the forms; what it picks may still be none of them.
"""

import re

from forwarder.mail_logs.grammar import LEVEL

# The frequent words first, and nothing that is tried twice: every line of a log comes by here. An
# alternative that is empty in place of "?", and classes in place of words, save a tenth of it. What
# the timestamp's bytes may be does not matter, so they are passed over in one step.
_SCAN = re.compile(
    rb"\n((?s:.{25})" + LEVEL + rb"+: (?:"
    # Lookaheads leave out the message lines that carry nothing of use.
    rb"(ICID|DCID:?|New [Ss][Mm][Tt][Pp] [ID]CID|MID(?= \d++ (?:ICID \d++ R|r))|Start MID"
    rb"|SMTP Auth:? \(ICID|Message aborted MID)"
    rb" (\d++) *+(close(?=[ \r]*$)|TLS(?= +(?:success|failed)\b)|ICID|ready|ACCEPT(?= +SG )"
    rb"|\) (?:succeeded|failed)(?= for user: (.*))|(?:RELAY|REJECT)(?= +SG )|Delayed(?= )"
    rb"|lost(?=[ \r]*$)|)"
    rb"|SMTP Auth|Version: |Time offset from UTC: ).*)",
    re.MULTILINE,
)

NEW_INBOUND = (b"New SMTP ICID", b"New smtp ICID")
NEW_OUTBOUND = (b"New SMTP DCID", b"New smtp DCID")
INBOUND_LOGIN = (b"SMTP Auth: (ICID", b"SMTP Auth (ICID")
"""Heads as :func:`scan` gives them, in both ways that were seen."""


def scan(text: bytes, start: int, end: int) -> list[tuple[bytes, bytes, bytes, bytes, bytes]]:
    """Pick the lines of a block that may hold a form.

    Args:
        text: Lines, each behind a newline, each with a timestamp of 25 bytes and a level.
        start: Where to begin: at a newline, in bytes.
        end: Where to end, in bytes.

    Returns:
        For each line, in order: the whole line; its head (empty for a login line or a file
        header); the number behind the head (of a connection or a message); the word behind that,
        where it is one that tells the forms of ``ICID`` and ``DCID`` apart; of a client's login,
        what follows from the user on.
    """
    return _SCAN.findall(text, start, end)
