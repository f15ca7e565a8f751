"""Reading of the sources beside this module."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def read(name: str) -> Any:  # noqa: ANN401 - a list or a mapping
    """Read a file of YAML into plain values."""
    return YAML(typ="safe", pure=True).load(Path(__file__).with_name(name))
