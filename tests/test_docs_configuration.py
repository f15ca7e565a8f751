"""The reference of the settings says what is so, and the example is one that works."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from forwarder.config import models
from forwarder.config.load import load
from forwarder.output import OutputPlugin
from tests.configs import build
from tests.output_settings import default, kind

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLE = ROOT / "examples" / "config" / "esa-forwarder.yaml"

MODELS = {
    x.__name__: x
    for x in vars(models).values()
    if isinstance(x, type) and issubclass(x, models.Settings) and x is not models.Settings
}
FIELDS = [(x, y, z) for x, model in MODELS.items() for y, z in model.model_fields.items()]


def table(model: str) -> dict[str, list[str]]:
    """Give type, default and meaning of each setting that the reference has for a model."""
    _, found, text = REFERENCE.partition(f"<!-- settings {model} -->\n")
    assert found, model
    lines = text.partition("\n\n")[0].splitlines()[2:]
    rows = [[y.strip() for y in x.split("|")[1:-1]] for x in lines]
    return {name.strip("`"): rest for name, *rest in rows}


@pytest.mark.parametrize("model", MODELS)
def test_the_reference_has_each_setting_once(model: str) -> None:
    """In the order of the program, and no other."""
    assert list(table(model)) == list(MODELS[model].model_fields)


@pytest.mark.parametrize(("model", "name", "field"), FIELDS, ids=lambda x: str(x)[:20])
def test_the_reference_is_as_the_program_has_it(model: str, name: str, field: FieldInfo) -> None:
    """By type and default; and editors are told something, too."""
    shown, given, meaning = table(model)[name]
    # In the model a size is a number with a reader of its own.
    expected = "size" if shown == "size" and "_size" in str(field.metadata) else None
    assert shown == (expected or kind(field.annotation))
    assert given == default(field, shown)
    assert meaning
    assert field.description


def load_example(folder: Path, text: str) -> list[str]:
    """Load a configuration with an output like the one that is installed; give its outputs."""

    class FileSettings(BaseModel):
        path: Path

    class SearchSettings(BaseModel):
        hosts: list[str]
        api_key: str

    plugins = {
        "file": OutputPlugin("file", FileSettings, build),
        "elasticsearch": OutputPlugin("elasticsearch", SearchSettings, build),
    }

    def find(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
        return {x: plugins[x] for x in types}

    path = folder / "esa.yaml"
    path.write_text(text)
    return list(load(path, find, {}).outputs)


def test_the_example_works(tmp_path: Path) -> None:
    """As it is; what is commented out works, too."""
    text = EXAMPLE.read_text()
    assert load_example(tmp_path, text) == ["archive"]
    (tmp_path / "key").write_text("0123456789abcdef")
    inner = re.findall(r"^# ((?:inputs|outputs):\n(?:# .*\n)+)", text, re.MULTILINE)
    blocks = [re.sub("^# ", "", x, flags=re.MULTILINE) for x in inner]
    assert len(blocks) == 2
    rest = re.findall(
        r"^# ((?:state|appliances|known_appliances_only|documents|spool|dead_letters|log|http):.*\n"
        r"(?:#   .*\n)*)",
        text,
        re.MULTILINE,
    )
    blocks += [re.sub("^# ", "", x, flags=re.MULTILINE) for x in rest]
    assert len(blocks) == 10
    whole = re.sub(r"/etc/esa-forwarder/\w+_(key|token)", str(tmp_path / "key"), "".join(blocks))
    assert load_example(tmp_path, whole) == ["siem"]


def test_the_example_of_the_reference_works(tmp_path: Path) -> None:
    """The first is the least there is; others are parts."""
    text, *parts = re.findall(r"^```yaml\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    assert load_example(tmp_path, text) == ["archive"]
    assert load_example(tmp_path, "".join((text, *parts))) == ["archive"]


def test_the_defaults_of_the_example_are_so() -> None:
    """Where it says a value, and not that it is one by example."""
    text = EXAMPLE.read_text()
    assert f"# state: {table('TopSettings')['state'][1].strip('`')}\n" in text
    for section, model in (
        ("documents", "Document"),
        ("spool", "Spool"),
        ("dead_letters", "DeadLetter"),
        ("log", "Log"),
    ):
        _, _, block = text.partition(f"# {section}:\n")
        block = block.partition("\n\n")[0]
        for name, (_, given, _) in table(f"{model}Settings").items():
            shown = re.search(rf"^#   {name}: +(\S+)(.*)$", block, re.MULTILINE)
            assert shown, name
            assert "example" in shown[2] or shown[1] == given.strip("`"), name
    for model in ("BatchSettings", "RetrySettings"):
        for name, (_, given, _) in table(model).items():
            assert f"#       {name}: {given.strip('`')}\n" in text, name
