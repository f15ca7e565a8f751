"""Lines that describe a connection become values."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.events import Listener, Opened, Policy, Tls
from forwarder.mail_logs import messages as contexts
from forwarder.mail_logs.messages import MessageParser, behind_number, read_address

STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
ENDS = pytest.mark.parametrize("end", [b"", b"\r", b" ", b"  \r"])


def listener(value: Listener | None) -> tuple[str | None, str | None, str | None] | None:
    """Give what a listener holds."""
    return None if value is None else (value.name, value.address, value.ip_version)


OPENED = {
    "usual": (
        b"interface Mail (192.0.2.1) address 172.16.155.102 reverse dns host unknown verified no",
        ("Mail", "192.0.2.1", "ipv4"),
        ("172.16.155.102", "ipv4", None, None, False),
    ),
    "verified": (
        b"interface Data 1 (192.0.2.1) address 198.51.100.7 reverse dns host  mx.test verified yes",
        ("Data 1", "192.0.2.1", "ipv4"),
        ("198.51.100.7", "ipv4", None, "mx.test", True),
    ),
    "IPv6": (
        b"Interface Data (2001:db8::1)  address 2001:db8::7 reverse dns host None verified no",
        ("Data", "2001:db8::1", "ipv6"),
        ("2001:db8::7", "ipv6", None, None, False),
    ),
    "old": (
        b"interface private address 198.51.100.7",
        ("private", None, None),
        ("198.51.100.7", "ipv4", None, None, None),
    ),
    "old, with an address": (
        b"interface Management (192.0.2.1) address 198.51.100.7",
        ("Management", "192.0.2.1", "ipv4"),
        ("198.51.100.7", "ipv4", None, None, None),
    ),
    "no verdict": (
        b"interface a (192.0.2.1) address 198.51.100.7 reverse dns host h",
        ("a", "192.0.2.1", "ipv4"),
        ("198.51.100.7", "ipv4", None, "h", None),
    ),
    "empty name": (
        b"interface a (192.0.2.1) address 198.51.100.7 reverse dns host  verified no",
        ("a", "192.0.2.1", "ipv4"),
        ("198.51.100.7", "ipv4", None, None, False),
    ),
    "forged address": (
        b"interface a (::1) address 7 reverse dns host (::2) address ::3 verified yes verified no",
        ("a", "::1", "ipv6"),
        (
            "7",
            None,
            None,
            "(::2) address ::3 verified yes",
            False,
        ),
    ),
    "name like none": (
        b"interface a (192.0.2.1) address 198.51.100.7 reverse dns host unknown.test verified no",
        ("a", "192.0.2.1", "ipv4"),
        ("198.51.100.7", "ipv4", None, "unknown.test", False),
    ),
    "not UTF-8": (
        b"interface a\xff (x) address y reverse dns host \xe9 verified yes",
        ("a\N{REPLACEMENT CHARACTER}", "x", None),
        ("y", None, None, "\N{REPLACEMENT CHARACTER}", True),
    ),
}


def other(
    line: bytes, number: bytes, contexts: MessageParser | None = None
) -> Policy | Tls | Opened | None:
    """Return what a line says that describes an open connection; at most one thing."""
    said = (contexts or MessageParser()).facts[behind_number(number, line)]
    found = [x for x in said if x is not None]
    assert len(found) <= 1
    return found[0] if found else None


@ENDS
@pytest.mark.parametrize("name", OPENED)
def test_inbound_connections(name: str, end: bytes) -> None:
    """Listener, address, name and verdict, whatever is missing and however the line ends."""
    text, expected_listener, expected = OPENED[name]
    opened = MessageParser().read_opened(STAMP + b"New SMTP ICID 450 " + text + end)
    assert opened is not None
    assert expected_listener == listener(opened.listener)
    assert expected == (opened.address.decode("utf-8", "replace"), *opened[2:])


@ENDS
@pytest.mark.parametrize(
    ("text", "expected_listener", "expected"),
    [
        (
            b"interface 172.16.155.16 address 172.16.155.102 port 25",
            (None, "172.16.155.16", "ipv4"),
            ("172.16.155.102", "ipv4", 25),
        ),
        (
            b"interface Data 1 address 2001:db8::7",
            ("Data 1", None, None),
            ("2001:db8::7", "ipv6", None),
        ),
        (
            b"interface ::1 address 172.16.155.102",
            (None, "::1", "ipv6"),
            ("172.16.155.102", "ipv4", None),
        ),
    ],
)
def test_outbound_connections(
    text: bytes,
    end: bytes,
    expected_listener: tuple[str | None, str | None, str | None],
    expected: tuple[str, str | None, int | None],
) -> None:
    """The appliance's own end is an address or the name of an interface."""
    opened = MessageParser().read_delivery_opened(STAMP + b"New SMTP DCID 5633 " + text + end)
    assert opened is not None
    assert expected_listener == listener(opened.listener)
    assert (*expected, None, None) == (opened.address.decode(), *opened[2:])


@ENDS
def test_a_rejection_that_was_put_off_has_the_address(end: bytes) -> None:
    """It is all that such a line has."""
    text = b"ICID 450 Delayed HAT REJECT continuing session for recipient logging (198.51.100.7)"
    expected = Opened(None, b"198.51.100.7", "ipv4", None, None, None)
    assert expected == other(STAMP + text + end, b"450")


@ENDS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"ACCEPT SG None match ALL SBRS None", ("ACCEPT", "None", "ALL", None, None)),
        (b" ACCEPT  SG None  match ALL SBRS 0.0", ("ACCEPT", "None", "ALL", 0.0, None)),
        (
            b"RELAY SG RELAYLIST match 192.0.2.0/24 SBRS rfc1918 country not applicable",
            ("RELAY", "RELAYLIST", "192.0.2.0/24", None, None),
        ),
        (
            b"REJECT SG BLOCKLIST match  SBRS -4.2 country United States",
            ("REJECT", "BLOCKLIST", None, -4.2, "United States"),
        ),
        (b"ACCEPT SG A SBRS unable to retrieve", ("ACCEPT", "A", None, None, None)),
        (b"ACCEPT SG A SBRS 10 country not enabled", ("ACCEPT", "A", None, 10.0, None)),
        (
            b"ACCEPT SG A match sbrs[none] SBRS not enabled",
            ("ACCEPT", "A", "sbrs[none]", None, None),
        ),
        (b"ACCEPT SG A match .test country x y", ("ACCEPT", "A", ".test", None, "x y")),
        (b"ACCEPT SG A", ("ACCEPT", "A", None, None, None)),
        (b"ACCEPT SG A match", ("ACCEPT", "A", None, None, None)),
        (b"ACCEPT SG A SBRS nan", ("ACCEPT", "A", None, None, None)),
        (b"ACCEPT SG A SBRS 1e5", ("ACCEPT", "A", None, None, None)),
    ],
)
def test_policies(
    text: bytes, end: bytes, expected: tuple[str, str, str | None, float | None, str | None]
) -> None:
    """Blank and missing parts are None, and text for a score is no score."""
    policy = other(STAMP + b"ICID 450 " + text + end, b"450")
    assert isinstance(policy, Policy)
    found = (policy.action, policy.group, policy.match, policy.sbrs, policy.country)
    assert expected == found


@ENDS
@pytest.mark.parametrize("head", [b"ICID 9 ", b"DCID 9 "])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"TLS success protocol TLSv1.2 cipher A-B", (True, "1.2", "tls", "A-B")),
        (b"TLS success protocol TLSv1.3 cipher TLS_A", (True, "1.3", "tls", "TLS_A")),
        (b"TLS success protocol TLSv1 cipher A", (True, "1.0", "tls", "A")),
        (b"TLS success protocol TLSv1/SSLv3 cipher A", (True, "1.0", "tls", "A")),
        (b"TLS success protocol SSLv3 cipher A", (True, "3.0", "ssl", "A")),
        (b"TLS success protocol QUIC cipher A", (True, None, None, "A")),
        (b"TLS success protocol TLSv1.\xd9\xa3 cipher A", (True, None, None, "A")),
        (b"TLS success cipher A", (True, None, None, "A")),
        (b"TLS success", (True, None, None, None)),
        (b"TLS failed", (False, None, None, None)),
        (b"TLS failed: (336150757, 'error:140943E8')", (False, None, None, None)),
    ],
)
def test_tls(
    head: bytes, text: bytes, end: bytes, expected: tuple[bool, str | None, str | None, str | None]
) -> None:
    """Protocol and version apart, as OpenSSL means them."""
    tls = other(STAMP + head + text + end, b"9")
    assert isinstance(tls, Tls)
    assert expected == (tls.established, tls.version, tls.protocol, tls.cipher)


@pytest.mark.parametrize(
    ("raw", "version"),
    [
        (b"192.0.2.1", "ipv4"),
        (b"0.0.0.0", "ipv4"),
        (b"255.255.255.255", "ipv4"),
        (b"256.0.0.1", None),
        (b"192.0.2.01", None),
        (b"192.0.2", None),
        (b"192.0.2.1.1", None),
        (b"192.0.2.1\n", None),
        (b"::", "ipv6"),
        (b"2001:DB8::7", "ipv6"),
        (b"::ffff:192.0.2.1", "ipv6"),
        (b"fe80::1%em0", None),
        (b"1::2::3", None),
        (b"2001:db8::/32", None),
        (b"unknown", None),
        (b"", None),
        (b"\xd9\xa1.0.0.1", None),
    ],
)
def test_addresses_are_told_apart(raw: bytes, version: str | None) -> None:
    """What others would refuse to look up is no IP address; the text stays."""
    assert (raw, version) == read_address(raw)


def test_what_connections_share_is_one_object() -> None:
    """Numbers and clients differ; listener, policy and TLS are looked into once."""
    contexts = MessageParser()
    lines = [
        STAMP + b"New SMTP ICID %d interface a (192.0.2.1) address 192.0.2.%d" % (n, n)
        for n in (1, 2)
    ]
    first, second = (contexts.read_opened(line) for line in lines)
    assert first
    assert second
    assert first.listener is second.listener
    delivery = STAMP + b"New SMTP DCID %d interface 192.0.2.1 address 192.0.2.%d port 25"
    ends = [contexts.read_delivery_opened(delivery % (n, n)) for n in (1, 2)]
    assert len({id(x.listener) for x in ends if x is not None}) == 1
    for text in (b"ACCEPT SG A match ALL SBRS 1.0", b"TLS success"):
        one, two = (other(STAMP + b"ICID %d " % n + text, b"%d" % n, contexts) for n in (1, 2))
        assert one is two
        assert one is not None


NAMES = st.sampled_from([b"a", b"Data 1", b"a b c", b"a  b", b"10.0.0.1", b"a address b", b"\xe9"])
ADDRESSES = st.sampled_from([b"192.0.2.1", b"0.0.0.0", b"01.2.3.4", b"256.1.1.1", b"1.2.3", b"::1"])
DOMAINS = st.sampled_from(
    [b"unknown", b"None", b"a.test", b"unknown.test", b"a verified no", b"", b"\x0ba", b"\xc2\xa0a"]
)
ANY = st.binary(max_size=9).map(lambda x: x.replace(b"\n", b""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    level=st.sampled_from([b"Info", b"Warning"]),
    name=NAMES | ANY,
    own=ADDRESSES | ANY,
    address=ADDRESSES | ANY | st.from_regex(rb"\A[0-9]{1,3}(\.[0-9]{1,3}){3}\Z"),
    domain=DOMAINS | ANY,
    verdict=st.sampled_from([b"yes", b"no", b"no ", b"", b"yes\r"]),
)
def test_the_usual_line_is_read_as_its_form_reads_it(  # noqa: PLR0913, PLR0917
    level: bytes,
    name: bytes,
    own: bytes,
    address: bytes,
    domain: bytes,
    verdict: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is only quicker; whatever names and addresses there are."""
    line = (
        b"Wed Apr 22 11:44:48 2009 %b: New SMTP ICID 5 interface %b (%b) address %b"
        b" reverse dns host %b verified %b" % (level, name, own, address, domain, verdict)
    )
    found = MessageParser().read_opened(line)
    with monkeypatch.context() as patch:
        patch.setattr(contexts, "_USUAL", lambda *_: None)
        expected = MessageParser().read_opened(line)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found[1:] == expected[1:]
        assert listener(found.listener) == listener(expected.listener)


@pytest.mark.parametrize("read", ["read_opened", "read_delivery_opened"])
@given(
    head=st.sampled_from([b"New SMTP ICID 5 ", b"New SMTP DCID 5 ", b"ICID 5 Delayed", b"x"]),
    text=st.binary(max_size=60).map(lambda x: x.replace(b"\n", b"")),
)
def test_no_line_raises(read: str, head: bytes, text: bytes) -> None:
    """What is no such line after all is None."""
    assert getattr(MessageParser(), read)(STAMP + head + text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"ICID 450TLS",
        b"ICID 450ACCEPT",
        b"ICID 450TLS success",
        b"ICID 450 TLS",
        b"ICID 450  TLS successful",
        b"ICID 450 ACCEPT",
        b"ICID 450 ACCEPT SG",
        b"ICID 450 RELAYED SG a",
    ],
)
def test_lines_that_scan_may_pick_and_that_say_nothing(text: bytes) -> None:
    """Such a line is None, never an error: half a line may end up in a log."""
    assert other(STAMP + text, b"450") is None
