"""Many connections open at once, each with a login long after its `New` line.

This is what fills a table of open connections: code that drops the oldest, or forgets at the border
of a file, shows logins without an address.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from tests.corpus import forms
from tests.corpus.layout import Appliance, gather, lay_out
from tests.corpus.truth import Corpus
from tests.corpus.variants import LISTENERS, Tls
from tests.corpus.world import Tale, World, seeded

_APPLIANCE = Appliance(
    "esa1.example.com", "564D0123456789ABCDEF-0123456789AB", "14.2.0-620", timedelta(hours=1)
)
_BEGIN = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
_FILES = 5
# The largest share of the wait in which all connections arrive: all are open when the first ends.
_ARRIVAL = 0.5
_TLS = Tls(
    "success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    established=True,
    protocol="TLSv1.2",
    cipher="ECDHE-RSA-AES256-GCM-SHA384",
)
_FIRST_NUMBER = 1_000_001


def many_open(
    seed: int, connections: int = 10_000, wait: timedelta = timedelta(minutes=30)
) -> Corpus:
    """Return a corpus in which all connections are open at once.

    Args:
        seed: The same seed gives the same bytes.
        connections: How many.
        wait: Time from the `New` line of a connection to its login.
    """
    chance = seeded(seed, "many open")
    world = World(chance, _BEGIN)
    arrival = min(timedelta(minutes=5), wait * _ARRIVAL)
    for index in range(connections):
        number = _FIRST_NUMBER + index
        tale = Tale(world, _BEGIN + arrival * index / connections)
        address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        tale.say(forms.new_inbound(number, LISTENERS[index % 3], address, "unknown"), after=0)
        opened = tale.now
        tale.say(forms.hat(number, world.hats.deal()), after=0.001)
        if chance.random() < 0.5:
            tale.say(forms.tls("inbound", number, _TLS), after=0.001)
        tale.now = opened + wait
        outcome: Literal["success", "failure"] = "success" if index % 3 == 0 else "failure"
        user = b"user%d@example.com" % chance.randrange(5_000)
        tale.say(forms.login(number, outcome, user), after=0)
        tale.say(forms.ended("inbound", number))
    span = wait + arrival
    step = timedelta(seconds=max(1, int(span.total_seconds()) // _FILES))
    begins = [_BEGIN + step * index for index in range(_FILES)]
    return gather([lay_out(_APPLIANCE, world.lines, begins)])
