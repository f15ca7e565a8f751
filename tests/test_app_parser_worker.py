"""The parser behind the inputs: what it remembers of a log, and for how long."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from forwarder.app.parser_client import InputOptions, ParserSettings
from forwarder.app.parser_worker import ParserPool
from forwarder.ecs.layout import Common
from forwarder.inputs.chunk import Chunk, Kind
from tests.services import Told, configured, logins

MORE = Chunk(
    "key", "esa1", "/srv/esa/mail", datetime(2026, 3, 4, tzinfo=UTC), b"", Kind.MORE, None, 0
)


@pytest.fixture
def pool(tmp_path: Path) -> ParserPool:
    """Start with nothing read."""
    config = configured(tmp_path, Told(lambda _: None))()
    return ParserPool(ParserSettings.of(config), [])


def test_a_log_goes_on_where_the_last_piece_ended(pool: ParserPool) -> None:
    """Lines may be cut anywhere."""
    text = logins(1, 2)
    made = pool.take(MORE._replace(data=text[:-70]))
    made += pool.take(MORE._replace(data=text[-70:], offset=len(text) - 70, kind=Kind.IDLE))
    assert len(made) == 2
    ((key, (offset, _)),) = pool.checkpoint().consumed.items()
    assert (key, offset) == ("key", len(text))
    assert pool.checkpoint().consumed == {}


def test_what_the_filter_drops_is_counted(tmp_path: Path) -> None:
    """It is still an event."""
    log = logins(1, 2)
    rules = "documents: {{filter: {{drop: [{{source: 203.0.113.9}}], keep: [{{user: u}}]}}}}\n"
    config = configured(tmp_path, Told(lambda _: None), more=rules)()
    pool = ParserPool(ParserSettings.of(config), [])
    made = pool.take(MORE._replace(data=log.replace(b"203.0.113.9", b"203.0.113.8", 1)))
    made += pool.take(MORE._replace(offset=len(log), kind=Kind.END))
    assert [orjson.loads(x.body)["source"]["ip"] for x in made] == ["203.0.113.8"]
    counts = pool.checkpoint().counts
    assert counts.filtered_documents == 1
    assert sum(counts.events.values()) == 2


GUI = b"Tue Mar  3 10:00:00 2026 Info: req:203.0.113.5 user:a id:ABC 200 GET / HTTP/1.1 -\n"
UNKNOWN = b"Tue Mar  3 10:00:00 2026 Info: Something happened.\n"


@pytest.mark.parametrize(
    ("data", "kind", "told"),
    [
        (GUI, Kind.MORE, False),
        (GUI, Kind.IDLE, True),
        (GUI + GUI[:50], Kind.IDLE, False),
        (GUI, Kind.END, True),
        (b"Dear all,\n", Kind.IDLE, True),
        (b"Tue Mar", Kind.IDLE, False),
        (UNKNOWN, Kind.IDLE, False),
        (UNKNOWN, Kind.END, True),
        (UNKNOWN * 2_000, Kind.MORE, True),
        (logins(1), Kind.END, False),
        (b"", Kind.END, False),
    ],
)
def test_what_is_no_mail_log_is_told_as_soon_as_it_shows(
    pool: ParserPool, data: bytes, kind: Kind, *, told: bool
) -> None:
    """Small or large, at rest or at its end; what may still become one is not blamed."""
    pool.take(MORE._replace(data=data, kind=kind))
    assert (pool.checkpoint().others.keys() == {"key"}) is told
    assert pool.checkpoint().others == {}


def test_a_file_that_becomes_a_mail_log_is_one(pool: ParserPool) -> None:
    """As where a disk was restored, and lines of another kind stand before."""
    pool.take(MORE._replace(data=GUI, kind=Kind.IDLE))
    (other,) = pool.checkpoint().others.values()
    assert other is not None
    pool.take(MORE._replace(data=logins(1), offset=len(GUI), kind=Kind.IDLE))
    assert pool.checkpoint().others == {"key": None}
    pool.take(MORE._replace(data=logins(2), offset=len(GUI + logins(1)), kind=Kind.IDLE))
    assert pool.checkpoint().others == {}


def test_a_log_of_which_nothing_will_come_is_forgotten(pool: ParserPool) -> None:
    """Half a line of it does not wait for the rest for ever."""
    pool.take(MORE._replace(data=b"half a l"))
    pool.checkpoint()
    pool.checkpoint(["key", "another"])
    assert len(pool.take(MORE._replace(data=logins(1), kind=Kind.END))) == 1
    assert pool.checkpoint().consumed["key"][0] == len(logins(1))


@pytest.mark.parametrize("cut", range(1, 90, 6))
def test_a_log_that_goes_on_within_a_line_behind_its_end_loses_nothing(
    pool: ParserPool, cut: int
) -> None:
    """What was closed while half a line was written goes on, though its end was saved."""
    text = logins(1, 2)
    half = text.rindex(b"\n", 0, -1) + 1 + cut
    made = pool.take(MORE._replace(data=text[:half], kind=Kind.END))
    pool.checkpoint()
    pool.checkpoint()
    made += pool.take(MORE._replace(data=text[half:], offset=half, kind=Kind.END))
    assert len(made) == 2
    assert pool.checkpoint().consumed["key"][0] == len(text)


@pytest.mark.parametrize("cut", [5, 20, 60, 300, 420])
def test_nor_does_one_that_was_closed_within_its_first_line(pool: ParserPool, cut: int) -> None:
    """However long that is."""
    text = login(7).replace(b"user: u", b"user: " + b"u" * 400)
    made = pool.take(MORE._replace(data=text[:cut], kind=Kind.END))
    pool.checkpoint()
    pool.checkpoint()
    made += pool.take(MORE._replace(data=text[cut:], offset=cut, kind=Kind.END))
    assert len(made) == 1


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n\0\0"])
@pytest.mark.parametrize("content", [logins(1).rstrip(), b"\x7fELF" + b"\x01" * 9_000])
def test_what_has_come_to_its_end_is_not_kept_for_more(
    pool: ParserPool, content: bytes, end: bytes
) -> None:
    """Be it a log or none: there may be thousands of such files."""
    pool.take(MORE._replace(data=content + end, kind=Kind.END))
    pool.checkpoint()
    pool.checkpoint()
    assert pool._readings == {}  # noqa: SLF001


ROME, NEW_YORK = ZoneInfo("Europe/Rome"), ZoneInfo("America/New_York")
STAMP = b"Tue Mar  3 10:00:01 2026 Info: "
OFFSET = STAMP + b"Time offset from UTC: 3600 seconds\n"


def opened(number: int, address: bytes) -> bytes:
    """Give the line of a new connection."""
    return STAMP + (
        b"New SMTP ICID %d interface A (192.0.2.1) address %b reverse dns host x verified no\n"
        % (number, address)
    )


def login(number: int) -> bytes:
    """Give the line of a login."""
    return STAMP + (
        b"SMTP Auth: (ICID %d) failed for user: u using AUTH mechanism: PLAIN with profile: P\n"
        % number
    )


class Kept:
    """What a service keeps while settings change."""

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.offset = 0
        self.resume: bytes | None = None

    def read(self, text: bytes, *zones: tzinfo | None, number: int = 0) -> list[dict[str, Any]]:
        """Read on with these time zones of the inputs; give the documents."""
        settings = ParserSettings(tuple(map(InputOptions, zones)), sessions=True, common=Common())
        pool = ParserPool(settings, sorted(self.state.items()))
        piece = MORE._replace(
            data=text, kind=Kind.IDLE, resume=self.resume, offset=self.offset, input=number
        )
        made = pool.take(piece)
        reply = pool.checkpoint()
        self.offset, self.resume = reply.consumed["key"]
        for key, value in reply.changes:
            if value is None:
                del self.state[key]
            else:
                self.state[key] = value
        return [orjson.loads(x.body) for x in made]


def test_connections_outlive_another_time_zone() -> None:
    """Be it of use, or not, because the header of the file says the offset."""
    for header in (OFFSET, b""):
        kept = Kept()
        kept.read(header + opened(7, b"192.0.2.7"), ROME)
        (document,) = kept.read(login(7), NEW_YORK)
        assert document["source"]["ip"] == "192.0.2.7"
        assert document["event"]["timezone"] == ("+01:00" if header else "-05:00")


def test_nothing_comes_back_with_a_time_zone() -> None:
    """The number meant another connection then."""
    kept = Kept()
    kept.read(OFFSET + opened(7, b"192.0.2.7"), ROME)
    kept.read(STAMP + b"ICID 7 close\n" + opened(7, b"192.0.2.9"), NEW_YORK)
    (document,) = kept.read(login(7), ROME)
    assert document["source"]["ip"] == "192.0.2.9"


def test_inputs_of_one_appliance_join_though_their_zones_differ() -> None:
    """As when a time zone is given for the live file alone."""
    inputs = InputOptions(), InputOptions(ROME)
    pool = ParserPool(ParserSettings(inputs, sessions=True, common=Common()), [])
    pool.take(MORE._replace(data=opened(7, b"192.0.2.7"), kind=Kind.END))
    (made,) = pool.take(MORE._replace(key="b", data=login(7), kind=Kind.IDLE, input=1))
    document = orjson.loads(made.body)
    assert document["source"]["ip"] == "192.0.2.7"
    assert document["@timestamp"] == "2026-03-03T09:00:01.000Z"


def test_each_input_of_a_sender_has_its_settings() -> None:
    """Its log goes on: what is open stays so, and equal lines are several logins."""
    inputs = InputOptions(ROME), InputOptions(NEW_YORK, frozenset({"copy"}))
    pool = ParserPool(ParserSettings(inputs, sessions=True, common=Common()), [])
    head = b"<22>Mar  3 10:00:01 copy: Info: "
    other = b"<22>Mar  3 10:00:01 mail_logs: Info: " + login(7)[len(STAMP) :]
    text = head + login(7)[len(STAMP) :]
    sent = MORE._replace(path="", kind=Kind.IDLE, near=datetime(2026, 3, 4, tzinfo=UTC))
    made = pool.take(sent._replace(data=head + opened(7, b"192.0.2.7")[len(STAMP) :], resume=b""))
    for number, data in ((0, text), (1, other + text), (0, other + text)):
        made += pool.take(sent._replace(data=data, input=number))
    found = [orjson.loads(x.body) for x in made]
    assert {x["source"]["ip"] for x in found} == {"192.0.2.7"}
    assert [x["event"]["timezone"] for x in found] == ["+01:00", "-05:00", "+01:00", "+01:00"]
    assert len({x.id for x in made}) == 4
