"""Finding and loading plugins: what is installed, what is asked for, and what is broken."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forwarder_stdout import StdoutOutput

import forwarder
from forwarder.cli.main import main
from forwarder.config.models import OutputSettings
from forwarder.errors import ConfigError, ForwarderError, PluginError
from forwarder.plugins import RESERVED, find_outputs, list_installed

GOOD = """
    from pydantic import BaseModel
    from forwarder import OutputPlugin, hookimpl

    class Settings(BaseModel):
        host: str

    @hookimpl
    def forwarder_outputs():
        return [OutputPlugin(name="kafka", config=Settings, build=print)]
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install distributions as pip would: a module, and metadata beside it."""

    def do(
        code: str,
        *,
        distribution: str = "kafka-output",
        module: str = "kafka_output",
        points: str = "kafka = {module}",
    ) -> None:
        # A folder each, as two versions of one distribution may be on the path.
        folder = tmp_path / distribution
        folder.mkdir()
        (folder / f"{module}.py").write_text(textwrap.dedent(code))
        metadata = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.2\n")
        text = "[forwarder.outputs]\n" + points.format(module=module)
        (metadata / "entry_points.txt").write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return do


def problem(type_: str = "kafka") -> str:
    """Return what is wrong with a plugin."""
    with pytest.raises(PluginError) as raised:
        find_outputs([type_])
    return str(raised.value)


# What is installed


def test_the_built_in_outputs_come_through_the_same_door() -> None:
    """By entry points of this distribution."""
    found = find_outputs(["stdout", "file", "stdout"])
    assert list(found) == ["stdout", "file"]
    assert found["stdout"].build is StdoutOutput
    assert {x.distribution for x in list_installed()} == {"esa-forwarder"}
    lean = {x.type for x in list_installed() if x.plugin and x.plugin.profile == "lean"}
    assert lean == {"elasticsearch", "opensearch"}


def test_a_stranger_is_found_by_the_name_of_its_entry_point(install: Install) -> None:
    """With name and version of its distribution."""
    install(GOOD)
    assert find_outputs(["kafka"])["kafka"].build.__name__ == "print"
    (kafka,) = [x for x in list_installed() if x.type == "kafka"]
    assert (kafka.distribution, kafka.version, kafka.problem) == ("kafka-output", "1.2", None)


def test_only_what_is_asked_for_is_loaded(install: Install) -> None:
    """A broken plugin that is not used does no harm."""
    install("raise RuntimeError('imported')")
    assert list(find_outputs(["stdout"])) == ["stdout"]
    assert find_outputs([]) == {}


def test_a_type_that_is_not_installed_is_named_with_those_that_are(install: Install) -> None:
    """And how to get it."""
    install(GOOD)
    expected = (
        "no output of type 'kafak' is installed; installed are: elasticsearch, file,"
        " kafka, opensearch, stdout. If a package provides it, install that with pip into the same"
        " environment."
    )
    with pytest.raises(ConfigError) as raised:
        find_outputs(["stdout", "kafak"])
    assert expected == str(raised.value)


def test_one_module_may_have_several_types(install: Install) -> None:
    """With an entry point each."""
    install(
        GOOD.replace("return [", "return (")
        .replace("build=print)]", "build=print), OutputPlugin('kafka_avro', Settings, repr))")
        .replace('name="kafka", config=Settings, build=print', '"kafka", Settings, print'),
        points="kafka = {module}\nkafka_avro = {module}",
    )
    found = find_outputs(["kafka_avro", "kafka"])
    assert {x: y.build.__name__ for x, y in found.items()} == {
        "kafka": "print",
        "kafka_avro": "repr",
    }


def test_a_distribution_that_is_hidden_by_another_of_its_name_does_not_count(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two versions on the path are one distribution."""
    install(GOOD)
    other = tmp_path / "other"
    (tmp_path / "kafka-output").rename(other)
    install(GOOD)
    monkeypatch.syspath_prepend(str(other))
    assert list(find_outputs(["kafka"])) == ["kafka"]


# What is broken


def test_two_distributions_with_one_type_are_named(install: Install) -> None:
    """Neither wins."""
    install(GOOD)
    install(GOOD, distribution="better-kafka", module="better_kafka")
    expected = (
        "output type 'kafka' is in 2 distributions: better-kafka 1.2 and kafka-output 1.2;"
        " uninstall all but one."
    )
    assert expected == problem()
    both = [x for x in list_installed() if x.type == "kafka"]
    assert {x.distribution for x in both} == {"better-kafka", "kafka-output"}
    assert {x.problem for x in both} == {expected}


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import no_such_module", "kafka_output cannot be imported: ModuleNotFoundError: No"),
        ("raise SystemExit", "kafka_output cannot be imported: SystemExit. Reinstall"),
        ("x = (", "kafka_output cannot be imported: SyntaxError: '(' was never closed"),
        ("", "kafka_output registers nothing; it needs a function forwarder_outputs that is"),
        (GOOD.replace("@hookimpl", ""), "kafka_output registers nothing"),
        (GOOD.replace("return", "x ="), "kafka_output registers nothing"),
        (GOOD.replace("return", "return [] #"), "kafka_output registers nothing"),
        (GOOD.replace("outputs()", "outputs(a)"), "kafka_output cannot be registered: Plugin"),
        (GOOD.replace("outputs()", "output()"), "kafka_output cannot be registered: Plugin"),
        (GOOD.replace("return", "return 1 #"), "cannot be registered: TypeError: 'int' object is"),
        (GOOD.replace("return", "raise OSError(1, 'x') #"), "be registered: PermissionError: [E"),
        (GOOD.replace('"kafka"', '"kafak"'), "outputs named 'kafak'; it has to return one"),
        (GOOD.replace("build=print)]", "build=print)] * 2"), "outputs named 'kafka', 'kafka'; it"),
        (
            GOOD.replace("[Output", "[1, Output"),
            "kafka_output returns 1, which is not an Outp",
        ),
        (GOOD.replace("config=Settings", "config=dict"), "config of 'kafka' is <class 'dict'>; it"),
        (GOOD.replace("config=Settings", "config=1"), "config of 'kafka' is 1; it has to be a Bas"),
        (GOOD.replace("host:", "batch:"), "config of 'kafka' has batch; every output has settings"),
    ],
)
def test_whatever_a_plugin_does_wrong_is_said(install: Install, code: str, what: str) -> None:
    """With the name of its distribution."""
    install(code)
    said = problem()
    assert said.startswith("output type 'kafka' of kafka-output 1.2 is broken: ")
    assert what in said
    assert said.endswith(". Reinstall it, or tell its author.")


def test_a_plugin_may_use_no_setting_that_every_output_has() -> None:
    """It would never get its value."""
    assert set(OutputSettings.model_fields) == RESERVED


@pytest.mark.parametrize("where", ["import", "hook"])
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit(3)", "GeneratorExit"])
def test_a_plugin_cannot_end_a_command(install: Install, where: str, error: str) -> None:
    """Whatever it raises: a Ctrl-C comes in another way."""
    raises = f"raise {error}"
    install(raises if where == "import" else GOOD.replace("return [", f"{raises} #["))
    result = show()
    assert result.exit_code == 1
    assert "  BROKEN: output type 'kafka' of kafka-output" in result.output
    assert error.partition("(")[0] in result.output
    assert "stdout (esa-forwarder" in result.output


@pytest.mark.parametrize("where", ["import", "hook"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_command_while_a_plugin_is_loaded(
    install: Install, where: str, number: str
) -> None:
    """It is nothing that the plugin did."""
    code = f"import os, signal; os.kill(os.getpid(), signal.{number})"
    install(code if where == "import" else GOOD.replace("return [", f"{code} #["))
    script = "from forwarder.cli.start import main; main()"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, "plugins"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + signal.Signals[number]
    assert (done.stdout, done.stderr) == ("", "")


def test_an_entry_point_to_nothing_is_broken(install: Install) -> None:
    """A module without the attribute."""
    install(GOOD, points="kafka = {module}:plugin")
    assert "kafka_output:plugin cannot be imported: AttributeError" in problem()


def test_an_object_may_be_the_plugin(install: Install) -> None:
    """Whatever pluggy can register."""
    plugin = """
    class Plugin:
        @hookimpl
        def forwarder_outputs(self):
            return forwarder_outputs()

    plugin = Plugin()
    """
    install(GOOD + plugin, points="kafka = {module}:plugin")
    assert list(find_outputs(["kafka"])) == ["kafka"]


def test_errors_of_plugins_are_ours() -> None:
    """They end with a sentence, not with a traceback."""
    assert issubclass(PluginError, ForwarderError)
    assert not issubclass(PluginError, ConfigError)


# The command


def show() -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["plugins"])


def test_the_command_shows_types_and_settings() -> None:
    """By their names."""
    result = show()
    assert result.exit_code == 0
    assert f"stdout (esa-forwarder {forwarder.__version__})\n  settings: none\n" in result.output
    assert "  settings: path, rotate, gzip, keep" in result.output


def test_a_broken_plugin_is_shown_and_hides_no_other(install: Install) -> None:
    """It is a failure, for scripts."""
    install("import no_such_module")
    result = show()
    assert result.exit_code == 1
    assert (
        "kafka (kafka-output 1.2)\n  BROKEN: output type 'kafka' of kafka-output" in result.output
    )
    assert "stdout (esa-forwarder" in result.output


# The public names


def test_a_plugin_finds_all_it_needs() -> None:
    """By the names that the package says are public."""
    assert [x for x in forwarder.__all__ if not hasattr(forwarder, x)] == []
    with pytest.raises(AttributeError, match="module 'forwarder' has no attribute 'nothing'"):
        _ = forwarder.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", ["import forwarder.cli.main", "import forwarder.app.parse"])
def test_parse_starts_without_what_only_outputs_need(code: str) -> None:
    """These libraries take longer than the start of the command itself."""
    show = f"import sys; {code}; print({{'pydantic', 'pluggy'}} & set(sys.modules))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", show], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
