"""A line shows whether its end is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.mail_logs.wrapping import (
    MAX_BEGIN,
    MAX_END,
    End,
    is_partial,
    read_ending,
    shorten,
)
from tests import patterns
from tests.patterns import FORMS, Form

STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
OPEN = (patterns.INBOUND_LOGIN_CUT, patterns.CONNECTION_OPENED, patterns.POLICY)
"""Forms of which some samples have no end that shows."""


@pytest.mark.parametrize("form", [x for x in FORMS if x not in OPEN], ids=lambda x: x.name)
def test_no_whole_line_is_thought_broken_off(form: Form) -> None:
    """What no newline ends is read all the same, if it is there to its end."""
    for sample in form.samples:
        if b"Data 1 address 172" not in sample and b"and more" not in sample:
            assert not is_partial(STAMP + sample)


LOGIN = patterns.INBOUND_LOGIN.samples[0]


@pytest.mark.parametrize("size", range(len(b"SMTP Auth"), LOGIN.index(b"with profile: ") + 14))
def test_a_login_without_its_profile_is_broken_off(size: int) -> None:
    """Wherever it was cut; within the profile it cannot be known."""
    assert is_partial(STAMP + LOGIN[:size])
    assert is_partial(b"<22>Apr 22 11:44:48 esa1 mail_logs: Info: " + LOGIN[:size])


@pytest.mark.parametrize(
    ("line", "end"),
    [
        (LOGIN, End.NAMED),
        (LOGIN + b" \r", End.NAMED),
        (LOGIN[:60], End.CUT),
        (LOGIN[:50], End.CUT),
        (LOGIN[:30], End.UNKNOWN),
        (b"New SMTP ICID 1 interface a (192.0.2.1) address 192.0.2.2", End.LOOSE),
        (b"New SMTP ICID 1 interface a (192.0.2.1) address 192.0", End.UNKNOWN),
        (b"New SMTP ICID 1 interface a (192.0.2.1) address 2001:db8::2 x", End.UNKNOWN),
        (b"New SMTP DCID 1 interface 192.0.2.1 address 192.0.2.2 port 2", End.OPEN),
        (b"ICID 450 ACCEPT SG None match ALL SBRS None", End.OPEN),
        (b"ICID 450 ACCEPT SG None match ALL SBRS unable", End.UNKNOWN),
        (b"ICID 450 close", End.WHOLE),
        (b"MID 9 Subject 'ICID 450 close'", End.UNKNOWN),
    ],
)
def test_how_a_line_ends(line: bytes, end: End) -> None:
    """One that could end anywhere is not known to be whole."""
    assert read_ending(line)[0] is end


@given(st.binary(max_size=2_000).map(lambda x: x * 40), st.sampled_from(FORMS))
def test_of_a_long_line_little_is_looked_at(text: bytes, form: Form) -> None:
    """However long it is, and whatever is in it: its beginning and its end say the same."""
    line = STAMP + form.samples[0] + text
    assert len(shorten(line)) <= MAX_BEGIN + MAX_END
    assert is_partial(line) == is_partial(shorten(line))
