"""Settings that all tests share.

Property tests search for new cases on every run of a developer. In CI the same commit must give the
same result each time: there the cases are derived from the test itself.

No test is timed. How long a case takes depends on the machine and on what else runs there; what is
slow is found by ``make bench``.
"""

import os
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

from forwarder import log
from tests.kibana.server import query_node
from tests.servers.fixtures import elasticsearch_8, elasticsearch_9, opensearch, toxiproxy

SLOW = (
    "test_app_ingest.py::test_a_full_spool_pauses",
    "test_app_parser_deaths",
    "test_assets",
    "test_bad_networks",
    "test_bench",
    "test_cli.py",
    "test_deb",
    "test_dashboards",
    "test_detection",
    "test_docs_plugins",
    "test_faults_",
    "test_files_tailer.py::test_ten_thousand_files",
    "test_files_tailer_laws",
    "test_masking.py::test_what_a_server_echoes",
    "test_output_file.py::test_a_tail_cut_anywhere",
    "test_output_file.py::test_documents_are_there_once_whenever",
    "test_real_",
    "test_rewind",
    "test_run.py",
    "test_snapshot",
    "test_spool_kill",
    "test_spool_large",
    "test_streams_laws",
    "test_truth",
    "test_webhook_example",
    "test_written",
)
"""How the names begin of tests that run servers or many processes, or search for long."""
UNMEASURED = (
    "test_app_parser_deaths",
    "test_assets",
    "test_bad_networks",
    "test_bench",
    "test_docs_plugins",
    "test_faults_",
    "test_real_",
    "test_rewind",
    "test_snapshot",
    "test_spool_kill",
    "test_spool_large",
    "test_truth",
    "test_webhook_example",
)
"""How the names begin of files whose processes run without coverage. They do under load, or many
times, what other tests cover; with it they take half as long again."""
LONG_BYTES = 60  # of a parameter that may be shown
SERVERS = {"elasticsearch_8", "elasticsearch_9", "opensearch", "query_node", "toxiproxy"}

__all__ = ["elasticsearch_8", "elasticsearch_9", "opensearch", "query_node", "toxiproxy"]

settings.register_profile("local", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, max_examples=50)
# For `make check`: fewer cases of each law.
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")

# Tests start hundreds of processes. With this variable each would compile all that it imports,
# which takes longer than everything else that it does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Under nohup and in the background of a script signals come ignored, and so they would be in every
# program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers run: two more than cores, as tests wait for processes and servers."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make check` leaves to `make test`, and begin with them.

    Else, of several workers one may still have a long test to do when the others are done.
    """
    for item in items:
        name = f"{item.path.name}::{item.name}"
        if name.startswith(SLOW) or SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name long bytes by their size: those of a compressed file differ from second to second."""
    if isinstance(val, bytes) and len(val) > LONG_BYTES:
        return f"{len(val)} bytes"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage not begin in the processes of some tests: this variable tells it to."""
    with pytest.MonkeyPatch.context() as patch:
        if item.path.name.startswith(UNMEASURED):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)


@pytest.fixture
def srv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder called srv that is the working directory."""
    folder = tmp_path / "srv"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[str], bool]:
    """Log as the program does, and return what looks whether something was."""
    log.configure("logfmt", "info")
    whole = ""

    def look(text: str) -> bool:
        nonlocal whole
        whole += capsys.readouterr().err
        return text in whole

    return look
