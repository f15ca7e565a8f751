"""Configured appliances in the core: whose a line is, its time, and what is refused."""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from forwarder.appliances import Appliance, Appliances
from forwarder.ecs.layout import Common
from forwarder.events import ApplianceWarning
from forwarder.pipeline import FileParser, LogParser, Settings

ROME, TOKYO = ZoneInfo("Europe/Rome"), ZoneInfo("Asia/Tokyo")
ENTRIES = [
    Appliance("esa1.example.com", ("esa1", "mx1-*"), (ip_network("192.0.2.7"),), "SN1", ROME),
    Appliance("esa2.example.com", ("esa2",), (ip_network("192.0.2.8"),)),
]
NEAR = datetime(2026, 4, 22, 12, tzinfo=UTC)
NEW = "New SMTP ICID {} interface D (192.0.2.25) address {} reverse dns host a verified no"
LOGIN = "SMTP Auth: (ICID {}) failed for user: u using AUTH mechanism: LOGIN with profile: P"


def message(text: str, host: str = "") -> str:
    """Write a message as an appliance or a relay sends it."""
    return f"<22>Apr 22 11:44:48 {host and host + ' '}mail_logs: Info: {text}\n"


def feed(flow: LogParser, reading: FileParser, text: str) -> list[dict[str, Any]]:
    """Read messages, of which none waits for others; give the documents."""
    made = [*flow.release(0), *reading.feed(text.encode()), *reading.settle(), *flow.release(99)]
    return [orjson.loads(x) for x in made]


class Site:
    """A parser with some appliances, and what it has read."""

    def __init__(self, *, known_only: bool = False) -> None:
        """Know both of them."""
        appliances = Appliances(ENTRIES, known_only=known_only)
        self.flow = LogParser(Settings(sessions=False, appliances=appliances))

    def read(self, name: str, text: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - of open
        """Read a log to its end; give the documents."""
        reading = self.flow.open(name, options.pop("path", None), near=NEAR, **options)
        return feed(self.flow, reading, text)

    def receive(self, sender: str, *texts: str) -> list[dict[str, Any]]:
        """Read messages that came from an address."""
        return self.read(sender, "".join(texts), hosts=True, messages=True)

    @property
    def warnings(self) -> set[tuple[str, str, str]]:
        """What is odd about appliances."""
        return {tuple(x) for x in self.flow.counts.appliance_warnings}  # type: ignore[misc]


def names(documents: list[dict[str, Any]]) -> list[str]:
    """Name the appliances of documents."""
    assert all(x["host"]["name"] == x["observer"]["hostname"] for x in documents)
    return [x["host"]["name"] for x in documents]


@pytest.mark.parametrize(
    ("sender", "host", "name"),
    [
        ("198.51.100.1", "esa1", "esa1.example.com"),
        ("198.51.100.1", "MX1-b", "esa1.example.com"),
        ("198.51.100.1", "192.0.2.8", "esa2.example.com"),
        ("198.51.100.1", "other", "other"),
        ("198.51.100.1", "", "198.51.100.1"),
        ("192.0.2.7", "", "esa1.example.com"),
        ("192.0.2.7", "other", "esa1.example.com"),
        ("192.0.2.7", "esa2", "esa2.example.com"),
    ],
)
def test_the_host_of_a_message_counts_before_its_sender(sender: str, host: str, name: str) -> None:
    """As far as an entry has it; what no entry has keeps its name."""
    site = Site()
    assert names(site.receive(sender, message(LOGIN.format(7), host))) == [name]
    assert site.warnings == set()


@pytest.mark.parametrize(
    ("options", "host", "name"),
    [
        ({"hosts": False}, "", "esa1.example.com"),
        ({"hosts": False}, "esa2", "esa1.example.com"),
        ({"hosts": True}, "", "esa1.example.com"),
        ({"hosts": True}, "esa2", "esa2.example.com"),
    ],
)
def test_a_folder_is_looked_up_as_well(options: dict[str, bool], host: str, name: str) -> None:
    """Where it was named, a host has no say in it."""
    text = message(LOGIN.format(7), host)
    found = Site().read("esa1", text, path="/srv/esa1/mail.log", **options)
    assert names(found) == [name]


def test_the_names_of_one_appliance_are_one_machine() -> None:
    """A login has the address of its connection, under whichever name both came."""
    site = Site()
    site.receive("198.51.100.1", message(NEW.format(7, "203.0.113.1"), "esa1"))
    found = site.receive("198.51.100.2", message(LOGIN.format(7), "mx1-a"))
    found += site.receive("192.0.2.7", message(LOGIN.format(7)))
    found += site.read("esa1", message(LOGIN.format(7), "mx1-b"), messages=True)
    assert [x["source"]["ip"] for x in found] == ["203.0.113.1"] * 3
    assert site.flow.counts.mixtures == ()


def test_two_appliances_with_equal_ids_stay_apart_behind_one_relay() -> None:
    """Also those that no entry has, from the address of one that has."""
    site = Site()
    hosts = {"esa1": "203.0.113.1", "esa2": "203.0.113.2", "x": "203.0.113.3", "y": "203.0.113.4"}
    site.receive("192.0.2.7", *(message(NEW.format(7, y), x) for x, y in hosts.items()))
    found = site.receive("192.0.2.7", *(message(LOGIN.format(7), x) for x in hosts))
    assert [x["source"]["ip"] for x in found] == [*hosts.values()]
    assert len({x["event"]["id"] for x in found}) == 4
    # The documents of both are of one appliance, which is said.
    assert [x.appliance for x in site.flow.counts.mixtures] == ["esa1.example.com"]


def test_the_zone_of_an_appliance_counts_before_that_of_the_input() -> None:
    """Line by line, and not before an offset that the log says."""
    site = Site()
    text = "".join(message(LOGIN.format(x), f"esa{2 - x % 2}") for x in (1, 2, 3, 4))
    both = site.read("relay", text, hosts=True, messages=True, zone=TOKYO)
    assert [x["event"]["timezone"] for x in both] == ["+02:00", "+09:00"] * 2
    assert [x["@timestamp"][11:16] for x in both] == ["09:44", "02:44"] * 2
    offset = "Wed Apr 22 11:00:00 2026 Info: Time offset from UTC: 3600 seconds\n"
    line = f"Wed Apr 22 11:44:48 2026 Info: {LOGIN.format(7)}\n"
    (found,) = site.read("esa1", offset + line, path="/srv/esa1/mail.log")
    assert found["event"]["timezone"] == "+01:00"


def test_a_serial_number_fills_in_for_that_of_the_log() -> None:
    """A log that says another one is right, and that is said once."""
    site = Site()
    (found,) = site.receive("192.0.2.7", message(LOGIN.format(7)))
    assert found["observer"]["serial_number"] == found["host"]["id"] == "SN1"
    header = "Wed Apr 22 11:00:00 2026 Info: Version: 15.0 SN: {}\n"
    line = f"Wed Apr 22 11:44:48 2026 Info: {LOGIN.format(7)}\n"
    (found,) = site.read("esa1", header.format("SN1") + line)
    assert site.warnings == set()
    for _ in range(2):
        (found,) = site.read("esa1", header.format("SN2") + line)
        assert found["host"]["id"] == "SN2"
    assert site.warnings == {("serial", "esa1.example.com", "SN2 instead of SN1")}


def test_a_serial_number_changes_no_id() -> None:
    """It may be configured later, when lines come again."""
    text = message(LOGIN.format(7))
    with_serial = Site().receive("192.0.2.7", text)
    without = Appliances([ENTRIES[0]._replace(serial=None)])
    flow = LogParser(Settings(appliances=without))
    reading = flow.open("192.0.2.7", None, near=NEAR, hosts=True, messages=True)
    (document,) = feed(flow, reading, text)
    assert document["event"]["id"] == with_serial[0]["event"]["id"]


def test_labels_and_namespace_of_an_appliance() -> None:
    """In its documents alone, and before those of all."""
    entry = ENTRIES[0]._replace(labels=(("b", "own"), ("site", "rome")), namespace="rome")
    common = Common(namespace="mail", labels=(("a", "1"), ("b", "2")))
    flow = LogParser(Settings(common=common, appliances=Appliances([entry, ENTRIES[1]])))
    reading = flow.open("198.51.100.1", None, near=NEAR, hosts=True, messages=True)
    text = "".join(message(LOGIN.format(x), f"esa{2 - x % 2}") for x in (1, 2, 3, 4))
    made = feed(flow, reading, text)
    found = [(x["labels"], x["data_stream"]["namespace"]) for x in made]
    own = {"a": "1", "b": "own", "site": "rome"}, "rome"
    assert found == [own, ({"a": "1", "b": "2"}, "mail")] * 2


def test_messages_of_strangers_are_refused() -> None:
    """Counted, and each is named once; those of appliances come through."""
    site = Site(known_only=True)
    strange = [message(NEW.format(7, "203.0.113.1"), "x"), message(LOGIN.format(7), "x")]
    found = site.receive("198.51.100.1", *strange, message(LOGIN.format(8), "esa2"), *strange)
    found += site.receive("198.51.100.1", f"Wed Apr 22 11:44:48 2026 Info: {LOGIN.format(1)}\n")
    found += site.receive("192.0.2.7", message(LOGIN.format(9), "x"))
    assert names(found) == ["esa2.example.com", "esa1.example.com"]
    assert site.flow.counts.refused_lines == 5
    assert site.flow.open_connections == 2  # those of the logins
    assert site.warnings == {
        ("refused", "x", "from 198.51.100.1"),
        ("refused", "198.51.100.1", "from 198.51.100.1"),
    }


def test_nothing_of_a_file_is_refused() -> None:
    """It could not be read again when its appliance is known; nor is what an input names."""
    site = Site(known_only=True)
    text = message(LOGIN.format(7), "x")
    assert names(site.read("folder", text, path="/folder/mail.log", hosts=True)) == ["x"]
    assert names(site.read("named", text, messages=True)) == ["named"]
    assert site.flow.counts.refused_lines == 0
    assert site.warnings == {("unknown", "x", ""), ("unknown", "named", "")}


def test_invented_names_are_bounded() -> None:
    """In what is remembered, and in what is said."""
    site = Site(known_only=True)
    reading = site.flow.open("198.51.100.1", None, near=NEAR, hosts=True, messages=True)
    for start in range(0, 5_000, 500):
        text = "".join(message(LOGIN.format(7), f"h{start + x}") for x in range(500))
        assert feed(site.flow, reading, text) == []
    counts = site.flow.counts
    assert counts.refused_lines == 5_000
    assert len(counts.appliance_warnings) == 100
    assert counts.appliance_warnings[0] == ApplianceWarning("refused", "h0", "from 198.51.100.1")
    assert [*site.flow.changes()] == []
    assert len(reading.state) < 50_000


def test_a_clock_that_is_off_is_said_once_for_each_appliance() -> None:
    """By its own zone; what an offset or no year says is compared as well."""
    site = Site()
    reading = site.flow.open("198.51.100.1", None, near=NEAR, hosts=True, messages=True)
    for minute in range(3):
        # 11:44:48 in Rome is 09:44:48, and nothing is known of the zone of others.
        reading.date(datetime(2026, 4, 22, 9, 45 + minute, tzinfo=UTC))
        text = "".join(message(LOGIN.format(7), x) for x in ("esa1", "esa2", "esa3"))
        text += f"<22>1 2026-04-22T11:44:48+02:00 esa4 mail_logs - - - Info: {LOGIN.format(7)}\n"
        feed(site.flow, reading, text)
    assert site.warnings == {
        ("clock", "esa2.example.com", "119 minutes ahead"),
        ("clock", "esa3", "119 minutes ahead"),
    }


def test_a_log_goes_on_with_another_map() -> None:
    """After a reload, what was saved of a file has the names of then."""
    before = LogParser()
    reading = before.open("198.51.100.1", None, near=NEAR, hosts=True, messages=True)
    text = message(LOGIN.format(7), "esa1")
    (first,) = feed(before, reading, text)
    assert first["host"]["name"] == "esa1"
    after = Site().flow
    options: dict[str, Any] = {"hosts": True, "messages": True, "state": reading.state}
    (second,) = feed(after, after.open("198.51.100.1", None, near=NEAR, **options), text)
    assert second["host"]["name"] == "esa1.example.com"


@pytest.mark.parametrize("host", ["", "gw"])
def test_senders_of_one_name_are_not_joined(host: str) -> None:
    """Nothing tells that they are one machine; a warning names them."""
    flow = LogParser()
    found = []
    senders = ["192.0.2.50", "192.0.2.51"]
    readings = [
        flow.open("gw", None, near=NEAR, messages=True, sender=x, hosts=bool(host)) for x in senders
    ]
    for number, reading in enumerate(readings):
        found += feed(flow, reading, message(NEW.format(10, f"203.0.113.{number}"), host))
    for reading in readings:
        found += feed(flow, reading, message(LOGIN.format(10), host))
    assert [x["source"]["ip"] for x in found] == ["203.0.113.0", "203.0.113.1"]
    (mixture,) = flow.counts.mixtures
    assert mixture == ("gw", "syslog hosts", *senders)


def test_senders_in_an_entry_are_one_machine() -> None:
    """By their addresses, or by the host that their messages name."""
    entry = Appliance("gw", ("a",), (ip_network("192.0.2.48/30"),))
    flow = LogParser(Settings(appliances=Appliances([entry])))
    for host in ("", "a"):
        first, second = (
            flow.open(x, None, near=NEAR, messages=True, sender=x, hosts=True)
            for x in ("192.0.2.50", "192.0.2.51")
        )
        assert feed(flow, first, message(NEW.format(10, "203.0.113.9"), host)) == []
        (found,) = feed(flow, second, message(LOGIN.format(10), host))
        assert found["source"]["ip"] == "203.0.113.9"
