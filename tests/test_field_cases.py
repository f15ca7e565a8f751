"""Logs as people met them give the right logins: the cases in ``tests/cases``."""

import json

import pytest
from click.testing import CliRunner

from forwarder.cli import main
from tests import cases


@pytest.mark.parametrize("name", cases.names())
def test_a_log_gives_its_logins(name: str) -> None:
    """Each has its own user, address, mechanism and profile, or none, in the order of the log."""
    case = cases.load(name)
    result = CliRunner().invoke(main, ["parse", *case.options, str(case.log)])
    documents = (json.loads(x) for x in result.stdout.splitlines())
    found = [x for x in map(cases.login, documents) if x is not None]
    assert len(found) == len(case.logins)
    for login, wanted in zip(found, case.logins, strict=True):
        assert cases.agrees(login, wanted), f"{login} is not {wanted}"
    assert result.exit_code == case.status
    for words in case.messages:
        assert words.lower() in result.stderr.lower()
