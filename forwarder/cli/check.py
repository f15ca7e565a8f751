"""``esa-forwarder check``: whether a configuration would work here and now."""

import sys
from pathlib import Path

import click

from forwarder.cli.common import DONE, FAILED, config_file, load_or_end, print_result


@click.command()
@config_file
def check(path: Path) -> None:
    """Check a configuration, and whether everything it needs is there.

    Issues in FILE are reported with their lines. If there are none, the state folder, the inputs
    and each output are checked. Nothing is changed.
    """
    from forwarder.app.checks import check as find
    from forwarder.text import escaped

    config = load_or_end(path)
    print_result(escaped(f"ok    {path}: valid"))
    failed = False
    for finding in find(config):
        failed |= not finding.good
        mark = "FAIL" if not finding.good else "WARN" if finding.advice else "ok  "
        print_result(escaped(f"{mark}  {finding.text}"))
        if finding.advice:
            print_result(escaped(f"      {finding.advice}"))
    sys.exit(FAILED if failed else DONE)
