"""Outputs whose plugin does something else than to make them: the others go on."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from forwarder.app.service import Service
from forwarder.config.load import Config
from forwarder.errors import ConfigError, ForwarderError
from forwarder.events import Document
from forwarder.output import Unavailable
from tests.services import Told, append, configured, logins

ARCHIVE = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"
FORESEEN = [ConfigError("a and b go not together."), Unavailable("the client is not there")]
FAULTS = [RuntimeError("boom"), SystemExit(9), KeyboardInterrupt()]


def raising(*what: Told | BaseException) -> Callable[[object], object]:
    """Make these outputs, or raise these errors, one after the other."""
    left = iter(what)

    def build(_: object) -> object:
        made = next(left)
        if isinstance(made, BaseException):
            raise made
        return made

    return build


def take(_: Sequence[Document]) -> None:
    """Take everything."""


def service(read: Callable[[], Config], *, once: bool = False) -> Service:
    """Make a service of a configuration."""
    return Service(read(), read, once=once)


def archived(folder: Path) -> int:
    """Count the documents that the other output has."""
    path = folder / "auth.ndjson"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@contextmanager
def signalling(condition: Callable[[], bool], *numbers: int) -> Iterator[None]:
    """Send signals to this process, each as soon as something is so."""
    is_over = threading.Event()

    def watch() -> None:
        for number in numbers:
            while not condition():
                if is_over.wait(0.01):
                    return
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_a_fault_in_making_stops_one_output(
    tmp_path: Path, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loudly; the other has everything, and what waits stays."""
    append(tmp_path, logins(1, 2))
    read = configured(tmp_path, Told(take), more=ARCHIVE, build=raising(error))
    assert not service(read, once=True).run()
    assert archived(tmp_path) == 2
    said = capsys.readouterr().err
    assert "Output stopped until the service is restarted" in said
    assert f"output=told error={type(error).__name__}" in said.replace('"', "")
    assert "2 documents still wait for output 'told'" in said


@pytest.mark.parametrize("error", FORESEEN, ids=repr)
def test_what_a_plugin_foresaw_refuses_the_start(tmp_path: Path, error: ForwarderError) -> None:
    """With the name of the output and its type; nothing was begun."""
    append(tmp_path, logins(1, 2))
    read = configured(tmp_path, Told(take), more=ARCHIVE, build=raising(error))
    with pytest.raises(ForwarderError) as raised:
        service(read, once=True).run()
    assert str(raised.value) == f"output 'told' (type told): {error}"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("error", FORESEEN, ids=repr)
def test_sighup_keeps_the_old_configuration_where_an_output_cannot_be_made(
    tmp_path: Path, error: ForwarderError, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the plugin foresaw."""
    signals = iter([signal.SIGHUP, signal.SIGTERM])

    def act(_: Sequence[Document]) -> None:
        append(tmp_path, logins(2))
        os.kill(os.getpid(), next(signals))

    append(tmp_path, logins(1))
    told = Told(act)
    assert service(configured(tmp_path, told, build=raising(told, error))).run()
    assert len(told.taken) == 2
    said = capsys.readouterr().err
    assert "The new configuration is not valid; the old one stays." in said
    assert f"output 'told' (type told): {error}" in said


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_sighup_survives_a_fault_in_making(
    tmp_path: Path, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """That output is stopped then; the others go on with the new configuration."""
    append(tmp_path, logins(1))
    told = Told(take)
    read = configured(tmp_path, told, more=ARCHIVE, build=raising(told, error))
    said = ""

    def is_stopped() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        is_seen = "Output stopped until" in said and "is in use" in said
        return is_seen and archived(tmp_path) == 1

    with (
        signalling(lambda: len(told.taken) == 1, signal.SIGHUP),
        signalling(is_stopped, signal.SIGTERM),
    ):
        assert service(read).run()
    assert f"{type(error).__name__}" in said
    assert archived(tmp_path) == 1
