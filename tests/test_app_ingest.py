"""From the inputs into the spool: what is committed, and what happens when it cannot be."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.app import ingest as module
from forwarder.app import input_status
from forwarder.app.ingest import Ingest
from forwarder.app.input_status import STATUS_PREFIX
from forwarder.app.parser_client import PREFIX as PARSER_PREFIX
from forwarder.app.runtime import LiveInputs
from forwarder.app.saved_state import forget
from forwarder.app.status import describe
from forwarder.cli.status import as_text
from forwarder.events import Document
from forwarder.inputs.files import tailer
from forwarder.spool import schema
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from tests.faults.program import wait_until
from tests.services import CONFIG, Told, append, configured, logins
from tests.spooling import busy, opened, read, take

OTHER_ZONE = """\
  - {{type: files, paths: ["{folder}/elsewhere/mail*"], appliance: esa9, timezone: Asia/Tokyo}}
outputs:"""


def reader(folder: Path, spool: Spool, text: str = CONFIG, *, once: bool = False) -> Ingest:
    """Make what reads."""
    config = configured(folder, Told(lambda _: None), text)()
    return Ingest(config, spool, LiveInputs(), once=once)


@contextmanager
def running(ingest: Ingest) -> Iterator[None]:
    """Read in a thread."""
    thread = threading.Thread(target=ingest.run)
    thread.start()
    try:
        yield
    finally:
        ingest.ask_to_stop()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """Open a spool for one output; it is not patient with others."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.1)
    with closing(opened(tmp_path / "state", "told")) as found:
        yield found


def test_what_the_program_writes_is_no_log(tmp_path: Path, spool: Spool) -> None:
    """A pattern that has the state folder among others reads only the others."""
    append(tmp_path, logins(1, 2))
    text = CONFIG.replace("{folder}/logs/{{appliance}}/mail*", "{folder}/**/*")
    ingest = reader(tmp_path, spool, text, once=True)
    ingest.run()
    ((_, status),) = spool.load_state(STATUS_PREFIX + "ingest")
    assert b"mail.current" in status
    assert b"/state/" not in status
    assert ingest.status.problems == 0


def test_once_reads_to_the_end(tmp_path: Path, spool: Spool) -> None:
    """And says that it did."""
    append(tmp_path, logins(1, 2))
    ingest = reader(tmp_path, spool, once=True)
    ingest.run()
    assert ingest.is_complete
    assert spool.pending("told") == 2


@pytest.mark.parametrize("once", [True, False])
def test_the_status_at_the_end_is_of_the_last_commit(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, *, once: bool
) -> None:
    """However soon that is after an earlier one."""
    monkeypatch.setattr(module, "COMMIT_READ_BYTES", 1)
    monkeypatch.setattr(input_status, "STATUS_SECONDS", 3600)
    append(tmp_path, logins(*range(2000)))
    with running(reader(tmp_path, spool, once=once)):
        wait_until(lambda: spool.pending("told") == 2000, "all")
    status = orjson.loads(dict(spool.load_state(STATUS_PREFIX))[STATUS_PREFIX + "ingest"])
    assert (status["files"], status["behind_bytes"]) == (1, 0)


def test_followed_files_have_no_end(tmp_path: Path, spool: Spool) -> None:
    """When it stops, all that was read is in the spool."""
    append(tmp_path, logins(1))
    ingest = reader(tmp_path, spool)
    with running(ingest):
        wait_until(lambda: spool.pending("told") == 1, "the first")
        append(tmp_path, logins(2))
        wait_until(lambda: spool.pending("told") == 2, "the second")
    assert not ingest.is_complete


def test_a_full_spool_pauses_reading(
    tmp_path: Path,
    said: Callable[[str], bool],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until documents are delivered; it is logged once, however long that takes."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(module, "SAY_SECONDS", 0.1)
    append(tmp_path, logins(*range(1, 5_001)))
    with closing(opened(tmp_path / "state", "told", max_bytes=20_000)) as small:
        with running(reader(tmp_path, small)):
            wait_until(lambda: said("Reading paused"), "a pause")
            append(tmp_path, logins(*range(5_001, 5_101)))
            looked: list[float] = []
            look = small.wait_for_space

            def count_looks(stop: threading.Event, timeout: float) -> bool:
                looked.append(timeout)
                return look(stop, timeout)

            monkeypatch.setattr(small, "wait_for_space", count_looks)
            wait_until(lambda: len(looked) > 6, "several looks")
            assert caplog.text.count("Reading paused") == 1
            taken: list[int] = []

            def is_all_taken() -> bool:
                taken.extend(take(small, "told"))
                return len(taken) >= 5_100

            wait_until(is_all_taken, "all of it")
        assert said("the spool is full")
        assert said("The spool has space again; reading resumed.")
        assert len(set(taken)) == len(taken) == 5_100


def test_a_commit_that_is_refused_is_tried_again_as_it_is(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and that it goes on."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    with running(reader(tmp_path, spool)):
        with busy(tmp_path / "state"):
            append(tmp_path, logins(1, 2))
            wait_until(lambda: said("Reading paused: nothing can be written"), "a refusal")
        wait_until(lambda: said("The spool can be written again"), "an end of it")
        wait_until(lambda: spool.pending("told") == 2, "both")


@pytest.mark.parametrize("why", ["full", "refused"])
def test_files_that_come_and_go_while_reading_pauses_are_lost_loudly(
    tmp_path: Path, said: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """And ``status`` says since when it pauses, why, and what ends it."""
    monkeypatch.setattr(tailer, "GRACE", timedelta(0))
    monkeypatch.setattr(input_status, "STATUS_SECONDS", 0.01)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(module, "SAY_SECONDS", 0.0)
    looks = threading.Semaphore(0)
    notice = Ingest._note_changes  # noqa: SLF001 - nothing is read while it is called

    def count_looks(ingest: Ingest) -> None:
        notice(ingest)
        looks.release()

    monkeypatch.setattr(Ingest, "_note_changes", count_looks)
    state = tmp_path / "state"
    begun = time.time()
    append(tmp_path, logins(*range(1, 5_001)))
    limit = 20_000 if why == "full" else 1 << 30
    if why == "refused":
        monkeypatch.setattr(schema, "BUSY_SECONDS", 0.1)
    with closing(opened(state, "told", max_bytes=limit)) as small, ExitStack() as held:
        if why == "refused":
            held.enter_context(busy(state))
        ingest = reader(tmp_path, small)
        with running(ingest):
            wait_until(lambda: said("Reading paused"), "a pause")
            assert looks.acquire(timeout=60)
            pause = summarise(state).pause
            assert pause is not None
            assert begun < pause.since <= time.time()
            text = (
                "when output 'told' has delivered more of the" if why == "full" else "tried again"
            )
            assert text in pause.reason
            (line,) = [
                x for x in as_text(describe(summarise(state), datetime.now(UTC))) if " paused " in x
            ]
            assert line.startswith("attention: reading: paused since 20")
            other = append(tmp_path, logins(9_001), name="mail.@20260303T090000.s")
            following = ingest._tailer  # noqa: SLF001 - what it has seen
            assert following is not None
            files = following._files  # noqa: SLF001
            size = other.stat().st_size
            seen = str(other), size  # at first, it may be seen empty
            wait_until(lambda: seen in {(x.path, x.stat.size) for x in files}, "the file seen")
            other.unlink()
            wait_until(lambda: said(f"is gone, and {size} bytes at its end"), "the loss")
            assert said("Log file was deleted before it was read.")
            assert not said("Log file cannot be read.")
            held.close()
            wait_until(lambda: lost_bytes(small) == size, "the loss in the status")

            def is_over() -> bool:
                # What was not read yet may fill the spool once more.
                take(small, "told")
                return not ingest.committer.is_blocked and summarise(state).pause is None

            wait_until(is_over, "an end")
    assert ingest.status.problems == 1


def test_a_pause_ends_also_where_space_comes_between_two_looks_at_it(
    tmp_path: Path, said: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is delivered while files are looked at counts as much as what is waited for."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module, "SAY_SECONDS", 0.0)
    notice = Ingest._note_changes  # noqa: SLF001 - follows the wait for space

    append(tmp_path, logins(*range(1, 5_001)))
    with closing(opened(tmp_path / "state", "told", max_bytes=20_000)) as small:

        def deliver(ingest: Ingest) -> None:
            notice(ingest)
            if said("Reading paused"):
                take(small, "told")

        monkeypatch.setattr(Ingest, "_note_changes", deliver)
        with running(ingest := reader(tmp_path, small)):
            wait_until(lambda: said("The spool has space again"), "an end of the pause")
            wait_until(lambda: small.pending("told") == 0, "all of it")
            assert not ingest.committer.is_blocked
            assert summarise(tmp_path / "state").pause is None


def lost_bytes(spool: Spool) -> int:
    """Return what the status says that is lost."""
    status = dict(spool.load_state(STATUS_PREFIX)).get(STATUS_PREFIX + "ingest", b"{}")
    return int(orjson.loads(status).get("lost_bytes", 0))


def test_after_a_stop_while_a_commit_is_refused_it_is_read_again(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool]
) -> None:
    """Nothing of it is in the spool, the position neither."""
    append(tmp_path, logins(1, 2))
    with busy(tmp_path / "state"), running(reader(tmp_path, spool)):
        wait_until(lambda: said("Reading paused: nothing can be written"), "a refusal")
    assert spool.pending("told") == 0
    reader(tmp_path, spool, once=True).run()
    assert spool.pending("told") == 2


@pytest.mark.parametrize("name", ["COMMIT_BYTES", "COMMIT_READ_BYTES", None])
def test_a_storm_is_committed_in_parts(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """By the size of its documents, and by that of its logs; else only its beginning at once."""
    for limit in ("COMMIT_BYTES", "COMMIT_READ_BYTES"):
        monkeypatch.setattr(module, limit, 1_000 if limit == name else 1 << 40)
    monkeypatch.setattr(module, "COMMIT_SECONDS", 3600)
    commits: list[int] = []
    commit = spool.commit

    def count(documents: Sequence[Document], state: Iterable[tuple[str, bytes | None]]) -> None:
        commits.append(len(documents))
        commit(documents, state)

    monkeypatch.setattr(spool, "commit", count)
    append(tmp_path, logins(*range(20_000)))
    reader(tmp_path, spool, once=True).run()
    parts = len([x for x in commits if x])
    assert parts <= 2 if name is None else parts > 2
    assert sum(commits) == spool.pending("told") == 20_000


def test_each_zone_has_a_memory_of_its_own(tmp_path: Path, spool: Spool) -> None:
    """Which survives that its input is taken out for a while."""
    both = CONFIG.replace("outputs:", OTHER_ZONE)
    opening, login = logins(7).splitlines(keepends=True)
    path = tmp_path / "elsewhere" / "mail.current"
    path.parent.mkdir()
    path.write_bytes(opening)
    append(tmp_path, opening)
    reader(tmp_path, spool, both, once=True).run()
    reader(tmp_path, spool, once=True).run()
    append(tmp_path, login)
    with path.open("ab") as file:
        file.write(login)
    reader(tmp_path, spool, both, once=True).run()
    found = {x.body for x in read(spool, "told").documents}
    assert len(found) == 2
    assert all(b'"correlated":true' in body for body in found)
    assert sum(b"2026-03-03T01:00:07" in body for body in found) == 1
    assert sum(b"2026-03-03T09:00:07" in body for body in found) == 1


def test_all_of_one_appliance_is_forgotten(tmp_path: Path, spool: Spool) -> None:
    """And nothing of another one."""
    append(tmp_path, logins(1))
    append(tmp_path, logins(2), appliance="esa2")
    reader(tmp_path, spool, once=True).run()
    changes = forget(spool.load_state(PARSER_PREFIX), {"esa2"})
    spool.commit([], changes)
    # What is left is of the other one, all of it.
    left = spool.load_state(PARSER_PREFIX)
    assert len(left) == len(changes) > 1
    assert forget(left, {"esa2"}) == []
    assert len(forget(left, {"esa1"})) == len(left)


def test_what_is_odd_about_the_logs_is_said(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool]
) -> None:
    """And counted for status, also at the end of a single run."""
    append(tmp_path, logins(1) + logins(2).replace(b"failed for", b"puzzled"))
    append(tmp_path, b"\x7fELF" * 20_000, name="mail.bin")
    ingest = reader(tmp_path, spool, once=True)
    ingest.run()
    assert said("Lines not understood: ")
    assert said("has no line of a mail log")
    ((_, status),) = spool.load_state(STATUS_PREFIX + "ingest")
    found = orjson.loads(status)
    assert found["warnings"]["unparsed_logins"] == 1
    assert found["behind_bytes"] == 0
    assert ingest.status.problems == 0


def test_what_is_no_mail_log_is_in_status_as_long_as_it_is_there(
    tmp_path: Path, spool: Spool
) -> None:
    """Also when it is not read again, under whatever name; each run says it."""
    append(tmp_path, logins(1))
    path = append(tmp_path, b"Dear all,\nsee you.\n", name="mail.0")
    for name in ("mail.a", "mail.a", "mail.b", "gone"):
        path = path.rename(path.with_name(name))
        expected = [] if name == "gone" else [f"'{path}' has no line of a mail log in it"]
        ingest = reader(tmp_path, spool, once=True)
        with capture_logs() as logs:
            ingest.run()
        status = orjson.loads(dict(spool.load_state(STATUS_PREFIX))[STATUS_PREFIX + "ingest"])
        assert [x.partition(";")[0] for x in status["problems"]] == expected
        reasons = [x["reason"] for x in logs if x["event"] == "A file is not a mail log."]
        assert [x.partition(";")[0] for x in reasons] == expected
        assert ingest.status.problems == 0


def test_that_there_is_no_log_is_a_problem(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool]
) -> None:
    """A share that is not mounted looks like a quiet night."""
    ingest = reader(tmp_path, spool, once=True)
    ingest.run()
    assert said("No log found: nothing matches the paths of the inputs.")
    assert ingest.status.problems == 1


def test_who_has_not_looked_does_not_say_that_there_is_no_log(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool]
) -> None:
    """As when it is asked to end before the first look."""
    ingest = reader(tmp_path, spool)
    ingest.ask_to_stop()
    ingest.run()
    assert not said("No log found")
    assert ingest.status.problems == 0


def test_an_empty_log_is_a_log(tmp_path: Path, spool: Spool, said: Callable[[str], bool]) -> None:
    """An appliance that was just set up has one."""
    append(tmp_path, b"")
    ingest = reader(tmp_path, spool, once=True)
    ingest.run()
    assert not said("No log found")
    assert ingest.status.problems == 0


def test_logs_that_come_are_said(
    tmp_path: Path, spool: Spool, said: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was said that there is none."""
    monkeypatch.setattr(input_status, "STATUS_SECONDS", 0.01)
    with running(reader(tmp_path, spool)):
        wait_until(lambda: said("No log found"), "a warning")
        append(tmp_path, logins(1))
        wait_until(lambda: said("There are logs again."), "an end of it")
