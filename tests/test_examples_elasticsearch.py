"""The configurations of the example for Elasticsearch are right."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from forwarder.config.load import load
from forwarder.plugins import find_outputs

FOLDER = Path(__file__).parents[1] / "examples" / "elasticsearch"


def test_the_configuration_is_right(tmp_path: Path) -> None:
    """With a key in the file that it names, wherever that is."""
    key = tmp_path / "key"
    key.write_text("id:key\n")
    path = tmp_path / "esa.yaml"
    text = (FOLDER / "esa-forwarder.yaml").read_text()
    path.write_text(text.replace("/etc/esa-forwarder/es_api_key", str(key)))
    config = load(path, find_outputs, {})
    assert list(config.outputs) == ["siem"]
    assert config.documents.namespace == "production"


def test_the_configuration_in_the_compose_file_is_right(tmp_path: Path) -> None:
    """The rest of that file no test runs."""
    compose = YAML(typ="safe", pure=True).load((FOLDER / "compose.yaml").read_text())
    path = tmp_path / "esa.yaml"
    path.write_text(compose["configs"]["esa-forwarder.yaml"]["content"])
    assert list(load(path, find_outputs, {}).outputs) == ["siem"]


@pytest.mark.parametrize("name", ["README.md", "compose.yaml"])
def test_it_says_that_no_test_runs_the_compose_file(name: str) -> None:
    """Where a reader would look."""
    assert "No test runs" in (FOLDER / name).read_text()
