"""What went through the core, counted."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What tells two machines apart that have one name."""

    SERIALS = "serial numbers"
    HOSTS = "syslog hosts"
    FILES = "files"


GIVE_NAMES = (
    "Give each appliance a name of its own: {appliance} in the path, or an input of its own with"
    " appliance:. If one has replaced the other, all is well."
)
"""What to do about a mixture."""


class Mixture(NamedTuple):
    """An appliance that is two machines, by what its logs say."""

    appliance: str
    kind: Kind
    first: str
    second: str

    def as_strings(self) -> dict[str, str]:
        """Give its fields for JSON and for the log."""
        return {
            "appliance": self.appliance,
            "by": self.kind.value,
            "first": self.first,
            "second": self.second,
        }


def describe_mixture(appliance: str, kind: str, first: str, second: str) -> str:
    """Say what is wrong with an appliance that is two machines; without a period.

    Args:
        appliance: As it can be shown, as are the others.
        kind: What tells the machines apart.
        first: What the first one has for it.
        second: What the second one has.
    """
    return (
        f"the logs of {appliance} come from two machines, by their {kind} {first} and {second};"
        " nothing is joined between them"
    )


class ParseWarning(NamedTuple):
    """A kind of content that is left out of the documents, or read only in part."""

    name: str
    """Its number's name in :class:`Counts`."""
    noun: str
    """What is counted."""
    what: str
    """What happened to it; follows the number and the noun."""
    advice: str
    """What it means and what to do, for ``parse`` and the log."""
    is_note: bool = False
    """Whether it is common and harmless: ``parse`` has it in the summary, not as a warning."""


WARNINGS = (
    ParseWarning(
        "unread",
        "line",
        "not understood",
        "they begin like a login or the header of a file and have no known form or no possible date"
        " or offset; please report them",
    ),
    ParseWarning(
        "strangers",
        "line",
        "followed by text that was dropped",
        "it is neither a line nor the wrapped rest of one",
    ),
    ParseWarning("others", "line", "dropped", "not of a mail log", is_note=True),
    ParseWarning("cut_lines", "line", "truncated", "longer than 64 KiB", is_note=True),
    ParseWarning(
        "dropped_repeats",
        "repeated login",
        "dropped",
        "a syslog daemon reports more repetitions than are believed (10,000 at once, and 20 for"
        " each line of a login in the long run); disable its reduction of repeated messages",
    ),
    ParseWarning(
        "orphaned_repeats",
        "file",
        "that begin with a repetition of the last message of the file before",
        "if that was a login, its repetitions are missing; disable the reduction of repeated"
        " messages in the syslog daemon",
    ),
    ParseWarning(
        "broken_off",
        "file",
        "with an incomplete last line, which was dropped",
        "send the file again if it was still being sent",
    ),
)
"""The words that ``parse``, ``status`` and the log of the service have for them."""


@dataclass(slots=True)
class Counts:
    """What went through a flow."""

    bytes: int = 0
    lines: int = 0
    cut_lines: int = 0
    """Lines that were longer than the limit."""
    strangers: int = 0
    """Lines behind which something was left out that is no line."""
    others: int = 0
    """Lines with a timestamp that are not of a mail log."""
    dropped_repeats: int = 0
    """Logins that were repeated, by a syslog daemon's count, and more often than is believed."""
    orphaned_repeats: int = 0
    """Files whose first line repeats the last message of the file before."""
    broken_off: int = 0
    """Files whose last line was left out, because it is only a piece of one."""
    unread: int = 0
    """Lines that begin like a login and are none that is known."""
    first_unread: tuple[str | None, int] | None = None
    """Path and offset in bytes of the first of them."""
    events: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """By action and outcome."""
    joinable: int = 0
    """Login events whose line names a connection."""
    joined: int = 0
    """Those of them whose connection was known."""
    assumed_utc: bool = False
    """Whether stamps were taken for UTC because nothing said otherwise."""
    mixtures: tuple[Mixture, ...] = ()
    """One of each appliance that seems to be several machines."""

    def add(self, other: "Counts") -> None:
        """Add what went through another flow."""
        self.bytes += other.bytes
        self.lines += other.lines
        self.cut_lines += other.cut_lines
        self.strangers += other.strangers
        self.others += other.others
        self.dropped_repeats += other.dropped_repeats
        self.orphaned_repeats += other.orphaned_repeats
        self.broken_off += other.broken_off
        self.unread += other.unread
        self.first_unread = self.first_unread or other.first_unread
        self.events += other.events
        self.joinable += other.joinable
        self.joined += other.joined
        self.assumed_utc |= other.assumed_utc
        self.mixtures += other.mixtures
