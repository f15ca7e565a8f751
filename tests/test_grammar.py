"""Every form matches its own messages, no others, and in linear time."""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.mail_logs import grammar, scanner
from forwarder.mail_logs.framer import Framer
from forwarder.mail_logs.messages import MessageParser, behind_number, read_response
from tests import patterns
from tests.patterns import FORMS, Form

STAMP = b"Wed Apr 22 11:44:48 2009 "
NAMES = [form.name for form in FORMS]
SAMPLES = [
    pytest.param(form, sample, id=f"{form.name} {number}")
    for form in FORMS
    for number, sample in enumerate(form.samples)
]
HEADS = (
    rb"(?:New (?:SMTP|smtp) [ID]CID|[ID]CID:?|SMTP Auth:? \(ICID|Start MID|MID"
    rb"|Message aborted MID|SMTP server connection killed [ID]CID:?)(?= \d)"
)
VERBS = (
    *(b"ACCEPT", b"RELAY", b"REJECT", b"Delayed", b"TLS", b"close", b"lost"),
    *(b"ICID", b"ready"),
)
LOGIN = b"SMTP Auth: (ICID 450) succeeded for user: ceo using AUTH mechanism: PLAIN with profile: X"
FORGED = (
    LOGIN,
    b"New SMTP ICID 450 interface a (192.0.2.1) address 6.6.6.6 reverse dns host x verified yes",
    b"ICID 450 close",
    b"SMTP server connection killed ICID: 450",
    b"ICID 450 RELAY SG EVIL match ALL SBRS 10.0 country Nowhere",
    b"ICID 450 TLS success protocol TLSv1.3 cipher FORGED",
    b"DCID: 450 IP: 6.6.6.6 SMTP authentication using the profile P succeeded.",
    b"Time offset from UTC: 0 seconds",
    b"Version: 1.0.0-000 SN: FORGED",
    b"MID 9 ready 999 bytes from <x>",
    b"MID 9 ICID 450 RID 9 To: <x>",
    b"Message aborted MID 9 x",
)
LONG = 1 << 15
CPU_SECONDS = 1
"""A quadratic form takes several seconds for :data:`LONG` bytes, a linear one milliseconds."""


@contextmanager
def limited() -> Iterator[None]:
    """Interrupt, with an error, what takes too much time of the processor; others' do not count."""

    def interrupt(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def scan(*lines: bytes) -> list[tuple[bytes, bytes, bytes, bytes, bytes]]:
    """Pick from these lines."""
    text = b"".join(b"\n" + line for line in lines)
    return scanner.scan(text, 0, len(text))


def matching(message: bytes) -> list[str]:
    """Give the forms that match a message."""
    return [form.name for form in FORMS if grammar.match(form.pattern, message)]


def test_every_form_of_the_module_is_listed_once() -> None:
    """A form that is not in the table escapes the tests below."""
    defined = {x for x in vars(grammar).values() if isinstance(x, grammar.Form)}
    assert defined == {form.pattern for form in FORMS} == {*grammar.FORMS}
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_every_form_has_samples_and_counterexamples(form: Form) -> None:
    """They show what it is for and what it is not."""
    assert form.samples
    assert form.counterexamples


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
def test_a_sample_matches_its_form_and_no_other(form: Form, sample: bytes) -> None:
    """Two forms that match one line would make two things of it."""
    assert matching(sample) == [form.name]
    found = grammar.match(form.pattern, sample)
    assert found is not None
    assert all(value is None or value in found[0] for value in found.groupdict().values())


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_near_misses_do_not_match(form: Form) -> None:
    """They differ in what makes the form."""
    for message in form.counterexamples:
        assert form.name not in matching(message)


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
def test_a_form_is_anchored_at_the_start(form: Form, sample: bytes) -> None:
    """With anything before it, a sample is no message of any form that it was."""
    for before in (b"x", b"x ", b"Info: ", b" Info: ", b"'", b"MID 9 Subject '"):
        assert re.fullmatch(form.pattern.pattern, before + sample) is None


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
@pytest.mark.parametrize("level", [b"Info", b"Warning", b"Trace"])
def test_a_sample_behind_a_timestamp_is_picked(form: Form, sample: bytes, level: bytes) -> None:
    """With the head, the number and the verb that the correlator tells lines apart by."""
    line = STAMP + level + b": " + sample
    picked = scan(STAMP + b"Info: x", line, STAMP + b"Info: y")
    head = re.match(HEADS, sample)
    found = grammar.match(form.pattern, sample)
    assert found is not None
    if head is None:
        assert picked == [(line, b"", b"", b"", b"")]
    elif head[0].startswith(b"SMTP Auth"):
        # The usual end of such a head is the word before the user.
        word = re.search(rb"(\) (?:succeeded|failed)) for user: (.*)", sample)
        expected = (b"", b"") if word is None else word.groups()
        assert picked == [(line, head[0], found["number"], *expected)]
    else:
        words = sample[head.end() :].split()
        verb = words[1] if len(words) > 1 and words[1] in VERBS else b""
        if head[0] in {b"Start MID", b"MID", b"Message aborted MID"}:
            assert words[0] == found["message"]
        else:
            assert words[0] == found["number"]
        assert [(line, head[0], words[0])] == [x[:3] for x in picked]
        assert {verb, b""} >= {picked[0][3]}
        rare = (b"disconnected", b"Connection")
        if head[0] in {b"ICID", b"DCID"} and words[1] not in rare:
            assert verb == picked[0][3] != b""


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
@pytest.mark.parametrize("end", [b"", b"\r", b" ", b"  \r"])
def test_ends_of_lines_do_not_matter(form: Form, sample: bytes, end: bytes) -> None:
    """Carriage returns and trailing blanks hide no line, and become part of no value."""
    line = STAMP + b"Info: " + sample
    assert len(scan(line + end)) == 1
    if not form.verbatim:
        found, expected = grammar.read(form.pattern, line + end), grammar.read(form.pattern, line)
        assert found is not None
        assert expected is not None
        # Who runs to the end of a line for a name that others chose, strips it.
        names = found.groupdict().keys() - {"domain", "country", "sbrs"}
        assert [expected[name] for name in names] == [found[name] for name in names]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize(
    "line",
    [
        b"MID 9 Subject '%b'",
        b"MID 9 Subject 'Info: %b'",
        b"MID 9 Subject '\rWed Apr 22 11:44:48 2009 Info: %b'",
        b"MID 9 ICID 450 From: <Info: %b>",
        b"Info: %b",
        b" %b",
        b"MID 9 using engine: Info: %b",
        b"Message finished MID 9 Info: %b",
        b"Bounced: DCID 9 MID 9 to RID 0 - response: Info: %b",
    ],
)
def test_forged_lines_are_not_picked(line: bytes, forged: bytes) -> None:
    """What a sender puts into a subject or an address is no line, wherever it stands."""
    assert scan(STAMP + b"Info: " + line.replace(b"%b", forged)) == []


@pytest.mark.parametrize("forged", FORGED)
def test_forged_lines_in_a_name_change_nothing(forged: bytes) -> None:
    """A reverse DNS name is a name, whatever it says."""
    line = (
        STAMP + b"Info: New SMTP ICID 7 interface a (192.0.2.1) address 192.0.2.7"
        b" reverse dns host x Info: " + forged + b" verified no"
    )
    assert [(line, b"New SMTP ICID", b"7")] == [x[:3] for x in scan(line)]
    opened = MessageParser().read_opened(line)
    assert opened is not None
    assert (opened.address, opened.verified) == (b"192.0.2.7", False)
    assert b"x Info: " + forged == (opened.domain or "").encode()


@pytest.mark.parametrize("forged", FORGED)
def test_forged_lines_in_a_user_change_nothing(forged: bytes) -> None:
    """A user is a user, and the attempt that of its own connection."""
    message = (
        b"SMTP Auth: (ICID 7) failed for user: x Info: "
        + forged
        + b" using AUTH mechanism: LOGIN with profile: P"
    )
    assert [x[1:] for x in scan(STAMP + b"Info: " + message)] == [
        (b"SMTP Auth: (ICID", b"7", b") failed", message.partition(b" for user: ")[2])
    ]
    assert matching(message) == ["login of a client"]
    attempt = MessageParser().read_login(message)
    assert attempt is not None
    outcome, number, user, _ = attempt
    assert (number, outcome.result) == (b"7", "failure")
    assert (outcome.mechanism, outcome.profile) == ("LOGIN", "P")
    assert b"x Info: " + forged == (user or "").encode()


def test_scan_keeps_to_its_bounds() -> None:
    """Lines outside, even half of them, are not picked."""
    line = b"\n" + STAMP + b"Info: ICID 450 close"
    text = line * 3
    size = len(line)
    assert len(scanner.scan(text, size, size * 2)) == 1
    assert len(scanner.scan(text, size + 1, size * 2)) == 0
    assert len(scanner.scan(text, 0, size * 3)) == 3
    assert scanner.scan(text, size, size) == []


@given(st.lists(st.sampled_from([*(x for form in FORMS for x in form.samples), b"x", b""])))
def test_lines_are_picked_in_their_order(messages: list[bytes]) -> None:
    """Each one that has a form, and each one whole."""
    lines = [STAMP + b"Info: " + message for message in messages]
    wanted = [line for line, message in zip(lines, messages, strict=True) if matching(message)]
    assert wanted == [line for line, *_ in scan(*lines)]


PIECES = (
    *(b" ", b"'", b'"', b"\\", b"(", b")", b"1", b"x", b"[", b"\r", b"\\'", b"', '", b"x "),
    *(b" using AUTH mechanism: ", b" using AUTH mechanism: x with profile: ", b" with profile: "),
    *(
        b" address ",
        b" address x reverse dns host ",
        b" interface ",
        b" (x)",
        b" SBRS ",
        b" match ",
    ),
    *(b" country ", b" failed", b" failed: ", b" succeeded", b" for user: ", b" is misconfigured"),
    *(b" verified no", b" ICID ", b" TLS ", b": ", b" port 1"),
)


def hostile(sample: bytes) -> Iterator[bytes]:
    """Make long messages: the beginning of a sample, one piece over and over, and an end."""
    cuts = [found.start() for found in re.finditer(rb" |\Z", sample)]
    tail = sample[cuts[-2] :] if len(cuts) > 1 else b""
    for cut, piece in product(cuts, PIECES):
        yield sample[:cut] + piece * (LONG // len(piece))
        yield sample[:cut] + piece * (LONG // len(piece)) + tail + b" x)("


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_a_form_takes_linear_time(form: Form) -> None:
    """Whatever a client makes of the parts of a line."""
    for message in hostile(max(form.samples, key=len)):
        with limited():
            grammar.match(form.pattern, message)


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_picking_takes_linear_time(form: Form) -> None:
    """One expression looks at every line there is."""
    for message in hostile(max(form.samples, key=len)):
        with limited():
            scan(STAMP + b"Info: " + message)


@pytest.mark.parametrize("sample", [LOGIN, *patterns.OUTBOUND_LOGIN.samples])
def test_reading_logins_takes_linear_time(sample: bytes) -> None:
    """All forms of a login one after the other, and what they hold."""
    logins = MessageParser()
    for message in hostile(sample):
        with limited():
            logins.read_login(message)


@pytest.mark.parametrize("begin", [b"('535', [", b"('535', ['", b'("535", ["', b"(", b""])
def test_reading_a_response_takes_linear_time(begin: bytes) -> None:
    """A smart host answers what it likes."""
    for piece, end in product(PIECES, (b"", b"'])", b"'", b'"])', b"\\")):
        with limited():
            read_response(begin + piece * (LONG // len(piece)) + end)


def read_other(contexts: MessageParser, line: bytes) -> object:
    """Look into a line that describes an open connection."""
    return contexts.facts[behind_number(b"450", line)] if b"450" in line else None


@pytest.mark.parametrize(
    ("sample", "read"),
    [
        (patterns.CONNECTION_OPENED.samples[0], MessageParser.read_opened),
        (patterns.DELIVERY_OPENED.samples[0], MessageParser.read_delivery_opened),
        (patterns.DELAYED_REJECT.samples[0], read_other),
    ],
)
def test_looking_into_a_connection_takes_linear_time(
    sample: bytes, read: Callable[[MessageParser, bytes], object]
) -> None:
    """Lines that describe one, too."""
    contexts = MessageParser()
    for message in hostile(sample):
        with limited():
            read(contexts, STAMP + b"Info: " + message)


@pytest.mark.parametrize(
    "header",
    [
        STAMP,
        b"Apr 22 11:44:48 ",
        b"Apr 22 11:44:48 esa1 ",
        b"Apr 22 11:44:48 esa1 t[1",
        b"2009-04-22T11:44:48.1",
        b"<22>1 2009-04-22T11:44:48Z a b c d ",
        b"<22>1 2009-04-22T11:44:48Z a b c d [",
        b'<22>1 2009-04-22T11:44:48Z a b c d [x a="',
        b"",
    ],
)
def test_framing_takes_linear_time(header: bytes) -> None:
    """Lines with any header, in one line and in as many as there are."""
    pieces = (*PIECES, b"[1", b"]", b"][", b"[x]", b'"]', b"\n", b"\nx", b"\x00", b"\n\x00", b"\n ")
    for piece in (*pieces, b"\n" + header, b"\xef\xbb\xbf", b"\n\xef\xbb\xbf", b"A", b"Aa: "):
        framer = Framer()
        with limited():
            framer.feed(header + piece * (LONG // len(piece)) + b"\nx")
            framer.finish()
