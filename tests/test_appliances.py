"""Which configured appliance a host or an address is."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.appliances import Appliance, Appliances, have_common_name

KNOWN = Appliances(
    [
        Appliance("esa1", ("mail1.example.com", "esa1.*"), (ip_network("192.0.2.7"),)),
        Appliance(
            "ESA2", ("*-mx2-*.lan",), (ip_network("192.0.2.8/30"), ip_network("2001:db8::/64"))
        ),
        Appliance("esa3", ("a+b",)),
    ]
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        *(("esa1", "esa1"), ("ESA1", "esa1"), ("Mail1.Example.com", "esa1")),
        *(("esa1.lan", "esa1"), ("esa1.", "esa1"), ("esa10", None), ("xesa1.lan", None)),
        *(("esa2", "ESA2"), ("a-mx2-b.lan", "ESA2"), ("-mx2-.lan", "ESA2"), ("-mx2.lan", None)),
        *(("a-mx2-b.lan\n", None), ("a\n-mx2-.lan", "ESA2"), ("", None)),
        *(("192.0.2.7", "esa1"), ("::ffff:192.0.2.7", "esa1"), ("192.0.2.10", "ESA2")),
        *(("192.0.2.12", None), ("2001:db8::7", "ESA2"), ("2001:DB8:0::7", "ESA2")),
        *(("2001:db8:1::7", None), ("192.0.2.7.example.com", None), ("a+b", "esa3"), ("aab", None)),
    ],
)
def test_a_host_is_found_by_name_and_address(host: str, name: str | None) -> None:
    """Whole, and whatever its case; what is not found keeps its name."""
    found = KNOWN.find(host)
    assert (found and found.name) == name
    assert KNOWN.name_of(host) == (name or host)


def test_a_hostile_name_takes_no_time() -> None:
    """However often it nearly matches: each text between stars is looked for once."""
    known = Appliances([Appliance("esa1", ("*a*a*a*a*a*a*a*b",))])
    assert known.find("a" * 255) is None
    assert known.find("a" * 254 + "b") is not None


@pytest.mark.parametrize(
    ("pattern", "other", "common"),
    [
        *(("esa1", "ESA1", True), ("esa1", "esa2", False), ("esa*", "esa1", True)),
        *(("esa1*", "esa10", True), ("esa1.*", "esa10", False), ("*", "", True)),
        *(("esa1*", "*.lan", True), ("a*b", "b*a", False), ("a*b", "*c*", True)),
        *(("*a", "*b", False), ("**", "*", True), ("a*a", "a", False)),
    ],
)
def test_patterns_that_have_a_common_name(pattern: str, other: str, common: bool) -> None:  # noqa: FBT001
    """In either order."""
    assert have_common_name(pattern, other) is common
    assert have_common_name(other, pattern) is common


PATTERNS = st.text("ab*", max_size=6)


@given(PATTERNS, PATTERNS, st.text("ab", max_size=6))
def test_what_two_patterns_match_is_a_common_name(first: str, second: str, name: str) -> None:
    """Of entries without one, only one can be found."""
    entries = [Appliance("1", (first,)), Appliance("2", (second,))]
    if all(Appliances([x]).find(name) for x in entries):
        assert have_common_name(first, second)
