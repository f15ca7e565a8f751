"""A line shows whether its end is there."""

import pytest

from forwarder.mail_logs import grammar
from forwarder.mail_logs.endings import is_broken_off, is_whole

STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
OPEN = (grammar.INBOUND_LOGIN_CUT, grammar.CONNECTION_OPENED, grammar.POLICY)
"""Forms of which some samples have no end that shows."""


@pytest.mark.parametrize("form", [x for x in grammar.FORMS if x not in OPEN], ids=lambda x: x.name)
def test_no_whole_line_is_thought_broken_off(form: grammar.Form) -> None:
    """What no newline ends is read all the same, if it is there to its end."""
    for sample in form.samples:
        if b"interface Data 1 address 172" not in sample:
            assert not is_broken_off(STAMP + sample)


LOGIN = grammar.INBOUND_LOGIN.samples[0]


@pytest.mark.parametrize("size", range(len(b"SMTP Auth"), LOGIN.index(b"with profile: ") + 14))
def test_a_login_without_its_profile_is_broken_off(size: int) -> None:
    """Wherever it was cut; within the profile nobody can know."""
    assert is_broken_off(STAMP + LOGIN[:size])
    assert is_broken_off(b"<22>Apr 22 11:44:48 esa1 mail_logs: Info: " + LOGIN[:size])


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        (LOGIN, True),
        (LOGIN + b" \r", True),
        (LOGIN[:-30], False),
        (b"New SMTP ICID 1 interface a (192.0.2.1) address 192.0.2.2", False),
        (b"ICID 450 ACCEPT SG None match ALL SBRS None", True),
        (b"ICID 450 ACCEPT SG None match ALL SBRS unable", False),
        (b"ICID 450 close", True),
    ],
)
def test_what_needs_no_continuation_is_whole(line: bytes, whole: bool) -> None:  # noqa: FBT001
    """One that could end anywhere is not."""
    assert is_whole(STAMP + line) == whole
