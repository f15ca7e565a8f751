"""Logs as people met them give the right logins: the cases in ``tests/cases``."""

import json

import pytest
from click.testing import CliRunner

from forwarder.cli.main import main
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


OPENED = "New SMTP ICID 5 interface Data 1 (192.0.2.20) address 198.51.100.5"
REVERSE = " reverse dns host mx.example.net verified yes"
INBOUND = "SMTP Auth: (ICID 5) failed for user: mia using AUTH mechanism: PLAIN with profile: P"
DELIVERY = "New SMTP DCID 5 interface 192.0.2.20 address 198.51.100.5 port 587"
OUTBOUND = "DCID: 5 IP: 198.51.100.5 SMTP authentication using the profile P succeeded."


@pytest.mark.parametrize(
    "words", ["", " and more", " x=y (z)", " for example.com CN=a.example.net"]
)
@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        ([OPENED + REVERSE, INBOUND], "source.domain", "mx.example.net"),
        ([OPENED + REVERSE, INBOUND], "source.ip", "198.51.100.5"),
        ([OPENED, INBOUND], "source.ip", "198.51.100.5"),
        ([OPENED, INBOUND], "observer.ingress.interface.name", "Data 1"),
        ([OPENED.replace("Data 1", ""), INBOUND], "source.ip", "198.51.100.5"),
        ([OPENED.replace("Data 1 ", ""), INBOUND], "observer.ip", ["192.0.2.20"]),
        ([DELIVERY, OUTBOUND], "destination.port", 587),
        ([DELIVERY.replace("192.0.2.20 ", ""), OUTBOUND], "destination.port", 587),
        ([DELIVERY[:-9], OUTBOUND], "source.ip", "192.0.2.20"),
        (["ICID 5 ACCEPT SG None", INBOUND], "cisco_esa.sender.policy", "ACCEPT"),
        (["ICID 5 RELAY SG A match ALL SBRS 3.5", INBOUND], "cisco_esa.sender.sbrs", 3.5),
        (["ICID 5 RELAY SG A match ALL SBRS 3.5", INBOUND], "cisco_esa.sender.match", "ALL"),
        (
            ["ICID 5 Delayed HAT REJECT continuing session for recipient logging (198.51.100.5)",
             INBOUND],
            "source.ip", "198.51.100.5",
        ),
        (["ICID 5 TLS success", INBOUND], "tls.established", True),
        (["ICID 5 TLS success protocol TLSv1.2 cipher C", INBOUND], "tls.version", "1.2"),
        (["ICID 5 TLS success protocol TLSv1.2 cipher C", INBOUND], "tls.cipher", "C"),
        (["ICID 5 TLS failed", INBOUND], "tls.established", False),
        (["ICID 5 TLS failed: [Errno 54] reset", INBOUND], "tls.established", False),
        (["DCID 5 TLS success protocol TLSv1.2 cipher C", OUTBOUND], "tls.cipher", "C"),
        (["ICID 5 close", INBOUND], "source.ip", None),
        (["ICID 5 lost", INBOUND], "source.ip", None),
        (["Time offset from UTC: 7200 seconds", INBOUND], "@timestamp", "2026-03-02T06:00:01.000Z"),
        (["Version: 15.5.1-055 SN: 421F-AB", INBOUND], "host.id", "421F-AB"),
        ([OUTBOUND], "event.outcome", "success"),
        ([OUTBOUND.replace("succeeded.", "failed")], "event.outcome", "failure"),
    ],
)  # fmt: skip
def test_words_behind_a_known_form_do_not_make_it_unknown(
    words: str, lines: list[str], field: str, value: object
) -> None:
    """Releases differ; what is known of a line counts, whatever else there is."""
    known, *logins = lines
    if field == "source.ip" and value is None:
        logins = [known + words, *logins]
        known, words = OPENED, ""
    log = "".join(
        f"Mon Mar  2 08:00:0{second} 2026 Info: {line}\n"
        for second, line in enumerate([known + words, *logins])
    )
    result = CliRunner().invoke(main, ["parse", "-"], input=log)
    (document,) = (json.loads(x) for x in result.stdout.splitlines())
    assert cases.get(document, field) == value


@pytest.mark.parametrize(
    ("line", "field", "subject"),
    [
        ("DCID 5 TLS success CN: <mx.example.net>", "tls.server.subject", "CN=mx.example.net"),
        ("DCID 5 TLS success CN=mx.example.net", "tls.server.subject", "CN=mx.example.net"),
        (
            "DCID 5 TLS success protocol TLSv1.2 cipher C CN=mx.example.net for example.net",
            "tls.server.subject",
            "CN=mx.example.net",
        ),
        ("DCID 5 TLS success protocol TLSv1.2 cipher C", "tls.server.subject", None),
        ("ICID 5 TLS success CN: <mx.example.net>", "tls.client.subject", "CN=mx.example.net"),
    ],
)
def test_the_name_in_a_certificate_is_that_of_the_other_end(
    line: str, field: str, subject: str | None
) -> None:
    """The client's of an inbound connection, the smart host's of an outbound one."""
    login = INBOUND if line.startswith("ICID") else OUTBOUND
    log = "".join(f"Mon Mar  2 08:00:00 2026 Info: {x}\n" for x in (line, login))
    result = CliRunner().invoke(main, ["parse", "-"], input=log)
    (document,) = (json.loads(x) for x in result.stdout.splitlines())
    assert cases.get(document, field) == subject
    other = {"tls.server.subject", "tls.client.subject"} - {field}
    assert cases.get(document, other.pop()) is None


def test_a_zone_that_is_given_tells_before_from_after() -> None:
    """Then a login hours before its connection is of another one, in any framing."""
    log = (
        "Mar  2 08:00:00 esa1 t: Info: " + OPENED + "\n"
        "2026-03-02T08:00:01+02:00 esa1 t: Info: " + INBOUND + "\n"
    )
    for options, address in ((), "198.51.100.5"), (("--timezone", "UTC"), None):
        result = CliRunner().invoke(main, ["parse", *options, "-"], input=log)
        (document,) = (json.loads(x) for x in result.stdout.splitlines())
        assert cases.get(document, "source.ip") == address


@pytest.mark.parametrize("blanks", ["  ", "     ", "\t", "\t  "])
@pytest.mark.parametrize(
    "header",
    [
        "Mon Mar  2 08:00:00 2026 ",
        "Mar  2 08:00:00 esa1 t: ",
        "<22>1 2026-03-02T08:00:00Z esa1 t - - - ",
        "Mar  2 08:00:00 relay x: Mon Mar  2 08:00:00 2026 ",
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_blanks_behind_a_level_are_no_part_of_the_message(
    blanks: str, header: str, before: int
) -> None:
    """Among lines without them, too."""
    lines = ["Mon Mar  2 07:00:00 2026 Info: x"] * before
    lines += [f"{header}Info:{blanks}{x}" for x in (OPENED, INBOUND)]
    result = CliRunner().invoke(main, ["parse", "-"], input="\n".join(lines) + "\n")
    (document,) = (json.loads(x) for x in result.stdout.splitlines())
    assert cases.get(document, "source.ip") == "198.51.100.5"
    assert document["message"] == INBOUND
    assert document["event"]["original"] == lines[-1]


@pytest.mark.parametrize("size", [1, 40_000])
def test_blanks_behind_a_level_are_found_among_many_lines(size: int) -> None:
    """However much of a day has gone by; a message may be empty."""
    line = "Mon Mar  2 08:00:00 2026 Info: "
    lines = [line + "MID 7 matched all recipients for a policy of the table"] * size
    lines += [line, line + " " + OPENED, line + INBOUND, line, line]
    result = CliRunner().invoke(main, ["parse", "-"], input="\n".join(lines))
    (document,) = (json.loads(x) for x in result.stdout.splitlines())
    assert cases.get(document, "source.ip") == "198.51.100.5"
