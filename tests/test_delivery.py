"""Delivery: one output, whatever it answers, and whatever happens to the others."""

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import SupportsIndex
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from structlog.typing import EventDict

from forwarder.delivery.retries import DeliverySettings, LeftError, backoff
from forwarder.delivery.worker import Delivery
from forwarder.ecs.filters import Filter, Rule, leave_out
from forwarder.events import Document
from forwarder.output import Failure, Unavailable
from forwarder.spool.cursors import Batch, Progress
from forwarder.spool.dead_letters import ALL, Selection, page
from forwarder.spool.errors import BlockedError
from forwarder.spool.spool import Spool
from forwarder.testing import make_documents
from tests.spooling import (
    documents,
    numbers,
    opened,
    purge_letters,
    replay_letters,
    wait_until_drained,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
QUICK = DeliverySettings(
    max_documents=10,
    max_age=timedelta(),
    initial_pause=timedelta(milliseconds=1),
    max_pause=timedelta(milliseconds=2),
)
LONG = DeliverySettings(initial_pause=MINUTE)

Answer = Callable[[Sequence[Document]], Sequence[Failure]]


class Scripted:
    """An output that answers as it is told, and takes everything when it is told nothing."""

    def __init__(self, *answers: Answer | BaseException) -> None:
        """Have answers for the first writes."""
        self.answers: list[Answer | BaseException] = list(answers)
        self.calls: list[str] = []
        self.written: list[list[int]] = []
        self.taken: list[int] = []
        self.open_errors: list[BaseException] = []

    def open(self) -> None:
        """Open, or not."""
        self.calls.append("open")
        if self.open_errors:
            raise self.open_errors.pop(0)

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Answer."""
        self.calls.append("write")
        self.written.append(numbers(documents))
        answer = self.answers.pop(0) if self.answers else take_all
        if isinstance(answer, BaseException):
            raise answer
        failures = answer(documents)
        failed = {x.document.id for x in failures}
        self.taken += numbers([x for x in documents if x.id not in failed])
        return failures

    def close(self) -> None:
        """Close."""
        self.calls.append("close")


class Endless(list["Answer | BaseException"]):
    """The same answer, for ever."""

    def __init__(self, answer: "Answer | BaseException") -> None:
        """Have one."""
        super().__init__([answer])

    def pop(self, _: SupportsIndex = -1) -> "Answer | BaseException":
        """Keep it."""
        return self[0]


def dead_output() -> Scripted:
    """Make an output that is never there."""
    output = Scripted()
    output.answers = Endless(Unavailable("connection refused"))
    return output


def take_all(documents: Sequence[Document]) -> Sequence[Failure]:  # noqa: ARG001 - that is the point
    """Take everything."""
    return []


def fail(*which: int, retryable: bool, reason: str = "no") -> Answer:
    """Fail documents by their number."""

    def answer(documents: Sequence[Document]) -> Sequence[Failure]:
        found = [x for x in documents if int(x.id, 16) in which]
        return [Failure(x, reason, retryable=retryable, status=400) for x in found]

    return answer


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Open a spool with the outputs a and b."""
    with closing(opened(tmp_path / "state", "a", "b")) as spool:
        yield spool


@contextmanager
def running(
    spool: Spool, output: Scripted, settings: DeliverySettings = QUICK, name: str = "a"
) -> Iterator[Delivery]:
    """Deliver, and stop at the end."""
    delivery = Delivery(name, output, spool, settings)
    delivery.start()
    try:
        yield delivery
    finally:
        assert delivery.stop(MINUTE)


def deliver(spool: Spool, output: Scripted, settings: DeliverySettings = QUICK) -> Delivery:
    """Deliver everything."""
    with running(spool, output, settings) as delivery:
        assert wait_until_drained(delivery, MINUTE)
    return delivery


def until(spool: Spool, condition: Callable[[], bool]) -> None:
    """Wait for something that may come without a change of the spool."""
    deadline = time.monotonic() + 60
    while not spool.wait(condition, 0.01):
        assert time.monotonic() < deadline


def dead(spool: Spool) -> list[tuple[int, str, int | None]]:
    """Return the dead letters: number of the document, reason, status."""
    with spool._writer.locked() as connection:  # noqa: SLF001 - all at once
        return [(int(x.document.id, 16), x.reason, x.status) for x in page(connection)]


def events(logs: list[EventDict]) -> list[str]:
    """Return how loud each line of the log is."""
    return [x["log_level"] for x in logs]


def test_everything_is_delivered_in_order_and_once(spool: Spool) -> None:
    """In batches that keep their limit; the output is opened and closed once."""
    spool.commit(documents(0, 25))
    output = Scripted()
    deliver(spool, output)
    assert output.taken == list(range(25))
    assert [len(x) for x in output.written] == [10, 10, 5]
    assert output.calls == ["open", "write", "write", "write", "close"]
    assert spool.outputs["a"]._replace(cursor=0) == Progress(0, 25)


def test_the_next_batch_is_read_while_one_is_on_its_way(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a whole one waits: a smaller one would be joined by what comes meanwhile."""
    spool.commit(documents(0, 35))
    begun: list[int] = []
    is_read = threading.Semaphore(0)
    read_ahead = spool.read_ahead

    def tell(output: str, start: int, *, max_documents: int, max_bytes: int) -> Batch:
        begun.append(start)
        found = read_ahead(output, start, max_documents=max_documents, max_bytes=max_bytes)
        is_read.release()
        return found

    def wait(_: Sequence[Document]) -> Sequence[Failure]:
        assert is_read.acquire(timeout=60)
        return ()

    monkeypatch.setattr(spool, "read_ahead", tell)
    output = Scripted(wait, wait)
    deliver(spool, output)
    assert begun == [11, 21]
    assert output.taken == list(range(35))


def test_what_is_rejected_becomes_a_dead_letter(spool: Spool) -> None:
    """With the cursor; the rest goes on."""
    spool.commit(documents(0, 12))
    output = Scripted(fail(3, 5, retryable=False, reason="bad mapping"))
    deliver(spool, output)
    assert output.taken == [0, 1, 2, 4, *range(6, 12)]
    assert dead(spool) == [(3, "bad mapping", 400), (5, "bad mapping", 400)]
    assert (spool.outputs["a"].delivered, spool.outputs["a"].rejected) == (10, 2)


def test_an_output_gets_documents_without_what_it_leaves_out(spool: Spool) -> None:
    """A dead letter is the whole document: it may be replayed when the output gets all of it."""
    whole = make_documents(2)
    spool.commit(whole)
    got: list[Document] = []

    def answer(batch: Sequence[Document]) -> Sequence[Failure]:
        got.extend(batch)
        return [Failure(batch[1], "bad mapping")]

    deliver(spool, Scripted(answer), QUICK._replace(left_out=("client", "message")))
    assert got == [leave_out(x, ("client", "message")) for x in whole]
    assert got != whole
    with spool._writer.locked() as connection:  # noqa: SLF001 - all at once
        assert [x.document for x in page(connection)] == whole[1:]


def test_what_the_filter_drops_is_passed_over(spool: Spool) -> None:
    """It is neither delivered nor rejected; whole batches of it make no call."""
    whole = make_documents(40)
    wanted = [
        Document(x.id, x.body.replace(b'"outcome":"failure"', b'"outcome":"success"'))
        for x in (whole[3], whole[4], whole[39])
    ]
    spool.commit([*whole[:3], *wanted[:2], *whole[5:39], wanted[2]])
    got: list[list[Document]] = []

    def answer(batch: Sequence[Document]) -> Sequence[Failure]:
        got.append([*batch])
        return [Failure(batch[1], "bad mapping")] if len(batch) > 1 else []

    rules = Filter(drop=(Rule(outcome=("failure",)),))
    with capture_logs() as logs:
        delivery = deliver(spool, Scripted(answer, answer), QUICK._replace(rules=rules))
    assert got == [wanted[:2], wanted[2:]]
    after = spool.outputs["a"]
    assert (after.delivered, after.rejected, after.filtered, after.missing) == (2, 1, 37, 0)
    assert delivery.judged == 40
    assert [x["event"] for x in logs if x["log_level"] == "info"] == [
        "Filter drops documents of the output; status counts them."
    ]


def test_filtered_documents_do_not_make_an_outage_look_like_a_refusal(spool: Spool) -> None:
    """Where the output takes nothing, it is waited for, however much of a batch is not for it."""
    whole = make_documents(10)
    wanted = whole[5]._replace(body=whole[5].body.replace(b'"failure"', b'"success"'))
    spool.commit([*whole[:5], wanted, *whole[6:]])
    output = Scripted(*[lambda x: [Failure(x[0], "busy", retryable=True)]] * 3)
    rules = Filter(keep=(Rule(outcome=("success",)),))
    deliver(spool, output, QUICK._replace(rules=rules))
    assert len(output.written) == 4
    assert spool.outputs["a"]._replace(cursor=0, last_error=None) == Progress(
        0, delivered=1, retried=3, filtered=9
    )
    assert dead(spool) == []


def test_what_is_retryable_comes_again_alone(spool: Spool) -> None:
    """Until it is taken; the others of the batch do not."""
    spool.commit(documents(0, 4))
    output = Scripted(fail(1, 3, retryable=True), fail(3, retryable=True))
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.written == [[0, 1, 2, 3], [1, 3], [3]]
    assert spool.outputs["a"].retried == 3
    assert logs == []  # something was taken each time


def test_what_is_taken_of_a_batch_is_counted(spool: Spool) -> None:
    """Before all of it is; a thread that waits for something to be taken sees it."""
    spool.commit(documents(0, 4))
    counted: list[int] = []

    def count(given: Sequence[Document]) -> Sequence[Failure]:
        counted.append(delivery.judged)
        return [Failure(x, "later", retryable=True) for x in given[1:]]

    output = Scripted(count, count, count, count)
    delivery = Delivery("a", output, spool, QUICK)
    delivery.start()
    assert wait_until_drained(delivery, MINUTE)
    assert delivery.stop(MINUTE)
    assert counted == [0, 1, 2, 3]
    assert delivery.judged == 4


def test_each_document_is_judged(spool: Spool) -> None:
    """Some taken, some rejected, some later, in one answer."""

    def mixed(documents: Sequence[Document]) -> Sequence[Failure]:
        later = fail(0, 2, retryable=True)(documents)
        return [*later, *fail(1, retryable=False)(documents)]

    spool.commit(documents(0, 5))
    output = Scripted(mixed, fail(2, retryable=False))
    deliver(spool, output)
    assert output.written == [[0, 1, 2, 3, 4], [0, 2]]
    assert output.taken == [3, 4, 0]
    assert [x for x, *_ in dead(spool)] == [1, 2]


def test_after_unavailable_the_whole_batch_comes_again(spool: Spool) -> None:
    """And it is said twice: when it began and when it was over."""
    spool.commit(documents(0, 3))
    output = Scripted(*[Unavailable("away")] * 5)
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.written == [[0, 1, 2]] * 6
    assert events(logs) == ["warning", "info"]
    assert logs[0]["error"] == "away"
    progress = spool.outputs["a"]
    assert (progress.retried, progress.trouble) == (15, None)
    assert progress.last_error is not None
    assert progress.last_error[0] == "away"


def test_an_output_that_fails_now_and_then_does_not_fill_the_log(spool: Spool) -> None:
    """The first time is said, and that it was over; the next minute only what lasts."""
    spool.commit(documents(0, 500))
    output = Scripted()
    output.answers = [x for _ in range(40) for x in (Unavailable("now and then"), take_all)]
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.taken == list(range(500))
    assert events(logs) == ["warning", "info"]
    assert spool.outputs["a"].retried == 400


def test_open_is_tried_again_and_always_closed(spool: Spool) -> None:
    """After each failure, too."""
    spool.commit(documents(0, 3))
    output = Scripted()
    output.open_errors = [Unavailable("not yet"), Unavailable("not yet")]
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.calls == ["open", "close", "open", "close", "open", "write", "close"]
    assert events(logs) == ["warning", "info"]


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), AssertionError("bug")])
def test_a_bug_stops_one_output_loudly(spool: Spool, error: BaseException) -> None:
    """The other is complete; the documents are kept."""
    spool.commit(documents(0, 20))
    output = Scripted(take_all, error)
    good = Scripted()
    with capture_logs() as logs, running(spool, good, name="b") as other:
        with running(spool, output) as delivery:
            assert not wait_until_drained(delivery, MINUTE)
            assert delivery.error is error
        assert wait_until_drained(other, MINUTE)
    assert events(logs) == ["error"]
    assert good.taken == list(range(20))
    assert output.taken == list(range(10))
    assert output.calls[-1] == "close"
    assert spool.pending("a") == 10
    trouble = spool.outputs["a"].trouble
    assert trouble is not None
    assert trouble.stopped
    assert trouble.error == f"{type(error).__name__}: {error}"
    with capture_logs():
        deliver(spool, output)
    assert output.taken == list(range(20))
    assert spool.outputs["a"].trouble is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,
        lambda _: [Failure(Document("f" * 32, b"{}"), "never seen")],
        lambda x: [(x[0], "no failure")],
    ],
    ids=["nothing", "foreign", "tuples"],
)
def test_an_answer_that_breaks_the_contract_is_a_bug(spool: Spool, answer: Answer) -> None:
    """It is never taken for a delivery."""
    spool.commit(documents(0, 3))
    broken = Scripted()
    broken.write = answer  # type: ignore[method-assign, assignment]
    with capture_logs() as logs, running(spool, broken) as delivery:
        assert not wait_until_drained(delivery, MINUTE)
    assert events(logs) == ["error"]
    assert spool.pending("a") == 3
    assert dead(spool) == []


def test_a_close_that_fails_is_a_bug_too(spool: Spool) -> None:
    """What was delivered stays delivered."""
    output = Scripted()
    output.close = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    spool.commit(documents(0, 3))
    with capture_logs() as logs:
        delivery = deliver(spool, output)
    assert isinstance(delivery.error, ZeroDivisionError)
    assert events(logs) == ["error"]
    assert spool.pending("a") == 0


def test_a_dead_output_delays_no_other(spool: Spool) -> None:
    """It says so once, its documents stay, and it ends at once although it waits for an hour."""
    hours = QUICK._replace(initial_pause=60 * MINUTE, max_pause=60 * MINUTE)
    away, good = dead_output(), Scripted()
    began = time.monotonic()
    with capture_logs() as logs:
        with running(spool, away, hours), running(spool, good, name="b") as other:
            for first in range(0, 500, 10):
                spool.commit(documents(first, first + 10))
            assert wait_until_drained(other, MINUTE)
            until(spool, lambda: spool.outputs["a"].trouble is not None)
        assert time.monotonic() - began < 30
    assert good.taken == list(range(500))
    assert spool.pending("a") == 500
    assert events(logs) == ["warning"]
    assert away.calls == ["open", "write", "close"]


def test_an_output_that_fails_costs_no_memory(spool: Spool) -> None:
    """It holds one batch, however often it fails and however much comes."""
    away = dead_output()
    with capture_logs() as logs, running(spool, away):
        for first in range(0, 1000, 10):
            spool.commit(documents(first, first + 10))
        until(spool, lambda: away.calls.count("write") > 50)
    assert set(map(tuple, away.written)) == {tuple(range(10))}
    assert events(logs) == ["warning"]


def test_what_the_other_side_asks_for_is_kept_to(spool: Spool) -> None:
    """However short the pauses would be; the end of the program ends it."""
    spool.commit(documents(0, 3))
    settings = QUICK._replace(max_pause=60 * MINUTE)
    output = Scripted(Unavailable("wait", retry_after=0.2 * SECOND))
    began = time.monotonic()
    with capture_logs():
        deliver(spool, output, settings)
        assert time.monotonic() - began >= 0.2
        spool.commit(documents(3, 6))
        output.answers = [Unavailable("wait", retry_after=60 * MINUTE)]
        with running(spool, output, settings):
            until(spool, lambda: spool.outputs["a"].trouble is not None)
    assert spool.pending("a") == 3


@pytest.mark.parametrize("asked", [timedelta(days=1), timedelta.max, timedelta.min])
def test_no_pause_is_longer_than_the_longest(spool: Spool, asked: timedelta) -> None:
    """Whatever a server asks for, it is tried again, and nothing breaks."""
    spool.commit(documents(0, 3))
    output = Scripted(*[Unavailable("wait", retry_after=asked)] * 3)
    with capture_logs():
        deliver(spool, output)
    assert output.taken == [0, 1, 2]


@given(
    failures=st.integers(0, 10**9),
    initial=st.floats(0.001, 100),
    most=st.floats(0.001, 1000),
    least=st.floats(0, 10_000),
    chance=st.floats(0, 1),
)
def test_pauses_have_bounds(
    failures: int, initial: float, most: float, least: float, chance: float
) -> None:
    """From what was asked for to the exponential, and never beyond the longest."""
    settings = DeliverySettings(initial_pause=initial * SECOND, max_pause=most * SECOND)
    found = backoff(failures, settings, least * SECOND, chance)
    assert min(least, most) * SECOND <= found <= settings.max_pause
    assert found <= max(least * SECOND, settings.initial_pause * 2 ** min(failures, 20))


def test_pauses_grow_and_are_jittered_over_all_their_length() -> None:
    """Twice as long each time, up to the longest."""
    settings = DeliverySettings(initial_pause=SECOND, max_pause=10 * SECOND)
    none = timedelta()
    longest = [backoff(x, settings, none, 1) for x in range(7)]
    assert [x.total_seconds() for x in longest] == [1, 1, 2, 4, 8, 10, 10]
    assert [backoff(x, settings, none, 0) for x in range(7)] == [none] * 7
    assert backoff(4, settings, none, 0.25) == 2 * SECOND


def test_an_attempt_that_achieves_something_begins_short_again(spool: Spool) -> None:
    """A server that takes a part each time is not left alone for a minute."""
    spool.commit(documents(0, 3))
    drawn: list[float] = []
    output = Scripted(
        *[Unavailable("away")] * 3, fail(1, 2, retryable=True), *[Unavailable("away")] * 2
    )
    settings = QUICK._replace(
        initial_pause=timedelta(milliseconds=1), max_pause=timedelta(milliseconds=100)
    )

    def chance() -> float:
        drawn.append(backoff(delivery._health.failures, settings, timedelta(), 1).total_seconds())  # noqa: SLF001
        return 0

    delivery = Delivery("a", output, spool, settings, chance=chance)
    with capture_logs():
        delivery.start()
        assert wait_until_drained(delivery, MINUTE)
        assert delivery.stop(MINUTE)
    assert [round(x * 1000) for x in drawn] == [1, 2, 4, 1, 1, 2]


# What is postponed


@pytest.mark.parametrize(
    ("left", "handed", "expected"),
    [(0, 9, 0), (1, 2, 0), (300, 1000, 0), (2, 3, 1), (9_999, 10_000, 1)],
)
@pytest.mark.parametrize(
    ("settings", "chance", "longest"),
    [(LONG, 1.0, SECOND), (LONG, 0.25, SECOND / 4), (QUICK, 1.0, QUICK.initial_pause)],
)
def test_the_rest_of_what_was_taken_comes_soon(  # noqa: PLR0913
    spool: Spool,
    *,
    left: int,
    handed: int,
    expected: int,
    settings: DeliverySettings,
    chance: float,
    longest: timedelta,
) -> None:
    """At once where it is the smaller part, else within a second; as short as all pauses are."""
    delivery = Delivery("a", Scripted(), spool, settings, chance=lambda: chance)
    error = LeftError("later", left=left, handed=handed)
    assert delivery._backoff(error) == expected * longest  # noqa: SLF001 - without a thread


def count_attempts(spool: Spool, output: Scripted, chance: float = 1.0) -> list[float]:
    """Deliver everything without waiting, and return the pauses that were chosen, in seconds."""
    chosen: list[float] = []
    settings = DeliverySettings(max_documents=100, max_age=timedelta())
    delivery = Delivery("a", output, spool, settings, chance=lambda: chance)
    choose = delivery._backoff  # noqa: SLF001 - what would be waited

    def note(error: BaseException | None) -> timedelta:
        chosen.append(choose(error).total_seconds())
        return timedelta()

    delivery._backoff = note  # type: ignore[method-assign] # noqa: SLF001
    delivery.start()
    assert wait_until_drained(delivery, MINUTE)
    assert delivery.stop(MINUTE)
    return chosen


def test_an_output_that_puts_off_a_third_of_each_batch_is_not_waited_for(spool: Spool) -> None:
    """Whatever it takes most of is tried again at once, and what is left then steps aside."""
    dice = random.Random(7)

    def postpone(documents: Sequence[Document]) -> Sequence[Failure]:
        return [Failure(x, "later", retryable=True) for x in documents if dice.random() < 0.3]

    spool.commit(documents(0, 2900))
    output = Scripted()
    output.answers = Endless(postpone)
    with capture_logs() as logs:
        chosen = count_attempts(spool, output)
    assert sorted(output.taken) == list(range(2900))
    assert sum(chosen) < 10
    assert max(chosen) <= 1
    assert len(output.written) < 29 * 8
    assert logs == []
    assert spool.outputs["a"]._replace(cursor=0, retried=0) == Progress(0, 2900)


def test_one_that_is_postponed_for_ever_holds_up_no_other(spool: Spool) -> None:
    """The others are delivered without a pause; it is tried now and then, and kept."""
    poison = {150, 999}

    def postpone(documents: Sequence[Document]) -> Sequence[Failure]:
        return fail(*poison, retryable=True, reason="403: no rights")(documents)

    spool.commit(documents(0, 1000))
    output = Scripted()
    output.answers = Endless(postpone)
    hour = timedelta(hours=1)
    settings = DeliverySettings(max_documents=100, initial_pause=hour, max_pause=hour)
    with capture_logs() as logs, running(spool, output, settings) as delivery:
        until(spool, lambda: delivery.waiting == 2 and len(output.taken) == 998)
        assert spool.pending("a") == 0
        assert not delivery.is_drained
        assert spool.outputs["a"].trouble is None
    assert sorted(output.taken) == [x for x in range(1000) if x not in poison]
    assert len(output.written) <= 14
    assert logs == []
    assert dead(spool) == [(150, "403: no rights", 400), (999, "403: no rights", 400)]
    progress = spool.outputs["a"]
    assert (progress.delivered, progress.rejected) == (998, 0)
    # Until it is taken, also by the next run; its cursor is behind it.
    output.answers = []
    deliver(spool, output)
    assert output.written[-1] == [150, 999]
    assert spool.outputs["a"].delivered == 1000
    assert dead(spool) == []


def test_what_was_postponed_lets_others_pass_although_some_of_it_is_taken(spool: Spool) -> None:
    """Each attempt with it is one; the rest waits for its turn."""
    spool.commit(documents(0, 20))
    output = Scripted(
        *[fail(*range(5), retryable=True)] * 2, fail(1, 2, 3, 4, retryable=True), take_all
    )
    hour = timedelta(hours=1)
    settings = QUICK._replace(initial_pause=hour, max_pause=hour)
    drawn = iter([0.0])
    delivery = Delivery("a", output, spool, settings, chance=lambda: next(drawn, 1.0))
    with capture_logs() as logs:
        delivery.start()
        until(spool, lambda: spool.pending("a") == 0)
        assert delivery.stop(MINUTE)
    assert output.written == [[*range(10)], [*range(5)], [*range(5)], [*range(10, 20)]]
    assert [x for x, *_ in dead(spool)] == [1, 2, 3, 4]
    assert logs == []


def test_one_that_is_postponed_alone_is_joined_by_what_comes(spool: Spool) -> None:
    """Whether the output takes others shows by them."""
    output = Scripted()
    output.answers = Endless(fail(0, retryable=True))
    spool.commit(documents(0, 1))
    with capture_logs(), running(spool, output) as delivery:
        until(spool, lambda: len(output.written) > 2)
        until(spool, lambda: spool.outputs["a"].trouble is not None)
        spool.commit(documents(1, 5))
        until(spool, lambda: spool.pending("a") == 0)
        assert spool.outputs["a"].trouble is None
        assert output.taken == [1, 2, 3, 4]
        output.answers = []
        assert wait_until_drained(delivery, MINUTE)
    assert output.taken == [1, 2, 3, 4, 0]


def test_one_that_is_postponed_and_then_rejected_is_a_dead_letter(spool: Spool) -> None:
    """Like any other."""
    output = Scripted(fail(0, retryable=True), fail(0, retryable=True), fail(0, retryable=False))
    spool.commit(documents(0, 3))
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.written == [[0, 1, 2], [0], [0]]
    assert dead(spool) == [(0, "no", 400)]
    progress = spool.outputs["a"]
    assert (progress.delivered, progress.rejected, progress.retried) == (2, 1, 1)
    assert [(x["log_level"], x["rejected"], x["of"]) for x in logs] == [("warning", 1, 3)]


def test_an_output_that_takes_less_than_half_is_waited_for(spool: Spool) -> None:
    """What it leaves is no small rest, and does not step aside."""
    spool.commit(documents(0, 10))
    output = Scripted(fail(*range(3, 10), retryable=True), *[fail(*range(10), retryable=True)] * 3)
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.written == [list(range(10)), *[list(range(3, 10))] * 4]
    assert output.taken == list(range(10))
    assert events(logs) == ["warning", "info"]


def test_too_many_that_are_postponed_are_waited_for(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is a spool that has no room for them."""
    monkeypatch.setattr("forwarder.delivery.worker.MAX_POSTPONED", 2)
    spool.commit(documents(0, 30))
    output = Scripted()
    output.answers = Endless(fail(0, 1, 10, retryable=True))
    with capture_logs() as logs, running(spool, output) as delivery:
        until(spool, lambda: spool.outputs["a"].trouble is not None)
        assert spool.pending("a") == 20
        assert delivery.waiting == 22
        output.answers = []
        assert wait_until_drained(delivery, MINUTE)
    assert sorted(output.taken) == list(range(30))
    assert events(logs) == ["warning", "info"]


def test_a_purge_of_what_is_postponed_is_noticed(spool: Spool, tmp_path: Path) -> None:
    """Nothing waits for it any more."""
    spool.commit(documents(0, 3))
    output = Scripted()
    output.answers = Endless(fail(1, retryable=True))
    with capture_logs(), running(spool, output) as delivery:
        until(spool, lambda: delivery.waiting == 1 and spool.pending("a") == 0)
        assert len(purge_letters(tmp_path / "state", ALL)) == 1
        assert wait_until_drained(delivery, MINUTE)
    assert output.taken == [0, 2]


def test_nothing_of_an_attempt_stays_in_memory(spool: Spool) -> None:
    """Also where a library keeps its error in a variable until garbage is collected."""
    kept: list[weakref.ref[object]] = []

    class Large:
        """What was read of an answer."""

    def keep(_: Sequence[Document]) -> Sequence[Failure]:
        answer = Large()
        kept.append(weakref.ref(answer))
        error = Unavailable("away")
        raise error

    spool.commit(documents(0, 3))
    output = Scripted(*[keep] * 3)
    gc.disable()
    try:
        with capture_logs():
            deliver(spool, output)
        assert [x() for x in kept] == [None] * 3
    finally:
        gc.enable()


# Down at the start


def test_a_close_that_fails_behind_an_open_that_failed_stops_nothing(spool: Spool) -> None:
    """It is said, and the output is opened again."""
    spool.commit(documents(0, 3))
    output = Scripted()
    output.open_errors = [Unavailable("not yet"), Unavailable("not yet")]
    closes = iter([KeyError("never opened"), SystemExit(3)])

    def close() -> None:
        output.calls.append("close")
        if (error := next(closes, None)) is not None:
            raise error

    output.close = close  # type: ignore[method-assign]
    with capture_logs() as logs:
        delivery = deliver(spool, output)
    assert output.calls == ["open", "close", "open", "close", "open", "write", "close"]
    assert delivery.error is None
    assert [(x["log_level"], x.get("error")) for x in logs] == [
        ("error", "KeyError: 'never opened'"),
        ("warning", "not yet"),
        ("error", "SystemExit: 3"),
        ("info", None),
    ]
    assert spool.outputs["a"].trouble is None


def test_what_is_opened_does_not_deliver_yet(spool: Spool) -> None:
    """Only a batch that was delivered ends the trouble, and is said to."""
    output = Scripted()
    output.open_errors = [Unavailable("not yet")]
    with capture_logs() as logs, running(spool, output) as delivery:
        assert wait_until_drained(delivery, MINUTE)
        trouble = spool.outputs["a"].trouble
        assert trouble is not None
        assert (trouble.error, trouble.stopped) == ("not yet", False)
        assert events(logs) == ["warning"]
        spool.commit(documents(0, 1))
        assert wait_until_drained(delivery, MINUTE)
    assert spool.outputs["a"].trouble is None
    assert events(logs) == ["warning", "info"]
    assert logs[1]["event"] == "Output recovered; delivery resumed."


@pytest.mark.parametrize("error", [Unavailable("away"), KeyError("bug")])
def test_the_trouble_survives_a_restart(tmp_path: Path, error: BaseException) -> None:
    """With its beginning, until something is delivered; a bug is tried once more.

    Its words may name a target that the configuration does not have any more.
    """
    first = Scripted()
    first.answers = Endless(error)
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 3))
        with capture_logs(), running(spool, first) as delivery:
            until(spool, lambda: spool.outputs["a"].trouble is not None)
        before = spool.outputs["a"].trouble
    assert before is not None
    reached, goes_on = threading.Event(), threading.Event()

    def slow(_: Sequence[Document]) -> Sequence[Failure]:
        reached.set()
        assert goes_on.wait(60)
        return []

    with closing(opened(tmp_path, "a")) as spool, running(spool, Scripted(slow)) as delivery:
        assert reached.wait(60)
        words = f"before this start: {before.error}"
        assert spool.outputs["a"].trouble == before._replace(stopped=False, error=words)
        goes_on.set()
        assert wait_until_drained(delivery, MINUTE)
        assert spool.outputs["a"].trouble is None


def test_secrets_are_taken_out_of_all_that_an_output_says(spool: Spool) -> None:
    """Before it is logged or stored."""
    spool.commit(documents(0, 4))
    output = Scripted(
        Unavailable("key hunter2 is wrong"),
        fail(0, retryable=False, reason="hunter2"),
        KeyError("hunter2"),
    )

    def close() -> None:
        raise KeyError("hunter2")

    output.close = close  # type: ignore[method-assign]
    settings = QUICK._replace(max_documents=2)
    delivery = Delivery("a", output, spool, settings, mask=lambda x: x.replace("hunter2", "***"))
    with capture_logs() as logs:
        delivery.start()
        assert not wait_until_drained(delivery, MINUTE)
        assert delivery.stop(MINUTE)
    said = [str(x.get("error", x.get("reason"))) for x in logs]
    assert "hunter2" not in "".join(said)
    assert "key *** is wrong" in said
    assert "KeyError: '***'" in said
    assert dead(spool) == [(0, "***", 400)]
    assert "hunter2" not in repr(spool.outputs["a"])


def test_a_new_document_wakes_an_idle_output(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle output would look again in an hour only."""
    monkeypatch.setattr("forwarder.delivery.worker._IDLE_SECONDS", 3600)
    output = Scripted()
    with running(spool, output) as delivery:
        for number in range(20):
            assert wait_until_drained(delivery, MINUTE)
            spool.commit(documents(number, number + 1))
        assert wait_until_drained(delivery, MINUTE)
    assert output.taken == list(range(20))


def test_an_idle_output_reads_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits without polling, also when it is woken for something else."""
    waits, reads = Mock(wraps=spool.wait), Mock(wraps=spool.read)
    monkeypatch.setattr("forwarder.delivery.worker._IDLE_SECONDS", 3600)
    with running(spool, Scripted()) as delivery:
        assert wait_until_drained(delivery, MINUTE)
        monkeypatch.setattr(spool, "wait", waits)
        monkeypatch.setattr(spool, "read", reads)
        for _ in range(100):
            spool.wake()
        spool.commit(documents(0, 1))
        assert wait_until_drained(delivery, MINUTE)
        # One read finds the document, and the next one that there are no more.
        assert reads.call_count == 2
        until(spool, lambda: 3600 in [x.args[1] for x in waits.call_args_list])


def test_a_batch_that_is_not_full_waits_for_its_age(spool: Spool) -> None:
    """So that few documents at a time do not become as many batches; the first one is at once."""
    settings = QUICK._replace(max_documents=5, max_age=60 * MINUTE)
    output = Scripted()
    with running(spool, output, settings) as delivery:
        spool.commit(documents(0, 1))
        assert wait_until_drained(delivery, MINUTE)
        for number in range(1, 8):
            spool.commit(documents(number, number + 1))
        until(spool, lambda: spool.pending("a") == 2)
    assert output.written == [[0], [1, 2, 3, 4, 5]]
    deliver(spool, output, settings._replace(max_age=0.01 * SECOND))
    assert output.written[2:] == [[6, 7]]


def test_stopping_finishes_the_batch_in_hand(spool: Spool) -> None:
    """Nothing of it comes again."""
    reached, goes_on = threading.Event(), threading.Event()

    def slow(_: Sequence[Document]) -> Sequence[Failure]:
        reached.set()
        assert goes_on.wait(60)
        return []

    spool.commit(documents(0, 25))
    output = Scripted(slow)
    delivery = Delivery("a", output, spool, QUICK)
    delivery.start()
    assert reached.wait(60)
    assert not delivery.stop(0.01 * SECOND)
    goes_on.set()
    assert delivery.stop(MINUTE)
    assert output.taken == list(range(10))
    assert output.calls[-1] == "close"
    assert spool.pending("a") == 15


def test_stopping_within_a_batch_keeps_what_lies_before(spool: Spool) -> None:
    """Its dead letters too; only what is behind the first open document comes again."""
    hours = QUICK._replace(initial_pause=60 * MINUTE, max_pause=60 * MINUTE)

    def answer(documents: Sequence[Document]) -> Sequence[Failure]:
        later = fail(5, 7, retryable=True)(documents)
        return [*later, *fail(2, 8, retryable=False)(documents)]

    spool.commit(documents(0, 10))
    output = Scripted(answer, Unavailable("away"))
    with capture_logs(), running(spool, output, hours):
        until(spool, lambda: len(output.written) > 1)
    assert spool.pending("a") == 5
    assert [x for x, *_ in dead(spool)] == [2]
    with capture_logs():
        deliver(spool, output)
    assert output.written[1:] == [[5, 7], [5, 6, 7, 8, 9]]


def test_what_was_never_started_is_stopped(spool: Spool) -> None:
    """As when another part fails before."""
    assert Delivery("a", Scripted(), spool, QUICK).stop(SECOND)


def test_an_output_that_never_answers_does_not_hold_the_program(spool: Spool) -> None:
    """It is said that it has not ended."""
    forever = threading.Event()

    def hang(_: Sequence[Document]) -> Sequence[Failure]:
        forever.wait(60)
        return []

    spool.commit(documents(0, 1))
    delivery = Delivery("a", Scripted(hang), spool, QUICK)
    delivery.start()
    assert not wait_until_drained(delivery, 0.01 * SECOND)
    assert not delivery.stop(0.01 * SECOND)
    assert delivery._thread.daemon  # noqa: SLF001 - it does not keep the interpreter
    forever.set()
    assert delivery.stop(MINUTE)


def test_an_output_that_answers_after_the_end_makes_no_noise(tmp_path: Path) -> None:
    """It is not waited for any more; its documents come again."""
    goes_on = threading.Event()

    def slow(_: Sequence[Document]) -> Sequence[Failure]:
        assert goes_on.wait(60)
        return []

    spool = opened(tmp_path, "a")
    spool.commit(documents(0, 3))
    output = Scripted(slow)
    delivery = Delivery("a", output, spool, QUICK)
    delivery.start()
    until(spool, lambda: len(output.written) == 1)
    assert not delivery.stop(timedelta())
    spool.close()
    with capture_logs() as logs:
        goes_on.set()
        assert delivery.stop(MINUTE)
    assert logs == []
    assert output.calls[-1] == "close"
    with closing(opened(tmp_path, "a")) as spool:
        assert spool.pending("a") == 3


def test_a_clock_that_is_set_back_changes_nothing(spool: Spool) -> None:
    """It is shown, and never reckoned with."""
    times = iter([1e9, 5e8, 2e9] * 100)
    spool.commit(documents(0, 30))
    output = Scripted(Unavailable("a"), Unavailable("b"), fail(1, retryable=False))
    delivery = Delivery("a", output, spool, QUICK, clock=lambda: next(times))
    with capture_logs() as logs:
        delivery.start()
        assert wait_until_drained(delivery, MINUTE)
        assert delivery.stop(MINUTE)
    assert events(logs) == ["warning", "warning", "info"]
    assert logs[2]["seconds"] < 60
    assert len(output.taken) == 29


def test_a_spool_that_cannot_be_written_is_waited_for(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is not handed over again for that: only the cursor is."""
    advance, blocked = spool.advance, [BlockedError("the disk is full")] * 3

    def full_at_first(*args: object, **keywords: object) -> None:
        if blocked:
            raise blocked.pop()
        advance(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(spool, "advance", full_at_first)
    spool.commit(documents(0, 3))
    output = Scripted()
    with capture_logs() as logs:
        deliver(spool, output)
    assert output.written == [[0, 1, 2]]
    assert events(logs) == ["warning", "info"]
    assert logs[0]["error"] == "the disk is full"


def test_replayed_letters_are_delivered_before_all_else(spool: Spool, tmp_path: Path) -> None:
    """To their output only, while the service runs, by a word of another connection."""
    spool.commit(documents(0, 10))
    output, other = Scripted(fail(2, 4, 6, retryable=False)), Scripted()
    with running(spool, output) as delivery, running(spool, other, name="b") as second:
        assert wait_until_drained(delivery, MINUTE)
        assert wait_until_drained(second, MINUTE)
        output.answers = [fail(4, retryable=False, reason="still no")]
        assert len(replay_letters(tmp_path / "state", ALL)) == 3
        until(spool, lambda: len(dead(spool)) == 1)
    assert output.written[1:] == [[2, 4, 6]]
    assert dead(spool) == [(4, "still no", 400)]
    assert other.taken == list(range(10))
    progress = spool.outputs["a"]
    assert (progress.delivered, progress.rejected, progress.cursor) == (9, 4, 11)
    assert len(replay_letters(tmp_path / "state", Selection("b"))) == 0


def test_an_output_with_too_many_dead_letters_waits_and_says_so(tmp_path: Path) -> None:
    """What is rejected comes again until there is room for it, or the other side takes it."""
    reject = fail(2, 12, retryable=False)
    with closing(opened(tmp_path, "a", max_letter_bytes=1)) as spool, capture_logs() as logs:
        spool.commit(documents(0, 30))
        output = Scripted(reject, reject, reject)
        with running(spool, output) as delivery:
            assert wait_until_drained(delivery, MINUTE)
            assert delivery.judged == 30
        assert output.written == [[*range(10)], [*range(10, 20)], [12], [12], [*range(20, 30)]]
        assert sorted(output.taken) == [x for x in range(30) if x != 2]
        assert dead(spool) == [(2, "no", 400)]
        progress = spool.outputs["a"]
        assert (progress.delivered, progress.rejected, progress.cursor) == (29, 1, 31)
    (said,) = [x["error"] for x in logs if "error" in x]
    assert "its dead letters take" in said
    assert "dead_letters.max_bytes" in said
    assert [(x["rejected"], x["of"]) for x in logs if "rejected" in x] == [(1, 10)]


def test_no_more_is_kept_and_counted_than_there_is_room_for(tmp_path: Path) -> None:
    """Except for the rest of the batch; what waits is not said to be kept."""
    everything = fail(*range(100), retryable=False)
    with closing(opened(tmp_path, "a", max_letter_bytes=3_000)) as spool, capture_logs() as logs:
        spool.commit(documents(0, 100))
        output = Scripted()
        output.answers = Endless(everything)
        with running(spool, output) as delivery:
            until(spool, lambda: len(output.written) > 4)
            kept = len(dead(spool))
            assert kept in {10, 20}
            assert len(purge_letters(tmp_path, Selection("a"))) == kept
            until(spool, lambda: len(dead(spool)) == kept)
            written = len(output.written)
            until(spool, lambda: len(output.written) > written + 2)
            assert delivery.judged == 2 * kept
        progress = spool.outputs["a"]
        assert (progress.rejected, progress.cursor) == (2 * kept, 2 * kept + 1)
    assert output.written[-1] == list(range(2 * kept, 2 * kept + 10))
    assert sum(x["rejected"] for x in logs if "rejected" in x) == 2 * kept


def test_letters_that_are_not_delivered_stay(spool: Spool, tmp_path: Path) -> None:
    """A replay that fails is a replay that is tried again, also by the next process."""
    spool.commit(documents(0, 3))
    output = Scripted(fail(0, 1, retryable=False))
    deliver(spool, output)
    assert len(replay_letters(tmp_path / "state", ALL)) == 2
    output.answers = [fail(1, retryable=True), *[Unavailable("away")] * 9999]
    with capture_logs(), running(spool, output) as delivery:
        until(spool, lambda: spool.outputs["a"].trouble is not None)
        assert not delivery.is_drained
    assert output.written[1] == [0, 1]
    assert [x for x, *_ in dead(spool)] == [1]
    output.answers = []
    deliver(spool, output)
    assert dead(spool) == []
    assert output.taken == [2, 0, 1]


class UnspeakableError(Exception):
    """An error whose words raise another one."""

    def __str__(self) -> str:
        raise KeyError("no words")


@pytest.mark.parametrize("kind", ["write", "open", "unavailable"])
def test_an_error_without_words_is_said_all_the_same(spool: Spool, kind: str) -> None:
    """By its type; the worker goes on or is stopped as for any other."""

    class AwayError(Unavailable, UnspeakableError):
        __str__ = UnspeakableError.__str__

    spool.commit(documents(0, 3))
    output = Scripted(AwayError("x") if kind == "unavailable" else UnspeakableError())
    if kind == "open":
        output.open_errors = [UnspeakableError()]
    with capture_logs() as logs, running(spool, output) as delivery:
        assert wait_until_drained(delivery, MINUTE) == (kind == "unavailable")
    name = "AwayError" if kind == "unavailable" else "UnspeakableError"
    assert [x["error"] for x in logs if "error" in x] == [f"{name}, whose message cannot be shown"]


@pytest.mark.parametrize("error", [Unavailable("x" * 1_000_000), KeyError("x" * 1_000_000)])
def test_a_long_reason_is_cut(spool: Spool, error: Exception) -> None:
    """In the log and in the status."""
    spool.commit(documents(0, 3))
    output = Scripted(error)
    with capture_logs() as logs, running(spool, output) as delivery:
        wait_until_drained(delivery, MINUTE)
    (said,) = [x["error"] for x in logs if "error" in x]
    last = spool.outputs["a"].last_error
    assert last is not None
    assert last[0] == said
    assert len(said) == 1_000
    assert said.endswith("x…")


def test_a_reason_that_is_not_unicode_is_said(spool: Spool) -> None:
    """As well as it can be stored."""
    spool.commit(documents(0, 3))
    with capture_logs() as logs:
        deliver(spool, Scripted(Unavailable("a\ud800b")))
    assert [x["error"] for x in logs if "error" in x] == ["a?b"]


def test_a_reason_of_a_document_is_cut_as_well(spool: Spool) -> None:
    """Where none of the batch is taken."""
    spool.commit(documents(0, 1))
    output = Scripted(fail(0, retryable=True, reason="x" * 1_000_000))
    with capture_logs() as logs:
        deliver(spool, output)
    assert [len(x["error"]) for x in logs if "error" in x] == [1_000]


def raise_late(_: object) -> Iterator[Failure]:
    """Give failures that cannot be had."""
    yield 1 // 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: None, "it returned None"),
        (lambda _: 7, "it returned 7"),
        (lambda _: ["x"], "its answer contains 'x'"),
        (lambda x: [(x[0], "no failure")], "its answer contains (Document("),
        (lambda _: [Failure("x", "no")], "its answer contains Failure(document='x'"),  # type: ignore[arg-type]
        (lambda x: [Failure(x[0], 5)], "a reason that is not text: 5"),  # type: ignore[arg-type]
        (raise_late, "ZeroDivisionError: "),
    ],
    ids=["nothing", "number", "text", "tuple", "no document", "no reason", "late"],
)
def test_what_write_has_to_give_is_said(
    spool: Spool, answer: Callable[[Sequence[Document]], object], words: str
) -> None:
    """In words for the author of the plugin."""
    spool.commit(documents(0, 3))
    broken = Scripted()
    broken.write = answer  # type: ignore[method-assign, assignment]
    with capture_logs() as logs, running(spool, broken) as delivery:
        assert not wait_until_drained(delivery, MINUTE)
    (said,) = [x["error"] for x in logs if "error" in x]
    assert words in said
    if "Zero" not in words:
        assert "write() has to return a list of Failure, one for each document" in said
    assert len(said) < 1_100


def test_a_close_that_fails_is_said_as_what_it_is(spool: Spool) -> None:
    """Nothing is kept for it, and nothing has to begin again."""
    output = Scripted()
    output.close = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    spool.commit(documents(0, 3))
    with capture_logs() as logs:
        deliver(spool, output)
    assert [x["event"] for x in logs] == ["Output could not be closed."]
    assert spool.outputs["a"].trouble is None


def test_a_fault_is_not_hidden_by_a_close_that_fails(spool: Spool) -> None:
    """Both are said."""
    output = Scripted(KeyError("the fault"))
    output.close = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    spool.commit(documents(0, 3))
    with capture_logs() as logs, running(spool, output) as delivery:
        assert not wait_until_drained(delivery, MINUTE)
        assert isinstance(delivery.error, KeyError)
    assert [x["error"].partition(":")[0] for x in logs] == ["ZeroDivisionError", "KeyError"]
    trouble = spool.outputs["a"].trouble
    assert trouble is not None
    assert trouble.error == "KeyError: 'the fault'"


def test_a_call_leaves_nothing_for_the_garbage_collector(spool: Spool) -> None:
    """With ten batches a second, it would take tens of megabytes until it is collected."""
    delivery = Delivery("a", Scripted(), spool)
    delivery._retry(list)  # noqa: SLF001 - without a thread
    gc.disable()
    try:
        gc.collect()
        for _ in range(10):
            delivery._retry(list)  # noqa: SLF001
        assert gc.collect() == 0
    finally:
        gc.enable()
