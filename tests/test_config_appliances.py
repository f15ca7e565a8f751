"""Appliances in a configuration, and what contradicts."""

from pathlib import Path

import pytest

from tests.configs import LEAST, mistakes, read


def test_entries_are_read(tmp_path: Path) -> None:
    """With all that is known of an appliance; an entry may be empty."""
    text = (
        "appliances:\n"
        "  esa1: {names: [a, 'b*'], addresses: [192.0.2.7, '2001:db8::/64'], serial: 564D,"
        " timezone: Europe/Rome, labels: {site: rome}, namespace: rome}\n"
        "  esa2: {}\n"
        "known_appliances_only: true\n"
    )
    found = read(tmp_path, LEAST + text).appliances
    entry = found.by_name["esa1"]
    assert (entry.serial, str(entry.timezone)) == ("564D", "Europe/Rome")
    assert (entry.labels, entry.namespace) == ((("site", "rome"),), "rome")
    hosts = ("esa1", "A", "bcd", "192.0.2.7", "2001:db8::1", "ESA2", "c")
    assert [found.name_of(x) for x in hosts] == [*["esa1"] * 5, "esa2", "c"]
    assert found.known_only
    assert not read(tmp_path, LEAST).appliances.known_only


NAME = "appliances.esa1.names[0]"


@pytest.mark.parametrize(
    ("first", "second", "where", "text"),
    [
        ("names: [a]", "names: [b, A]", ".names[1]", f"'A' belongs to {NAME}"),
        ("", "names: [ESA1]", ".names[0]", "'ESA1' belongs to appliances.esa1"),
        ("names: [esa2]", "", "", f"'esa2' belongs to {NAME}"),
        ("names: ['x*']", "names: [xy]", ".names[0]", f"'xy' overlaps 'x*' of {NAME}"),
        ("names: [xy]", "names: ['x*']", ".names[0]", f"'x*' overlaps 'xy' of {NAME}"),
        ("names: ['x*']", "names: ['*y']", ".names[0]", f"'*y' overlaps 'x*' of {NAME}"),
        ("names: ['esa*']", "", "", f"'esa2' overlaps 'esa*' of {NAME}"),
        (
            "addresses: [192.0.2.0/24]",
            "addresses: [192.0.3.1, 192.0.2.7]",
            ".addresses[1]",
            "'192.0.2.7/32' overlaps '192.0.2.0/24' of appliances.esa1.addresses[0]",
        ),
        (
            "addresses: ['2001:db8::1']",
            "addresses: ['2001:db8::1']",
            ".addresses[0]",
            "'2001:db8::1/128' belongs to appliances.esa1.addresses[0]",
        ),
        (
            "addresses: ['::ffff:192.0.2.7']",
            "addresses: [192.0.2.7]",
            ".addresses[0]",
            "'192.0.2.7/32' belongs to appliances.esa1.addresses[0]",
        ),
    ],
)  # fmt: skip
def test_no_two_entries_claim_the_same(
    tmp_path: Path, first: str, second: str, where: str, text: str
) -> None:
    """The mistake names both."""
    config = f"{LEAST}appliances:\n  esa1: {{{first}}}\n  esa2: {{{second}}}\n"
    already = " already" * ("belongs" in text)
    expected = f"esa.yaml:7: appliances.esa2{where}: {text}{already}; leave it to one appliance."
    assert mistakes(tmp_path, config) == [expected]


def test_an_entry_may_claim_a_thing_twice(tmp_path: Path) -> None:
    """A network, and an address in it; others beside it are of another one."""
    text = (
        "appliances:\n"
        "  esa1: {names: ['a*', ab, A], addresses: [10.0.0.0/8, 10.1.0.0/16, '::1']}\n"
        "  esa2: {names: ['b*'], addresses: [11.0.0.0/8, 9.0.0.1, '::2']}\n"
    )
    read(tmp_path, LEAST + text)
    inner = text.replace("9.0.0.1", "10.1.0.1")
    assert "'10.1.0.1/32' overlaps '10.0.0.0/8'" in mistakes(tmp_path, LEAST + inner)[0]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("known_appliances_only: true", "refuses all syslog messages"),
        ("appliances: {'esa*': {}}", "is a pattern"),
        ("appliances: {esa1: }", "should be a mapping"),
        ("appliances: {esa1: {addresses: [esa1.lan]}}", "is not an address or a network"),
        (
            "appliances: {esa1: {addresses: [10.1.2.3/8]}}",
            "has bits behind its /8; use 10.0.0.0/8 for the network, or 10.1.2.3 for the address",
        ),
        (
            "appliances: {esa1: {addresses: ['2001:db8::1/32']}}",
            "use 2001:db8::/32 for the network, or 2001:db8::1 for the address",
        ),
        (
            "appliances: {esa1: {addresses: [10.0.0.0/33]}}",
            "is not an address or a network",
        ),
        ("appliances: {esa1: {timezone: CET+1}}", "is not an IANA time zone"),
        ("appliances: {esa1: {name: a}}", "is not a setting"),
        ("appliances: {esa1: {names: ['']}}", "is empty"),
        (f"appliances: {{esa1: {{names: [{'x' * 256}]}}}}", "is longer than 255 characters"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, mistake: str) -> None:
    """In the words of the configuration."""
    (found,) = mistakes(tmp_path, f"{LEAST}{text}\n")
    assert mistake in found
