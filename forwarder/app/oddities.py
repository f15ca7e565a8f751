"""What is odd about the logs that the service reads: said when it is new, and then now and then.

The words are those of the command ``parse``, where somebody looks on.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple

import structlog

from forwarder.counts import GIVE_NAMES, Counts, Mixture

AGAIN_SECONDS = 3_600.0
"""After which a number that has grown is said again: a log of the wrong kind grows all day."""

_log = structlog.get_logger(__name__)


class _Oddity(NamedTuple):
    """One kind."""

    name: str
    """Its name in :class:`~forwarder.counts.Counts`."""
    text: str


_ODDITIES = (
    _Oddity(
        "unread",
        "Lines are not understood: they begin like a login or the header of a file and have no"
        " known form or no possible date or offset; please report them.",
    ),
    _Oddity(
        "strangers",
        "Behind some lines there is what is neither a line nor the wrapped rest of one; it is left"
        " out.",
    ),
    _Oddity("others", "Lines with a timestamp are left out: they are not of a mail log."),
    _Oddity("cut_lines", "Lines longer than 64 KiB are cut."),
    _Oddity(
        "dropped_repeats",
        "A syslog daemon says that logins were repeated more often than is believed; what goes"
        " beyond 10,000 at once, and 20 for each line of a login in the long run, is dropped."
        " Switch off the reduction of repeated messages in the daemon.",
    ),
    _Oddity(
        "orphaned_repeats",
        "The first line of files says that the last message of the file before was repeated; if"
        " that was a login, its repetitions are missing. Switch off the reduction of repeated"
        " messages in the syslog daemon.",
    ),
    _Oddity(
        "broken_off",
        "The last line of files is not whole and is left out; send a file again if it was still"
        " being sent.",
    ),
)
_ASSUMED_UTC = (
    "Times are taken for UTC: neither a file header nor the setting timezone of an input gives the"
    " zone; name it there, for example timezone: Europe/Rome."
)


_MIXED = "Logs under one name come from two machines; nothing is joined between them. " + GIVE_NAMES


class Oddities:
    """Says what is new of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing said.

        Args:
            clock: Seconds.
        """
        self._clock = clock
        self._said: dict[str, tuple[int, float]] = {}
        self._said_utc = False
        self._mixed: set[str] = set()

    def say(self, counts: Counts, *, last: bool = False) -> None:
        """Log what is new.

        Args:
            counts: What has gone through so far.
            last: Whether nobody will look again, so that nothing waits.
        """
        if counts.assumed_utc and not self._said_utc:
            self._said_utc = True
            _log.warning(_ASSUMED_UTC)
        for mixture in counts.mixtures:
            if mixture.appliance not in self._mixed:
                self._mixed.add(mixture.appliance)
                _log.warning(_MIXED, **in_words(mixture))
        now = self._clock()
        for oddity in _ODDITIES:
            number: int = getattr(counts, oddity.name)
            said, at = self._said.get(oddity.name, (0, None))
            if number > said and (at is None or last or now - at >= AGAIN_SECONDS):
                self._said[oddity.name] = number, now
                _log.warning(oddity.text, number=number, **_where(oddity, counts))


def in_words(mixture: Mixture) -> dict[str, str]:
    """Give an appliance that is two machines, and what tells them apart."""
    return {
        "appliance": mixture.appliance,
        "by": mixture.kind.value,
        "first": mixture.first,
        "second": mixture.second,
    }


def in_status(counts: Counts) -> dict[str, int]:
    """Give the numbers for ``status``, by their names."""
    numbers = asdict(counts)
    return {x.name: numbers[x.name] for x in _ODDITIES}


def _where(oddity: _Oddity, counts: Counts) -> dict[str, object]:
    """Say where the first line is that is not understood."""
    if oddity.name != "unread" or counts.first_unread is None:
        return {}
    path, offset = counts.first_unread
    return {"path": path or "-", "offset": offset}
