"""Three numbers: what was lost, what came twice, and what was joined of what could be."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson

from tests.corpus import Expected
from tests.truth_check import Flat, flatten, with_users, wrong_fields

_UNCHECKED = ("log.file.path",)
"""A log has several names in its life."""

_Identity = tuple[str, str, str, str]


class Tally(NamedTuple):
    """What an output has, compared with the truth."""

    lost: int
    doubled: int
    joined: int
    joinable: int
    """Logins of which the line that opened their connection was in the logs."""
    wrong: tuple[str, ...]
    """Of each document that is there and differs from the truth, what differs."""

    @property
    def text(self) -> str:
        """The three numbers."""
        return f"lost={self.lost} doubled={self.doubled} joined={self.joined}/{self.joinable}"

    @property
    def is_whole(self) -> bool:
        """Whether all is there, once, joined and right."""
        return not (self.lost or self.doubled or self.wrong) and self.joined == self.joinable


def compare(documents: Iterable[bytes], expected: Sequence[Expected]) -> Tally:
    """Compare what an output has with the truth.

    Args:
        documents: In any order.
        expected: All that was ever written, in the order of each appliance's lines.
    """
    there: dict[_Identity, dict[str, Flat]] = defaultdict(dict)
    count = 0
    for document in documents:
        flat = flatten(orjson.loads(document))
        there[_identity(flat)][flat["event.id"]] = flat
        count += 1
    distinct = sum(map(len, there.values()))
    lost, joined, joinable, wrong = 0, 0, 0, []
    for event, user, got in _pairs(there, expected):
        is_joinable = event.correlated and event.action != "smtp-session-closed"
        joinable += is_joinable
        if got is None:
            lost += 1
            continue
        joined += is_joinable and _is_joined(got, event)
        if faults := wrong_fields(got, event, user, _UNCHECKED):
            wrong.append(f"{event.line[:120]!r}: {'; '.join(faults)}")
    # What was not expected is more than was said, too.
    unexpected = sum(map(len, there.values()))
    return Tally(lost, count - distinct + unexpected, joined, joinable, tuple(wrong))


def _pairs(
    there: dict[_Identity, dict[str, Flat]], expected: Sequence[Expected]
) -> Iterator[tuple[Expected, bytes | None, Flat | None]]:
    """Give each event with its document, and take that away."""
    for event, user in with_users(expected):
        same = there.get(_identity_of(event), {})
        # The very same line may be said again: the place tells them apart.
        best = min(same.values(), key=lambda x: x["log.offset"] != event.offset, default=None)
        if best is not None:
            del same[best["event.id"]]
        yield event, user, best


def _is_joined(got: Flat, event: Expected) -> bool:
    # The address, or the interface that stands for it.
    return (
        got["cisco_esa.connection.correlated"] is True
        and got.get("source.address") == event.source
        and got.get("destination.address") == event.destination
    )


def _identity(flat: Flat) -> _Identity:
    number = flat.get("cisco_esa.icid") or flat.get("cisco_esa.dcid") or ""
    return flat["host.name"], number, flat["event.action"], flat["event.original"]


def _identity_of(event: Expected) -> _Identity:
    number = "" if event.number is None else str(event.number)
    return event.appliance, number, event.action, event.line.decode(errors="replace")
