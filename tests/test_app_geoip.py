"""GeoIP: where sources are, by databases that may be replaced at any time."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from forwarder.app.geoip import LOOK_SECONDS, GeoIp, require_databases
from forwarder.app.parser_client import InputOptions, ParserSettings
from forwarder.app.parser_worker import ParserPool, read_again
from forwarder.app.service import Service
from forwarder.cli.main import main
from forwarder.ecs.layout import Common
from forwarder.errors import ConfigError
from forwarder.events import Document
from tests.mmdb import database
from tests.services import Told, append, configured, logins
from tests.test_run import FILES, configure, run

MILAN = {
    "city": {"names": {"en": "Milan", "de": "Mailand"}},
    "continent": {"names": {"en": "Europe"}},
    "country": {"iso_code": "IT", "names": {"en": "Italy"}},
    "location": {"latitude": 45.46, "longitude": 9.19},
    "subdivisions": [{"iso_code": "25", "names": {"en": "Lombardy"}}],
}
NETWORK = {"autonomous_system_number": 64496, "autonomous_system_organization": "Example"}
GEO = {
    "continent_name": "Europe",
    "country_iso_code": "IT",
    "country_name": "Italy",
    "region_iso_code": "IT-25",
    "region_name": "Lombardy",
    "city_name": "Milan",
    "location": {"lat": 45.46, "lon": 9.19},
}
AS = {"number": 64496, "organization": {"name": "Example"}}


def source(geoip: GeoIp, ip: str | None) -> dict[str, Any]:
    """Tell what is added to the source of a login."""
    before = {} if ip is None else {"ip": ip}
    document = Document("0" * 32, orjson.dumps({"user": {"name": "u"}, "source": before}))
    fields = orjson.loads(geoip.add(document).body)
    assert fields.pop("user") == {"name": "u"}
    return {x: y for x, y in fields["source"].items() if x not in before}


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("8.8.8.8", {"geo": GEO, "as": AS}),
        ("8.8.9.1", {"as": AS}),
        ("2a00::1", {"as": AS}),
        ("9.9.9.9", {}),
        ("10.1.1.1", {}),
        (None, {}),
    ],
)
def test_each_database_adds_what_it_knows(
    tmp_path: Path, ip: str | None, expected: dict[str, Any]
) -> None:
    """Of public addresses; one of IPv6 is in no database of IPv4."""
    city, network = tmp_path / "city.mmdb", tmp_path / "as.mmdb"
    city.write_bytes(database({"8.8.8.0/24": MILAN, "10.0.0.0/8": MILAN}, 4))
    network.write_bytes(database({"8.8.0.0/16": NETWORK, "2a00::/16": NETWORK}))
    assert source(GeoIp([city, network]), ip) == expected


def test_a_record_of_another_form_adds_nothing(tmp_path: Path) -> None:
    """Other vendors write countries as text."""
    path = tmp_path / "x.mmdb"
    path.write_bytes(database({"8.8.8.0/24": {"country": "IT", "location": {"latitude": "1"}}}))
    assert source(GeoIp([path]), "8.8.8.8") == {}


@pytest.mark.parametrize("content", [None, b"", b"none", database({"8.8.8.0/24": MILAN})[:80]])
def test_a_file_that_is_no_database_is_a_mistake(tmp_path: Path, content: bytes | None) -> None:
    """At the start; the file is named."""
    path = tmp_path / "city.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"documents\.geoip: '.*city\.mmdb' cannot be read: "):
        require_databases([path])


def test_a_database_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    """While it is missing or damaged, the old one stays in use."""
    now = [0.0]
    path, new = tmp_path / "city.mmdb", tmp_path / "new"
    path.write_bytes(database({"8.8.8.0/24": MILAN}))
    geoip = GeoIp([path], lambda: now[0])

    def look() -> str | None:
        now[0] += LOOK_SECONDS
        geoip.look()
        return geoip.trouble

    assert source(geoip, "8.8.8.8") == {"geo": GEO}
    path.unlink()
    assert "No such file" in str(look())
    path.write_bytes(b"half of it")
    assert "damaged" in str(look())
    assert source(geoip, "8.8.8.8") == {"geo": GEO}
    new.write_bytes(database({"8.8.8.0/24": NETWORK}))
    new.replace(path)
    geoip.look()
    assert source(geoip, "8.8.8.8") == {"geo": GEO}  # it is not time to look
    assert look() is None
    assert source(geoip, "8.8.8.8") == {"as": AS}


def test_a_parser_that_replaces_one_that_died_goes_on_without(tmp_path: Path) -> None:
    """What is missing then is read when it is there."""
    now = [0.0]
    path = tmp_path / "city.mmdb"
    geoip = GeoIp([path], lambda: now[0])
    assert source(geoip, "8.8.8.8") == {}
    assert "No such file" in str(geoip.trouble)
    path.write_bytes(database({"8.8.8.0/24": MILAN}))
    now[0] += LOOK_SECONDS
    geoip.look()
    assert (source(geoip, "8.8.8.8"), geoip.trouble) == ({"geo": GEO}, None)
    path.unlink()
    settings = ParserSettings((InputOptions(),), sessions=True, common=Common(), geoip=(path,))
    assert "No such file" in str(ParserPool(settings, ()).checkpoint().geoip_trouble)
    with pytest.raises(ConfigError, match="No such file"):
        next(read_again((), settings))


def test_documents_of_a_run_have_it(tmp_path: Path) -> None:
    """A missing database is a mistake that ends the run."""
    append(tmp_path, logins(1, 2).replace(b"203.0.113.9", b"8.8.8.8", 1))
    path = configure(tmp_path, FILES)
    path.write_text(f"{path.read_text()}documents: {{geoip: {tmp_path}/city.mmdb}}\n")
    failed = run(path, "--once")
    assert (failed.returncode, failed.stdout) == (2, b"")
    assert b"documents.geoip" in failed.stderr
    checked = CliRunner().invoke(main, ["check", "-c", str(path)])
    assert (checked.exit_code, "documents.geoip" in checked.output) == (1, True)
    (tmp_path / "city.mmdb").write_bytes(database({"8.8.8.0/24": MILAN}))
    done = run(path, "--once")
    assert done.returncode == 0, done.stderr
    assert [json.loads(x)["source"].get("geo") for x in done.stdout.splitlines()] == [GEO, None]


def test_a_missing_database_does_not_end_a_service_that_reloads(
    tmp_path: Path, said: Callable[[str], bool]
) -> None:
    """It goes on as it was, with what it has read."""
    append(tmp_path, logins(1).replace(b"203.0.113.9", b"8.8.8.8"))
    path = tmp_path / "city.mmdb"
    path.write_bytes(database({"8.8.8.0/24": MILAN}))
    signals = iter([signal.SIGHUP, signal.SIGTERM])

    def act(_: Sequence[Document]) -> None:
        path.unlink(missing_ok=True)
        append(tmp_path, logins(2).replace(b"203.0.113.9", b"8.8.8.8"))
        os.kill(os.getpid(), next(signals))

    told = Told(act)
    read = configured(tmp_path, told, more=f"documents: {{{{geoip: {path}}}}}\n")
    assert Service(read(), read).run()
    assert [json.loads(x.body)["source"]["geo"] for x in told.taken] == [GEO, GEO]
    assert said("The new configuration is not valid; the old one stays.")
