"""The man page and the completions: as the commands are, and as programs read them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import shell_files

SHARE = Path(__file__).parents[1] / "examples" / "packaging" / "share"


def test_they_are_as_the_commands_are() -> None:
    """`make docs` writes them."""
    found = {str(x.relative_to(SHARE)): x.read_text() for x in SHARE.rglob("*") if x.is_file()}
    assert found == shell_files.files()


def test_the_man_page_is_shown_without_a_warning() -> None:
    """With each line as it was written."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    page = SHARE / "man" / "man1" / "esa-forwarder.1"
    done = subprocess.run(  # noqa: S603
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", page],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not done.stderr
    assert "\nNAME\n" in done.stdout
    assert "'/srv/esa/{appliance}/mail*'" in done.stdout
    assert "--give-up-after DURATION\n" in done.stdout


def test_bash_completes_commands_and_options() -> None:
    """With the script as it is installed."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    script = SHARE / shell_files.COMPLETIONS["bash"]
    line = f"""\
. {script}
for words in 'rew' 'dead-letters l' 'run --o'; do
    COMP_WORDS=(esa-forwarder $words) COMP_CWORD=$(wc -w <<<"$words") COMPREPLY=()
    _esa_forwarder_completion esa-forwarder
    echo "${{COMPREPLY[*]}}"
done
"""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(  # noqa: S603
        ["bash", "-c", line],  # noqa: S607
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["rewind", "list", "--once"]
