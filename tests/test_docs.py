"""The documentation says what is so: examples are run, tables and help texts compared."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pytest

from forwarder import __version__
from forwarder.config.load import load
from forwarder.plugins import find_outputs
from tests import conftest, help_texts, output_settings
from tests.ecs_fields import FIELDS, Field

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE, CHANGELOG = (
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
)
FIELD_LIST, INPUTS, OPERATIONS, OUTPUTS = (
    ROOT / "docs" / f"{x}.md" for x in ("fields", "inputs", "operations", "outputs")
)
DOCUMENTS = (
    README,
    ARCHITECTURE,
    CHANGELOG,
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples" / "elasticsearch" / "README.md",
)
SAMPLES = ROOT / "examples" / "mail_logs"

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def block(mark: str, path: Path = README) -> str:
    """Return what is in the one block of a document behind a mark."""
    (found,) = blocks(mark, path)
    return found


def blocks(mark: str, path: Path = README) -> list[str]:
    """Return what is in the blocks of a document behind a mark."""
    pattern = rf"^<!-- {mark} -->\n```\w+\n(.*?)^```$"
    return re.findall(pattern, path.read_text(), re.MULTILINE | re.DOTALL)


def between(mark: str, path: Path) -> str:
    """Return what is in a document between a mark and its end."""
    _, begun, text = path.read_text().partition(f"<!-- {mark} -->\n")
    text, ended, _ = text.partition(f"<!-- /{mark} -->\n")
    assert begun, mark
    assert ended, mark
    return text


def rows(text: str) -> Iterator[list[str]]:
    """Give the cells of a table's rows, without its head."""
    lines = [x for x in text.splitlines() if x.startswith("|")]
    # A bar in a cell is written with a backslash.
    return ([y.strip() for y in re.split(r"(?<!\\)\|", x)[1:-1]] for x in lines[2:])


def run(command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, with the program on the path."""
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }
    return subprocess.run(  # noqa: S603 - our own text
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )


def contains(whole: Any, part: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Say whether each value of an excerpt is where the document has it."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    return bool(whole == part)


def commands() -> list[tuple[str, str]]:
    """Return the commands of the documents that are marked to be run, and their output."""
    found = []
    for text in chain.from_iterable(blocks("run", x) for x in DOCUMENTS):
        lines = text.splitlines()
        command = [x[2:] for x in lines if x.startswith(("$ ", "> "))]
        found.append(("\n".join(command), "".join(f"{x}\n" for x in lines[len(command) :])))
    return found


@pytest.mark.parametrize(("command", "output"), commands())
def test_a_marked_example_prints_what_is_shown(command: str, output: str) -> None:
    """They are run for real."""
    if "jq " in command and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    result = run(command)
    assert result.stdout == output
    assert not result.stderr


def test_the_configuration_of_the_readme_is_good(tmp_path: Path) -> None:
    """It has no mistake."""
    path = tmp_path / "config.yaml"
    path.write_text(block("config"))
    assert list(load(path, find_outputs).outputs) == ["archive"]


def test_the_unit_starts_what_the_readme_installs() -> None:
    """And every document that is named is there."""
    unit = (ROOT / "examples" / "systemd" / "esa-forwarder.service").read_text()
    (folder,) = re.findall(r"^\$ sudo python3 -m venv (\S+)$", README.read_text(), re.MULTILINE)
    assert f"\nExecStart={folder}/bin/esa-forwarder run\n" in unit
    assert f"\n$ sudo ln -s {folder}/bin/esa-forwarder /usr/local/bin/\n" in README.read_text()
    assert "Documentation=" not in unit


def test_the_folders_of_the_readmes_configuration_are_made(tmp_path: Path) -> None:
    """Before it is checked; that of the state for its owner alone, as the program wants it."""
    path = tmp_path / "config.yaml"
    path.write_text(block("config"))
    config = load(path, find_outputs)
    before, _, _ = README.read_text().partition("$ esa-forwarder check")
    made = re.findall(r'^\$ sudo install -d -o "\$USER" (.*)$', before, re.MULTILINE)
    archive = config.outputs["archive"].settings.model_dump()["path"].parent
    assert made == [f"/etc/esa-forwarder {archive}", f"-m 700 {config.state}"]


def test_every_command_is_documented() -> None:
    """With its help as it is; `make docs` writes the page."""
    assert (ROOT / "docs" / "commands.md").read_text() == help_texts.page()


def test_the_lines_at_the_top_give_the_document_below_them() -> None:
    """The excerpt is part of it."""
    result = run("esa-forwarder parse -q --timezone Europe/Rome", block("before"))
    (document,) = map(json.loads, result.stdout.splitlines())
    assert contains(document, json.loads(block("after")))


def test_the_whole_document_is_one_of_the_sample_logs() -> None:
    """Field by field, where the samples are said to lie below another folder."""
    shown = json.loads(block("document", FIELD_LIST))
    lines = run(f"esa-forwarder parse -q {SAMPLES}").stdout.replace(str(SAMPLES), "/srv/esa")
    real = {x["event"]["id"]: x for x in map(json.loads, lines.splitlines())}
    assert shown == real[shown["event"]["id"]]


def test_each_framing_that_is_shown_is_read() -> None:
    """As the same login in each."""
    lines = block("framings", INPUTS)
    result = run("esa-forwarder parse -q --year 2026", lines)
    documents = [json.loads(x) for x in result.stdout.splitlines()]
    assert len(documents) == len(lines.splitlines())
    assert {x["user"]["name"] for x in documents} == {"m.rossi"}
    assert {x["@timestamp"][10:] for x in documents} == {"T09:44:48.000Z", "T11:44:48.000Z"}


def test_the_settings_of_the_outputs_are_as_the_program_has_them() -> None:
    """`make docs` writes them; each output that comes with the program is there."""
    text = OUTPUTS.read_text()
    assert output_settings.page(text) == text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    types = project["project"]["entry-points"]["forwarder.outputs"]
    assert [x for x in types if f"\n## {x}\n" not in text] == []


def test_the_status_is_shown_as_it_is(tmp_path: Path) -> None:
    """Of the sample logs, up to what is free on the disk, times, and widths of columns."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"state: {tmp_path}/state\n"
        f"inputs: [{{type: files, paths: ['{SAMPLES}/{{appliance}}/mail*']}}]\n"
        f"outputs: {{archive: {{type: file, path: {tmp_path}/auth.ndjson}}}}\n"
    )
    run(f"esa-forwarder run --once -c {path} 2>/dev/null")
    shown, told = (
        block("status", OPERATIONS),
        run(
            f"esa-forwarder status -c {path} || [ $? = 2 ]"  # it does not run
        ).stdout,
    )
    told = told.replace(str(SAMPLES), "/srv/esa")
    differs = re.compile(
        r"(?<=free on the disk: )[\d,]+|\d{4}-\d\d-\d\dT\d\d:\S+|[\d,]+ s +[\d,]+|(?<= ) +"
    )
    assert differs.sub("", told) == differs.sub("", shown)


@cache
def texts() -> frozenset[str]:
    """Return the texts in the sources of the program and its outputs."""
    paths = [*(ROOT / "forwarder").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    nodes = chain.from_iterable(ast.walk(ast.parse(x.read_text())) for x in paths)
    found = {x.value for x in nodes if isinstance(x, ast.Constant) and isinstance(x.value, str)}
    return frozenset(found)


@pytest.mark.parametrize("event", [x for x, *_ in rows(between("events", OPERATIONS))])
def test_an_event_is_called_as_the_program_logs_it(event: str) -> None:
    """What operators look for in the log is written there so."""
    assert any(event.strip("`").rstrip(".") in x for x in texts())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda x: x.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    """To a file or folder, and to a heading where it names one."""
    text = _FENCE.sub("", path.read_text())
    for link in re.findall(r"\]\(([^)]+)\)", text):
        target, _, heading = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = path.parent / target if target else path
        assert found.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", _FENCE.sub("", found.read_text()), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", x).lower().replace(" ", "-") for x in titles}
            assert heading in slugs, link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda x: x.name)
@pytest.mark.parametrize(
    "pattern",
    [
        r"(?<![\w.])/(?:work|root|home|tmp)\b",
        r"(?i)\b(?:this|last|next|earlier|previous|working|coding) session\b",
        r"(?i)pypi\.|pythonhosted\.|devpi|artifactory|index-url",
        r"(?i)\b(?:todo|fixme|tbd)\b",
    ],
    ids=["paths", "how it was made", "package indexes", "loose ends"],
)
def test_documents_speak_of_the_program_alone(path: Path, pattern: str) -> None:
    """Not of the machine it was made on, nor of how it was made."""
    found = [x for x in path.read_text().splitlines() if re.search(pattern, x)]
    assert not found


def test_the_list_of_fields_is_complete() -> None:
    """Each field of the program's table once, and no other."""
    names = [name.strip("`") for name, *_ in rows(between("fields", FIELD_LIST))]
    assert sorted(names) == sorted(FIELDS)


@cache
def field_rows() -> dict[str, list[str]]:
    """Return the rows of the list of fields by the field's name."""
    return {name.strip("`"): cells for name, *cells in rows(between("fields", FIELD_LIST))}


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda x: x.name)
def test_a_field_is_described_as_the_program_has_it(field: Field) -> None:
    """With its type, whether each document has it, and all values that it may have."""
    kind, always, meaning = field_rows()[field.name]
    assert kind == field.type + " []" * field.array
    assert always == ("yes" if field.required else "")
    if isinstance(field.allowed, tuple):
        assert [x for x in field.allowed if f"`{x}`" not in meaning] == []


def test_every_dependency_has_its_reason() -> None:
    """In the architecture, those of development and of the build as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[<>=!~ \[;]", x)[0] for x in requirements}
    text = ARCHITECTURE.read_text()
    assert {x for x in names if f"| `{x}` |" not in text} == set()


def test_the_changelog_has_this_version() -> None:
    """With what is not released yet above it, and none twice."""
    versions = re.findall(r"^## \[(.*?)\]", CHANGELOG.read_text(), re.MULTILINE)
    assert versions[:2] == ["Unreleased", __version__]
    assert [x for x, same in groupby(sorted(versions)) if len(list(same)) > 1] == []


@pytest.mark.parametrize("beginning", conftest.SLOW)
def test_what_make_check_leaves_out_is_there(beginning: str) -> None:
    """A test that is renamed would come back in silence."""
    module, _, test = beginning.partition("::")
    paths = list((ROOT / "tests").rglob(f"{module.removesuffix('.py')}*.py"))
    assert any(f"def {test}" in x.read_text() for x in paths)


def test_every_file_that_the_architecture_names_is_there() -> None:
    """Under a folder of the repository, or of the program."""
    text = _FENCE.sub("", ARCHITECTURE.read_text())
    names = re.findall(r"`((?:\w+/)*\w+\.py|(?:tests|plugins|docs)(?:/\w+)+)`", text)
    assert names
    assert [x for x in names if not list(ROOT.glob(x)) and not list(ROOT.glob(f"*/**/{x}"))] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda x: x.name)
def test_every_command_that_is_shown_is_there(path: Path) -> None:
    """With the options that are shown."""
    known = help_texts.page()
    for words in re.findall(r"esa-forwarder((?: [^`|\n]+)?)", path.read_text()):
        for option in re.findall(r" (--[a-z][a-z-]*)", words):
            assert f" {option} " in known, option


@pytest.mark.parametrize(("path", "most"), [(README, 18_000), (ARCHITECTURE, 20_000)])
def test_a_document_stays_short(path: Path, most: int) -> None:
    """In bytes: what is for some readers only belongs into docs."""
    assert path.stat().st_size <= most
