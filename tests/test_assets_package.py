"""The objects for Kibana hold to Elastic's specification of packages, by Elastic's validator.

Kibana itself cannot be had here. The validator finds objects that are not whole, ids that are wrong
and references that lead nowhere; that Kibana shows an object well, it does not prove.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_assets import OBJECTS, RULES

_SOURCE = Path(__file__).with_name("package_spec")
_CI = os.environ.get("CI") == "true"

_VERSION = re.compile(r"^go ?(\d+(?:\.\d+)+)", re.MULTILINE)
"""In a go.mod, and in the words of Go itself."""
_FETCHES = (1, 21)
"""From this version on, Go fetches the one that a module asks for."""

_MANIFEST = """\
format_version: 3.4.0
name: cisco_esa
title: SMTP logins at Cisco Secure Email Gateways
description: SMTP logins at Cisco Secure Email Gateways
version: 1.0.0
type: integration
categories: [security, email_security]
conditions:
  kibana: {version: "^8.15.0"}
  elastic: {capabilities: [security]}
owner: {github: example/owners, type: community}
"""

_CHANGELOG = """\
- version: 1.0.0
  changes:
    - {description: The first., type: enhancement, link: https://github.com/example/p/pull/1}
"""

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the validator; Go keeps what it fetched and built for the next time."""
    reason = "Go is not installed"
    if shutil.which("go") is not None:
        wanted = (_SOURCE / "go.mod").read_text()
        reason = why_not(wanted, _go_env("GOVERSION"), _go_env("GOTOOLCHAIN"))
    if reason and not _CI:
        pytest.skip(f"{reason}, so Elastic's validator of packages cannot be built")
    program = tmp_path_factory.mktemp("go") / "validate"
    command = ["go", "build", "-mod=mod", "-o", str(program), "."]
    # A copy, as Go may write into go.mod.
    source = shutil.copytree(_SOURCE, program.parent / "source")
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert built.returncode == 0, built.stderr
    return program


def _go_env(name: str) -> str:
    # Not beside a go.mod, which has a newer Go fetch what the module asks for.
    command = ["go", "env", name]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return done.stdout.strip()


def why_not(module: str, version: str, toolchain: str) -> str:
    """Say why a Go cannot build a module; nothing if it can.

    Args:
        module: What is in its go.mod.
        version: Of this Go, as it names it: ``go1.26.8``.
        toolchain: Its GOTOOLCHAIN: whether it fetches a newer Go where one is asked for, which it
            can from 1.21 on. That of Debian does not, unless it is told to.
    """
    asked = _VERSION.search(module)
    here = _VERSION.search(version)
    assert asked is not None
    if here is None:
        return f"Go does not say which version it is ({version!r})"
    if _numbers(here) >= _numbers(asked):
        return ""
    if _numbers(here) >= _FETCHES and toolchain != "local":
        return ""
    return f"Go {here[1]} is too old for what asks for {asked[1]} (GOTOOLCHAIN={toolchain})"


def _numbers(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(map(int, found[1].split(".")))


_MODULE = "module a\n\ngo 1.26.0\n\nrequire github.com/a/b/v3 v3.6.6\n"


@pytest.mark.parametrize(
    ("version", "toolchain", "words"),
    [
        ("go1.26.8", "local", ""),
        ("go1.26.0", "auto", ""),
        ("go1.27rc1", "auto", ""),
        ("go1.26", "auto", ""),
        ("go1.21.0", "auto", ""),
        ("go1.24.4", "local", "Go 1.24.4 is too old for what asks for 1.26.0 (GOTOOLCHAIN=local)"),
        ("go1.19.8", "", "Go 1.19.8 is too old for what asks for 1.26.0 (GOTOOLCHAIN=)"),
        ("devel", "auto", "Go does not say which version it is ('devel')"),
    ],
)
def test_a_go_that_is_too_old_is_said(version: str, toolchain: str, words: str) -> None:
    """As that of Debian 12, which cannot even read such a go.mod."""
    assert why_not(_MODULE, version, toolchain) == words


def validate(validator: Path, folder: Path, change: Change | None = None) -> str:
    """Wrap all objects into a package; give what the validator has to say."""
    package = folder / "cisco_esa"
    (package / "docs").mkdir(parents=True)
    (package / "manifest.yml").write_text(_MANIFEST)
    (package / "changelog.yml").write_text(_CHANGELOG)
    (package / "docs" / "README.md").write_text("# SMTP logins\n")
    rules = [{"id": x["rule_id"], "type": "security-rule", "attributes": x} for x in RULES]
    for found in json.loads(json.dumps([*OBJECTS, *rules])):
        if change is not None:
            change(found)
        where = package / "kibana" / found["type"].replace("-", "_")
        where.mkdir(parents=True, exist_ok=True)
        (where / f"{found['id']}.json").write_text(json.dumps(found, indent=2))
    done = subprocess.run([validator, package], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout + done.stderr


def test_every_object_holds_to_the_specification(validator: Path, tmp_path: Path) -> None:
    """Data view, tag, searches, dashboard and rules."""
    assert validate(validator, tmp_path) == ""


def _lose_reference(found: dict[str, Any]) -> None:
    # Of views and tags it takes any: packages may use those of others.
    for reference in found["references"] if found["type"] == "dashboard" else ():
        if reference["type"] == "search":
            reference["id"] = "cisco_esa-nowhere"


def _break_panels(found: dict[str, Any]) -> None:
    if found["type"] == "dashboard":
        found["attributes"]["panelsJSON"] = "[{"


def _misname(found: dict[str, Any]) -> None:
    if found["type"] == "security-rule":
        found["attributes"]["rule_id"] = "another"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_lose_reference, "dangling reference"),
        (_break_panels, "failed to parse panels JSON"),
        (_misname, "should start with rule ID"),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_the_validator_would_find_what_is_wrong(
    validator: Path, tmp_path: Path, change: Change, words: str
) -> None:
    """A broken object of each kind does not pass."""
    assert words in validate(validator, tmp_path, change)
