"""What connections send after a login: counted from the login to the end."""

import re
from itertools import islice

from forwarder.events import CloseReason, Instant, Session, new_session
from forwarder.mail_logs import grammar
from forwarder.mail_logs.grammar import STAMP_BYTES

MAX_MESSAGES = 65_536
"""Messages of open sessions that are followed, 15 MB; beyond, the oldest eighth is let go, and what
comes of those is no longer counted."""

MAX_USERS = 16
"""Users that a session names. SMTP allows one login a session (RFC 4954, section 4)."""

# How nearly all of these lines are; the forms say the same, but take three times as long.
_STARTED = re.compile(rb"Info: Start MID \d++ ICID (\d{1,20})\r?\Z").match
_RECIPIENT = re.compile(rb"Info: MID \d++ ICID \d{1,20} RID \d++ To: [^ \r]").match
_READY = re.compile(rb"Info: MID \d++ ready (\d{1,15}) bytes from [^ \r]").match


class Tally:
    """The counts of one session."""

    __slots__ = (
        "id",
        "last",
        "messages",
        "mids",
        "recipients",
        "size",
        "sized",
        "successes",
        "user",
        "users",
    )

    id: str
    """Of the login that it began with."""
    last: Instant

    def __init__(self) -> None:
        """Start at nothing."""
        self.successes = 0
        self.user: str | None = None
        self.users: list[str] = []
        self.messages = 0
        self.recipients = 0
        self.size: int | None = None
        self.sized = 0
        self.mids: set[bytes] = set()

    def succeed(self, user: str | None, time: Instant, name: str) -> None:
        """Count a login that succeeded, by the id of its event."""
        if not self.successes:
            self.id = name
        self.successes += 1
        self.user = user
        self.last = time
        if user is not None and user not in self.users and len(self.users) < MAX_USERS:
            self.users.append(user)

    def resize(self, old: int | None, new: int | None) -> None:
        """Count another size of a message, in bytes; None for none."""
        self.sized += (new is not None) - (old is not None)
        self.size = (self.size or 0) - (old or 0) + (new or 0) if self.sized else None

    def close(self, reason: CloseReason, failures: int) -> Session:
        """Give the counts at the end.

        Args:
            reason: Why it ends.
            failures: Attempts on the whole connection that failed.
        """
        users = tuple(self.users)
        counts = (self.messages, self.recipients, self.size)
        return new_session((reason, self.successes, failures, users, *counts))


class Message:
    """One message of a session."""

    __slots__ = ("recipients", "size", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.recipients = 0
        self.size: int | None = None


class Messages:
    """Follows the messages of open sessions of one appliance.

    Attributes:
        tallies: Of open sessions, by ICID.
        followed: Their messages, by MID.
    """

    __slots__ = ("followed", "tallies")

    def __init__(self) -> None:
        """Start with no session."""
        self.tallies: dict[bytes, Tally] = {}
        self.followed: dict[bytes, Message] = {}

    def follow(self, icid: bytes, tally: Tally | None) -> Tally:
        """Count what this connection sends from here on, in the tally it may have already."""
        if tally is None:
            tally = self.tallies[icid] = Tally()
        return tally

    def silent_since(self, epoch: int) -> list[bytes]:
        """Give the connections whose last login is older, in seconds since 1970."""
        silent = [x for x in self.tallies.items() if x[1].last.epoch < epoch]
        # By what outlives the process.
        return [icid for icid, _ in sorted(silent, key=lambda x: (x[1].last.epoch, x[0]))]

    def leave(self, icid: bytes) -> None:
        """Count no longer."""
        tally = self.tallies.pop(icid, None)
        if tally is not None:
            for mid in tally.mids:
                del self.followed[mid]

    def start(self, mid: bytes, line: bytes) -> None:
        """Take a ``Start MID`` line.

        Args:
            mid: Its message.
            line: The whole line.
        """
        found = _STARTED(line, STAMP_BYTES)
        if found is not None:
            tally = self.tallies.get(found[1])
        else:
            found = grammar.read(grammar.MESSAGE_STARTED, line)
            tally = None if found is None else self.tallies.get(found["number"])
        if tally is None or mid in self.followed:
            return
        if len(self.followed) >= MAX_MESSAGES:
            for oldest in list(islice(self.followed, MAX_MESSAGES // 8)):
                self._forget(oldest)
        self.followed[mid] = Message(tally)
        tally.mids.add(mid)
        tally.messages += 1

    def change(self, mid: bytes, verb: bytes, line: bytes) -> None:
        """Take a line about a message that is followed: a recipient, its size, or its end.

        Args:
            mid: The message.
            verb: The word behind its number; empty for a message given up.
            line: The whole line.
        """
        message = self.followed[mid]
        if verb == b"ICID":
            if _RECIPIENT(line, STAMP_BYTES) or grammar.read(grammar.RECIPIENT, line):
                message.recipients += 1
                message.tally.recipients += 1
        elif verb == b"ready":
            found = _READY(line, STAMP_BYTES)
            if found is not None:
                size = int(found[1])
            elif found := grammar.read(grammar.MESSAGE_READY, line):
                size = int(found["size"])
            else:
                return
            message.tally.resize(message.size, size)
            message.size = size
        elif grammar.read(grammar.MESSAGE_ABORTED, line):
            self._forget(mid)
            message.tally.messages -= 1
            message.tally.recipients -= message.recipients
            message.tally.resize(message.size, None)

    def _forget(self, mid: bytes) -> None:
        """Follow a message no longer."""
        self.followed.pop(mid).tally.mids.discard(mid)
