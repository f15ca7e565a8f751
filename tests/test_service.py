"""Inputs, spool and outputs at work together, and signals."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from forwarder.app.service import GIVE_UP_AFTER, Service
from forwarder.config.load import Config
from forwarder.events import Document
from forwarder.output import Failure, Unavailable
from forwarder.spool.errors import BlockedError, DamagedError, SpoolError
from forwarder.spool.schema import connect
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from tests.services import CONFIG, Told, append, configured, logins
from tests.spooling import opened


def nothing(_: Sequence[Document]) -> None:
    """Take everything."""


def send(number: int) -> Callable[[Sequence[Document]], None]:
    """Take everything, and send a signal to the service."""
    return lambda _: os.kill(os.getpid(), number)


def service(
    read: Callable[[], Config], *, once: bool = False, give_up_after: timedelta = GIVE_UP_AFTER
) -> Service:
    """Make a service of a configuration."""
    return Service(read(), read, once=once, give_up_after=give_up_after)


def test_once_delivers_all_and_ends(tmp_path: Path) -> None:
    """And a second time it has nothing to do."""
    append(tmp_path, logins(1, 2, 3))
    told = Told(nothing)
    read = configured(tmp_path, told)
    assert service(read, once=True).run()
    assert len(told.taken) == 3
    assert service(read, once=True).run()
    assert len(told.taken) == 3


def test_once_lets_no_document_wait_for_others(tmp_path: Path) -> None:
    """There will be none, however long they may wait."""
    append(tmp_path, logins(1))
    told = Told(nothing)
    text = CONFIG.replace("max_age: 10ms", "max_age: 1h")
    assert service(configured(tmp_path, told, text), once=True).run()
    assert len(told.taken) == 1


def test_documents_are_as_the_settings_say(tmp_path: Path) -> None:
    """Time zone, namespace, labels."""
    append(tmp_path, logins(1))
    told = Told(nothing)
    more = "documents: {{namespace: mail, labels: {{site: rome}}, original: false}}\n"
    assert service(configured(tmp_path, told, more=more), once=True).run()
    body = told.taken[0].body
    for text in (b'"namespace":"mail"', b'"site":"rome"', b"2026-03-03T09:00:01"):
        assert text in body
    assert b'"original"' not in body


def test_once_reports_rejected_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is not well."""
    append(tmp_path, logins(1, 2, 3))
    told = Told(lambda x: [Failure(x[0], "never", retryable=False)])
    assert not service(configured(tmp_path, told), once=True).run()
    assert "1 document rejected by output 'told';" in capsys.readouterr().err


def test_once_says_what_an_output_with_a_bug_did_not_get(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others have it."""

    def fail(_: Sequence[Document]) -> None:
        raise KeyError("bug")

    append(tmp_path, logins(1, 2))
    more = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"
    assert not service(configured(tmp_path, Told(fail), more=more), once=True).run()
    said = capsys.readouterr().err
    assert "2 documents still wait for output 'told'" in said
    assert (tmp_path / "auth.ndjson").read_bytes().count(b"\n") == 2


def test_once_says_what_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was said of each file, too."""
    append(tmp_path, b"BZh91AY&SY", name="mail.@20260301T000000.s")
    assert not service(configured(tmp_path, Told(nothing)), once=True).run()
    said = capsys.readouterr().err
    assert "is compressed with bzip2" in said
    assert "1 problem with the logs" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """All is well; signals mean afterwards what they meant before."""
    before = signal.getsignal(number)
    append(tmp_path, logins(1))
    told = Told(send(number))
    assert service(configured(tmp_path, told)).run()
    assert len(told.taken) == 1
    assert f"signal={number.name}" in capsys.readouterr().err
    assert signal.getsignal(number) == before
    with closing(opened(tmp_path / "state", "told")) as spool:
        assert spool.pending("told") == 0


def test_once_that_is_ended_has_not_done_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unlike a service."""
    append(tmp_path, logins(1))
    # A file that may be half there is waited for.
    append(tmp_path, b"half", name="mail.@20260301T000000.s")
    assert not service(configured(tmp_path, Told(send(signal.SIGTERM))), once=True).run()
    assert "the logs were not read to their end" in capsys.readouterr().err


_MOST_CALLS = 1_000  # until a service that never reloads is ended, and the test fails


class Reloading:
    """What an output does: change the configuration, reload, and end when the log says so.

    Each call writes one more login, so there is another call, however late the service reloads.
    """

    def __init__(
        self,
        folder: Path,
        change: Callable[[], object],
        words: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Wait for words of the log."""
        self._folder = folder
        self._change = change
        self._words = words
        self._capsys = capsys
        self._calls = 0
        self._is_over = False
        self.log = ""

    def __call__(self, _: Sequence[Document]) -> None:
        """Take a batch."""
        self._calls += 1
        self.log += self._capsys.readouterr().err
        append(self._folder, logins(1 + self._calls))
        if self._calls == 1:
            self._change()
            os.kill(os.getpid(), signal.SIGHUP)
        elif not self._is_over and (self._words in self.log or self._calls > _MOST_CALLS):
            self._is_over = True
            os.kill(os.getpid(), signal.SIGTERM)


def test_sighup_begins_again_with_the_configuration_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which has another output now."""
    append(tmp_path, logins(1))
    more = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"

    def change() -> None:
        configured(tmp_path, told, more=more)

    act = Reloading(tmp_path, change, "The new configuration is in use.", capsys)
    told = Told(act)
    assert service(configured(tmp_path, told)).run()
    assert len(told.taken) > 1
    assert "outputs=told,archive" in act.log


@pytest.mark.parametrize("last", [signal.SIGHUP, signal.SIGTERM])
def test_many_signals_are_few(
    tmp_path: Path, last: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes while a configuration is read is one more SIGHUP, or the end before all else."""
    append(tmp_path, logins(1))
    told = Told(send(signal.SIGHUP))
    read = configured(tmp_path, told)
    config = read()
    signals = iter([(*[signal.SIGHUP] * 4, last), (signal.SIGTERM,)])

    def read_again() -> Config:
        for number in next(signals):
            os.kill(os.getpid(), number)
        return config

    assert Service(config, read_again).run()
    said = capsys.readouterr().err
    assert said.count("The configuration was read again.") == (2 if last == signal.SIGHUP else 1)
    assert "signal=SIGTERM" in said
    assert len(told.taken) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("outputs: {{}}\n", "The new configuration is not valid; the old one stays."),
        (
            CONFIG.replace("{folder}/state", "{folder}/esa.yaml"),
            "The new configuration does not work; the old one stays.",
        ),
    ],
)
def test_sighup_keeps_the_old_configuration(
    tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the new one is bad, or does not work."""
    append(tmp_path, logins(1))

    def change() -> None:
        configured(tmp_path, told, text)

    act = Reloading(tmp_path, change, reason, capsys)
    told = Told(act)
    assert service(configured(tmp_path, told)).run()
    assert len(told.taken) > 1
    assert reason in act.log


def test_an_output_that_hangs_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The spool is closed under it, and it ends when it comes back."""
    monkeypatch.setattr("forwarder.app.runtime.STOP_WITHIN", timedelta(seconds=0.2))
    back = threading.Event()
    threads: list[threading.Thread] = []

    def hang(_: Sequence[Document]) -> None:
        threads.append(threading.current_thread())
        os.kill(os.getpid(), signal.SIGTERM)
        back.wait()

    append(tmp_path, logins(1))
    assert service(configured(tmp_path, Told(hang))).run()
    said = capsys.readouterr().err
    assert "Output did not stop in time and was abandoned" in said
    assert "output=told" in said.partition("did not stop in time")[2].partition("\n")[0]
    with closing(opened(tmp_path / "state", "told")) as spool:
        assert spool.pending("told") == 1
    back.set()
    (thread,) = threads
    thread.join(60)
    assert not thread.is_alive()


def test_reading_that_hangs_is_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a share whose server is gone."""
    monkeypatch.setattr("forwarder.app.runtime.STOP_WITHIN", timedelta(seconds=0.2))
    goes_on = threading.Event()

    def hang(_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        goes_on.wait(60)

    monkeypatch.setattr("forwarder.app.ingest.Ingest.run", hang)
    assert service(configured(tmp_path, Told(nothing))).run()
    said = capsys.readouterr().err
    assert "Reading did not stop in time and was abandoned" in said
    assert "Output did not stop in time" not in said
    goes_on.set()


def test_a_damaged_spool_is_set_aside_and_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever thread finds it: here, an output that reads."""
    found = iter([DamagedError("it is broken")])
    read = Spool.read

    def break_once(self: Spool, *arguments: object, **named: object) -> object:
        for error in found:
            raise error
        return read(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Spool, "read", break_once)
    append(tmp_path, logins(1))
    told = Told(nothing)
    assert service(configured(tmp_path, told), once=True).run()
    assert len(told.taken) == 1
    assert "The spool is damaged; it is quarantined." in capsys.readouterr().err


@pytest.mark.parametrize("is_read", [False, True])
def test_a_single_run_over_a_damaged_spool_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_read: bool
) -> None:
    """Whether the damage is found at the start, or by the output when it reads a block."""
    append(tmp_path, logins(1))
    told = Told(nothing)
    with closing(opened(tmp_path / "state", "told")) as spool:
        spool.commit([Document("id", b"{}")])
    path = tmp_path / "state" / "spool.db"
    if is_read:
        with closing(connect(path)) as connection:
            connection.execute("UPDATE blocks SET checksum = checksum + 1")
    else:
        path.write_bytes(b"rubbish")
    assert not service(configured(tmp_path, told), once=True).run()
    assert len(told.taken) == 1
    said = capsys.readouterr().err
    assert said.count("Run incomplete.") == 1
    assert service(configured(tmp_path, told), once=True).run()


def test_a_fault_in_reading_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loudly, so that it is started again."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("forwarder.app.ingest.Ingest._feed", fail)
    append(tmp_path, logins(1))
    assert not service(configured(tmp_path, Told(nothing))).run()
    said = capsys.readouterr().err
    assert "Reading has ended because of a bug in the program." in said
    assert "ZeroDivisionError" in said


def test_the_death_of_the_core_is_survived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence; whatever it had in hand is read again, and nothing else."""
    killed: list[int] = []

    def kill(documents: Sequence[Document]) -> None:
        if not killed:
            append(tmp_path, logins(*range(4, 2_000)))
            for children in Path("/proc/self/task").glob("*/children"):
                with suppress(OSError):  # threads end, too
                    for child in children.read_text("utf-8").split():
                        # Servers of other tests are children, too.
                        if (
                            b"forwarder.app.parser_worker"
                            in Path(f"/proc/{child}/cmdline").read_bytes()
                        ):
                            os.kill(int(child), signal.SIGKILL)
                            killed.append(int(child))
        elif len(told.taken) + len(documents) == 1_999:
            os.kill(os.getpid(), signal.SIGTERM)

    told = Told(kill)
    append(tmp_path, logins(1, 2, 3))
    read = configured(tmp_path, told)
    assert service(read).run()
    said = capsys.readouterr().err
    assert "Parser process restarted; nothing is lost." in said
    assert "was killed by signal 9" in said
    assert "Traceback" not in said
    assert service(read, once=True).run()
    assert killed
    assert sorted({x.id for x in told.taken}) == sorted(x.id for x in told.taken)
    assert len(told.taken) == 1_999


def test_what_cannot_begin_is_an_error(tmp_path: Path) -> None:
    """A spool in use by another process; the lock is released where the state cannot be read."""
    read = configured(tmp_path, Told(nothing))
    with closing(opened(tmp_path / "state", "told")) as spool:
        with pytest.raises(SpoolError, match="is in use by process"):
            service(read).run()
        spool.commit([], [("file/a", b"?")])
    with pytest.raises(Exception, match="has no version that this program knows"):
        service(read).run()
    opened(tmp_path / "state", "told").close()


@pytest.mark.parametrize("once", [False, True])
def test_a_disk_that_refuses_is_waited_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    once: bool,
) -> None:
    """It is said once; the configuration can be read again meanwhile, and a signal ends it."""
    attempts = 0

    def refuse(*_: object, **__: object) -> None:
        nonlocal attempts
        attempts += 1
        os.kill(os.getpid(), signal.SIGHUP if attempts < 3 else signal.SIGTERM)
        raise BlockedError("the disk is full")

    monkeypatch.setattr("forwarder.app.saved_state.Spool", refuse)
    assert service(configured(tmp_path, Told(nothing)), once=once).run() is not once
    said = capsys.readouterr().err
    assert said.count("The spool cannot be opened now; retrying.") == 1
    assert said.count("The configuration was read again.") == 2


def test_it_begins_when_the_disk_does_not_refuse_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself."""
    monkeypatch.setattr("forwarder.app.service._RETRY_SECONDS", 0.01)
    refusals = iter([BlockedError("the disk is full")])

    def refuse_once(folder: Path, **limits: int) -> Spool:
        for error in refusals:
            raise error
        return Spool(folder, **limits)

    monkeypatch.setattr("forwarder.app.saved_state.Spool", refuse_once)
    append(tmp_path, logins(1))
    told = Told(nothing)
    assert service(configured(tmp_path, told), once=True).run()
    assert len(told.taken) == 1


SOON = timedelta(milliseconds=300)


def away(_: Sequence[Document]) -> None:
    """Take nothing."""
    raise Unavailable("connection refused")


def test_once_gives_up_when_no_output_takes_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others have all; what waits goes on with the next run."""
    append(tmp_path, logins(1, 2))
    told = Told(away)
    more = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"
    read = configured(tmp_path, told, more=more)
    assert not service(read, once=True, give_up_after=SOON).run()
    said = capsys.readouterr().err
    assert "The service gives up: nothing could be delivered" in said
    assert "after=300ms" in said
    assert "2 documents still wait for output 'told'" in said
    assert (tmp_path / "auth.ndjson").read_bytes().count(b"\n") == 2
    again = Told(nothing)
    assert service(configured(tmp_path, again, more=more), once=True).run()
    assert len(again.taken) == 2


@pytest.mark.parametrize("where", ["open", "write"])
def test_once_gives_up_on_an_output_that_hangs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    """Wherever it does not come back from; the others have all."""
    monkeypatch.setattr("forwarder.app.runtime.STOP_WITHIN", timedelta(seconds=0.2))
    goes_on = threading.Event()

    def hang(*_: object) -> None:
        goes_on.wait(60)

    told = Told(hang if where == "write" else nothing)
    if where == "open":
        monkeypatch.setattr(told, "open", hang)
    append(tmp_path, logins(1, 2))
    more = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"
    read = configured(tmp_path, told, more=more)
    assert not service(read, once=True, give_up_after=SOON).run()
    said = capsys.readouterr().err
    assert "The service gives up: nothing could be delivered" in said
    assert "2 documents still wait for output 'told'" in said
    assert (tmp_path / "auth.ndjson").read_bytes().count(b"\n") == 2
    trouble = summarise(tmp_path / "state").outputs["told"].progress.trouble
    assert trouble is not None
    call = "write" if where == "write" else "open"
    assert trouble.error == f"it did not return from {call} before the service ended"
    goes_on.set()


def test_once_does_not_give_up_while_something_is_delivered(tmp_path: Path) -> None:
    """However long all of it takes."""
    append(tmp_path, logins(*range(1, 40)))
    tries = 0

    def now_and_then(documents: Sequence[Document]) -> list[Failure]:
        nonlocal tries
        tries += 1
        if tries % 3:
            raise Unavailable("not now")
        return [Failure(x, "later", retryable=True) for x in documents[1:]]

    told = Told(now_and_then)
    assert service(configured(tmp_path, told), once=True, give_up_after=GIVE_UP_AFTER).run()
    assert len(told.taken) == 39


def test_once_gives_up_on_a_state_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service waits for it."""

    def refuse(*_: object, **__: object) -> None:
        raise BlockedError("the disk is read-only")

    monkeypatch.setattr("forwarder.app.saved_state.Spool", refuse)
    assert not service(configured(tmp_path, Told(nothing)), once=True, give_up_after=SOON).run()
    assert "The service gives up" in capsys.readouterr().err


def test_once_gives_up_on_a_state_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though it could be opened."""
    commit = Spool.commit

    def refuse(self: Spool, documents: Sequence[Document], *rest: Any) -> None:  # noqa: ANN401 - as it was
        if documents:
            raise BlockedError("the disk is full")
        commit(self, documents, *rest)

    append(tmp_path, logins(1))
    monkeypatch.setattr(Spool, "commit", refuse)
    read = configured(tmp_path, Told(nothing))
    assert not service(read, once=True, give_up_after=SOON).run()
    said = capsys.readouterr().err
    assert "The service gives up" in said
    assert "the logs were not read to their end" in said


@pytest.mark.parametrize("all_of_it", [False, True])
def test_a_state_that_is_deleted_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, all_of_it: bool
) -> None:
    """With what was deleted, and what to do; nothing of it is a fault of the program."""
    state = tmp_path / "state"

    def delete(_: Sequence[Document]) -> None:
        if all_of_it:
            shutil.rmtree(state)
        else:
            (state / "spool.db").unlink()
        append(tmp_path, logins(2))

    append(tmp_path, logins(1))
    assert not service(configured(tmp_path, Told(delete))).run()
    said = capsys.readouterr().err
    what = state if all_of_it else state / "spool.db"
    assert f"'{what}' was deleted while this ran" in said
    assert "start the service again" in said
    assert "Traceback" not in said
    assert "fault of the program" not in said


def test_an_error_of_the_system_is_no_bug_of_an_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said in one sentence; a bug comes with where it is."""

    def hang_up(_: Sequence[Document]) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    append(tmp_path, logins(1))
    assert not service(configured(tmp_path, Told(hang_up)), once=True).run()
    said = capsys.readouterr().err
    assert "Output stopped until" in said
    assert "BrokenPipeError: [Errno 32] Broken pipe" in said
    assert "Traceback" not in said
