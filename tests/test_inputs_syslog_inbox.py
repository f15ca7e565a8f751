"""Messages of senders on their way into documents."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.syslog import inbox as inbox_module
from forwarder.inputs.syslog.inbox import FULL_BYTES, Inbox

KEY = "syslog/"


NOW = datetime(2026, 4, 22, tzinfo=UTC)


def put(
    inbox: Inbox, sender: str, messages: list[bytes], number: int = 0, arrived: datetime = NOW
) -> None:
    """Put messages of a sender, as the listener of an input does."""
    inbox.put(
        Chunk(
            key=KEY + sender,
            appliance=sender,
            path="",
            near=arrived,
            data=b"".join(x + b"\n" for x in messages),
            kind=Kind.IDLE,
            resume=None,
            offset=0,
            input=number,
            sender=sender,
        )
    )


def parts(chunks: list[Chunk]) -> list[tuple[str, int, bytes, bytes | None]]:
    """Return what tells chunks apart."""
    return [(x.key, x.offset, x.data, x.resume) for x in chunks]


def test_each_sender_has_a_log_of_its_own() -> None:
    """Lines stay in their order; the first chunk begins a log."""
    inbox = Inbox([])
    put(inbox, "192.0.2.1", [b"one", b"two"])
    put(inbox, "192.0.2.2", [b"other"])
    put(inbox, "192.0.2.1", [b"three"])
    chunks = inbox.take(0)
    assert parts(chunks) == [
        (f"{KEY}192.0.2.1", 0, b"one\ntwo\nthree\n", b""),
        (f"{KEY}192.0.2.2", 0, b"other\n", b""),
    ]
    assert {x.kind for x in chunks} == {Kind.IDLE}
    assert inbox.take(0) == []
    put(inbox, "192.0.2.1", [b"four"])
    assert parts(inbox.take(0)) == [(f"{KEY}192.0.2.1", 14, b"four\n", None)]


def test_a_chunk_is_of_one_input() -> None:
    """Inputs may say different things about the messages of one sender."""
    inbox = Inbox([])
    for number, data in ((0, b"one"), (0, b"two"), (1, b"three"), (0, b"four")):
        put(inbox, "192.0.2.1", [data], number)
    chunks = [*inbox.take(0), *inbox.take(0), *inbox.take(0)]
    found = [(x.key, x.offset, x.data, x.input, x.sender) for x in chunks]
    sender = "192.0.2.1"
    assert found == [
        (KEY + sender, 0, b"one\ntwo\n", 0, sender),
        (KEY + sender, 8, b"three\n", 1, sender),
        (KEY + sender, 14, b"four\n", 0, sender),
    ]


def test_what_is_not_in_documents_comes_again() -> None:
    """From the saved position on, with what was saved there; also in the middle of a chunk."""
    inbox = Inbox([])
    put(inbox, "a", [b"one", b"two"])
    inbox.take(0)
    assert [*inbox.save({f"{KEY}a": (4, b"state")})]
    put(inbox, "a", [b"three"])
    inbox.take(0)
    put(inbox, "a", [b"four"])
    inbox.rewind()
    assert parts(inbox.take(0)) == [(f"{KEY}a", 4, b"two\nthree\nfour\n", b"state")]


def test_a_restart_goes_on_at_the_saved_position() -> None:
    """So ids and open connections go on as well."""
    before = Inbox([])
    put(before, "a", [b"one"])
    before.take(0)
    saved = [(key, value or b"") for key, value in before.save({f"{KEY}a": (4, b"\xff\0")})]
    after = Inbox(saved)
    put(after, "a", [b"two"])
    assert parts(after.take(0)) == [(f"{KEY}a", 4, b"two\n", b"\xff\0")]


def test_a_chunk_tells_when_its_messages_arrived() -> None:
    """Also if they wait for long, or come again."""
    times = [NOW + timedelta(seconds=x) for x in (0, 0.9, 1, 3_600)]
    inbox = Inbox([])
    for number, arrived in enumerate(times):
        put(inbox, "a", [b"%d" % number], arrived=arrived)
    found = [*inbox.take(0), *inbox.take(0), *inbox.take(0)]
    expected = [(times[0], b"0\n1\n"), (times[2], b"2\n"), (times[3], b"3\n")]
    assert [(x.near, x.data) for x in found] == expected
    assert [*inbox.save({f"{KEY}a": (2, b"")})]
    inbox.rewind()
    again = [*inbox.take(0), *inbox.take(0), *inbox.take(0)]
    assert [(x.near, x.data) for x in again] == [(times[0], b"1\n"), *expected[1:]]


def test_a_full_inbox_is_seen() -> None:
    """Until enough of it is taken; a chunk is not much larger than one of a file."""
    inbox = Inbox([])
    number = 0
    while not inbox.is_full:
        put(inbox, "a", [b"x" * 1_000] * 10)
        number += 10
    states = [inbox.is_full]
    size = len(inbox.take(0)[0].data)
    states.append(inbox.is_full)
    assert states == [True, False]
    assert size < (1 << 14) + 11_000
    while chunks := inbox.take(0):
        size += len(chunks[0].data)
    assert size == number * 1_001
    assert FULL_BYTES // 2 < size < FULL_BYTES + 11_000
    put(inbox, "a", [b"x"])
    assert len(inbox.take(0)) == 1
    assert not inbox._logs[f"{KEY}a"].waiting_bytes  # noqa: SLF001 - or it would fill over days


def test_small_messages_fill_it_as_well() -> None:
    """Each takes memory beside its bytes."""
    inbox = Inbox([])
    number = 0
    while not inbox.is_full:
        put(inbox, "a", [b"x"])
        number += 1
    assert number < 20_000


def test_many_senders_have_their_turns() -> None:
    """What is handed over at once does not depend on their number: so little waits for a commit."""
    inbox = Inbox([])
    messages = [b"x" * 999] * 17
    for number in range(30):
        put(inbox, f"s{number:02}", messages)
        put(inbox, f"s{number:02}", messages)
    keys: list[str] = []
    while chunks := inbox.take(0):
        assert sum(len(x.data) for x in chunks) < (1 << 17) + 20_000
        keys += [x.key for x in chunks]
    assert keys == [f"{KEY}s{x:02}" for x in range(30)] * 2


def test_a_sender_with_much_keeps_others_waiting_for_little() -> None:
    """It uses up its own share of what may wait, and then waits; others are next in turn."""
    inbox = Inbox([])
    while not inbox.holds("a"):
        put(inbox, "a", [b"x" * 99] * 10)
    inbox.take(0)
    assert [inbox.holds("a"), inbox.holds("b")] == [False, False]
    put(inbox, "b", [b"y"])
    assert [inbox.holds("a"), inbox.holds("b")] == [True, False]
    first, second = inbox.take(0)
    assert [first.key, second.key] == [f"{KEY}a", f"{KEY}b"]
    while chunks := inbox.take(0):
        assert sum(len(x.data) for x in chunks) < 1 << 15
    assert not inbox.holds("a")


def test_silent_senders_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that owe something are not; what was saved of the others is deleted."""
    monkeypatch.setattr(inbox_module, "MAX_SENDERS", 3)
    inbox = Inbox([])
    for name in ("a", "b", "c"):
        put(inbox, name, [b"x"])
    inbox.take(0)
    assert [*inbox.save({f"{KEY}b": (2, b"")})]
    put(inbox, "d", [b"x"])
    assert [*inbox.save({})] == [(f"{KEY}b", None)]


def test_senders_of_before_a_restart_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the state does not grow with each start."""
    monkeypatch.setattr(inbox_module, "MAX_SENDERS", 2)
    inbox = Inbox([(f"{KEY}{x}", b'{"offset":2,"state":""}') for x in "ab"])
    put(inbox, "c", [b"x"])
    assert [*inbox.save({})] == [(f"{KEY}a", None)]


def test_taking_waits_for_a_message_or_to_be_woken() -> None:
    """It need not be asked again and again."""
    inbox = Inbox([])
    threading.Timer(0.05, lambda: put(inbox, "a", [b"x"])).start()
    assert len(inbox.take(60)) == 1
    threading.Timer(0.05, inbox.wake).start()
    assert inbox.take(60) == []
