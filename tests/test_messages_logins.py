"""Login messages become attempts, whatever text a client chose."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.events import Action, Outcome, Response
from forwarder.mail_logs.framer import Framer
from forwarder.mail_logs.messages import MessageParser, is_unparsed_login, read_response
from tests.joined import log_of, no_streams

STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
PHRASE = b" using AUTH mechanism: X with profile: Y"


class Seen(NamedTuple):
    """What a login message says."""

    outcome: Outcome
    number: bytes | None
    user: str | None
    address: bytes | None


def read(message: bytes, logins: MessageParser | None = None) -> Seen | None:
    """Read one message, behind a timestamp."""
    attempt = (logins or MessageParser()).read_login(message)
    return None if attempt is None else Seen(*attempt)


def values(outcome: Outcome) -> tuple[object, ...]:
    """Give what an outcome holds."""
    return (
        outcome.action,
        outcome.result,
        outcome.mechanism,
        outcome.profile,
        outcome.reason,
        outcome.response,
    )


@pytest.mark.parametrize("begin", [b"SMTP Auth: (ICID 450) ", b"SMTP Auth (ICID 450) "])
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (b"ironport", "ironport"),
        (b"john smith", "john smith"),
        (b"  two  blanks ", "  two  blanks "),
        (b" ", " "),
        (b"", None),
        (b'o\'brien "x"', 'o\'brien "x"'),
        (b"user: admin", "user: admin"),
        (b"a) failed for user: b", "a) failed for user: b"),
        (b"a" + PHRASE, "a" + PHRASE.decode()),
        (b"a" + PHRASE * 3, "a" + PHRASE.decode() * 3),
        (PHRASE, PHRASE.decode()),
        (b"a using AUTH mechanism: ", "a using AUTH mechanism: "),
        (b"a with profile: x", "a with profile: x"),
        (b"\xff\xfe", UNREADABLE * 2),
        (b"caf\xe9", "caf" + UNREADABLE),
        (b"\xed\xa0\x80", UNREADABLE * 3),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x".encode(), "\N{RIGHT-TO-LEFT OVERRIDE}x"),
        (b"a\x00b\x1b[0m\x85\x0b\x0c\x1c", "a\x00b\x1b[0m" + UNREADABLE + "\x0b\x0c\x1c"),
        ("a\N{LINE SEPARATOR}b\N{NEXT LINE}".encode(), "a\N{LINE SEPARATOR}b\N{NEXT LINE}"),
        (b"a\rb", "a\rb"),
        (b"A" * 10_000, "A" * 10_000),
    ],
)
def test_the_user_is_what_the_client_sent(begin: bytes, user: bytes, expected: str | None) -> None:
    """Whatever the client puts in, mechanism, profile and outcome are the appliance's."""
    for word, result, reason in (
        (b"succeeded", "success", None),
        (b"failed", "failure", "SMTP AUTH failed"),
    ):
        attempt = read(
            begin + word + b" for user: " + user + b" using AUTH mechanism: PLAIN with profile: P 1"
        )
        assert attempt is not None
        assert (b"450", expected, None) == attempt[1:]
        outcome = (Action.INBOUND, result, "PLAIN", "P 1", reason, None)
        assert outcome == values(attempt.outcome)


@given(user=st.binary(max_size=80).map(lambda x: x.replace(b"\n", b"")), succeeded=st.booleans())
def test_any_user_is_taken_whole(user: bytes, *, succeeded: bool) -> None:
    """No text of a client moves the borders of the user or turns an outcome."""
    word = b"succeeded" if succeeded else b"failed"
    attempt = read(
        b"SMTP Auth: (ICID 9) %b for user: %b using AUTH mechanism: LOGIN with profile: P"
        % (word, user)
    )
    assert attempt is not None
    assert attempt.user == (user.decode("utf-8", "replace") or None)
    assert attempt.outcome.result == ("success" if succeeded else "failure")
    assert attempt.outcome.mechanism == "LOGIN"


@pytest.mark.parametrize(
    ("rest", "user"),
    [
        (b"ironport", "ironport"),
        (b"ironport using AUTH mech", "ironport"),
        (b"a using AUTH mechanism: PLAIN", "a"),
        (b"", None),
        (b"A" * 60_000, "A" * 60_000),
        (b"a using", "a"),
        (b"a u", "a"),
        (b"a  using AUTH", "a"),
        (b" using AUTH", None),
        (b"\xc3\xa9\xc3", "\u00e9"),
        (b"\xff\xe2\x82", "\ufffd"),
        (b"a using AUTH mechanism: b using AUTH mechanism: LOGIN", "a using AUTH mechanism: b"),
        (b"a using AUTH mechanism: LOGIN with profit", "a"),
    ],
)
def test_a_login_whose_end_is_missing_is_one(rest: bytes, user: str | None) -> None:
    """Outcome and number stand before the user, who has no word of the appliance's."""
    attempt = read(b"SMTP Auth: (ICID 450) failed for user: " + rest)
    assert attempt is not None
    assert (b"450", user, None) == attempt[1:]
    assert attempt.outcome.truncated
    assert attempt.outcome.profile is None


WHOLE = b"SMTP Auth: (ICID 450) failed for user: a b@x using AUTH mechanism: PLAIN with profile: P"


@pytest.mark.parametrize("end", [b"", b" ", b"\r"])
def test_wherever_a_login_is_cut_the_user_has_no_word_of_the_appliance(end: bytes) -> None:
    """What is missing is missing, and that is said."""
    for size in range(WHOLE.index(b"user:") + 5, len(WHOLE) + 1):
        message = WHOLE[:size]
        attempt = read(message + end.replace(b"\r", b""))
        assert attempt is not None
        user = message.partition(b"user: ")[2].partition(b" u")[0].decode().rstrip()
        assert (size, attempt[2] or "") == (size, user)
        mechanism = message.partition(b"mechanism: ")[2].partition(b" ")[0].decode() or None
        assert attempt.outcome.mechanism == mechanism
        assert attempt.outcome.truncated == (size < len(WHOLE))


SHORTEST_PIECE = len(b" using")
"""Less of the appliance's words behind a profile may be the end of its name, as in "relay us"."""


@pytest.mark.parametrize("hostile", [b"x", b"x using AUTH mechanism: X with profile: Y"])
def test_wherever_a_login_is_cut_behind_the_words_of_a_client_no_field_has_them(
    hostile: bytes,
) -> None:
    """Which of them are the appliance's cannot be told; what is missing is missing."""
    hostile += b" using AUTH mechanism: PLAIN with profile: y"
    whole = b"SMTP Auth: (ICID 450) failed for user: %b using AUTH mechanism: LOGIN with profile: "
    whole %= hostile
    begin = whole.index(hostile) + len(hostile)
    for size in range(begin + SHORTEST_PIECE, len(whole)):
        attempt = read(whole[:size])
        assert attempt is not None
        assert (size, attempt.user) == (size, "x")
        outcome = (Action.INBOUND, "failure", None, None, "SMTP AUTH failed", None)
        assert values(attempt.outcome) == outcome
        assert attempt.outcome.truncated


def test_a_profile_may_end_like_the_first_letters_of_the_words() -> None:
    """Cut or not cannot be told there: the name is more likely."""
    for size in range(SHORTEST_PIECE):
        profile = b"relay" + b" using"[:size]
        attempt = read(
            b"SMTP Auth: (ICID 4) failed for user: a using AUTH mechanism: PLAIN with profile: "
            + profile
        )
        assert attempt is not None
        assert attempt.outcome.profile == profile.decode().strip()
        assert not attempt.outcome.truncated


CUT_ANYWHERE = [
    b"SMTP Auth (ICID 450) could not reach forwarding server s.example.com with reason: late",
    b"SMTP Auth: (ICID 450) LDAP query/user lookup failed for user: a",
    b"SMTP Auth: (ICID 450) profile: P is misconfigured or missing causing an Auth failure",
    b"SMTP Auth: (ICID 450) was required but remote host did not initiate it",
    b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    b"DCID: 5 IP: 192.0.2.1 SMTP authentication using the profile Out succeeded.",
    b"DCID: 5 IP: 192.0.2.1 SMTP authentication using the profile Out failed: ('535', ['a (b) c'])",
]
MAY_BE_WHOLE = [
    # The name of a server may end anywhere, as may a reason; a full stop is not always there.
    *(CUT_ANYWHERE[0][: CUT_ANYWHERE[0].index(b"s.example") + x] for x in range(1, 14)),
    *(CUT_ANYWHERE[0][: CUT_ANYWHERE[0].index(b"late") + x] for x in range(1, 4)),
    CUT_ANYWHERE[4].removesuffix(b"."),
    CUT_ANYWHERE[5].removesuffix(b"."),
]


@pytest.mark.parametrize("whole", CUT_ANYWHERE)
def test_wherever_another_login_is_cut_that_is_said(whole: bytes) -> None:
    """By a tag, or, without an outcome, as a login that was not understood."""
    attempt = read(whole)
    assert attempt is not None
    assert not attempt.outcome.truncated
    for size in range(whole.index(b" ", 10), len(whole)):
        attempt = read(whole[:size])
        if attempt is None:
            # Of "SMTP authentication" as much as makes it a login has to be there.
            begins = whole.startswith(b"SMTP") or b" authentication " in whole[:size]
            assert (size, is_unparsed_login(whole[:size])) == (size, begins)
        else:
            assert (size, attempt.outcome.truncated) == (size, whole[:size] not in MAY_BE_WHOLE)
            assert attempt.outcome.profile in {None, "P", "Out"}
            assert attempt.user in {None, "a"}


@pytest.mark.parametrize("profile", [b"", b"  "])
def test_a_profile_may_be_empty(profile: bytes) -> None:
    """It is None then."""
    attempt = read(
        b"SMTP Auth: (ICID 4) failed for user: a using AUTH mechanism: PLAIN with profile: "
        + profile
    )
    assert attempt is not None
    assert attempt.outcome.profile is None


OUTBOUND = b"DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile "


@pytest.mark.parametrize(
    ("rest", "result", "profile", "reason", "response"),
    [
        (b"Out succeeded.", "success", "Out", None, None),
        (b"Out succeeded", "success", "Out", None, None),
        (b"Out 1 succeeded.", "success", "Out 1", None, None),
        (
            b"Out failed: ('535', ['5.7.8 Error: no'])",
            "failure",
            "Out",
            "5.7.8 Error: no",
            Response(535, "5.7.8", "5.7.8 Error: no"),
        ),
        (
            b"Out failed: ('535', ['using the profile X succeeded.'])",
            "failure",
            "Out",
            "using the profile X succeeded.",
            Response(535, None, "using the profile X succeeded."),
        ),
        (b"Out failed: timed out ", "failure", "Out", "timed out", None),
        (b"Out failed:", "failure", "Out", None, None),
        (b"Out failed", "failure", "Out", None, None),
        (b"Out failed: ('535', [])", "failure", "Out", None, Response(535, None, "")),
    ],
)
def test_outbound_logins(
    rest: bytes, result: str, profile: str, reason: str | None, response: Response | None
) -> None:
    """A full stop may end success; the smart host's answer is the reason of a failure."""
    attempt = read(OUTBOUND + rest)
    assert attempt is not None
    assert attempt[1:] == (b"5633", None, b"172.16.155.102")
    outcome = (Action.OUTBOUND, result, None, profile, reason, response)
    assert outcome == values(attempt.outcome)


@pytest.mark.parametrize("begin", [b"SMTP Auth: (ICID 450) ", b"SMTP Auth (ICID 450) "])
@pytest.mark.parametrize(
    ("rest", "action", "profile", "reason", "user"),
    [
        (
            b"profile: P 1 is misconfigured or missing causing an Auth failure",
            Action.ERROR,
            "P 1",
            "profile: P 1 is misconfigured or missing causing an Auth failure",
            None,
        ),
        (
            b"could not reach forwarding server s with reason: timed out",
            Action.ERROR,
            None,
            "could not reach forwarding server s with reason: timed out",
            None,
        ),
        (
            b"LDAP query/user lookup failed for user: a  b",
            Action.ERROR,
            None,
            "LDAP query/user lookup failed",
            "a  b",
        ),
        (
            b"was required but remote host did not initiate it",
            Action.NOT_INITIATED,
            None,
            "was required but remote host did not initiate it",
            None,
        ),
    ],
)
def test_logins_that_could_not_be_checked(  # noqa: PLR0913, PLR0917 - columns of a table
    begin: bytes, rest: bytes, action: Action, profile: str | None, reason: str, user: str | None
) -> None:
    """They fail without the client's doing; what was not begun has no result."""
    attempt = read(begin + rest)
    assert attempt is not None
    assert (b"450", user, None) == attempt[1:]
    result = None if action is Action.NOT_INITIATED else "failure"
    assert (action, result, None, profile, reason, None) == values(attempt.outcome)


def test_an_ldap_failure_names_no_connection() -> None:
    """Its number is not known."""
    attempt = read(
        b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server."
    )
    assert attempt is not None
    assert attempt[1:] == (None, None, None)
    assert attempt.outcome.action is Action.ERROR


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"SMTP Auth",
        b"SMTP Auth: (ICID x) failed for user: a" + PHRASE,
        b"SMTP Auth: (ICID 450) tried for user: a" + PHRASE,
        b"x SMTP Auth: (ICID 450) failed for user: a" + PHRASE,
        b"Info: SMTP Auth: (ICID 450) failed for user: a" + PHRASE,
        b"MID 9 Subject 'SMTP Auth: (ICID 450) failed for user: a" + PHRASE + b"'",
        b"SMTP Authentication: (ICID 450) failed for user: a" + PHRASE,
        OUTBOUND + b"Out",
        b"x " + OUTBOUND + b"Out succeeded.",
    ],
)
def test_what_is_no_login_is_none(message: bytes) -> None:
    """A form counts at the start of a message, and whole; what begins like one is strange."""
    assert read(message) is None
    assert is_unparsed_login(message) is message.startswith((b"SMTP Auth", b"DCID: ", b"x DCID: "))


@pytest.mark.parametrize("colon", [b"", b":"])
def test_connections_to_a_forwarding_server_are_known_to_be_no_login(colon: bytes) -> None:
    """They are neither an event nor strange."""
    message = b"SMTP Auth" + colon + b" forward server connection to s, port 25, interface i, 3 x"
    assert read(message) is None
    assert not is_unparsed_login(message)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (rb"('535', ['5.7.8 no'])", (535, "5.7.8", "5.7.8 no")),
        (rb"""('535', ["can't"])""", (535, None, "can't")),
        (rb"""('535', ['say \'a\' or "b"'])""", (535, None, "say 'a' or \"b\"")),
        (rb"""("535", ["\"a\""])""", (535, None, '"a"')),
        (rb"('454', ['4.7.0 a\r\n\tb '])", (454, "4.7.0", "4.7.0 a\r\n\tb")),
        (rb"('535', ['a\\b'])", (535, None, "a\\b")),
        (rb"('535', ['a\\'])", (535, None, "a\\")),
        (rb"('535', ['caf\xc3\xa9 \xff'])", (535, None, "caf\xe9 " + UNREADABLE)),
        (b"('535', ['caf\xc3\xa9 \xff'])", (535, None, "caf\xe9 " + UNREADABLE)),
        (rb"('535', ['a\qb\x4'])", (535, None, "aqbx4")),
        (rb"('534', ['5.7.14 a', '5.7.14 b'])", (534, "5.7.14", "5.7.14 a 5.7.14 b")),
        (rb"""('535', ['a', "b", '', ' ', 'c'])""", (535, None, "a b c")),
        (
            rb"""('535', ["x'), ('250', ['2.0.0 ok'])"])""",
            (535, None, "x'), ('250', ['2.0.0 ok'])"),
        ),
        (rb"(535, ['a'])", (535, None, "a")),
        (rb"('535', 'a')", (535, None, "a")),
        (rb"(u'535', [u'a', u'b'])", (535, None, "a b")),
        (rb"('535',['a']).", (535, None, "a")),
        (rb"  ('535', ['a'])  ", (535, None, "a")),
        (rb"('535', [])", (535, None, "")),
        (rb"('535', ['not ended])", (535, None, "not ended])")),
        (rb"('535', ['5.7.8 no", (535, "5.7.8", "5.7.8 no")),
        (rb"(535, ['a']", (535, None, "a")),
        (rb"('535', ['5.7.8x a'])", (535, None, "5.7.8x a")),
        (rb"('535', ['3.7.8 a'])", (535, None, "3.7.8 a")),
        (rb"('535', ['5.7.8'])", (535, "5.7.8", "5.7.8")),
        (rb"('535', ['a 5.7.8'])", (535, None, "a 5.7.8")),
    ],
)
def test_responses_are_read(answer: bytes, expected: tuple[int, str | None, str]) -> None:
    """A Python literal, with every kind of string that it may hold."""
    assert Response(*expected) == read_response(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"timed out",
        b"('535')",
        b"('5355', ['a'])",
        b"('53",
        b"535 no",
        b"x('535', ['a'])",
    ],
)
def test_odd_shapes_are_no_response(answer: bytes) -> None:
    """They are kept as they are, as a reason."""
    assert read_response(answer) is None
    attempt = read(OUTBOUND + b"Out failed: " + answer)
    assert attempt is not None
    assert attempt.outcome.reason == (answer.decode() or None)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@given(st.integers(100, 999), st.lists(TEXTS, min_size=1, max_size=4))
def test_what_python_prints_is_read_again(code: int, texts: list[str]) -> None:
    """For printable text, the appliance's way of writing and this reading are inverse."""
    response = read_response(repr((str(code), texts)).encode())
    assert response is not None
    assert (code, " ".join(texts)) == (response.code, response.text)


@given(st.binary(max_size=99))
def test_nothing_raises(text: bytes) -> None:
    """Whatever a smart host answers or a client sends."""
    read_response(text)
    read_response(b"('535', [" + text + b"])")
    read_response(b"('535', ['" + text + b"'])")
    read(b"SMTP Auth" + text)
    read(OUTBOUND + text)


def test_what_logins_share_is_one_object() -> None:
    """Users differ; outcomes are made once."""
    logins = MessageParser()
    first, second = (
        read(b"SMTP Auth: (ICID %d) failed for user: u%d" % (n, n) + PHRASE, logins) for n in (1, 2)
    )
    assert first
    assert second
    assert first.outcome is second.outcome


TEXTS = st.sampled_from([b"", b"u@x", b"a b", b"PLAIN", PHRASE, b" for user: ", b"\xe9", b" "])
ANY = st.binary(max_size=9).map(lambda x: x.replace(b"\n", b""))


@given(
    word=st.sampled_from([b"succeeded", b"failed"]),
    user=TEXTS | ANY,
    mechanism=TEXTS | ANY,
    profile=TEXTS | ANY,
    end=st.sampled_from([b"", b"\r", b" ", b" \r"]),
)
def test_a_line_gives_what_its_message_gives(
    word: bytes, user: bytes, mechanism: bytes, profile: bytes, end: bytes
) -> None:
    """Lines are cut at their usual ends, which is only quicker than the form."""
    message = b"SMTP Auth: (ICID 450) %b for user: %b using AUTH mechanism: %b with profile: %b" % (
        word,
        user,
        mechanism,
        profile,
    )
    framer, correlator, log = Framer(), no_streams(), log_of("esa1")
    blocks = framer.feed(STAMP + message + end + b"\n") + framer.finish()
    (event,) = (event for block in blocks for event in correlator.read(block, log))
    expected = read((message + end).removesuffix(b"\r"))
    assert expected is not None
    assert values(expected.outcome) == values(event.outcome)
    assert expected.user == event.user
