"""What a connection sends is counted from its first login to its end."""

import pytest

from forwarder.events import CloseReason, Instant, Session
from forwarder.mail_logs import connections
from forwarder.mail_logs.connections import MAX_USERS, Messages, SessionStats
from forwarder.mail_logs.framer import Framer
from tests.joined import log_of, no_streams

NOW = Instant(1_240_400_688, b"2009-04-22T11:44:48.000Z", b"20090422T114448Z", "+00:00")
STAMP = b"Wed Apr 22 11:44:48 2009 Info: "


def open_session(
    messages: Messages, icid: bytes = b"5", user: str | None = "ironport"
) -> SessionStats:
    """Begin to follow a connection."""
    tally = messages.sessions[icid] = SessionStats()
    tally.succeed(user, NOW, "1f")
    return tally


def start(messages: Messages, mid: bytes, icid: bytes = b"5") -> None:
    """Begin a message."""
    messages.start(mid, STAMP + b"Start MID %b ICID %b" % (mid, icid))


def send(messages: Messages, mid: bytes, size: int, recipients: int) -> None:
    """Let a message that began have these recipients and this size."""
    for number in range(recipients):
        line = STAMP + b"MID %b ICID 5 RID %d To: <u@example.com>" % (mid, number)
        messages.change(mid, b"ICID", line)
    line = STAMP + b"MID %b ready %d bytes from <u@example.com>" % (mid, size)
    messages.change(mid, b"ready", line)


def abort(messages: Messages, mid: bytes) -> None:
    """Let a message be given up."""
    line = STAMP + b"Message aborted MID %b Receiving aborted by sender" % mid
    messages.change(mid, b"", line)


def counts(tally: SessionStats) -> tuple[int, int, int | None]:
    """Give messages, recipients and size."""
    return tally.messages, tally.recipients, tally.size


def test_messages_recipients_and_bytes_are_added_up() -> None:
    """The end of a session says all that was counted."""
    messages = Messages()
    tally = open_session(messages)
    for mid, size, recipients in ((b"6", 100, 1), (b"7", 250, 3)):
        start(messages, mid)
        send(messages, mid, size, recipients)
    assert (tally.successes, tally.users, *counts(tally)) == (1, ["ironport"], 2, 4, 350)


@pytest.mark.parametrize("end", [b"", b"\r", b" ", b" \r"])
@pytest.mark.parametrize("blank", [b" ", b"  "])
@pytest.mark.parametrize("level", [b"Info", b"Debug"])
def test_lines_are_counted_however_they_are_spaced(level: bytes, blank: bytes, end: bytes) -> None:
    """Blanks come twice where a line was wrapped, and carriage returns with some copies."""

    def line(text: bytes) -> bytes:
        return STAMP.replace(b"Info", level) + text.replace(b" ", blank) + end

    messages = Messages()
    tally = open_session(messages)
    messages.start(b"6", line(b"Start MID 6 ICID 5"))
    messages.change(b"6", b"ICID", line(b"MID 6 ICID 5 RID 0 To: <u@example.com>"))
    messages.change(b"6", b"ready", line(b"MID 6 ready 100 bytes from <u@example.com>"))
    assert counts(tally) == (1, 1, 100)


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        (b"ICID", b"MID 6 ICID 5 RID 0 Cc: <u@example.com>"),
        (b"ICID", b"MID 6 ICID 5 RID 0 To:"),
        (b"ICID", b"MID 6 ICID 5 RID 0 To: \r"),
        (b"ICID", b"MID 6 ICID 123456789012345678901 RID 0 To: <u@example.com>"),
        (b"ready", b"MID 6 ready 1234567890123456 bytes from <u@example.com>"),
        (b"ready", b"MID 6 ready 100 bytes from"),
    ],
)
def test_lines_of_no_form_are_not_counted(verb: bytes, text: bytes) -> None:
    """What begins like a form is not yet one."""
    messages = Messages()
    tally = open_session(messages)
    start(messages, b"6")
    messages.change(b"6", verb, STAMP + text)
    assert counts(tally) == (1, 0, None)


def test_a_session_that_sends_nothing_has_no_size() -> None:
    """Zero bytes and no size in the log are two things."""
    tally = open_session(Messages(), user=None)
    assert (tally.successes, tally.users, *counts(tally)) == (1, [], 0, 0, None)


def test_what_is_given_up_does_not_count() -> None:
    """Its recipients and its size are taken back; what other messages had stays."""
    messages = Messages()
    tally = open_session(messages)
    start(messages, b"6")
    send(messages, b"6", 100, 2)
    start(messages, b"7")
    send(messages, b"7", 50, 1)
    abort(messages, b"7")
    assert counts(tally) == (1, 2, 100)
    assert b"7" not in messages.followed
    start(messages, b"8")
    abort(messages, b"8")
    assert counts(tally) == (1, 2, 100)


def test_only_messages_of_followed_connections_count() -> None:
    """Those of others, and of the appliance itself, are passed over."""
    messages = Messages()
    tally = open_session(messages)
    for icid in (b"0", b"4", b"55", b""):
        start(messages, b"6", icid)
    assert b"6" not in messages.followed
    assert counts(tally) == (0, 0, None)


@pytest.mark.parametrize(
    ("line", "followed"),
    [
        (b"Start MID 6 ICID 5", True),
        (b"Start MID 6 ICID 5\r", True),
        (b"Start MID 6 ICID 5  ", True),
        (b"Start MID 6 ICID 5 \r", True),
        (b"Start MID 6 ICID 5 words of 7", True),
        (b"Start MID 6 ICID 50", False),
        (b"Start MID 6 ICID x5", False),
        (b"Start MID 6 ICID 6", False),
        (b"Start MID 6 ICID", False),
        (b"Start MID 6", False),
        (b"Start MID 6 Subject ' ICID 5", False),
    ],
)
def test_a_message_belongs_to_the_connection_its_line_names(line: bytes, *, followed: bool) -> None:
    """White space and a carriage return at the end do not matter."""
    messages = Messages()
    tally = open_session(messages)
    messages.start(b"6", STAMP + line)
    assert (b"6" in messages.followed) is followed
    assert tally.messages == followed


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (b"ICID", b"MID 6 ICID 5 RID 0 Cc: <u@example.com>"),
        (b"ICID", b"MID 6 ICID 5 From: <x RID 0 To: <u@example.com>>"),
        (b"ready", b"MID 6 ready"),
        (b"ready", b"MID 6 ready many bytes from <u@example.com>"),
        (b"", b"Message aborted"),
    ],
)
def test_lines_that_almost_count_change_nothing(verb: bytes, line: bytes) -> None:
    """A verb alone is no message of a known form."""
    messages = Messages()
    tally = open_session(messages)
    start(messages, b"6")
    messages.change(b"6", verb, STAMP + line)
    assert counts(tally) == (1, 0, None)
    assert b"6" in messages.followed


def test_a_message_begins_once() -> None:
    """The same line twice is one message."""
    messages = Messages()
    tally = open_session(messages)
    start(messages, b"6")
    start(messages, b"6")
    assert tally.messages == 1


def test_later_logins_go_on_counting() -> None:
    """Users are named once each, and the last one is the session's."""
    messages = Messages()
    tally = open_session(messages)
    start(messages, b"6")
    for user in ("ironport", "root", "ironport", None):
        tally.succeed(user, NOW, "1f")
    assert (tally.successes, tally.users, tally.messages) == (5, ["ironport", "root"], 1)
    assert tally.user is None


def test_users_are_bounded() -> None:
    """The first ones are named."""
    tally = SessionStats()
    for number in range(MAX_USERS * 2):
        tally.succeed(f"u{number}", NOW, "1f")
    assert tally.users == [f"u{number}" for number in range(MAX_USERS)]
    assert tally.successes == MAX_USERS * 2


def test_what_has_ended_is_followed_no_longer() -> None:
    """Nothing of a session stays behind, and ending twice is no error."""
    messages = Messages()
    open_session(messages)
    open_session(messages, b"9")
    start(messages, b"6")
    start(messages, b"7", b"9")
    messages.leave(b"5")
    messages.leave(b"5")
    assert b"6" not in messages.followed
    assert b"7" in messages.followed
    assert list(messages.sessions) == [b"9"]
    messages.leave(b"9")
    assert not messages.sessions
    assert b"7" not in messages.followed


def test_silence_is_counted_from_the_last_login() -> None:
    """Only what is older is given."""
    messages = Messages()
    open_session(messages)
    late = messages.sessions[b"9"] = SessionStats()
    late.succeed("root", NOW._replace(epoch=NOW.epoch + 10), "1f")
    assert messages.silent_since(NOW.epoch) == []
    assert messages.silent_since(NOW.epoch + 1) == [b"5"]
    assert messages.silent_since(NOW.epoch + 11) == [b"5", b"9"]


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the oldest eighth is dropped; what was counted stays counted."""
    monkeypatch.setattr(connections, "MAX_MESSAGES", 16)
    messages = Messages()
    tally = open_session(messages)
    for mid in range(17):
        start(messages, b"%d" % mid)
    assert [mid for mid in range(17) if b"%d" % mid in messages.followed] == list(range(2, 17))
    assert tally.messages == 17
    assert len(tally.mids) == 15


def test_messages_given_up_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that begins messages and gives them up, without end, fills no memory."""
    monkeypatch.setattr(connections, "MAX_MESSAGES", 16)
    messages = Messages()
    tally = open_session(messages)
    for mid in range(99):
        start(messages, b"%d" % mid)
        abort(messages, b"%d" % mid)
    assert tally.messages == 0
    assert len(tally.mids) <= 16


def test_a_number_that_comes_again_is_left_to_its_new_connection() -> None:
    """The end of the old one takes no message away that is not its own."""
    messages = Messages()
    open_session(messages)
    open_session(messages, b"9")
    start(messages, b"6")
    abort(messages, b"6")
    start(messages, b"6", b"9")
    messages.leave(b"5")
    assert b"6" in messages.followed


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \n", b"  \r\n"])
def test_messages_count_however_lines_end(end: bytes) -> None:
    """Carriage returns and trailing blanks take nothing from a session."""
    lines = (
        b"New SMTP ICID 5 interface Mail (192.0.2.1) address 198.51.100.7",
        b"SMTP Auth: (ICID 5) succeeded for user: u using AUTH mechanism: PLAIN with profile: P",
        b"Start MID 6 ICID 5",
        b"MID 6 ICID 5 RID 0 To: <a@example.com>",
        b"MID 6 ready 100 bytes from <u@example.com>",
        b"ICID 5 close",
    )
    framer, streams, log = Framer(), no_streams(), log_of("esa1")
    blocks = framer.feed(b"".join(STAMP + line + end for line in lines)) + framer.finish()
    events = [event for block in blocks for event in streams.read(block, log)]
    expected = Session(CloseReason.CLOSE, 1, 0, ("u",), 1, 1, 100)
    assert [event.session for event in events] == [None, expected]
