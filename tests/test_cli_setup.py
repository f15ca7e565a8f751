"""The command ``setup``, with an output that notes what is done."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from pydantic import BaseModel

from forwarder.cli.main import main
from forwarder.errors import ConfigError
from forwarder.output import OutputPlugin, SetupOptions, Step, Unavailable
from tests.configs import build

DONE: list[str] = []
"""What was done."""
ASKED: list[SetupOptions] = []
"""What was asked for."""


class Settings(BaseModel):
    """Of the output."""

    broken: bool = False


def _do(name: str) -> str:
    DONE.append(name)
    return "made"


def _fail() -> str:
    raise Unavailable("the other side is down.")


def give_steps(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Give a step that is done, one that may fail, one for people, and one that is a file alone."""
    ASKED.append(options)
    if options.values.get("space") == "wrong":
        raise ConfigError("there is no such space.")
    if options.values.get("space") == "by hand":
        yield Step("template a", "PUT /a", "{}", "a.json")
        return
    yield Step("template a", "PUT /a", '{\n  "a": 1\n}\n', "x/a.json", lambda: _do("a"))
    yield Step("template b", "PUT /b", "", "", _fail if settings.broken else lambda: _do("b"))
    yield Step("key", "POST /key", '{"\x1b": 1}', "key.json", by_hand=True)
    yield Step("rule", "", "title: c\n", "rule.yml")


def find_outputs(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
    """Stand for what is installed."""
    values = {"space": "Where.", "kibana": "What."}
    able = OutputPlugin("able", Settings, build, setup=give_steps, setup_values=values)
    return {x: able if x == "able" else OutputPlugin(x, Settings, build) for x in types}


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let these be installed, and leave logging as it was found."""
    monkeypatch.setattr("forwarder.plugins.find_outputs", find_outputs)
    DONE.clear()
    ASKED.clear()
    yield
    root = logging.getLogger()
    root.handlers[:] = [x for x in root.handlers if type(x).__module__ != "forwarder.log"]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def run(folder: Path, outputs: str, *arguments: str, **environment: str) -> Result:
    """Run the command with a configuration."""
    path = folder / "esa.yaml"
    path.write_text(f"inputs: [{{type: stdin}}]\noutputs: {outputs}\n")
    return CliRunner().invoke(main, ["setup", "-c", str(path), *arguments], env=environment)


ONE = "{siem: {type: able}, other: {type: unable}}"


def test_steps_are_done_in_order_and_what_is_for_people_is_shown(tmp_path: Path) -> None:
    """The one output that can be set up need not be named."""
    done = run(tmp_path, ONE)
    assert (done.exit_code, done.stderr, DONE) == (0, "", ["a", "b"])
    assert done.stdout == (
        "ok    template a: made\n"
        "ok    template b: made\n"
        "\nNot done; for you to do:\n\n"
        '# key\nPOST /key\n{"\\x1b": 1}\n\n'
    )


def test_a_step_that_fails_is_the_last(tmp_path: Path) -> None:
    """What was done before it is said."""
    done = run(tmp_path, "{siem: {type: able, broken: true}}")
    assert (done.exit_code, done.stdout) == (1, "ok    template a: made\n")
    assert done.stderr == "error: the other side is down.\n"


def test_a_dry_run_prints_and_does_nothing(tmp_path: Path) -> None:
    """Request and body of each step."""
    done = run(tmp_path, ONE, "--dry-run")
    assert (done.exit_code, DONE) == (0, [])
    assert done.stdout == (
        '# template a\nPUT /a\n{\n  "a": 1\n}\n\n# template b\nPUT /b\n\n'
        '# key\nPOST /key\n{"\\x1b": 1}\n\n# rule\ntitle: c\n\n'
    )


def test_an_export_writes_files_and_does_nothing(tmp_path: Path) -> None:
    """And where each goes is said."""
    folder = tmp_path / "new" / "out"
    done = run(tmp_path, ONE, "--export", str(folder))
    assert (done.exit_code, done.stderr, DONE) == (0, "", [])
    assert done.stdout == (
        f"{folder}/x/a.json: template a (PUT /a)\n"
        f"{folder}/key.json: key (POST /key)\n"
        f"{folder}/rule.yml: rule\n"
    )
    assert (folder / "x/a.json").read_text() == '{\n  "a": 1\n}\n'


def test_an_export_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the name."""
    (tmp_path / "x").write_text("in the way")
    done = run(tmp_path, ONE, "--export", str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {str(tmp_path / 'x')!r} cannot be written: ")


@pytest.mark.parametrize(
    ("outputs", "arguments", "words"),
    [
        (
            "{a: {type: able}, b: {type: able}}",
            (),
            "choose an output to set up with --output; available: a, b.",
        ),
        ("{a: {type: unable}}", (), "choose an output to set up with --output; available: none."),
        (ONE, ("--output", "other"), "choose an output to set up with --output; available: siem."),
        (ONE, ("--set", "space=wrong"), "there is no such space."),
        (ONE, ("--set", "space=by hand"), "--dry-run prints it, and --export DIR writes"),
        (
            ONE,
            ("--set", "space"),
            "--set takes NAME=VALUE, with one of these names: space, kibana.",
        ),
        (ONE, ("--set", "x=1"), "--set takes NAME=VALUE, with one of these names: space, kibana."),
        (ONE, ("--export", "new", "--remove"), "cannot be combined with --remove or --dry-run."),
        (ONE, ("--export", "new", "--dry-run"), "cannot be combined with --remove or --dry-run."),
        (
            ONE,
            ("--export", "new", "--make-key", "k"),
            "cannot be combined with --export or --remove.",
        ),
        (ONE, ("--remove", "--make-key", "k"), "cannot be combined with --export or --remove."),
    ],
)
def test_a_wrong_use_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outputs: str,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    """And nothing is done."""
    monkeypatch.chdir(tmp_path)
    done = run(tmp_path, outputs, *arguments)
    assert (done.exit_code, done.stdout, DONE) == (2, "", [])
    assert not (tmp_path / "new").exists()
    assert words in done.stderr


def test_one_of_several_outputs_can_be_named(tmp_path: Path) -> None:
    """By its name in the configuration."""
    done = run(tmp_path, "{a: {type: able}, b: {type: able}}", "--output", "b")
    assert (done.exit_code, DONE) == (0, ["a", "b"])


def test_options_reach_the_output(tmp_path: Path) -> None:
    """Those of the command line, and secrets from the environment."""
    run(
        tmp_path,
        ONE,
        *("--set", "kibana=https://k:5601/?a=b", "--set", "space=soc", "--remove", "--dry-run"),
        ESA_FORWARDER_SETUP_API_KEY="id:key",
        ESA_FORWARDER_SETUP_USER="u",
        ESA_FORWARDER_SETUP_PASSWORD="p",
    )
    assert [
        SetupOptions(
            remove=True,
            api_key="id:key",
            user="u",
            password="p",
            values={"kibana": "https://k:5601/?a=b", "space": "soc"},
        )
    ] == ASKED
    assert "id:key" not in repr(ASKED)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "retention=1y", "--dry-run"), "d, h, m or s"),
        (("--set", "kibana=http://u:s3cret@k:5601", "--dry-run"), "credentials"),
        (("--password", "s3cret"), "username and password belong together"),
    ],
    ids=str,
)
def test_the_output_for_elasticsearch_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    """The whole way; no secret is printed."""
    monkeypatch.undo()
    outputs = "{siem: {type: elasticsearch, hosts: ['http://127.0.0.1:9']}}"
    done = run(tmp_path, outputs, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert "s3cret" not in done.stderr


def test_the_output_for_opensearch_is_exported_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its password; what it has is for people to install."""
    monkeypatch.undo()
    folder = tmp_path / "out"
    login = "username: u, password: '${NONE}'"
    outputs = f"{{siem: {{type: opensearch, hosts: ['http://127.0.0.1:9'], {login}}}}}"
    done = run(tmp_path, outputs, "--export", str(folder))
    assert (done.exit_code, done.stderr) == (0, "")
    assert (folder / "opensearch" / "index_template.json").is_file()
    done = run(tmp_path, outputs.replace("${NONE}", "p"))
    assert done.exit_code == 2
    assert "install all of this yourself: --dry-run prints it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--dry-run",), 0),
        (("--export", "out"), 0),
        (("--api-key", "id:key"), 1),
        (("--user", "u", "--password", "p"), 1),
        ((), 2),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "login", ["api_key: '${file:/none/key}'", "username: '${NO_USER}', password: '${NO_PASSWORD}'"]
)
def test_what_the_output_logs_in_with_need_not_exist(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    login: str,
) -> None:
    """Where another one logs in, or nobody; 1 is a cluster that is not there."""
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    outputs = f"{{siem: {{type: elasticsearch, hosts: ['http://127.0.0.1:9'], {login}}}}}"
    done = run(tmp_path, outputs, *arguments)
    assert done.exit_code == code, done.stderr
    assert ("none/key" in done.stderr or "NO_USER" in done.stderr) == (code == 2)


def test_other_secrets_have_to_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a proxy, through which the setup goes, too."""
    monkeypatch.undo()
    outputs = (
        "{siem: {type: elasticsearch, hosts: ['http://127.0.0.1:9'], api_key: '${NO_KEY}', proxy:"
        " '${NO_PROXY}'}}"
    )
    done = run(tmp_path, outputs, "--dry-run")
    assert done.exit_code == 2
    assert "NO_PROXY is not set" in done.stderr
    assert "NO_KEY" not in done.stderr


def test_the_output_for_elasticsearch_can_be_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, with the plugin as it is installed, and no questions."""
    monkeypatch.undo()
    folder = tmp_path / "out"
    outputs = "{siem: {type: elasticsearch, hosts: ['http://127.0.0.1:9']}}"
    done = run(tmp_path, outputs, "--export", str(folder))
    assert (done.exit_code, done.stderr) == (0, "")
    written = {str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file()}
    assert written >= {"elasticsearch/index_template.json", "kibana/kibana.ndjson"}
