"""Dead letters as lines for people and for programs."""

import orjson

from forwarder.cli.letter_store import DeadLetter
from forwarder.text import cut, escape_control, escaped_json

_HEAD = ("NUMBER", "TIME (UTC)", "OUTPUT", "STATUS", "REPLAY", "SOURCE", "REASON")
_WIDTHS = (8, 19, 16, 6, 6, 40, 0)
_MAX_REASON = 200
"""Characters in a row; the command show has all of it."""


def head() -> str:
    """Give the line above the rows."""
    return _line(_HEAD)


def as_row(letter: DeadLetter) -> str:
    """Give a line for people."""
    reason = escape_control(letter.reason)
    return _line(
        (
            str(letter.number),
            letter.time.strftime("%Y-%m-%d %H:%M:%S"),
            escape_control(letter.output),
            "" if letter.status is None else str(letter.status),
            "yes" if letter.replay else "",
            escape_control(_source(letter)),
            cut(reason, _MAX_REASON),
        )
    )


def as_ndjson(letter: DeadLetter) -> str:
    """Give one JSON object in a line, with the whole document."""
    source = letter.source
    line = orjson.dumps(
        {
            "number": letter.number,
            "output": letter.output,
            "reason": letter.reason,
            "status": letter.status,
            "time": _time(letter),
            "source": None if source is None else source._asdict(),
            "replay": letter.replay,
            "document": _document(letter.document.body),
        }
    ).decode()
    return escaped_json(line)


def as_text(letter: DeadLetter) -> str:
    """Give everything for people, in several lines."""
    document = _document(letter.document.body)
    if isinstance(document, str):
        document = escape_control(document)
    else:
        document = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
        document = escaped_json(document)
    status = "" if letter.status is None else f" (status {letter.status})"
    return "\n".join(
        [
            f"number: {letter.number}",
            f"output: {escape_control(letter.output)}",
            f"reason: {escape_control(letter.reason)}{status}",
            f"time: {_time(letter)}",
            f"source: {escape_control(_source(letter)) or 'unknown'}",
            f"replay: {'yes' if letter.replay else 'no'}",
            document,
            "",
        ]
    )


def _source(letter: DeadLetter) -> str:
    if letter.source is None:
        return ""
    path, offset = letter.source
    return path if offset is None else f"{path} at byte {offset:,}"


def _time(letter: DeadLetter) -> str:
    return letter.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(body: bytes) -> object:
    """Read a document; one that is no JSON becomes a text, so that it can be looked at."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(cell.ljust(w) for cell, w in zip(cells, _WIDTHS, strict=True)).rstrip()
