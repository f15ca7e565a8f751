"""What comes before the service runs: ``check``, ``config``, ``plugins`` and ``setup``."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.cli.main import DONE, FAILED, config_file, load_config, print_result
from forwarder.errors import ConfigError, ForwarderError
from forwarder.text import escaped

if TYPE_CHECKING:
    from click.decorators import FC

    from forwarder.config.load import Config, OutputConfig
    from forwarder.masking import Mask
    from forwarder.output import Step
    from forwarder.plugins import Installed

_WIDTH = 80  # of the text, as of help texts
_OWN_LOGINS = (
    "With --user and --password, or --api-key, setup does not need the credentials of the output."
)


@click.command()
@config_file
def check(path: Path) -> None:
    """Check a configuration and everything it refers to.

    Errors are reported with their line numbers. If there are none, the state folder, the inputs
    and each output are tested. Nothing is changed.
    """
    from forwarder.app.checks import check as find

    config = load_config(path)
    print_result(escaped(f"ok    {path}: valid"))
    failed = False
    for finding in find(config):
        failed |= not finding.good
        mark = "FAIL" if not finding.good else "WARN" if finding.advice else "ok  "
        print_result(escaped(f"{mark}  {finding.text}"))
        if finding.advice:
            print_result(escaped(f"      {finding.advice}"))
    sys.exit(FAILED if failed else DONE)


@click.group()
def config() -> None:
    """Print the effective configuration or its JSON Schema."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors.

    It includes the settings of all installed outputs that are not broken.
    """
    from forwarder.config.schema import make_schema
    from forwarder.plugins import list_installed, stdout_to_stderr

    plugins = [x.plugin for x in list_installed() if x.plugin is not None]
    with stdout_to_stderr():
        made = make_schema(plugins)
    print_result(json.dumps(made, indent=2))


@config.command()
@config_file
def show(path: Path) -> None:
    """Print the effective configuration, with all defaults and secrets masked."""
    from forwarder.config.schema import show as write

    print_result(write(load_config(path)).rstrip("\n"))


@click.command()
def plugins() -> None:
    """Show the installed outputs and their settings.

    For each output, this shows its type, the package that provides it, the names of its settings
    (config schema describes them), and any requirement that is not installed. For a broken output,
    it shows the reason, and the exit code is 1.
    """
    from forwarder.plugins import list_installed

    installed = list_installed()
    click.echo("\n\n".join("\n".join(_describe(x)) for x in installed) or "No outputs.")
    sys.exit(FAILED if any(x.problem for x in installed) else DONE)


def _describe(installed: "Installed") -> Iterator[str]:
    from forwarder.config.types import fields_of

    yield f"{installed.type} ({installed.distribution} {installed.version})"
    if installed.plugin is None:
        yield _wrap(f"BROKEN: {installed.problem}", "  ")
        return
    if installed.plugin.missing:
        yield _wrap(f"CANNOT BE USED YET: {installed.plugin.missing}", "  ")
    yield _wrap(f"settings: {', '.join(fields_of(installed.plugin.config)) or 'none'}", "  ")
    for name, description in installed.plugin.setup_values.items():
        yield f"  setup --set {name}=VALUE"
        yield _wrap(description, "    ")


def _wrap(text: str, indent: str) -> str:
    return click.wrap_text(text, _WIDTH, indent, indent)


def _credential(name: str, text: str) -> "Callable[[FC], FC]":
    """Make an option for the setup alone, which may be a variable of the environment."""
    option = "--" + name.lower().replace("_", "-")
    return click.option(
        option, metavar=name, envvar=f"ESA_FORWARDER_SETUP_{name}", show_envvar=True, help=text
    )


@click.command()
@config_file
@click.option("--output", "name", metavar="NAME", help="Output to set up, if there are several.")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value for the setup of this output, such as kibana=URL; can be repeated."
    "  esa-forwarder plugins lists the names.",
)
@click.option("--remove", is_flag=True, help="Remove what setup installed, but no documents.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, without sending it.")
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write files for others to install, without sending anything.",
)
@click.option(
    "--make-key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Create the key that the output ships with, without any other privileges, and write it to"
    " the new FILE with mode 0600.",
)
@_credential(
    "API_KEY", "Key to use instead of the output's. Other users of this machine can see arguments."
)
@_credential("USER", "User to log in as, instead of a key.")
@_credential("PASSWORD", "Password of that user.")
def setup(  # noqa: PLR0913, PLR0917 - one for each option
    path: Path,
    name: str | None,
    values: tuple[str, ...],
    remove: bool,  # noqa: FBT001 - click gives all by name
    dry_run: bool,  # noqa: FBT001
    folder: Path | None,
    key_file: Path | None,
    api_key: str | None,
    user: str | None,
    password: str | None,
) -> None:
    """Set up an output's destination, such as Elasticsearch.

    You can run it again at any time: it does not touch what is up to date. It uses the output's
    credentials, unless you give others. If you do, or if nothing is sent, the output's need not
    exist.
    """
    from forwarder.config.secret_settings import mask_of
    from forwarder.output import SetupOptions
    from forwarder.plugins import stdout_to_stderr

    if folder is not None and (dry_run or remove):
        raise click.UsageError("--export cannot be combined with --remove or --dry-run.")
    if key_file is not None and (folder is not None or remove):
        raise click.UsageError("--make-key cannot be combined with --export or --remove.")
    sends_nothing = dry_run or folder is not None
    without_logins = sends_nothing or any((api_key, user, password))
    config = _load(path, without_logins=without_logins)
    given = [x for x in (api_key, password, f"{user}:{password}" if user else None) if x]
    mask = mask_of(config, more=given)
    output = _choose(config, name)
    assert output.plugin.setup is not None  # noqa: S101 - chosen so
    options = SetupOptions(
        remove=remove,
        api_key=api_key or None,
        user=user or None,
        password=password or None,
        key_file=key_file,
        values=_read_values(output, values),
    )
    try:
        with stdout_to_stderr():
            steps = list(output.plugin.setup(output.settings, options))
        if dry_run:
            _print_all(steps)
        elif folder is not None:
            _export(steps, folder)
        else:
            _do_all(steps, mask)
    except ForwarderError as error:
        error.args = (escaped(mask(str(error))),)
        raise


def _load(path: Path, *, without_logins: bool) -> "Config":
    """Load the configuration; where only the logins are at fault, tell how to do without them."""
    from forwarder.config.load import InvalidConfigError

    try:
        return load_config(path, without_logins=without_logins)
    except InvalidConfigError as error:
        with suppress(InvalidConfigError):
            load_config(path, without_logins=True)
            error.add_note(_OWN_LOGINS)
        raise


def _choose(config: "Config", name: str | None) -> "OutputConfig":
    """Choose the output; refuse where there is none to be set up, or several."""
    able = {x.name: x for x in config.outputs.values() if x.plugin.setup is not None}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name not in able:
        names = ", ".join(able) or "none"
        raise click.UsageError(f"choose an output to set up with --output; available: {names}.")
    return able[name]


def _read_values(output: "OutputConfig", values: Iterable[str]) -> dict[str, str]:
    """Read what ``--set`` gives; refuse another form, and names that the output has not."""
    known = output.plugin.setup_values
    found = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(known) or "none"
            raise click.UsageError(f"--set takes NAME=VALUE, with one of these names: {names}.")
        found[name] = value
    return found


def _print_all(steps: Iterable["Step"]) -> None:
    for step in steps:
        lines = (f"# {step.what}", step.request, *step.body.splitlines())
        print_result("".join(f"{escaped(x)}\n" for x in lines if x))


def _export(steps: Iterable["Step"], folder: Path) -> None:
    """Write the files, and tell where each goes, in this order."""
    try:
        for step in steps:
            if step.file:
                target = folder / step.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(step.body, encoding="utf-8")
                request = f" ({step.request})" if step.request else ""
                print_result(escaped(f"{target}: {step.what}{request}"))
    except OSError as error:
        raise ForwarderError(f"{error.filename!r} cannot be written: {error.strerror}.") from None


def _do_all(steps: Sequence["Step"], mask: "Mask") -> None:
    """Do what can be done, and show the rest. The first that fails is the last: others need it."""
    from forwarder.plugins import stdout_to_stderr

    if not any(x.do for x in steps):
        raise ConfigError(
            "install all of this yourself: --dry-run prints it, and --export DIR writes files."
        )
    for step in steps:
        if step.do is not None:
            with stdout_to_stderr():
                done = step.do()
            print_result(escaped(mask(f"ok    {step.what}: {done}")))
    if by_hand := [x for x in steps if x.by_hand]:
        print_result("\nNot done; for you to do:\n")
        _print_all(by_hand)
