"""Connections of which the log tells only a part, and numbers that come again.

At least some seconds lie between two connections of one number: two equal lines within one second,
on different connections of one number, would not be told apart by anyone.
"""

from collections.abc import Callable

from tests.corpus import forms
from tests.corpus.sessions import message
from tests.corpus.world import Tale


def lost_and_reused(tale: Tale) -> None:
    """Lose the client, see no close, meet the number again."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.succeed(number)
    tale.say(forms.ended("inbound", number, "lost"))
    tale.wait(3)
    tale.open(number)
    tale.fail(number)
    tale.close(number)


def reused(tale: Tale) -> None:
    """Meet the number again after its close, with nothing left of what was known."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    tale.fail(number, b"first")
    tale.succeed(number)
    message(tale, number)
    tale.close(number)
    tale.wait(3)
    tale.open(number)
    tale.succeed(number)
    tale.close(number)
    tale.wait(3)
    # And once more without a `New` line.
    tale.fail(number)
    tale.close(number)


def superseded(tale: Tale) -> None:
    """Meet the number again although it was never closed, after a login and after none."""
    number = tale.world.next_icid()
    tale.open(number)
    tale.secure(number)
    tale.succeed(number)
    message(tale, number)
    tale.wait(3)
    tale.open(number)
    tale.fail(number)
    tale.wait(3)
    tale.open(number)
    tale.succeed(number)
    tale.close(number)


def opened_before(tale: Tale) -> None:
    """Log in on a connection whose `New` line is in no file."""
    number = tale.world.next_icid()
    tale.now = tale.world.begin
    tale.wait(0, 60)
    tale.fail(number)
    tale.succeed(number)
    message(tale, number)
    tale.close(number)


def opened_before_and_secured(tale: Tale) -> None:
    """Miss the `New` line, but not the verdict and TLS."""
    number = tale.world.next_icid()
    tale.now = tale.world.begin
    tale.wait(0, 60)
    tale.say(forms.hat(number, tale.world.hats.deal()))
    tale.secure(number)
    tale.fail(number)
    tale.close(number)


def login_before_new(tale: Tale) -> None:
    """Log in without a `New` line, then use the number again."""
    number = tale.world.next_icid()
    tale.secure(number)
    tale.succeed(number)
    tale.fail(number)
    tale.wait(3)
    tale.open(number)
    tale.fail(number)
    tale.close(number)


REUSES: tuple[Callable[[Tale], None], ...] = (
    lost_and_reused,
    reused,
    superseded,
    opened_before,
    opened_before_and_secured,
    login_before_new,
)
