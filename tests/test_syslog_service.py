"""The service, with messages that arrive over syslog."""

import json
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forwarder.cli.send import as_message
from tests.faults.program import COMMAND, wait_until
from tests.servers.running import free_ports
from tests.syslog_site import Site

FAILED = "SMTP Auth: (ICID 450) failed for user: other using AUTH mechanism: LOGIN with profile: P"
LINES = (
    "New SMTP ICID 450 interface D (192.0.2.25) address 203.0.113.9 reverse dns host a verified no",
    "SMTP Auth: (ICID 450) succeeded for user: m.rossi using AUTH mechanism: PLAIN with profile: P",
    "Start MID 9 ICID 450",
    "MID 9 ICID 450 RID 0 To: <b@example.com>",
    "MID 9 ready 1234 bytes from <a@example.com>",
    "ICID 450 close",
    FAILED.replace("450", "451"),
)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
"""The year of a stamp without one is that of its arrival, or the one before."""
DAY = f"{YESTERDAY:%b} {YESTERDAY.day:2} 11:44:48"
YEAR = f"{YESTERDAY:%Y}"
ISO = f"{YESTERDAY:%Y-%m-%d}"
FRAMINGS = {
    "no host": f"<22>{DAY} mail_logs: Info: {{}}",
    "host": f"<94>{DAY} esa1 mail_logs: Info: {{}}",
    "weekday and year": f"<22>{YESTERDAY:%a} {DAY} {YEAR} esa1 mail_logs: Info: {{}}",
    "year": f"<22>{DAY} {YEAR} esa1 mail_logs: Info: {{}}",
    "year first": f"<22>{YEAR} {DAY} esa1 mail [info] mail_logs:nopid Info: {{}}",
    "ISO": f"<22>{ISO}T11:44:48+02:00 esa1 mail_logs: Info: {{}}",
    "ISO without an offset": f"<22>{ISO} 11:44:48 esa1 mail_logs: Info: {{}}",
    "RFC 5424": f"<22>1 {ISO}T11:44:48+02:00 esa1 mail_logs - - - Info: {{}}",
    "a file's": f"{YESTERDAY:%a} {DAY} {YEAR} Info: {{}}",
    "no priority": f"{DAY} esa1 mail_logs: Info: {{}}",
    "relay": f"<22>{DAY} relay esa: {DAY} esa1 mail_logs: Info: {{}}",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return one that does not run yet."""
    site = Site(tmp_path)
    yield site
    site.program.finish()


@pytest.mark.parametrize("transport", ["udp", "tcp", "counted", "tls", "unix"])
def test_each_framing_gives_the_documents_of_a_file(site: Site, transport: str) -> None:
    """But for what tells of the log, and the ids."""
    site.program.begin()
    is_counted = transport == "counted"
    sender = "localhost" if transport == "unix" else "127.0.0.1"
    logs = 0
    for framing in FRAMINGS.values():
        if is_counted and not framing.startswith("<"):
            continue  # a message with a length begins with its priority
        logs += 1
        # Each has connections and messages of its own.
        lines = [framing.format(x.replace("CID 45", f"CID {logs}45")) for x in LINES]
        lines = [x.replace("MID 9", f"MID {logs}9") for x in lines]
        site.send("tcp" if is_counted else transport, lines, counted=is_counted)
        host = "esa1" if "esa1" in framing else sender
        log = site.folder / "files" / f"{logs}" / host / "mail.log"
        log.parent.mkdir(parents=True)
        log.write_text("".join(x + "\n" for x in lines))
    found = site.wait(3 * logs)
    address = None if transport == "unix" else {"address": sender}
    assert all(x["log"].get("source") == address for x in found)
    parsed = command(
        *("parse", "-q", "--timezone=Europe/Rome", f"--year={YEAR}", f"{site.folder}/files")
    ).stdout
    expected = [json.loads(x) for x in parsed.splitlines()]
    for document in (*found, *expected):
        del document["log"], document["event"]["id"]
        document["cisco_esa"].pop("session_id", None)
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_two_senders_with_equal_ids_stay_apart(site: Site) -> None:
    """Each login has the address of its own appliance's connection."""
    site.program.begin()
    opened = (
        "<22>Apr 22 11:44:48 {} mail_logs: Info: New SMTP ICID 7 interface D (192.0.2.1) address {}"
    )
    login = "<22>Apr 22 11:44:49 {} mail_logs: Info: SMTP Auth: (ICID 7) succeeded for user: u"
    login += " using AUTH mechanism: PLAIN with profile: P"
    hosts = {"esa1": "203.0.113.1", "esa2": "203.0.113.2"}
    rest = " reverse dns host unknown verified no"
    lines = [opened.format(x, y) + rest for x, y in hosts.items()]
    site.send("tcp", [*lines, *(login.format(x) for x in hosts)])
    # The sender is a third name: the messages have no host.
    bare = [opened.format("", "203.0.113.3") + rest, login.format("")]
    site.send("udp", [x.replace("  ", " ") for x in bare])
    found = {x["host"]["name"]: x["source"]["ip"] for x in site.wait(3)}
    assert found == {**hosts, "127.0.0.1": "203.0.113.3"}


def test_nothing_is_lost_or_doubled_over_reloads_and_restarts(site: Site) -> None:
    """What the system took before the end is delivered; a connection stays open."""
    site.program.begin()
    site.send("tcp", [FRAMINGS["host"].format(x) for x in LINES[:1]])
    for number in range(5):
        site.send("tcp", [FRAMINGS["host"].format(LINES[1].replace("m.rossi", f"u{number}"))])
        if number % 2:
            site.program.send(signal.SIGHUP)
            site.program.await_log("The new configuration is in use.")
        else:
            assert site.program.end() == 0
            site.program.begin()
    found = site.wait(5)
    assert {x["user"]["name"] for x in found} == {f"u{x}" for x in range(5)}
    assert {x["source"]["ip"] for x in found} == {"203.0.113.9"}
    assert len({x["event"]["id"] for x in found}) == 5


def test_identical_lines_are_as_many_logins(site: Site) -> None:
    """Within a second, on several connections, and after a restart."""
    site.program.begin()
    lines = [FRAMINGS["host"].format(FAILED)] * 3
    site.send("tcp", [FRAMINGS["host"].format(LINES[0]), *lines])
    site.wait(3)
    site.send("udp", lines)
    site.wait(6)
    site.program.kill()
    site.program.begin()
    site.send("tcp", lines)
    assert len({x["event"]["id"] for x in site.wait(9)}) == 9


def test_repeated_messages_are_as_many_logins(site: Site) -> None:
    """In both words that daemons have, also after a restart."""
    site.program.begin()
    repeated = f"message repeated 3 times: [ Info: {FAILED}]"
    last = "last message repeated 2 times"
    head = FRAMINGS["host"].partition("Info")[0]
    site.send("udp", [head + x for x in (f"Info: {LINES[0]}", f"Info: {FAILED}", repeated)])
    site.wait(4)
    site.program.kill()
    site.program.begin()
    untagged = head.removesuffix("mail_logs: ")
    site.send("udp", [untagged + last, head + repeated, head + last])
    found = site.wait(11)
    assert {x["user"]["name"] for x in found} == {"other"}
    assert {x["source"]["ip"] for x in found} == {"203.0.113.9"}
    assert len({x["event"]["id"] for x in found}) == 11


def test_lines_in_another_order_are_joined(site: Site) -> None:
    """A login before its connection, and one behind the end of its connection."""
    site.program.begin()
    opened, login, *_, close, _ = [FRAMINGS["host"].format(x) for x in LINES]
    site.send("tcp", [login, opened])
    site.send("udp", [x.replace("ICID 450", "ICID 7") for x in (opened, close, login)])
    found = site.wait(3)
    assert {x["source"]["ip"] for x in found} == {"203.0.113.9"}
    (ended,) = [x for x in found if x["event"]["action"] == "smtp-session-closed"]
    assert ended["cisco_esa"]["icid"] == "7"
    assert ended["cisco_esa"]["session"]["auth_successes"] == 1


@pytest.mark.parametrize("once", [False, True])
def test_a_login_that_waits_outlives_a_kill(site: Site, *, once: bool) -> None:
    """Its document comes once; at once, where no message can come any more."""
    site.program.begin()
    site.send("tcp", [FRAMINGS["host"].format(LINES[6])])

    def is_saved() -> bool:
        with closing(sqlite3.connect(site.folder / "state" / "spool.db")) as spool:
            (number,) = spool.execute(
                "SELECT count(*) FROM state WHERE key LIKE 'core/%/waiting/%'"
            ).fetchone()
        return bool(number or site.documents)

    wait_until(is_saved, "a login that waits")
    site.program.kill()
    if once:
        assert site.program.once() == 0
    else:
        site.program.begin()
        site.wait(1)
        assert site.program.end() == 0
    (found,) = site.documents
    assert found["cisco_esa"]["connection"]["correlated"] is False


def test_no_message_is_part_of_another(site: Site) -> None:
    """Whatever it is: what does not begin like a line of a log is dropped and counted."""
    site.program.begin()
    cut = FRAMINGS["host"].format(LINES[1].partition(" using")[0])
    opened = FRAMINGS["host"].format(LINES[0])
    rest = " using AUTH mechanism: PLAIN with profile: P"
    site.send("tcp", [opened, cut, rest, "", "garbage", cut])
    found = site.wait(2)
    assert [x["user"]["name"] for x in found] == ["m.rossi", "m.rossi"]
    assert all("truncated_line" in x["tags"] for x in found)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run another command with the configuration."""
    return subprocess.run(  # noqa: S603 - our own
        [*COMMAND, *arguments], capture_output=True, text=True, check=False
    )


def test_what_is_not_taken_is_said(site: Site) -> None:
    """In the log, and in ``status``."""
    site.configure(", allow: [192.0.2.0/24]")
    site.program.begin()
    site.send("udp", ["one", "two"])
    site.send("unix", ["three"])
    site.program.await_log("Syslog: connections or messages came from addresses that may not send")
    assert f"address={site.addresses['udp']} number=2" in site.program.log
    assert site.program.end() == 0
    shown = command("status", "-c", str(site.program.config)).stdout
    rows = {x.split()[0]: x.split()[1:] for x in shown.splitlines() if "://" in x}
    assert rows[site.addresses["udp"]][:4] == ["0", "0", "0", "2"]
    assert rows[site.addresses["unix"]][:4] == ["1", "0", "0", "0"]


def test_check_opens_the_sockets(site: Site) -> None:
    """It says what the system gives, and leaves a running service alone."""
    config = str(site.program.config)
    with socket.create_server(("127.0.0.1", site.ports["tcp"])):
        found = command("check", "-c", config)
        assert found.returncode == 1
        assert f"FAIL  inputs[1]: cannot listen on {site.addresses['tcp']}: " in found.stdout
    assert (
        f"inputs[0]: can listen at {site.addresses['udp']}" in command("check", "-c", config).stdout
    )
    everywhere = site.addresses["udp"].replace("127.0.0.1", "0.0.0.0").replace("udp", "tcp")
    site.addresses |= {"everywhere": everywhere, "here": everywhere.replace("0.0.0.0", "127.0.0.1")}
    site.configure()
    both = command("check", "-c", config).stdout
    assert f"can listen at {everywhere}" in both
    assert f"FAIL  inputs[5]: cannot listen on {site.addresses['here']}: Address already" in both
    del site.addresses["everywhere"], site.addresses["here"]
    site.configure()
    site.program.begin()
    found = command("check", "-c", config)
    assert found.returncode == 0
    assert f"inputs[1]: {site.addresses['tcp']} is left to the service" in found.stdout


def test_what_cannot_be_opened_is_said(site: Site) -> None:
    """At a reload the old configuration stays in use, at a start the service ends."""
    site.program.begin()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.addresses["used"] = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        site.configure()
        site.program.send(signal.SIGHUP)
        site.program.await_log("The new configuration does not work; the old one stays.")
        site.send("tcp", [FRAMINGS["host"].format(x) for x in LINES[:2]])
        site.wait(1)
        assert site.program.end() == 0
        site.program.start()
        assert site.program.wait() == 1
        assert (
            f"cannot listen on {site.addresses['used']}: Address already in use" in site.program.log
        )


@pytest.mark.parametrize("content", ["", None], ids=["damaged", "gone"])
def test_a_certificate_that_cannot_be_read_changes_nothing(site: Site, content: str | None) -> None:
    """The old one stays in use until the next reload."""
    site.program.begin()
    path = site.folder / "server.pem"
    certificate = path.read_text()
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    site.program.send(signal.SIGHUP)
    site.program.await_log("The new configuration is not valid; the old one stays.")
    path.write_text(certificate)
    site.send("tls", [FRAMINGS["host"].format(x) for x in LINES[:2]])
    site.wait(1)
    site.program.send(signal.SIGHUP)
    site.program.await_log("The new configuration is in use.")
    site.send("tls", [FRAMINGS["host"].format(LINES[1])])
    site.wait(2)


def test_the_own_sender_sends_what_an_appliance_would(site: Site, tmp_path: Path) -> None:
    """In the order of the files, over each transport, at a rate."""
    site.program.begin()
    opened = f"Wed Apr 22 11:44:39 2026 Info: {LINES[0]}"
    site.send("udp", [as_message(opened.encode(), "esa1", "mail_logs").decode()])
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in (1, 0):
        line = f"Wed Apr 22 11:44:4{number} 2026 Info: " + FAILED.replace("other", f"u{number}")
        (folder / f"mail.@20260422T11444{number}.s").write_text(line + "\n")
    options = ["--host", "esa1", "--rate", "100"]
    more = {"tls": ["--ca", str(site.authority.path)]}
    for number, (transport, address) in enumerate(site.addresses.items(), 1):
        sent = command("send", str(folder), "--to", address, *options, *more.get(transport, []))
        assert sent.stderr.startswith(f"2 messages sent to {address} in 0.")
        found = site.wait(2 * number)[-2:]
        assert [x["user"]["name"] for x in found] == ["u0", "u1"]
        assert {x["host"]["name"] for x in found} == {"esa1"}
    gone = command("send", str(folder), "--to", f"tcp://127.0.0.1:{free_ports(1)[0]}")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.endswith("cannot be reached: Connection refused.\n")
    wrong = command("send", str(folder), "--to", "here")
    assert wrong.returncode == 2
    assert "is not a syslog address" in wrong.stderr


def test_the_appliances_of_a_configuration(site: Site) -> None:
    """By host and by sender; strangers are refused and named; a reload takes other ones."""
    entry = (
        "appliances:\n  esa1.example.com: {names: [esa1], timezone: Asia/Tokyo,"
        " labels: {site: rome}, namespace: rome}\n"
    )
    site.configure(top=f"{entry}known_appliances_only: true\n")
    site.program.begin()
    site.send("tcp", [FRAMINGS["host"].format(x) for x in (LINES[0], LINES[1])])
    (found,) = site.wait(1)
    assert found["host"]["name"] == "esa1.example.com"
    assert found["event"]["timezone"] == "+09:00"
    assert found["labels"] == {"site": "rome"}
    assert found["data_stream"]["namespace"] == "rome"
    site.send("udp", [FRAMINGS["no host"].format(x) for x in LINES])
    site.program.await_log("Appliance is in no entry of appliances, and its messages are refused")
    assert 'appliance=127.0.0.1 detail="from 127.0.0.1"' in site.program.log
    addresses = "  esa2: {addresses: [127.0.0.0/8]}\nknown_appliances_only: true\n"
    site.configure(top=entry + addresses)
    site.program.send(signal.SIGHUP)
    site.program.await_log("The new configuration is in use.")
    site.send("tcp", [FRAMINGS["no host"].format(LINES[6])])
    # Its connection is still known.
    site.send("tcp", [FRAMINGS["host"].format(LINES[1])])
    _, by_host, by_address = site.wait(3)  # the login without a connection waits for it
    assert by_address["host"]["name"] == "esa2"
    assert by_host["host"]["name"] == "esa1.example.com"
    assert by_host["source"]["ip"] == "203.0.113.9"


def test_tags_pick_a_subscription(site: Site) -> None:
    """What is skipped is counted in ``status``; the log says once that something is."""
    site.configure(", tags: [mail_logs]")
    site.program.begin()
    other = FRAMINGS["host"].format(LINES[6]).replace("mail_logs", "copy")
    site.send("udp", [other, FRAMINGS["host"].format(LINES[6]), other])
    site.wait(1)
    assert site.program.end() == 0
    shown = command("status", "-c", str(site.program.config)).stdout
    assert "since the service began: 2 messages skipped\n" in shown
    (line,) = [x for x in site.program.log.splitlines() if "skipped" in x]
    assert "Messages skipped: their tag is not among the tags of the input." in line
    assert "level=info" in line


def test_a_clock_that_is_off_is_said(site: Site) -> None:
    """In the log and in ``status``."""
    site.program.begin()
    time = datetime.now(UTC) + timedelta(hours=3.5)
    framing = f"<22>1 {time.isoformat(timespec='seconds')} esa1 mail_logs - - - Info: "
    site.send("tcp", [framing + LINES[6]])
    site.program.await_log("Appliance has another time than this host, by its messages: set both")
    assert 'appliance=esa1 detail="3 hours ahead"' in site.program.log
    assert site.program.end() == 0
    shown = command("status", "-c", str(site.program.config)).stdout
    assert "appliance esa1: has another time than this host" in shown


def test_once_opens_no_socket(site: Site) -> None:
    """They have no end: what waits in the spool and in files is done without them."""
    with socket.create_server(("127.0.0.1", site.ports["tcp"])):
        assert site.program.once() == 0
    assert "Syslog inputs are not opened with --once: they have no end." in site.program.log
