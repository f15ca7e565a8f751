"""Pieces belong to a line if one width is possible for all of them."""

import pytest

from forwarder.mail_logs.wrapping import MAX_BEFORE, Wraps

LINE = b"Wed Apr 22 11:44:48 2009 Info: MID 7 Subject 'one two three four'"
WORD = b"w" * 40


@pytest.mark.parametrize(
    ("pieces", "number"),
    [
        pytest.param([LINE], 1, id="none"),
        pytest.param([LINE, b"five"], 2, id="one seam"),
        pytest.param([LINE, WORD + b" " + WORD[:30]], 2, id="as wide as it may be"),
        pytest.param([LINE, b"a " + LINE[:66] + b"x"], 1, id="wider than the first word allows"),
        pytest.param([LINE, LINE, WORD], 3, id="two seams"),
        pytest.param([LINE, LINE, b"five", b"six"], 3, id="a stranger behind two seams"),
        pytest.param([LINE, b"five", b"six"], 1, id="strangers alone"),
        pytest.param([LINE, b"   " + LINE, WORD], 3, id="indented"),
        pytest.param(["é".encode() * 70, b"five", WORD], 1, id="characters, not bytes"),
        pytest.param(["é".encode() * 70, "è".encode() * 70, WORD], 3, id="not ASCII"),
    ],
)
def test_pieces_are_taken_as_long_as_they_fit(pieces: list[bytes], number: int) -> None:
    """The first that does not, and all behind it, are strangers."""
    line, taken = Wraps().join(pieces, is_cut=False)
    assert taken == number
    assert line == b" ".join(x.strip() for x in pieces[:number])


def test_one_seam_is_believed_where_no_line_before_is_wider() -> None:
    """A wider line shows that the log is not wrapped there."""
    for size, number in ((len(LINE) + 4, 2), (len(LINE) + 5, 1)):
        wraps = Wraps()
        wraps.pass_by(b"\n" + b"x" * size, 0, size + 1)
        assert wraps.join([LINE, b"five"], is_cut=False)[1] == number


def test_one_seam_is_believed_where_the_nearest_wrapped_line_has_its_width() -> None:
    """Also in a line that would be whole without it, and though older lines are wider."""
    whole = LINE[:31] + b"SMTP Auth: (ICID 1) failed for user: a using AUTH mechanism: PLAIN"
    whole += b" with profile: A"
    wide = b"x" * 200
    wraps = Wraps()
    wraps.pass_by(b"\n" + wide, 0, 201)
    assert wraps.join([whole, b"Second"], is_cut=False)[1] == 1
    assert wraps.join([whole, whole[:-9], WORD], is_cut=False)[1] == 3
    assert wraps.join([whole, b"Second"], is_cut=False)[1] == 2
    wraps.pass_by(b"\n" + wide, 0, 201)
    assert wraps.join([whole, b"Second"], is_cut=False)[1] == 1


def test_few_lines_are_looked_back_at() -> None:
    """What was long ago says nothing."""
    wraps = Wraps()
    text = b"\n" + b"x" * 200 + b"\nshort" * MAX_BEFORE
    wraps.pass_by(text, 0, len(text))
    assert wraps.join([LINE, b"five"], is_cut=False)[1] == 2


def test_a_piece_that_is_cut_may_have_gone_on() -> None:
    """Its first word was perhaps too long for the piece before."""
    pieces = [b"x" * 90, b"y" * 80, b"z"]
    assert Wraps().join(pieces, is_cut=True)[1] == 3
    assert Wraps().join(pieces, is_cut=False)[1] == 1
