"""What a line means, as values: the generator says each line together with its fact.

The ledger joins facts into the truth. A line without a fact must change nothing.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Side: TypeAlias = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A `New SMTP` line: what it says holds until the connection ends."""

    side: Side
    number: int
    listener: str | None = None
    source: str | None = None
    destination: str | None = None
    port: int | None = None
    reverse_dns: str | None = None
    verified: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a HAT line says of a client."""

    policy: str
    group: str
    match: str | None
    sbrs: float | None
    country: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A HAT line."""

    number: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Secured:
    """A TLS line, of success or failure."""

    side: Side
    number: int
    established: bool
    protocol: str | None
    cipher: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """A line that makes an event of its own."""

    side: Side
    number: int | None
    action: str
    outcome: str | None
    destination: str | None = None
    user: bytes | None = None
    mechanism: str | None = None
    profile: str | None = None
    server: str | None = None
    reason: str | None = None
    response_code: int | None = None
    enhanced_code: str | None = None
    response_texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """A message begins on a connection."""

    number: int
    mid: int


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message gets one more recipient."""

    mid: int


@dataclass(frozen=True, slots=True)
class Sized:
    """A message is complete and has a size in bytes."""

    mid: int
    size: int


@dataclass(frozen=True, slots=True)
class Aborted:
    """A message will not be sent."""

    mid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection is over."""

    side: Side
    number: int
    reason: Literal["close", "lost"]


Fact: TypeAlias = (
    Opened | Judged | Secured | Attempted | Started | Addressed | Sized | Aborted | Ended
)


class Said(NamedTuple):
    """A line without its time.

    Attributes:
        text: The message after `Level: `.
        fact: What it means, None where it means nothing to the parser.
        level: The level as printed.
    """

    text: bytes
    fact: Fact | None = None
    level: str = "Info"
