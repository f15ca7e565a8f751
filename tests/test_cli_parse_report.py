"""What the person at the terminal is told."""

import io
import os
import pty
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from forwarder.app.parse import Outcome
from forwarder.cli.parse import show_progress, summarise, warnings
from forwarder.events import Action, Counters


def done(**changes: Any) -> Outcome:  # noqa: ANN401
    """Return the outcome of a parse."""
    return Outcome(1, Counters(), (), (), (), True, 2.0)._replace(**changes)  # noqa: FBT003


def test_the_first_line_says_how_much_and_how_long() -> None:
    """In megabytes and seconds."""
    counts = Counters(bytes=123_456_789, lines=1_234_567)
    assert list(summarise(done(files=12, counts=counts, seconds=65.432))) == [
        "12 files, 1,234,567 lines, 123.5 MB in 65.43 s"
    ]


def test_one_is_singular() -> None:
    """A line, a file."""
    outcome = done(counts=Counters(bytes=1, lines=1))
    assert list(summarise(outcome)) == ["1 file, 1 line, 0.0 MB in 2.00 s"]


def test_events_are_counted_by_action_and_outcome() -> None:
    """Logins first, whatever came first; no outcome, no parentheses."""
    events: Counter[tuple[str, str | None]] = Counter(
        {
            ("smtp-session-closed", "success"): 5,
            ("smtp-authentication-not-initiated", None): 1,
            ("smtp-relay-authentication", "success"): 1_000,
            ("smtp-authentication", "success"): 2,
            ("smtp-authentication-error", "failure"): 4,
            ("smtp-authentication", "failure"): 3_000,
        }
    )
    counts = Counters(events=events, logins_without_id=1_001, uncorrelated=3)
    assert list(summarise(done(counts=counts)))[1:] == [
        "inbound logins: 3,002 (3,000 failure, 2 success)",
        "outbound logins: 1,000 (1,000 success)",
        "logins that could not be checked: 4 (4 failure)",
        "logins required and not begun: 1",
        "sessions ended: 5 (5 success)",
        "joined to their connection: 3,003 of 3,006 (99.9 %)",
    ]


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_name_for_people(action: Action) -> None:
    """A new one must not end in an error."""
    without_id = 0 if action is Action.SESSION_CLOSED else 7
    counts = Counters(events=Counter({(action.value, None): 7}), logins_without_id=without_id)
    _, line = summarise(done(counts=counts))
    assert line.endswith(": 7")
    assert action.value not in line


def test_what_was_left_out_or_cut_is_said() -> None:
    """Files with the same content, and lines over the limit."""
    outcome = done(counts=Counters(truncated_lines=2, foreign_lines=1), repeated=(("/b\n", "/a"),))
    assert list(summarise(outcome))[1:] == [
        "left out '/b\\n': all of it is in '/a'",
        "1 line dropped: not of a mail log",
        "2 lines truncated: longer than 64 KiB",
    ]


def test_warnings_say_what_to_do() -> None:
    """None for none; the zone, and what was not understood or left out."""
    assert list(warnings(Counters())) == []
    zone, unread, strangers, broken = warnings(
        Counters(assumed_utc=True, unparsed_logins=1, dropped_continuations=2, partial_last_lines=1)
    )
    assert strangers.startswith("2 lines followed by text that was dropped: ")
    assert broken.startswith("1 file with an incomplete last line, which was dropped: ")
    assert "--timezone Europe/Rome" in zone
    assert unread.startswith("1 line not understood: ")


@pytest.mark.parametrize(("path", "name"), [("/srv/esa1/mail", "'/srv/esa1/mail'"), (None, "'st")])
def test_a_warning_says_where_the_first_strange_line_is(path: str | None, name: str) -> None:
    """The file is worth a look."""
    (unread,) = warnings(Counters(unparsed_logins=2, first={"unparsed_logins": (path, 4711)}))
    assert f"the first is at byte 4,711 of {name}" in unread


def test_the_bar_shows_how_far_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a part of the whole."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    reader, writer = pty.openpty()
    with open(writer, "w", encoding="utf-8") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", terminal)
        with show_progress(shown=True) as bar:
            for _ in range(3):
                bar(1_000_000, 4_000_000)
    shown = b""
    with suppress(OSError):  # Linux says the end of a terminal so
        while chunk := os.read(reader, 1 << 16):
            shown += chunk
    os.close(reader)
    assert "75%" in shown.decode()


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_the_bar_shows_nothing_where_there_is_no_terminal(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No escape in a file."""
    monkeypatch.setattr(sys, "stderr", stream)
    with show_progress(shown=True) as bar:
        bar(1, 2)
    assert stream is None or stream.getvalue() == ""
