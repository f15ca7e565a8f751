"""Logs as people met them, each beside the logins that must come of it.

Each case is a folder:

* `log`: a file, or a folder of files.
* `logins`: one login a line, its values separated by tabs: direction, outcome, user, address (of
  the client, or of the smart host), mechanism, profile, TLS (its version, `yes` without one, `no`).
  `-` is for what is not there, `*` for anything.
* `options` (optional): of the command `parse`, separated by white space.
* `messages` (optional): words that standard error must have, in any case of letters, one a line.
* `status` (optional): the exit status, if it is not 0.
"""

from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent


class Case(NamedTuple):
    """One of the folders."""

    log: Path
    logins: tuple[tuple[str, ...], ...]
    options: tuple[str, ...]
    messages: tuple[str, ...]
    status: int


def names() -> list[str]:
    """Name all cases."""
    return sorted(x.parent.name for x in FOLDER.glob("*/logins"))


def load(name: str) -> Case:
    """Give a case by its name."""
    folder = FOLDER / name

    def lines(file: str) -> tuple[str, ...]:
        path = folder / file
        return tuple(path.read_text().splitlines()) if path.exists() else ()

    return Case(
        folder / "log",
        tuple(tuple(x.split("\t")) for x in lines("logins")),
        tuple(" ".join(lines("options")).split()),
        lines("messages"),
        int("".join(lines("status")) or 0),
    )


def login(document: dict[str, Any]) -> tuple[str, ...] | None:
    """Give what is compared of a document; None for one that is not of a login."""
    if get(document, "event.action") not in {"smtp-authentication", "smtp-relay-authentication"}:
        return None
    direction = get(document, "cisco_esa.auth.direction")
    established = get(document, "tls.established")
    encryption = "no" if established is False else get(document, "tls.version") or "yes"
    values = (
        direction,
        get(document, "event.outcome"),
        get(document, "user.name"),
        get(document, "destination.ip" if direction == "outbound" else "source.ip"),
        get(document, "cisco_esa.auth.mechanism"),
        get(document, "cisco_esa.auth.profile"),
        None if established is None else encryption,
    )
    return tuple("-" if x is None else str(x) for x in values)


def get(document: object, path: str) -> object:
    """Give a value of a document by the dotted name of its field; None if it is not there."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def agrees(found: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether a login is as it should be."""
    return len(found) == len(wanted) and all(
        want in {"*", value} for value, want in zip(found, wanted, strict=True)
    )
