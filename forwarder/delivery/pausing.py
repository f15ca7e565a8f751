"""How large batches are, and how long the pauses between attempts."""

from datetime import timedelta
from typing import NamedTuple

NO_TIME = timedelta()
SOON = timedelta(seconds=1)
"""At most so long before what an output has put off comes again, as long as it takes something."""
_MAX_DOUBLINGS = 20
"""A millionfold: the longest pause is reached by then, and numbers stay small."""


class DeliverySettings(NamedTuple):
    """What an operator chooses for each output."""

    max_documents: int = 10_000
    """In a batch; an output may make several requests of it."""
    max_bytes: int = 20_000_000
    """In a batch, unless one document alone has more; as Logstash has it."""
    max_age: timedelta = timedelta(seconds=0.5)
    """How long a batch that is not full waits for more documents."""
    initial_pause: timedelta = timedelta(seconds=1)
    """At most so long before the first attempt anew; twice as long before each further one."""
    max_pause: timedelta = timedelta(seconds=60)
    """At most so long before any, whatever the other side asks for."""


def pause(failures: int, settings: DeliverySettings, least: timedelta, chance: float) -> timedelta:
    """Say how long to wait before the next attempt: exponential, with full jitter.

    Args:
        failures: Attempts in a row that achieved nothing.
        settings: How long pauses may be.
        least: How long the other side asked to be left alone; kept to, up to the longest pause.
        chance: Drawn anew each time, from 0 to 1, so that many do not come back at once.
    """
    doublings = min(max(failures, 1) - 1, _MAX_DOUBLINGS)
    longest: timedelta = min(settings.max_pause, settings.initial_pause * 2**doublings)
    return max(min(least, settings.max_pause), longest * chance)


def pause_for_rest(left: int, handed: int, settings: DeliverySettings, chance: float) -> timedelta:
    """Say how long to wait with what is left of documents of which an output took some.

    Args:
        left: How many it did not take.
        handed: How many it was given.
        settings: How long pauses may be.
        chance: As for :func:`pause`.

    Returns:
        Nothing where it took most of them: each attempt is at least twice as small as the one
        before. Otherwise as before a first attempt anew, and never longer than :data:`SOON`.
    """
    if left * 2 <= handed:
        return NO_TIME
    longest: timedelta = min(SOON, settings.initial_pause, settings.max_pause)
    return longest * chance
