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
