"""The made-up logs are what they claim to be, and so is the truth about them."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tests.corpus import Corpus, Expected, hostile, many_open
from tests.corpus import __main__ as command
from tests.corpus.logins import login_lines
from tests.corpus.noise import FORGED, NOISE
from tests.corpus.variants import ANSWERS, HATS, LISTENERS, REFUSED, REVERSE_DNS, TLS, USERS, Answer

TEMPLATES = (
    "profile: [^:]+ is misconfigured or missing causing an Auth failure",
    r"could not reach forwarding server \S+",
    r"could not reach forwarding server \S+ with reason: .+",
    "LDAP query/user lookup failed for user: .+",
    "was required but remote host did not initiate it",
)


@cache
def corpus() -> Corpus:
    """Return the corpus that most tests look at."""
    return hostile(seed=1)


def appliance(number: int) -> tuple[bytes, list[Expected]]:
    """Return the lines of an appliance, all files together, and its events."""
    name = f"esa{number}.example.com"
    content = b"".join(text for path, text in corpus().files.items() if path.startswith(name))
    return content, [event for event in corpus().expected if event.appliance == name]


def variant(text: bytes) -> bytes:
    """Return a pattern for a text with numbers filled in."""
    return re.escape(text).replace(rb"\{n\}", rb"\d+").replace(rb"\{m\}", rb"\d+")


def printed_time(line: bytes) -> datetime:
    """Return the local time that a line begins with."""
    return datetime.strptime(line[:24].decode(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)


@pytest.mark.parametrize("make", [hostile, lambda seed: many_open(seed, 200)])
def test_the_same_seed_gives_the_same_corpus_and_another_seed_another(
    make: Callable[[int], Corpus],
) -> None:
    """Nothing but the seed decides."""
    assert make(3) == make(3)
    assert make(3).files != make(4).files


@pytest.mark.parametrize(
    "made", [hostile(1), hostile(7, connections=90, appliances=3), many_open(1, 300)]
)
def test_the_truth_points_at_its_lines(made: Corpus) -> None:
    """Offsets, times and numbers of an event are those of its line, every one in reading order."""
    for event in made.expected:
        content = made.files[event.path]
        end = event.offset + len(event.line)
        assert content[event.offset : end] == event.line
        assert content[event.offset - 1 : event.offset] == content[end : end + 1] == b"\n"
        assert printed_time(event.line) - event.utc_offset == event.time
        assert event.number is None or b" %d" % event.number in event.line
        assert event.user is None or b" for user: " + event.user in event.line
        assert event.path.startswith(event.appliance + "/mail.")
        assert f"SN: {event.serial}\n".encode() in content
        assert f"from UTC: {event.utc_offset.total_seconds():.0f} seconds\n".encode() in content
    paths = list(made.files)
    places = [(paths.index(event.path), event.offset) for event in made.expected]
    assert places == sorted(set(places))


@pytest.mark.parametrize("made", [hostile(1), hostile(2), many_open(1, 300)])
def test_every_login_line_is_in_the_truth(made: Corpus) -> None:
    """A look at the first words of each line finds the same logins that the plan knows of."""
    found = [(path, line) for path, content in made.files.items() for line in login_lines(content)]
    logins = [event for event in made.expected if event.action != "smtp-session-closed"]
    assert found == [(event.path, event.line) for event in logins]


@pytest.mark.parametrize("made", [hostile(1), hostile(2)])
def test_no_two_events_of_one_number_are_alike(made: Corpus) -> None:
    """What identifies an event is unique, so that a parser cannot lose one and be right."""
    keys = Counter(
        (event.appliance, event.direction, event.number, event.line, event.ordinal)
        for event in made.expected
    )
    assert keys.most_common(1)[0][1] == 1


def test_files_are_rotated_in_order() -> None:
    """Each file has a header, a closed one an end, and times never go back."""
    for name in ("esa1.example.com", "esa2.example.com"):
        paths = [path for path in corpus().files if path.startswith(name)]
        assert paths == sorted(paths)
        assert len(paths) > 3
        assert paths[-1] == f"{name}/mail.current"
        lines: list[bytes] = []
        for path in paths:
            content = corpus().files[path].split(b"\n")
            assert content.pop() == b""
            assert content[0].endswith(b" Info: Begin Logfile")
            assert re.search(rb" Info: Version: \S+ SN: \S+$", content[1])
            assert re.search(rb" Info: Time offset from UTC: -?\d+ seconds$", content[2])
            assert content[-1].endswith(b" Info: End Logfile") == path.endswith(".s")
            if path.endswith(".s"):
                assert path.endswith(f"mail.@{printed_time(content[0]):%Y%m%dT%H%M%S}.s")
            lines += content
        times = [printed_time(line) for line in lines]
        assert all(earlier <= later for earlier, later in pairwise(times))
        assert times[-1] - times[0] < timedelta(hours=1)


def test_appliances_share_numbers_and_differ_in_time_zone() -> None:
    """Two appliances use the same ICIDs at the same time, hours apart by their own clocks."""
    first, second = (
        {event.number: event.time for event in appliance(number)[1] if event.number}
        for number in (1, 2)
    )
    shared = first.keys() & second.keys()
    close = [n for n in shared if abs(first[n] - second[n]) < timedelta(minutes=1)]
    assert len(close) > 20
    offsets = {event.utc_offset for event in corpus().expected}
    assert offsets == {timedelta(hours=-5), timedelta(hours=5, minutes=30)}
    assert len({event.serial for event in corpus().expected}) == 2


@pytest.mark.parametrize("number", [1, 2])
def test_every_odd_text_occurs(number: int) -> None:
    """Every row of the tables of variants is printed on every appliance."""
    content, _ = appliance(number)
    patterns = [
        *(rb" for user: " + variant(user) + rb" using AUTH mechanism: " for user in USERS),
        *(rb" Subject '" + variant(text) + rb"'\n" for text in FORGED),
        *(rb" From: <" + variant(text) + rb">\n" for text in FORGED),
        *(
            rb" reverse dns host " + variant(name.encode()) + rb" verified (?:yes|no)\n"
            for name in REVERSE_DNS
            if name is not None
        ),
        *(rb"ICID [1-9]\d* " + variant(hat.text.encode()) + rb"\n" for hat in HATS),
        *(rb"ICID 0 " + variant(hat.text.encode()) + rb"\n" for hat in REFUSED),
        *(
            side + rb" \d+ TLS " + variant(tls.text.encode()) + rb"\n"
            for tls in TLS
            if tls is not None
            for side in (b"Info: ICID", b"Info: DCID")
        ),
        *(
            re.escape(
                listener.form.format(
                    number="{n}", name=listener.name, ip=listener.address, address="203."
                ).encode()
            ).replace(rb"\{n\}", rb"\d+")
            for listener in LISTENERS
        ),
        *(rb" failed: " + re.escape(answer.text.encode()) + rb"\n" for answer in ANSWERS),
        *(b" " + level.encode() + b": " + variant(text) + rb"\n" for level, text in NOISE),
        *(
            rb": SMTP Auth" + colon + rb" \(ICID \d+\) " + form.encode() + rb"\n"
            for colon in (b"", b":")
            for form in TEMPLATES
        ),
        *(
            rb": SMTP Auth" + colon + rb" \(ICID \d+\) " + outcome + rb" for user: "
            for colon in (b"", b":")
            for outcome in (b"succeeded", b"failed")
        ),
        rb": SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server\.",
        rb": SMTP Auth: LDAP query failed, possible LDAP misconfiguration or unreachable server\.",
        rb"OutboundAuthentication succeeded\.\n",
        rb"OutboundAuthentication succeeded\n",
        rb"Delayed HAT REJECT continuing session for recipient logging \(203\.",
        rb"Start MID \d+ ICID 0\n",
        rb"Message aborted MID \d+ ",
        rb"(New SMTP ICID \d+) [^\n]+ address [\d.]+\n",
        rb"New SMTP DCID \d+ interface Management address [\d.]+\n",
        rb"address 2001:db8::9 ",
    ]
    assert [pattern for pattern in patterns if not re.search(pattern, content)] == []


def some(events: Iterable[Expected], holds: Callable[[Expected], bool]) -> bool:
    """Return whether it holds for at least one event."""
    return any(holds(event) for event in events)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "holds",
    [
        pytest.param(lambda e: e.outcome == "success" and not e.correlated, id="no New line"),
        pytest.param(lambda e: not e.correlated and e.policy, id="no New line, but a verdict"),
        pytest.param(lambda e: e.direction == "outbound" and not e.correlated, id="no New DCID"),
        pytest.param(lambda e: e.direction == "outbound" and e.ordinal, id="outbound twice"),
        pytest.param(lambda e: e.direction == "inbound" and e.ordinal > 1, id="three times"),
        pytest.param(lambda e: e.direction == "outbound" and e.tls_cipher, id="outbound TLS"),
        pytest.param(lambda e: e.direction == "outbound" and not e.source, id="named interface"),
        pytest.param(lambda e: len(e.response_texts) > 1, id="several texts"),
        pytest.param(lambda e: e.source and ":" in e.source and e.tls_established, id="IPv6"),
        pytest.param(lambda e: e.verified is None and e.source, id="old release"),
        pytest.param(lambda e: e.number and e.number > 2**31 - 5_000, id="large number"),
        pytest.param(lambda e: e.tls_established and not e.tls_protocol, id="bare TLS"),
        pytest.param(lambda e: e.tls_established is False, id="TLS failed"),
        pytest.param(lambda e: e.close_reason == "close" and e.bytes, id="closed"),
        pytest.param(lambda e: e.close_reason == "lost", id="lost"),
        pytest.param(lambda e: e.close_reason == "superseded" and e.correlated, id="superseded"),
        pytest.param(lambda e: e.close_reason and not e.correlated, id="closed, no New line"),
        pytest.param(
            lambda e: e.close_reason == "superseded" and not e.correlated,
            id="superseded, no New line",
        ),
        pytest.param(lambda e: len(e.users) > 1 and e.auth_failures, id="several users"),
        pytest.param(lambda e: e.messages and e.bytes is None, id="no size"),
        pytest.param(lambda e: e.messages == 0 and e.bytes is None, id="all aborted"),
        pytest.param(lambda e: e.auth_successes and e.auth_successes > 2, id="several logins"),
        pytest.param(lambda e: e.number is None, id="no number"),
        pytest.param(lambda e: e.action.endswith("not-initiated"), id="not initiated"),
        pytest.param(
            lambda e: e.action.endswith("error") and b" Warning: " in e.line, id="error, warning"
        ),
        pytest.param(
            lambda e: e.start and e.time - e.start > timedelta(minutes=9), id="spans files"
        ),
    ],
)
def test_every_odd_story_occurs(number: int, holds: Callable[[Expected], bool]) -> None:
    """Every kind of connection leads to an event on every appliance."""
    assert some(appliance(number)[1], holds)


def test_some_sessions_are_never_closed() -> None:
    """A login may succeed without an end in the files, and then no session is expected."""
    _, events = appliance(1)
    ended = {(event.number, event.start) for event in events if event.close_reason}
    assert some(
        events,
        lambda event: (
            event.action == "smtp-authentication"
            and event.outcome == "success"
            and (event.number, event.start) not in ended
        ),
    )


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer.text)[:40])
def test_python_reads_in_an_answer_what_the_table_says(answer: Answer) -> None:
    """The answers are Python literals, and their texts are taken apart rightly."""
    text, number, enhanced, texts = answer
    assert ast.literal_eval(text) == (str(number), list(texts))
    assert enhanced is None or texts[0].startswith(f"{enhanced} ")


def test_many_connections_are_open_at_once() -> None:
    """All have begun before the first login, in another file, and every login has its start."""
    made = many_open(1, 500, timedelta(minutes=30))
    logins = [event for event in made.expected if event.mechanism]
    starts = [event.start for event in logins if event.start]
    assert len(logins) == len(starts) == 500
    assert max(starts) < min(event.time for event in logins)
    assert {event.time - event.start for event in logins if event.start} == {timedelta(minutes=30)}
    assert len(made.files) > 3
    assert len({event.number for event in logins}) == 500


@pytest.mark.parametrize("name", ["traffic", "storm", "hostile"])
def test_the_command_writes_a_corpus_and_says_how_many_logins_are_in_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number on standard output is that of the logins in the files."""
    out = tmp_path / "out"
    command.main([name, "--seed", "1", "--megabytes", "1", "--out", str(out)])
    files = [out] if out.is_file() else [path for path in out.rglob("mail.*") if path.is_file()]
    logins = sum(len(login_lines(path.read_bytes())) for path in files)
    assert capsys.readouterr().out.startswith(f"logins={logins} sessions=")
