"""What happens on inbound connections: one function a kind of session, all in `SESSIONS`."""

from collections.abc import Callable

from tests.corpus import forms
from tests.corpus.facts import Said
from tests.corpus.variants import Listener
from tests.corpus.world import Tale, forge


def message(tale: Tale, number: int, *, sized: bool = True, abort: str | None = None) -> None:
    """Tell of a message, with forged texts wherever the sender chooses the text.

    Args:
        tale: The connection.
        number: Its ICID, 0 for the appliance itself.
        sized: Whether its size is logged.
        abort: Why it is aborted, None where it is not.
    """
    world = tale.world
    mid = world.next_mid()
    sender, subject, rcpt = (forge(world.forged.deal(), number, mid) for _ in range(3))
    tale.say(forms.start(number, mid))
    tale.say(Said(b"MID %d ICID %d From: <%b>" % (mid, number, sender)), after=0.01)
    for rid in range(world.chance.randrange(1, 4)):
        address = rcpt if rid else b"r%d@example.org" % mid
        tale.say(forms.recipient(number, mid, rid, address), after=0.02)
    if abort == "Receiving aborted by sender":
        tale.say(forms.aborted(mid, abort))
        return
    tale.say(Said(b"MID %d Message-ID '<%d@%b>'" % (mid, mid, sender[:40])), after=0.02)
    tale.say(Said(b"MID %d Subject '%b'" % (mid, subject)), after=0.01)
    if sized:
        tale.say(forms.ready(mid, world.chance.randrange(500, 5_000_000), sender), after=0.05)
    if abort is not None:
        tale.say(forms.aborted(mid, abort))


def plain(tale: Tale) -> None:
    """Log in, send, leave."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    tale.succeed(number)
    for _ in range(tale.world.chance.randrange(3)):
        message(tale, number)
    tale.close(number)


def guesses(tale: Tale) -> None:
    """Try several users and leave."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    for _ in range(tale.world.chance.randrange(2, 6)):
        tale.fail(number)
    tale.close(number)


def guessed(tale: Tale) -> None:
    """Send without a login, guess, get in as two users, send again."""
    number = tale.world.next_icid()
    tale.open(number)
    message(tale, number)
    tale.fail(number)
    tale.secure(number)
    tale.fail(number)
    tale.succeed(number, b"EXAMPLE\\carol")
    message(tale, number)
    tale.succeed(number)
    tale.succeed(number, b"EXAMPLE\\carol")
    message(tale, number, sized=False)
    tale.close(number)


def identical(tale: Tale) -> None:
    """Say the very same line several times within one second, then the same a second later."""
    number = tale.world.next_icid()
    tale.open(number)
    for user in (b"ironport", b"root"):
        failed = forms.login(number, "failure", user)
        tale.next_second()
        for _ in range(tale.world.chance.randrange(2, 5)):
            tale.say(failed, after=0.1)
    succeeded = forms.login(number, "success", b"root")
    tale.next_second()
    tale.say(succeeded, after=0.2)
    tale.say(succeeded, after=0.2)
    tale.next_second()
    tale.say(succeeded, after=0.1)
    tale.close(number)


def lost(tale: Tale) -> None:
    """Lose the client after a login; the close is logged later."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.succeed(number)
    message(tale, number)
    tale.say(forms.ended("inbound", number, "lost"))
    tale.close(number)


def never_closed(tale: Tale) -> None:
    """Log in and stay."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.succeed(number)
    message(tale, number)


def spanning(tale: Tale) -> None:
    """Stay for longer than a file lasts."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    tale.wait(500, 700)
    tale.succeed(number)
    tale.wait(200, 700)
    message(tale, number)
    tale.close(number)


def ipv6(tale: Tale) -> None:
    """Come by IPv6."""
    number = tale.world.next_icid()
    address = tale.world.chance.choice(
        ("2001:db8::9", "2001:db8:1:2:3:4:5:6", "::ffff:203.0.113.9")
    )
    tale.open(number, address=address, listener=Listener("Data 6", "2001:db8::25"))
    tale.secure(number)
    tale.succeed(number)
    tale.close(number)


def rejected_late(tale: Tale) -> None:
    """Be rejected by the verdict, which is put off until the recipient, and log in.

    Its `New` line is always seen: without it, the address would stand in the delayed verdict alone,
    and the description does not say whether that is enough.
    """
    tale.now = max(tale.now, tale.world.begin)
    number = tale.world.next_icid()
    address = tale.world.address()
    tale.open(number, address=address)
    tale.say(forms.delayed_reject(number, address), after=0)
    tale.succeed(number)
    message(tale, number, sized=False)
    tale.close(number)


def aborts(tale: Tale) -> None:
    """Send messages of which some are aborted, before and after their size is known."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.succeed(number)
    message(tale, number, abort="Receiving aborted by sender")
    if tale.world.chance.random() < 0.5:
        message(tale, number)
    message(tale, number, abort="Dropped by antivirus")
    tale.close(number)


def unchecked(tale: Tale) -> None:
    """Meet everything that keeps a login from being checked, then fail and succeed."""
    world = tale.world
    number = world.next_icid()
    tale.open(number)
    for auth in (world.auths.deal(), world.auths.deal()):
        level = world.levels.deal
        tale.say(forms.misconfigured(number, "Incoming Auth 2", auth, level()))
        tale.say(forms.unreachable(number, "ldap.example.com:389", None, auth, level()))
        tale.say(
            forms.unreachable(number, "10.9.9.9", "Connection timed out: (110)", auth, level())
        )
        tale.say(forms.lookup_failed(number, b"o'brien: x@example.com", auth, level()))
        tale.say(forms.lookup_failed(number, b"caf\xe9 with profile: P", auth, level()))
        tale.wait(0.05, 2.0)
        tale.now = world.free_second(tale.now)
        tale.say(forms.ldap_failed(auth, level()), after=0)
    tale.fail(number)
    tale.succeed(number)
    tale.close(number)


def unchecked_only(tale: Tale) -> None:
    """Fail to be checked, and leave: no session, because no login was accepted."""
    number = tale.world.next_icid()
    tale.open(number)
    auth = tale.world.auths.deal()
    tale.say(forms.unreachable(number, "auth.example.com", "refused", auth, "Warning"))
    tale.close(number)


def not_initiated(tale: Tale) -> None:
    """Be asked for a login and not try."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.say(forms.not_initiated(number, tale.world.auths.deal(), tale.world.levels.deal()))
    tale.close(number)


def no_login(tale: Tale) -> None:
    """Just bring mail."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    message(tale, number)
    tale.close(number)


def refused(tale: Tale) -> None:
    """Be refused before there is a connection, and let the appliance write mail of its own."""
    tale.say(forms.hat(0, tale.world.refused.deal()))
    message(tale, 0)


def noise(tale: Tale) -> None:
    """Log in while lines of all other kinds name the connection."""
    number = tale.world.next_icid()
    tale.open(number)
    for _ in range(5):
        tale.aside(*tale.world.noise.deal(), number)
    tale.succeed(number)
    for _ in range(5):
        tale.aside(*tale.world.noise.deal(), number)
    tale.close(number)


SESSIONS: tuple[Callable[[Tale], None], ...] = (
    plain,
    guesses,
    guessed,
    identical,
    lost,
    never_closed,
    spanning,
    ipv6,
    rejected_late,
    aborts,
    unchecked,
    unchecked_only,
    not_initiated,
    no_login,
    refused,
    noise,
)
