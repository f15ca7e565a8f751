"""Configurations for tests, with output plugins that need no server."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, SecretStr, field_validator

from forwarder.config.load import Config, InvalidConfigError, load
from forwarder.config.types import WrittenPath
from forwarder.errors import ConfigError, EndedBySignal
from forwarder.events import Document
from forwarder.output import Expected, Failure, Finding, OutputPlugin, Unavailable

LEAST = """\
inputs:
  - {type: stdin}
outputs:
  siem: {type: server, hosts: [a]}
"""


class Login(BaseModel):
    """How to log in."""

    user: str = "forwarder"
    password: SecretStr | None = None


class ServerSettings(BaseModel):
    """Settings of an output that is much like a real one."""

    hosts: list[str]
    api_key: SecretStr | None = None
    port: int = 9200
    verify: bool = True
    login: Login = Login()
    headers: dict[str, SecretStr] = {}

    @field_validator("api_key")
    @classmethod
    def _long(cls, key: SecretStr | None) -> SecretStr | None:
        # A plugin that says more than it should.
        if key is not None and len(key.get_secret_value()) < 8:
            raise ValueError(f"the key {key.get_secret_value()!r} is too short")
        return key


class Rest(BaseModel):
    """Settings within settings."""

    spare: WrittenPath | None = None


class FolderSettings(BaseModel):
    """Settings of an output that writes, and reads a file that others may read, too."""

    path: WrittenPath
    ca_certs: Path | None = None
    copies: list[WrittenPath] = []
    by_name: dict[str, Rest] = {}


class BrokenSettings(BaseModel):
    """Settings of a plugin with a mistake in it."""

    path: str

    @field_validator("path")
    @classmethod
    def _fail(cls, path: str) -> str:
        raise RuntimeError(path)


class Flag(BaseModel):
    """A boolean within others."""

    on: bool


class FlagSettings(BaseModel):
    """Settings of an output with booleans in all places."""

    plain: bool
    may: bool | None = None
    flags: list[Flag] = []
    named: dict[str, Annotated[Flag, "of a name"]] = {}
    either: bool | str = True
    other: object = None


class RefusingSettings(BaseModel):
    """Settings of a plugin that refuses them, in words that the configuration says."""

    api_key: SecretStr | None = None
    reason: str

    @field_validator("reason")
    @classmethod
    def _refuse(cls, reason: str) -> str:
        raise ValueError(reason)


class QuietSettings(BaseModel):
    """Settings of a plugin that has none."""


class Nowhere:
    """An output that takes everything."""

    def open(self) -> None:
        """Do nothing."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:  # noqa: ARG002
        """Take everything."""
        return ()

    def close(self) -> None:
        """Do nothing."""


def build(_: object) -> Nowhere:
    """Make an output."""
    return Nowhere()


def check_server(settings: ServerSettings, expected: Expected) -> Iterator[Finding]:
    """Find what the first host says."""
    match settings.hosts[0]:
        case "down":
            raise Unavailable("down does not answer")
        case "bug":
            raise KeyError("https://user:hunter2@bug")
        case "talks":
            raise KeyError(f"https://user:{'hunter2' * 1_000}@talks")
        case "quits":
            raise SystemExit(0)
        case "stopped":
            raise EndedBySignal(143)
        case "curious":
            namespaces = ", ".join((expected.namespace, *expected.own_namespaces))
            text = f"{namespaces} of {', '.join(expected.appliances)}"
            yield Finding(good=True, text=text)
        case host:
            yield Finding(good=True, text=f"{host} answers")
            yield Finding(host != "old", f"{host} has version 9", "Update it." * (host == "old"))


PLUGINS = {
    x.name: x
    for x in (
        OutputPlugin("server", ServerSettings, build, check_server),
        OutputPlugin("folder", FolderSettings, build),
        OutputPlugin("broken", BrokenSettings, build),
        OutputPlugin("flags", FlagSettings, build),
        OutputPlugin("refusing", RefusingSettings, build),
        OutputPlugin("quiet", QuietSettings, build),
        OutputPlugin("lean", QuietSettings, build, profile="lean"),
    )
}


def find_plugins(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
    """Stand for what is installed."""
    for name in types:
        if name not in PLUGINS:
            raise ConfigError(f"no output of type {name!r} is installed")
    return {x: PLUGINS[x] for x in types}


def read(folder: Path, text: str | bytes, **environment: str) -> Config:
    """Write a configuration into a folder and load it."""
    path = folder / "esa.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, find_plugins, environment)


def mistakes(folder: Path, text: str | bytes, **environment: str) -> list[str]:
    """Load a configuration that is wrong; give what is said, without the folder."""
    with pytest.raises(InvalidConfigError) as caught:
        read(folder, text, **environment)
    return [x.removeprefix(f"{folder}/") for x in str(caught.value).splitlines()]
