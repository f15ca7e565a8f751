"""Outputs that cannot be made: a configuration with one of them is refused."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from forwarder.app.service import Service
from forwarder.config.load import Config
from forwarder.errors import ConfigError, ForwarderError
from forwarder.events import Document
from forwarder.output import Unavailable
from tests.services import Told, append, configured, logins

ARCHIVE = "  archive: {{type: file, path: {folder}/auth.ndjson}}\n"
ERRORS = {
    "a and b go not together.": ConfigError("a and b go not together."),
    "the client is not there": Unavailable("the client is not there"),
    "RuntimeError: boom": RuntimeError("boom"),
    "SystemExit: 9": SystemExit(9),
}


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


@pytest.mark.parametrize(("text", "error"), ERRORS.items())
def test_what_cannot_be_made_refuses_the_start(
    tmp_path: Path, text: str, error: BaseException
) -> None:
    """With the name of the output and its type; nothing was begun."""
    append(tmp_path, logins(1, 2))
    read = configured(tmp_path, Told(take), more=ARCHIVE, build=raising(error))
    with pytest.raises(ForwarderError) as raised:
        service(read, once=True).run()
    assert str(raised.value) == f"output 'told' (type told): {text}"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("text", "error"), ERRORS.items())
def test_sighup_keeps_the_old_configuration_where_an_output_cannot_be_made(
    tmp_path: Path, text: str, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether its plugin foresaw it or not."""
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
    assert f"output 'told' (type told): {text}" in said
