"""Documents as rows for people.

Text in a log comes from strangers, and a terminal obeys control characters: whatever is not
plainly visible is shown by its code.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from forwarder.text import escape_control, many

_WIDTHS = {
    "TIME (UTC)": 19,
    "APPLIANCE": 18,
    "EVENT": 13,
    "USER": 32,
    "SOURCE": 22,
    "HOW": 10,
    "TLS": 4,
}
_LONG = {"SOURCE": 42, "WHAT": 60}
"""Columns that may be wider than their own width: an address is of no use without its end.

Longer text is cut with an ellipsis: the documents have it whole."""

_EVENTS = {
    "smtp-authentication": "login",
    "smtp-relay-authentication": "relay login",
    "smtp-authentication-error": "not checked",
    "smtp-authentication-not-initiated": "no login",
    "smtp-session-closed": "session",
}
_MARKS = {"success": "+", "failure": "-", None: " "}


def header() -> str:
    """Give the line above the rows."""
    return _line([*_WIDTHS, "WHAT"])


def row(document: bytes) -> str:
    """Show a document as one line of text.

    Args:
        document: One JSON object.
    """
    fields = orjson.loads(document)
    event, cisco = fields["event"], fields["cisco_esa"]
    outbound = fields["network"]["direction"] == "egress"
    peer = fields.get("destination" if outbound else "source", {})
    mark = _MARKS[event.get("outcome")]
    return _line(
        [
            fields["@timestamp"][:19].replace("T", " "),
            fields["host"]["name"],
            f"{mark} {_EVENTS[event['action']]}",
            fields.get("user", {}).get("name", ""),
            ("to " if outbound else "") + peer.get("address", "unknown"),
            cisco.get("auth", {}).get("mechanism", ""),
            fields.get("tls", {}).get("version", ""),
            _what(event, cisco, fields),
        ],
    )


def _what(event: Mapping[str, Any], cisco: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    session = cisco.get("session")
    if session is not None:
        messages, recipients = session["messages"], session["recipients"]
        sent = f"{many(messages, 'message')} to {many(recipients, 'recipient')}"
        size = f", {many(session['bytes'], 'byte')}" if "bytes" in session else ""
        return f"{session['close_reason']} after {sent}{size}"
    domain = fields.get("source", {}).get("domain", "")
    return str(event.get("reason", domain))


def _line(cells: list[str]) -> str:
    widths = {**_WIDTHS, "WHAT": 0}
    return "  ".join(
        _cell(text, width, _LONG.get(column, width))
        for text, (column, width) in zip(cells, widths.items(), strict=True)
    ).rstrip()


def _cell(text: str, width: int, most: int) -> str:
    """Cut a text that is too long, and fill up one that is too short."""
    text = escape_control(text)
    if len(text) > most or _columns(text) > most:
        text = text[: most - 1]
        while _columns(text) >= most:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _columns(text))


def _columns(text: str) -> int:
    """Say how many columns of a terminal a text takes: Chinese takes two a character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
