"""Wrapped lines are put together again by their form, and nothing else becomes a part of them."""

import textwrap
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.mail_logs import grammar
from forwarder.mail_logs.wrapping import MAX_PIECES, Wraps, join
from forwarder.pipeline import LogParser
from tests import golden, patterns

STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
LOGIN = (
    STAMP + b"SMTP Auth: (ICID 450) failed for user: a@example.com using AUTH mechanism: PLAIN"
    b" with profile: P"
)
NEW = STAMP + b"New SMTP ICID 4 interface Data 1 (192.0.2.1) address 198.51.100.104"
DELIVERY = STAMP + b"New SMTP DCID 9 interface 192.0.2.1 address 198.51.100.104 port 25"
OUTBOUND = STAMP + b"DCID: 9 IP: 198.51.100.104 SMTP authentication using the profile Out 1 failed:"
TLS = STAMP + b"ICID 4 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384"


@pytest.mark.parametrize(
    ("pieces", "line", "number"),
    [
        pytest.param([LOGIN], LOGIN, 1, id="one piece"),
        pytest.param([LOGIN + b"\r"], LOGIN, 1, id="carriage return"),
        pytest.param([LOGIN[:69], LOGIN[70:]], LOGIN, 2, id="between words"),
        pytest.param([LOGIN[:70], LOGIN[70:]], LOGIN, 2, id="behind a blank"),
        pytest.param([LOGIN[:69], LOGIN[69:]], LOGIN, 2, id="before a blank"),
        pytest.param([LOGIN[:69], b"    " + LOGIN[70:]], LOGIN, 2, id="indented"),
        pytest.param([LOGIN[:100], LOGIN[100:]], LOGIN, 2, id="within a word"),
        pytest.param([LOGIN[:100], b"\t" + LOGIN[100:]], LOGIN, 2, id="within a word, indented"),
        pytest.param([LOGIN[:75], LOGIN[75:]], LOGIN, 2, id="within the user"),
        pytest.param([LOGIN[:33] + b"\r", LOGIN[33:] + b"\r"], LOGIN, 2, id="within the head"),
        pytest.param([LOGIN, b"rofile"], LOGIN + b"rofile", 2, id="within the profile"),
        pytest.param([LOGIN, b"evil@x y"], LOGIN, 1, id="a stranger of two words"),
        pytest.param([LOGIN, b"evil", b"x"], LOGIN, 1, id="two strangers"),
        pytest.param([LOGIN, b"x" * 150], LOGIN, 1, id="a stranger that is wider"),
        pytest.param([LOGIN, b"esa1>"], LOGIN, 1, id="a prompt"),
        pytest.param([LOGIN[:89], LOGIN[90:], b"x y"], LOGIN, 2, id="a stranger behind a seam"),
        pytest.param([LOGIN[:75], b"Error: x"], LOGIN[:75], 1, id="a stranger behind a cut login"),
        pytest.param([NEW[:-2], b"04"], NEW, 2, id="within an address"),
        pytest.param([NEW, b"reverse dns"], NEW, 1, id="behind an address: no form"),
        pytest.param(
            [NEW, b"reverse dns host unknown verified no"],
            NEW + b" reverse dns host unknown verified no",
            2,
            id="behind an address",
        ),
        pytest.param([NEW[:-2], b"Traceback (most"], NEW[:-2], 1, id="a stranger and an address"),
        pytest.param([DELIVERY[:-9], DELIVERY[-9:]], DELIVERY, 2, id="address and port"),
        pytest.param([DELIVERY[:-1], b"5"], DELIVERY, 2, id="within a port"),
        pytest.param([NEW[:61], NEW[62:]], NEW, 2, id="between name and number of an interface"),
        pytest.param([NEW[:59], NEW[59:]], NEW, 2, id="within the name of an interface"),
        pytest.param(
            [OUTBOUND + b" ('535', ['no", b"such user'])"],
            OUTBOUND + b" ('535', ['no such user'])",
            2,
            id="between the words of an answer",
        ),
        pytest.param([OUTBOUND[:-8], OUTBOUND[-7:]], OUTBOUND, 2, id="no answer"),
        pytest.param([TLS[:-7], TLS[-7:]], TLS, 2, id="within a cipher"),
        pytest.param([STAMP + b"x y", b"z"], STAMP + b"x y z", 2, id="of no form"),
        pytest.param([b"<22>1 2009-04-22T11:44:48Z es", b"a1 ml - - - " + LOGIN[25:]],
                     b"<22>1 2009-04-22T11:44:48Z esa1 ml - - - " + LOGIN[25:], 2,
                     id="within a syslog header"),
    ],
)  # fmt: skip
def test_pieces_are_joined_by_the_form(pieces: list[bytes], line: bytes, number: int) -> None:
    """What is behind a line that is whole is a stranger."""
    assert join(pieces) == (line, number)


def test_blanks_of_an_empty_user_are_kept() -> None:
    """Two stand behind the colon: one before the user, one behind it."""
    line = LOGIN.replace(b"a@example.com", b"")
    at = line.index(b"using") - 1
    assert join([line[:at], line[at:]]) == (line, 2)


def test_pieces_that_all_have_one_width_were_cut() -> None:
    """Where a blank would give a form as well; where one is narrower, nothing is known."""
    user = b"u" * 90
    line = LOGIN.replace(b"a@example.com", user)
    cut = [line[i : i + 80] for i in range(0, len(line), 80)]
    assert len(cut) == 3
    assert join(cut) == (line, 3)
    assert join([b"  " * bool(i) + x for i, x in enumerate(cut)]) == (line, 3)


def test_so_many_pieces_are_tried_and_no_more() -> None:
    """A login that goes on for longer counts with its first piece, as one that was cut."""
    line = LOGIN.replace(b"a@example.com", b"a" * 400)
    pieces = [line[:90], *(line[i : i + 6] for i in range(90, len(line), 6))]
    assert len(pieces) > MAX_PIECES
    assert join(pieces) == (line[:90], 1)


BLANKS = LOGIN.replace(b"a@example.com", b"john q public")
AT = BLANKS.index(b" q public")


@pytest.mark.parametrize("before", [None, False, True])
def test_a_single_blank_before_a_continuation_is_its_own(before: bool | None) -> None:  # noqa: FBT001
    """One space is no indent, but a cut may fall on a space."""
    for size in (AT, AT + 2, BLANKS.index(b" using")):
        assert join([BLANKS[:size], BLANKS[size:]], Wraps(before)) == (BLANKS, 2)


@pytest.mark.parametrize("indent", [b"", b"  ", b"\t"])
def test_a_blank_of_a_user_is_kept_where_the_file_was_wrapped_between_words(indent: bytes) -> None:
    """Which lines before have shown."""
    at = AT + 2
    pieces = [BLANKS[:at], indent + BLANKS[at + 1 :]]
    assert join(pieces, Wraps(was_cut=False, indent=len(indent))) == (BLANKS, 2)
    one_word = BLANKS.replace(b"q public", b"qpublic")
    for before in (Wraps(), Wraps(was_cut=False, indent=3), Wraps(was_cut=True, indent=7)):
        assert join(pieces, before) == (one_word, 2)


def test_a_blank_of_a_user_is_kept_in_many_pieces() -> None:
    """They are not of one width, so they were not cut."""
    at = BLANKS.index(b" for user")
    pieces = [BLANKS[:at], BLANKS[at + 1 : AT + 2], BLANKS[AT + 3 : -11], BLANKS[-10:]]
    for before in (None, False):
        assert join(pieces, Wraps(before)) == (BLANKS, 4)


def test_a_user_in_the_words_of_the_appliance_is_joined() -> None:
    """A line that ends in a piece of them goes on."""
    line = LOGIN.replace(b"a@example.com", b"x using AUTH mechanism: PLAIN with profile: y")
    begin = line.index(b"profile: y") + len(b"profile: y")
    for at in range(begin + len(b" using"), len(line) - 1):
        assert (at, join([line[:at], line[at:]])) == (at, (line, 2))


def test_a_second_piece_that_is_wider_shows_that_nothing_was_cut() -> None:
    """For nothing that is cut at a width is wider."""
    line = LOGIN.replace(b"a@example.com", b"john q " + b"p" * 70)
    at = AT + 2
    assert join([line[:at], line[at + 1 :]]) == (line, 2)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([LOGIN], None),
        ([LOGIN, b"x y"], None),
        ([STAMP + b"x", b"y"], None),
        ([LOGIN[:75], b"x y"], None),
        ([LOGIN[:75], LOGIN[75:]], None),
        ([LOGIN[:70], LOGIN[70:]], None),
        ([LOGIN[:69], LOGIN[69:]], None),
        ([LOGIN[:100], LOGIN[100:]], True),
        ([LOGIN[:100] + b"\r", b"  " + LOGIN[100:]], True),
        ([LOGIN[:63], LOGIN[64:]], False),
        ([LOGIN[:63] + b"\r", b"  " + LOGIN[64:]], False),
    ],
)
def test_a_line_shows_how_it_was_wrapped(pieces: list[bytes], shown: bool | None) -> None:  # noqa: FBT001
    """If it is known in one way only, and has no blank of its own at the seam."""
    for before in (None, False, True):
        wraps = Wraps(before)
        join(pieces, wraps)
        assert wraps.was_cut == (before if before or shown is None else shown)


def test_a_cut_before_a_blank_shows_in_the_indent() -> None:
    """Where lines before have shown how far they are indented."""
    pieces = [BLANKS[:AT], b"   " + BLANKS[AT:]]
    assert join(pieces, Wraps(was_cut=True, indent=3)) == (BLANKS, 2)
    assert join(pieces, Wraps(was_cut=True, indent=4)) == (BLANKS.replace(b" q p", b"q p"), 2)


FORMS = [
    (form, sample)
    for form in patterns.FORMS
    for sample in form.samples
    # With words behind, a line has no end that shows.
    if not sample.endswith((b"and more", b"At once"))
    # Nor with a user that is empty, or says itself what the appliance says.
    and b"user:  " not in sample
    and b"profile: Y" not in sample
    and form is not patterns.INBOUND_LOGIN_CUT
]
WORDS = ("country", "answer", "reason")
"""What is made of words, in which a cut does not show."""


@pytest.mark.parametrize(("form", "sample"), FORMS)
def test_every_form_is_the_same_broken_anywhere(form: patterns.Form, sample: bytes) -> None:
    """Between any words, and cut at any width."""
    if not form.verbatim:
        sample = b" ".join(sample.split())
    whole = grammar.match(form.pattern, sample)
    assert whole is not None
    line = STAMP + sample
    for at in range(len(STAMP) + 1, len(line)):
        ways = [join([line[x : x + at] for x in range(0, len(line), at)])[0]]
        if line[at : at + 1] == b" ":
            ways.append(join([line[:at], line[at + 1 :]], Wraps(was_cut=False))[0])
        for joined in ways:
            found = grammar.match(form.pattern, joined.removeprefix(STAMP))
            assert found is not None
            for name, value in whole.groupdict().items():
                assert name in WORDS or found[name] == value


@given(
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=40).filter(lambda x: b"\n" not in x),
            st.sampled_from([LOGIN, NEW, OUTBOUND, TLS]),
            st.builds(
                lambda line, start, size: line[start : start + size] or b"x",
                st.sampled_from([LOGIN, NEW, OUTBOUND, TLS]),
                st.integers(0, 120),
                st.integers(1, 80),
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_pieces_are_joined(pieces: list[bytes]) -> None:
    """Nothing raises, and nothing but white space is added or lost within what is taken."""
    line, number = join(pieces)
    assert 1 <= number <= len(pieces)
    assert b"".join(line.split()) == b"".join(b" ".join(pieces[:number]).split())


def events(text: str) -> list[dict[str, object]]:
    """Give the documents of a log, without what the wrapping of lines changes rightly."""
    reading = LogParser().open("esa1.example.com", golden.PATH)
    documents = []
    for raw in (*reading.feed(text.encode()), *reading.finish()):
        document = orjson.loads(raw)
        del document["event"]["id"], document["log"]["offset"]
        documents.append(document)
    return documents


LINES = (golden.FOLDER / "plain.log").read_text().splitlines()
WITHIN_AN_ANSWER = [
    *(*range(147, 152), *range(154, 167), *range(169, 175), *range(177, 190), *range(192, 198)),
]
"""Widths at which the answer of the smart host is cut once, within a word: joined with a blank it
is an answer, too. The event has it with a blank too many."""


def cut(line: str, width: int, indent: str, *, counted: bool) -> list[str]:
    """Cut a line at a width, with blanks before what follows; counted or not."""
    more = width - len(indent) if counted else width
    return [
        line[:width],
        *(indent + line[i : i + more] for i in range(width, len(line), more)),
    ]


@pytest.mark.parametrize(
    ("indent", "end"), [("", "\n"), ("  ", "\r\n"), (" " * 9, "\n\n"), (" " * 9, "\n")]
)
def test_the_tech_note_is_the_same_wrapped_at_any_width(indent: str, end: str) -> None:
    """Between words, or cut at the width; indented or not; with empty lines between or not."""
    expected = events("\n".join(LINES))
    assert len(expected) == 5
    for width in range(40, 201):
        wrap = partial(
            textwrap.wrap,
            width=width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        text = end.join(piece for line in LINES for piece in wrap(line))
        assert (width, events(text)) == (width, expected)
        for counted in (False, True):
            text = end.join(x for line in LINES for x in cut(line, width, indent, counted=counted))
            found = events(text)
            if width in WITHIN_AN_ANSWER:
                assert (width, found[-1]) != (width, expected[-1])
                assert without_blanks(found) == without_blanks(expected)
            else:
                assert (width, found) == (width, expected)


def test_lines_that_were_wrapped_between_words_may_all_have_one_width() -> None:
    """So one width of several lines shows no cut, and the widths above cannot be decided."""
    lines = [x for x in LINES if "failed: (" in x] * 3
    for width in range(147, 198):
        wrapped = [textwrap.wrap(x, width, break_on_hyphens=False) for x in lines]
        assert {len(x) for x in wrapped} == {2}
        assert len({len(first) for first, _ in wrapped}) == 1
        for first, second in wrapped:
            line = f"{first} {second}".encode()
            assert join([first.encode(), second.encode()], Wraps()) == (line, 2)


def without_blanks(documents: list[dict[str, object]]) -> bytes:
    """Give documents in one text."""
    return orjson.dumps(documents).replace(b" ", b"")
