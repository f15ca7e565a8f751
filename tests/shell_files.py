"""Writes examples/packaging/share: the man page, and what completes commands in shells.

python -m tests.shell_files examples/packaging/share
"""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from forwarder.cli.main import main
from tests.help_texts import names

PROGRAM = "esa-forwarder"
COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
}
PLAIN = {"-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
"""What troff makes other characters of, unless it is written so."""
HEAD = """\
.\\" Written by "make docs" from the help texts.
.TH ESA\\-FORWARDER 1
.nh
.ad l
.SH NAME
esa\\-forwarder \\- forwards the logins in the mail logs of Cisco Secure Email Gateways
.SH SYNOPSIS
.B esa\\-forwarder
.I COMMAND
.RI [ OPTIONS ]\\~.\\|.\\|.
.SH DESCRIPTION
"""
TAIL = """\
.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
something failed
.TP
.B 2
a wrong option, argument or configuration; nothing was read
.TP
.BI 128+ n
ended by signal
.I n
.SH FILES
.TP
.I /etc/esa\\-forwarder/config.yaml
the configuration of the systemd unit
.TP
.I /var/lib/esa\\-forwarder
the state, unless the configuration names another folder
"""


def files() -> dict[str, str]:
    """Return all texts by their paths."""
    variable = f"_{PROGRAM.upper().replace('-', '_')}_COMPLETE"
    found = {f"man/man1/{PROGRAM}.1": man_page()}
    for shell, path in COMPLETIONS.items():
        kind = get_completion_class(shell)
        assert kind is not None
        found[path] = kind(main, {}, PROGRAM, variable).source().strip() + "\n"
    return found


def man_page() -> str:
    """Return the manual: one section for all commands, each with its options."""
    whole = [HEAD, roff(main.help or ""), ".SH COMMANDS\n"]
    for words in names():
        command = find(words)
        if words and not isinstance(command, click.Group):
            whole += section(words, command)
    return "".join(whole) + TAIL


def find(words: tuple[str, ...]) -> click.Command:
    """Return a command by its words."""
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def section(words: tuple[str, ...], command: click.Command) -> Iterator[str]:
    """Give what the page has of one command."""
    # A command keeps the names of its option --help, which it has from the group.
    group = click.Context(main, help_option_names=main.context_settings["help_option_names"])
    context = click.Context(command, parent=group)
    yield f".SS {roff(' '.join((PROGRAM, *words, *command.collect_usage_pieces(context))))}"
    yield roff(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            option, text = record
            yield f".TP\n.B {roff(option)}{roff(text)}"


def roff(text: str) -> str:
    """Write text so that it means nothing to troff; empty lines separate paragraphs."""
    text = cleandoc(text).replace("\\", "\\e")
    for character, name in PLAIN.items():
        text = text.replace(character, name)
    text = re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)
    return text.replace("\n\n", "\n.PP\n") + "\n"


if __name__ == "__main__":
    for name, content in files().items():
        target = Path(sys.argv[1]) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
