"""The streams for benchmarks have the shares, the counts and the variety that they claim."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.corpus import Stream, storm, traffic
from tests.corpus.logins import login_lines


@pytest.mark.parametrize("make", [traffic, storm])
def test_the_same_seed_gives_the_same_stream_and_another_seed_another(
    make: Callable[[int, int], Stream],
) -> None:
    """Nothing but the seed decides."""
    assert b"".join(make(3, 200_000)) == b"".join(make(3, 200_000))
    assert b"".join(make(3, 200_000)) != b"".join(make(4, 200_000))


@pytest.mark.parametrize(("make", "least", "most"), [(traffic, 90, 110), (storm, 4, 4.001)])
def test_a_stream_has_its_share_of_logins(
    make: Callable[[int, int], Stream], least: float, most: float
) -> None:
    """In traffic about every hundredth line is a login, in a storm every fourth."""
    stream = make(1, 10_000_000)
    chunks = list(stream)
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    content = b"".join(chunks)
    logins = login_lines(content)
    assert (stream.lines, stream.logins) == (content.count(b"\n"), len(logins))
    assert stream.size == sum(map(len, chunks))
    assert 10_000_000 <= stream.size < 10_010_000
    assert least <= stream.lines / stream.logins <= most


@pytest.mark.parametrize("make", [traffic, storm])
def test_a_stream_varies_as_in_life(make: Callable[[int, int], Stream]) -> None:
    """Numbers never repeat, addresses hardly, and connections run side by side."""
    content = b"".join(make(1, 2_000_000))
    icids = re.findall(rb"New SMTP ICID (\d+)", content)
    addresses = re.findall(rb"New SMTP ICID .+ address (\S+)", content)
    users = re.findall(rb"for user: (.+) using", content)
    assert len(set(icids)) == len(icids) > 500
    assert len(set(addresses)) > len(addresses) * 0.99
    assert len(set(users)) > 100
    for icid in icids[:50]:
        lines = re.findall(rb"\n([^\n]*ICID %b\b[^\n]*)" % icid, content)
        assert b"New SMTP" in lines[0]
        assert lines[-1].endswith(b" close")
    told = re.findall(rb"\bICID (\d+)", content)
    changes = sum(earlier != later for earlier, later in pairwise(told))
    assert changes > 1.5 * len(icids)
    times = [line[11:19] for line in content.splitlines()]
    assert times == sorted(times)
    assert times[-1] > times[0]


def test_sessions_of_a_stream_are_counted() -> None:
    """The number of sessions is that of connections with a login that succeeded."""
    stream = traffic(1, 2_000_000)
    content = b"".join(stream)
    succeeded = set(re.findall(rb"SMTP Auth: \(ICID (\d+)\) succeeded", content))
    assert stream.sessions == len(succeeded) > 100
