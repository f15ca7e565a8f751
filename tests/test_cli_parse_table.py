"""Documents as rows for people."""

import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from forwarder.cli.parse import HEADER, row

LOGIN: dict[str, object] = {
    "@timestamp": "2026-03-01T06:00:02.000Z",
    "event": {"action": "smtp-authentication", "outcome": "failure", "reason": "SMTP AUTH failed"},
    "host": {"name": "esa1"},
    "network": {"direction": "ingress"},
    "user": {"name": "rossi"},
    "source": {"address": "198.51.100.7", "domain": "client.example.com"},
    "destination": {"address": "192.0.2.1"},
    "tls": {"version": "1.3"},
    "cisco_esa": {"auth": {"mechanism": "PLAIN"}},
}


def shown(**changes: object) -> str:
    """Return the row of a login that is changed a little."""
    return row(orjson.dumps(LOGIN | changes))


def cells(line: str) -> list[str]:
    """Cut a line where the header says that columns begin."""
    names = ["TIME", "APPLIANCE", "EVENT", "USER", "SOURCE", "HOW", "TLS", "WHAT"]
    starts = [HEADER.index(x) for x in names]
    ends: list[int | None] = [*starts[1:], None]
    return [line[x:y].rstrip() for x, y in zip(starts, ends, strict=True)]


def test_each_value_stands_under_its_name() -> None:
    """Time, appliance, event, user, source, mechanism, TLS, and why."""
    assert cells(shown()) == [
        *("2026-03-01 06:00:02", "esa1", "- login", "rossi", "198.51.100.7", "PLAIN", "1.3"),
        "SMTP AUTH failed",
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"action": "smtp-authentication", "outcome": "success"}, "+ login"),
        ({"action": "smtp-authentication-error", "outcome": "failure"}, "- not checked"),
        ({"action": "smtp-authentication-not-initiated"}, "  no login"),
    ],
)
def test_the_outcome_is_a_mark(event: dict[str, str], expected: str) -> None:
    """None where there was none; without a reason, the name of the client is shown."""
    line = cells(shown(event=event))
    assert line[2] == expected
    assert line[7] == "client.example.com"


def test_a_relay_login_shows_where_to() -> None:
    """The other side is the destination."""
    line = cells(
        shown(
            event={"action": "smtp-relay-authentication", "outcome": "success"},
            network={"direction": "egress"},
        )
    )
    assert line[2] == "+ relay login"
    assert line[4] == "to 192.0.2.1"


def test_what_is_missing_is_left_blank() -> None:
    """A login without its connection, a user or TLS."""
    fields = {x: y for x, y in LOGIN.items() if x not in {"user", "source", "tls"}}
    event = {"action": "smtp-authentication", "outcome": "failure"}
    line = row(orjson.dumps(fields | {"event": event, "cisco_esa": {}}))
    assert cells(line)[2:] == ["- login", "", "unknown", "", "", ""]
    assert not line.endswith(" ")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (
            {"close_reason": "close", "messages": 2, "recipients": 3, "bytes": 84},
            "close after 2 messages to 3 recipients, 84 bytes",
        ),
        (
            {"close_reason": "lost", "messages": 1, "recipients": 1},
            "lost after 1 message to 1 recipient",
        ),
    ],
)
def test_a_session_shows_what_was_sent(session: dict[str, object], expected: str) -> None:
    """The size, where there is one."""
    event = {"action": "smtp-session-closed", "outcome": "success"}
    assert cells(shown(event=event, cisco_esa={"session": session}))[7] == expected


@given(st.text())
def test_nothing_in_a_row_commands_a_terminal(text: str) -> None:
    """No control character, none that turns text around, and one line."""
    line = shown(user={"name": text})
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in line:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in turning


@given(st.text(max_size=100))
def test_columns_stay_in_line(text: str) -> None:
    """Wide characters take two columns, others none; a long text is cut."""
    line = shown(user={"name": text})
    before, _, after = line.rpartition("198.51.100.7")
    assert wcswidth(before) == HEADER.index("SOURCE")
    assert after


def test_an_address_is_whole() -> None:
    """It moves what follows."""
    address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    assert address in shown(source={"address": address})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 32, "x" * 32),
        ("x" * 33, "x" * 31 + "…"),
        ("山" * 16, "山" * 16),
        ("山" * 17, "山" * 15 + "…"),
        ("e" + "\u0301" * 10_000, "e" + "\u0301" * 30 + "…"),
    ],
)
def test_long_text_is_cut(text: str, expected: str) -> None:
    """By columns and by characters: accents take none, and there may be thousands."""
    assert expected in shown(user={"name": text}).split("  ")
