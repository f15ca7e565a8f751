"""The objects for Kibana hold to Elastic's specification of packages, by Elastic's validator.

Kibana itself cannot be had here. The validator finds objects that are not whole, ids that are wrong
and references that lead nowhere; that Kibana shows an object well, it does not prove.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_assets import OBJECTS, RULES

_SOURCE = Path(__file__).with_name("package_spec")
_CI = os.environ.get("CI") == "true"

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
    if shutil.which("go") is None and not _CI:
        pytest.skip("Go is not installed, so Elastic's validator of packages cannot be built")
    program = tmp_path_factory.mktemp("go") / "validate"
    command = ["go", "build", "-mod=mod", "-o", str(program), "."]
    # A copy, as Go may write into go.mod.
    source = shutil.copytree(_SOURCE, program.parent / "source")
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert built.returncode == 0, built.stderr
    return program


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
