"""Lines are proved and picked in one step as they are in two."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forwarder.mail_logs import scanner
from forwarder.mail_logs.framer import Framer
from forwarder.mail_logs.scanner import Block, Days, scan
from forwarder.mail_logs.wrapping import MAX_LINE_BYTES
from tests.corpus.noise import FORGED

DAY = b"Wed Apr 22 11:44:48 2009 "
LOGIN = (
    b"Info: SMTP Auth: (ICID 7) succeeded for user: a using AUTH mechanism: PLAIN with profile: P"
)
LINES = [
    DAY + b"Info: New SMTP ICID 7 interface A (192.0.2.1) address 192.0.2.2 reverse dns host x",
    DAY + b"Info: ICID 7 ACCEPT SG None match ALL SBRS None",
    DAY + LOGIN,
    DAY + b"Info: ICID 7 close",
    DAY + b"Info: ICID 7 close \r",
    DAY + b"Info: MID 5 antivirus negative",
    DAY + b"Warning: ICID 7 lost",
    DAY + b"Warning: nothing of use",
    DAY + b"Info: SMTP Auth LDAP query failed, possible LDAP misconfiguration.",
    b"Thu Apr 23 00:00:01 2009 " + LOGIN,
    b"Wed Apr 22 11:44:48 2010 Info: ICID 8 close",
    b"Wed Apr 22 11:44:48 2009Info: ICID 8 close",
    b"with profile: P",
    b"",
    b"no line at all",
    b"Wed Apr 22 \n:44:48 2009 Info: ICID 8 close",
    b"<22>Apr 22 11:44:48 mail_logs: " + LOGIN,
    DAY + b"Info: MID 5 " + b"x" * MAX_LINE_BYTES,
    *(DAY + b"Info: MID 5 Subject: " + x for x in FORGED),
]

worths = pytest.mark.parametrize("worth", [0, scanner.WORTH_BYTES])


def frame(content: bytes, worth: int) -> list[Block]:
    """Frame a file, twice: the second time, days are known."""
    framer = Framer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "WORTH_BYTES", worth)
        return [*framer.feed(content), *framer.feed(b"\n" + content), *framer.finish()]


@given(st.lists(st.sampled_from(LINES), max_size=12))
@example([LINES[2], LINES[12], LINES[3]])
@example([LINES[17], LINES[2]])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_was_picked_is_what_scanning_finds(parts: Sequence[bytes]) -> None:
    """Whatever lines are mixed, and in two steps as in one."""
    content = b"\n".join([LINES[0], *parts])
    blocks, once = frame(content, scanner.WORTH_BYTES), frame(content, 0)
    assert blocks == once
    for block in blocks:
        if block.matches is not None:
            assert block.matches == scan(block.text, block.start, block.end)


@worths
@pytest.mark.parametrize("other", LINES[6:8] + LINES[9:12])
def test_another_level_or_day_ends_it(
    other: bytes, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newline before that line is given, and nothing behind it is picked."""
    monkeypatch.setattr(scanner, "WORTH_BYTES", worth)
    text = b"".join(b"\n" + x for x in (*LINES[:6], other, *LINES[:6]))
    known = Days()
    for _ in range(2):
        stop, picks = known.scan(text, 0, len(text))
        assert (text[stop + 1 :].startswith(other), stop) == (True, text.index(b"\n" + other))
        assert picks == scan(text, 0, stop)
        assert known.scan(text, stop, len(text))[0] >= stop


@worths
def test_the_first_line_tells_the_level(worth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is."""
    monkeypatch.setattr(scanner, "WORTH_BYTES", worth)
    text = b"".join(b"\n" + x for x in (LINES[6], LINES[7], LINES[0]))
    known = Days()
    stop = text.rindex(b"\n")
    for _ in range(2):
        assert known.scan(text, 0, len(text)) == (stop, scan(text, 0, stop))


def test_few_days_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile log has a new date on every line."""
    monkeypatch.setattr(scanner, "MAX_DAYS", 16)
    known = Days()
    for number in range(300):
        text = b"\nWed Apr 22 11:44:48 %04d " % number + LOGIN
        assert known.scan(text, 0, len(text)) == (len(text), scan(text, 0, len(text)))
        assert len(known._days) <= 16  # noqa: SLF001
