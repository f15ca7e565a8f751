"""Real senders: logger(1), and rsyslog and syslog-ng as relays for an appliance."""

import shutil
import socket
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forwarder.cli.send import as_message
from tests.servers.fixtures import obtain
from tests.servers.forwarding import SAMPLES, parse
from tests.servers.syslog import ROUTES, Targets, rsyslog, syslog_ng
from tests.syslog_site import Site

MARK = (
    (
        b"Wed Apr 22 11:44:48 2026 Info: New SMTP ICID 99999%03d interface D (192.0.2.25)"
        b" address 203.0.113.9 reverse dns host %b verified no"
    ),
    (
        b"Wed Apr 22 11:44:48 2026 Info: SMTP Auth: (ICID 99999%03d) failed for user: mark-%b"
        b" using AUTH mechanism: LOGIN with profile: P"
    ),
)
"""A login that goes out at once: what was sent before it has arrived."""

AT_ONCE = 100
"""Lines: over UDP, a system that gives the least of buffers drops more than some hundreds."""


def login(document: dict[str, Any]) -> tuple[object, ...]:
    """Return what has to be the same in a document, however its lines arrived."""
    event, numbers = document["event"], document["cisco_esa"]
    return (
        *(event["action"], event.get("outcome"), document.get("user", {}).get("name")),
        *(document.get(x, {}).get("ip") for x in ("source", "destination")),
        *(numbers.get("icid"), numbers.get("dcid"), numbers["connection"]["correlated"]),
    )


def start_rsyslog(folder: Path, targets: Targets) -> rsyslog.Rsyslog:
    """Return a relay that does not run yet."""
    obtain("rsyslog", rsyslog.find)
    return rsyslog.Rsyslog.relay(folder, targets)


def start_syslog_ng(folder: Path, targets: Targets) -> syslog_ng.SyslogNg:
    """Return a relay that does not run yet."""
    return syslog_ng.SyslogNg(obtain("syslog-ng", syslog_ng.build), folder, targets)


@pytest.mark.parametrize("start", [start_rsyslog, start_syslog_ng])
def test_each_login_behind_a_relay_is_one_event_with_its_address(
    tmp_path: Path, start: Callable[[Path, Targets], rsyslog.Rsyslog | syslog_ng.SyslogNg]
) -> None:
    """Over each transport; the relay writes the headers anew, with the host of the appliance."""
    site = Site(tmp_path, ["udp", "tcp", "tls"])
    relay = start(tmp_path / "relay", Targets(**site.ports, ca=site.authority.path))
    truth = [*parse(f"{SAMPLES}/esa1.example.com").values()]
    try:
        site.program.begin()
        relay.start()
        with socket.create_connection(("127.0.0.1", relay.port)) as appliance:
            for number, lines in enumerate(parts(truth)):
                for route in ROUTES:
                    last = [x % (number, b"%d-%b" % (number, route.encode())) for x in MARK]
                    sent = [as_message(x, route, "mail_logs") + b"\n" for x in (*lines, *last)]
                    appliance.sendall(b"".join(sent))
                for route in ROUTES:
                    site.await_user(f"mark-{number}-{route}")
            site.wait((len(truth) + number + 1) * len(ROUTES))
    finally:
        relay.close()
        site.program.finish()
    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for document in site.documents:
        if not document.get("user", {}).get("name", "").startswith("mark-"):
            found[document["host"]["name"]].append(login(document))
    for logins in found.values():
        logins.sort(key=str)
    expected = sorted((login(x) for x in truth), key=str)
    assert found == dict.fromkeys(ROUTES, expected)
    assert len(expected) > 50


def test_logger(tmp_path: Path) -> None:
    """logger(1), of util-linux, in each of its forms."""
    logger = shutil.which("logger")
    assert logger is not None
    site = Site(tmp_path, ["udp", "tcp", "unix"])
    udp, tcp = (["--server", "127.0.0.1", "--port", str(site.ports[x])] for x in ("udp", "tcp"))
    ways = [
        [*udp, "--udp", "--rfc3164"],
        [*udp, "--udp", "--rfc5424"],
        [*tcp, "--tcp", "--rfc3164"],
        [*tcp, "--tcp", "--rfc5424", "--octet-count"],
        ["--socket", f"{site.folder}/log"],
    ]
    try:
        site.program.begin()
        for number, way in enumerate(ways):
            text = f"Info: SMTP Auth: (ICID 451) failed for user: u{number}"
            text += " using AUTH mechanism: LOGIN with profile: P"
            command = [logger, "--tag", "mail_logs", "--priority", "mail.info", *way, text]
            subprocess.run(command, check=True)  # noqa: S603 - a program of the system
        found = site.wait(len(ways))
    finally:
        site.program.finish()
    assert {x["user"]["name"] for x in found} == {f"u{x}" for x in range(len(ways))}


def parts(truth: list[dict[str, Any]]) -> Iterator[list[bytes]]:
    """Cut the samples into some lines each."""
    paths = dict.fromkeys(x["log"]["file"]["path"] for x in truth)
    lines = [x for path in paths for x in Path(path).read_bytes().splitlines()]
    for start in range(0, len(lines), AT_ONCE):
        yield lines[start : start + AT_ONCE]
