"""What happens on outbound connections: one function a kind of delivery, all in `DELIVERIES`."""

from collections.abc import Callable

from tests.corpus import forms
from tests.corpus.facts import Said
from tests.corpus.variants import Tls
from tests.corpus.world import Tale

_HOST = "172.16.155.102"
_INTERFACE = "172.16.155.16"
_PROFILE = "OutboundAuthentication"


def _open(tale: Tale, number: int, *, address: str = _HOST, port: int | None = 25) -> None:
    tale.say(forms.new_outbound(number, _INTERFACE, address, port, named=False))


def _deliver(tale: Tale, number: int) -> None:
    mid = tale.world.next_mid()
    tale.say(Said(b"Delivery start DCID %d MID %d to RID [0]" % (number, mid)))
    tale.say(Said(b"Message done DCID %d MID %d to RID [0]" % (number, mid)))


def accepted(tale: Tale) -> None:
    """Log in and deliver; old and new releases end the line differently."""
    for stop in (".", ""):
        number = tale.world.next_dcid()
        _open(tale, number)
        tls = tale.world.outbound_tls.deal()
        if tls is not None:
            tale.say(forms.tls("outbound", number, tls))
        tale.say(forms.relay_login(number, _HOST, _PROFILE, None, stop))
        _deliver(tale, number)
        tale.say(forms.ended("outbound", number))


def refused(tale: Tale) -> None:
    """Be refused by the smart host, several times on one connection."""
    number = tale.world.next_dcid()
    _open(tale, number, port=587)
    for _ in range(3):
        tale.say(forms.relay_login(number, _HOST, _PROFILE, tale.world.answers.deal(), ""))
    tale.say(forms.ended("outbound", number))


def identical(tale: Tale) -> None:
    """Be refused twice in the same words within one second."""
    number = tale.world.next_dcid()
    _open(tale, number)
    failed = forms.relay_login(number, _HOST, _PROFILE, tale.world.answers.deal(), "")
    tale.next_second()
    tale.say(failed, after=0.2)
    tale.say(failed, after=0.2)
    tale.say(forms.ended("outbound", number))


def named_interface(tale: Tale) -> None:
    """Leave by an interface that is printed by its name, to a port that is not printed."""
    number = tale.world.next_dcid()
    name = tale.world.chance.choice(("Management", "Data 1"))
    tale.say(forms.new_outbound(number, name, _HOST, None, named=True))
    tale.say(forms.relay_login(number, _HOST, "Smart Host 2", None, "."))
    tale.say(forms.ended("outbound", number))


def opened_before(tale: Tale) -> None:
    """Log in on a connection whose `New` line is in no file."""
    number = tale.world.next_dcid()
    tale.say(forms.tls("outbound", number, Tls("success", established=True)))
    tale.say(forms.relay_login(number, "198.51.100.7", _PROFILE, None, ""))
    tale.say(forms.relay_login(number, "198.51.100.7", _PROFILE, tale.world.answers.deal(), ""))
    tale.say(forms.ended("outbound", number))


def reused(tale: Tale) -> None:
    """Meet the number again, after a close and after none."""
    number = tale.world.next_dcid()
    _open(tale, number)
    tale.say(forms.relay_login(number, _HOST, _PROFILE, None, "."))
    tale.wait(3)
    _open(tale, number, address="192.0.2.99", port=2525)
    tale.say(forms.relay_login(number, "192.0.2.99", _PROFILE, None, "."))
    tale.say(forms.ended("outbound", number))
    tale.wait(3)
    tale.say(forms.relay_login(number, "192.0.2.99", _PROFILE, tale.world.answers.deal(), ""))


def ipv6(tale: Tale) -> None:
    """Deliver by IPv6."""
    number = tale.world.next_dcid()
    tale.say(forms.new_outbound(number, "2001:db8::25", "2001:db8::99", 465, named=False))
    tale.say(forms.relay_login(number, "2001:db8::99", _PROFILE, None, "."))
    tale.say(forms.ended("outbound", number))


def no_login(tale: Tale) -> None:
    """Deliver to anyone."""
    number = tale.world.next_dcid()
    _open(tale, number, address=tale.world.address())
    _deliver(tale, number)
    tale.say(forms.ended("outbound", number))


DELIVERIES: tuple[Callable[[Tale], None], ...] = (
    accepted,
    refused,
    identical,
    named_interface,
    opened_before,
    reused,
    ipv6,
    no_login,
)
