"""Secrets are in nothing that a plugin, a library or a server says."""

import html
import json
import logging
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder import log
from forwarder.app.checks import check
from forwarder.app.service import Service
from forwarder.config.load import Config, load
from forwarder.config.secret_settings import mask_of
from forwarder.events import Document
from forwarder.masking import MASK, NO_MASK, masking
from forwarder.output import Failure, Finding, OutputPlugin, Unavailable
from forwarder.plugins import find_outputs
from tests.bulk_server import Answer, Asked, BulkServer, error
from tests.configs import ServerSettings
from tests.faults.program import COMMAND
from tests.services import append, logins

PASSWORD = 'pässword/+"&'
KEY = "VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw"


def encoded(text: str, encoding: str = "utf-8") -> str:
    """Encode as in a header."""
    return b64encode(text.encode(encoding)).decode()


@pytest.mark.parametrize(
    "said",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        html.escape(PASSWORD),
        json.dumps(PASSWORD)[1:-1],
        json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
        repr(PASSWORD)[1:-1],
        f"elastic:{PASSWORD}",
        f"Basic {encoded(f'elastic:{PASSWORD}')}",
        f"Basic {encoded(f'elastic:{PASSWORD}').rstrip('=')}",
        f"Basic {encoded(f'elastic:{PASSWORD}', 'latin-1')}",
        encoded(PASSWORD),
        KEY,
        KEY.partition(":")[2],
        f"ApiKey {encoded(KEY)}",
    ],
)
def test_each_form_of_a_secret_is_masked(said: str) -> None:
    """As it is sent, as it is quoted, and as it is encoded."""
    mask = masking([PASSWORD, KEY], ["elastic"])
    found = mask(f'no, "{said}" is wrong, and {said}; {said}')
    assert found.count(MASK) == 3
    for secret in (PASSWORD, KEY.partition(":")[2], encoded(KEY)[:8], said.partition(" ")[2]):
        assert not secret or secret not in found
    assert found.startswith('no, "')
    assert f'{MASK}" is wrong, and ' in found


def test_a_key_that_is_encoded_already_is_known_by_what_it_is() -> None:
    """Its id and its secret, too."""
    mask = masking([encoded(KEY)])
    assert mask(f"a {encoded(KEY)} b {KEY} c {KEY.partition(':')[2]} d") == (
        f"a {MASK} b {MASK} c {MASK} d"
    )


@pytest.mark.parametrize("length", range(8, 42))
def test_what_is_cut_is_masked_too(length: int) -> None:
    """As an answer of which the beginning is shown; not what only begins alike."""
    mask = masking([KEY])
    for end in ("", "'; see", "…", " and"):
        assert mask(f"key {KEY[:length]}{end}") == f"key {MASK}{end}"
    assert mask(f"key {KEY[:length]}0") == f"key {KEY[:length]}0"


def test_a_short_secret_is_no_part_of_other_words() -> None:
    """It would be told by what is masked in a word that everybody knows."""
    mask = masking(["hunter2", "ab"], ["me"])
    assert mask("hunter2, hunter22, 'hunter2', a_hunter2") == (
        f"{MASK}, hunter22, '{MASK}', a_hunter2"
    )
    assert mask(f"about ab: {encoded('me:ab')}") == f"about ab: {MASK}"


@pytest.mark.parametrize("secrets", [[], [""], ["  "]])
def test_nothing_is_masked_where_nothing_is_secret(secrets: list[str]) -> None:
    """It costs nothing then."""
    assert masking(secrets, ["me"]) is NO_MASK


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_is_left_as_a_word(secret: str, before: str, behind: str) -> None:
    """Whatever it is made of, and whatever stands around it."""
    secret = secret.strip()
    mask = masking([secret])
    text = f'{before} "{secret}" {behind}'
    if len(secret) >= 8:
        assert secret not in mask(text).replace(MASK, "")
    mask(f"{before}{secret}{behind}")


# Where they come from


class Echo:
    """An output of another author, which says all that it knows."""

    def __init__(self, settings: ServerSettings) -> None:
        """Know it."""
        assert settings.api_key is not None
        self.key = settings.api_key.get_secret_value()
        self.writes = 0

    def open(self) -> None:
        """Do nothing."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Say it in each way."""
        self.writes += 1
        logging.getLogger("some.library").warning("a warning of %s", self.key)
        if self.writes == 1:
            raise Unavailable(f"header {self.key}")
        if self.writes == 2:
            return [Failure(x, f"item {self.key}", retryable=True) for x in documents]
        if self.writes == 3:
            return [Failure(x, f"refused {self.key}") for x in documents[:1]]
        raise KeyError(self.key)

    def close(self) -> None:
        """Say it once more."""
        raise ValueError(self.key)


def read(folder: Path, text: str, plugin: OutputPlugin | None = None) -> Config:
    """Read a configuration."""
    path = folder / "esa.yaml"
    path.write_text(text, "utf-8")
    given = {} if plugin is None else {plugin.name: plugin}
    return load(path, lambda x: given or find_outputs(x), {"KEY": KEY})


def test_secrets_of_a_configuration(tmp_path: Path) -> None:
    """What the plugin calls one, what is named like one, what is in a file, and in a URL."""
    (tmp_path / "token").write_text("from-a-file-0123")
    text = f"""\
inputs:
  - {{type: stdin}}
outputs:
  siem:
    type: server
    hosts: ["https://me:in-a-url-4567@b", "${{file:{tmp_path}/token}}"]
    api_key: ${{KEY}}
    login: {{user: bob, password: of-the-login-89}}
    headers: {{x: in-a-header-1011}}
  other: {{type: server, hosts: [a], api_key: of-another-1213}}
http: {{listen: 9273, token: of-the-pages-141516}}
"""
    config = read(tmp_path, text, OutputPlugin("server", ServerSettings, Echo))
    mine = ["in-a-url-4567", "from-a-file-0123", KEY, "of-the-login-89", "in-a-header-1011"]
    said = " ".join([*mine, encoded("me:in-a-url-4567"), encoded("bob:of-the-login-89")])
    mask = mask_of(config, "siem")
    assert mask(said) == " ".join([MASK] * 7)
    assert mask("of-another-1213") == "of-another-1213"
    assert mask_of(config)(f"{said} of-another-1213") == " ".join([MASK] * 8)
    assert mask_of(config)("Bearer of-the-pages-141516") == f"Bearer {MASK}"
    assert mask_of(config, "other", more=["more-1415"])("more-1415 x") == f"{MASK} x"


def test_what_a_check_finds(tmp_path: Path) -> None:
    """Neither text nor advice, nor what it fails with."""

    def look(settings: ServerSettings, _: object) -> Iterator[object]:
        assert settings.api_key is not None
        key = settings.api_key.get_secret_value()
        yield Finding(good=False, text=f"no {key}", advice=f"Not {key}.")
        raise KeyError(key)

    text = "inputs: [{type: stdin}]\noutputs: {a: {type: server, hosts: [a], api_key: '${KEY}'}}\n"
    plugin = OutputPlugin("server", ServerSettings, Echo, check=look)  # type: ignore[arg-type]
    findings = [x for x in check(read(tmp_path, text, plugin)) if "outputs.a" in x.text]
    assert [x.text for x in findings] == [
        f"outputs.a: no {MASK}",
        f"outputs.a: its check failed: KeyError: '{MASK}'",
    ]
    assert findings[0].advice == f"Not {MASK}."


# All of it, with servers that echo


def echo_reason(asked: Asked) -> Answer:
    """Say the header in the reason of a whole request."""
    return error(401, "security_exception", f"no: {asked.headers['authorization']}")


def echo_page(asked: Asked) -> Answer:
    """Show all headers, cut at any place where answers are cut."""
    return Answer(403, f"<p>{'x' * 170}{html.escape(str(dict(asked.headers)))}".encode())


def echo_headers(asked: Asked) -> Answer:
    """Show all headers."""
    return Answer(502, json.dumps(dict(asked.headers)).encode())


def echo_location(asked: Asked) -> Answer:
    """Send on to it."""
    return Answer(302, b"", {"Location": f"/{quote(asked.headers['authorization'])}"})


ECHOES = [echo_reason, echo_page, echo_headers, echo_location]


def echo_item(asked: Asked) -> Answer:
    """Refuse the first document, put off the second, take the rest; say the header of both."""
    said = f"because of {asked.headers['authorization']}"
    ids = [json.loads(x)["create"]["_id"] for x in asked.body.split(b"\n")[:-1:2]]
    items = [{"create": {"_id": x, "status": 201}} for x in ids]
    for item, status in zip(items, [400, 429], strict=False):
        item["create"] |= {"status": status, "error": {"type": "t", "reason": said}}
    return Answer(200, {"errors": True, "items": items})


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Return what echoes: each echo once, and then items for ever."""
    server = BulkServer(product="Elasticsearch")
    left = list(ECHOES)

    def answer(asked: Asked) -> Answer:
        echo = left.pop(0) if left else echo_item
        return echo(asked)

    server.answer = answer
    yield server
    server.stop()


def shown(folder: Path, *command: str) -> str:
    """Run a command; return all that it printed."""
    done = subprocess.run(  # noqa: S603 - our own
        [*COMMAND, *command, "-c", str(folder / "esa.yaml")],
        check=False,
        capture_output=True,
        timeout=60,
    )
    return (done.stdout + done.stderr).decode()


CREDENTIALS = [
    ("elasticsearch", "logfmt", f'api_key: "{KEY}"', [KEY, encoded(KEY)]),
    ("opensearch", "json", "username: elastic, password: of-a-server-1617", ["of-a-server-1617"]),
]


@pytest.mark.parametrize(("kind", "form", "credentials", "secrets"), CREDENTIALS)
def test_what_a_server_echoes_is_nowhere(  # noqa: PLR0913, PLR0917 - a table
    tmp_path: Path, server: BulkServer, kind: str, form: str, credentials: str, secrets: list[str]
) -> None:
    """Neither log nor status, check, dead letters and spool have what it was sent."""
    server.product = "Elasticsearch" if kind == "elasticsearch" else None
    pipeline = "GET /_ingest/pipeline/logs-cisco_esa@pipeline"
    for request in ("GET /", "GET /_security/_authenticate", pipeline):
        server.echoes[request] = echo_reason
    append(tmp_path, logins(1, 2, 3))
    text = f"""\
state: {tmp_path}/state
inputs:
  - {{type: files, paths: ["{tmp_path}/logs/{{appliance}}/mail*"], timezone: UTC}}
outputs:
  siem: {{type: {kind}, hosts: ["{server.url}"], {credentials},
    batch: {{max_age: 10ms}}, retry: {{initial_pause: 10ms, max_pause: 10ms}}}}
log: {{format: {form}, level: debug}}
"""
    (tmp_path / "esa.yaml").write_text(text, "utf-8")
    said = {
        "run": shown(tmp_path, "run", "--once", "--give-up-after", "5s"),
        "check": shown(tmp_path, "check"),
        "setup": shown(tmp_path, "setup"),
        "status": shown(tmp_path, "status"),
        "list": shown(tmp_path, "dead-letters", "list"),
        "show": shown(tmp_path, "dead-letters", "show", "1"),
    }
    assert " rejected by output " in said["run"]
    for where, text in said.items():
        # Its client keeps what a server says to a check, and to a setup.
        assert MASK in text or (kind == "opensearch" and where in {"check", "setup"}), where
    assert len(server.bulks) > len(ECHOES) + 1
    header = server.bulks[0].headers["authorization"].partition(" ")[2]
    said["spool"] = b"".join(x.read_bytes() for x in (tmp_path / "state").iterdir()).decode("latin")
    assert MASK in said["spool"]
    for secret in [header, *secrets]:
        for where, text in said.items():
            assert secret[:12] not in text, where


def test_an_output_of_another_author(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In what it raises, with its traceback, and what it logs and warns of."""
    append(tmp_path, logins(1, 2, 3))
    text = f"""\
state: {tmp_path}/state
inputs:
  - {{type: files, paths: ["{tmp_path}/logs/{{appliance}}/mail*"], timezone: UTC}}
outputs:
  siem: {{type: server, hosts: [a], api_key: "${{KEY}}", batch: {{max_documents: 2}},
    retry: {{initial_pause: 10ms, max_pause: 10ms}}}}
"""
    config = read(tmp_path, text, OutputPlugin("server", ServerSettings, Echo))
    log.configure("logfmt", "info", mask_of(config))
    monkeypatch.setattr("forwarder.delivery.health._QUIET_SECONDS", 0)
    assert not Service(config, lambda: config, once=True).run()
    said = capsys.readouterr().err
    assert f"header {MASK}" in said
    assert f"refused {MASK}" in said
    assert f"KeyError: '{MASK}'" in said
    assert f"ValueError: {MASK}" in said
    assert f"a warning of {MASK}" in said
    assert "Traceback" in said
    spool = b"".join(x.read_bytes() for x in (tmp_path / "state").iterdir())
    assert KEY not in said
    assert KEY.encode() not in spool
