"""Configurations as a whole: what they come to, and all that is wrong with them at once."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from forwarder.config import BadConfig, load
from forwarder.errors import ConfigError
from forwarder.settings.models import FilesSettings, StdinSettings
from tests.configs import LEAST, PLUGINS, Login, ServerSettings, find_plugins, mistakes, read

WHOLE = """\
state: /srv/state
inputs:
  - type: files
    paths: ["/srv/esa/{appliance}/mail*"]
    timezone: Europe/Rome
    start_at: end
    ignore_older: 30d
  - type: stdin
    appliance: esa1
outputs:
  siem:
    type: server
    hosts: [one, two]
    api_key: ${KEY}
    port: ${PORT}
    verify: ${VERIFY:-no}
    login: {user: root, password: "${PASSWORD:-}"}
    headers: {X-Token: abc}
    batch: {max_documents: 10, max_bytes: 5MiB, max_age: 500ms}
    retry: {initial_pause: 2s, max_pause: 5m}
  second: {type: server, hosts: []}
documents:
  session_events: false
  original: false
  namespace: prod
  agent_name: mx
  tags: [a, b]
  labels: {site: milan}
spool: {max_bytes: 10GiB}
log: {format: json, level: debug}
"""


def test_a_configuration_comes_to_its_values(tmp_path: Path) -> None:
    """Each of them, typed."""
    config = read(tmp_path, WHOLE, KEY="12345678", PORT="9201")
    assert config.path == tmp_path / "esa.yaml"
    assert config.state == Path("/srv/state")
    assert config.inputs == (
        FilesSettings(
            type="files",
            paths=("/srv/esa/{appliance}/mail*",),
            timezone=ZoneInfo("Europe/Rome"),
            start_at="end",
            ignore_older=timedelta(days=30),
        ),
        StdinSettings(type="stdin", appliance="esa1"),
    )
    assert list(config.outputs) == ["siem", "second"]
    siem = config.outputs["siem"]
    assert siem.name == "siem"
    assert siem.plugin is PLUGINS["server"]
    assert siem.settings == ServerSettings(
        hosts=["one", "two"],
        api_key=SecretStr("12345678"),
        port=9201,
        verify=False,
        login=Login(user="root", password=SecretStr("")),
        headers={"X-Token": SecretStr("abc")},
    )
    assert siem.delivery.batch.max_documents == 10
    assert siem.delivery.batch.max_bytes == 5 * 2**20
    assert siem.delivery.batch.max_age == timedelta(milliseconds=500)
    assert siem.delivery.retry.initial_pause == timedelta(seconds=2)
    assert siem.delivery.retry.max_pause == timedelta(minutes=5)
    assert config.documents.model_dump() == {
        "session_events": False,
        "original": False,
        "namespace": "prod",
        "agent_name": "mx",
        "tags": ("a", "b"),
        "labels": {"site": "milan"},
    }
    assert config.spool.max_bytes == 10 * 2**30
    assert config.log.format == "json"
    assert config.log.level == "debug"


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    """An input and an output are enough."""
    config = read(tmp_path, LEAST)
    assert config.state == Path("/var/lib/esa-forwarder")
    assert config.inputs == (StdinSettings(type="stdin"),)
    batch, retry = config.outputs["siem"].delivery.batch, config.outputs["siem"].delivery.retry
    assert batch.max_documents == 2_000
    assert batch.max_bytes == 10_000_000
    assert batch.max_age == timedelta(seconds=1)
    assert retry.initial_pause == timedelta(seconds=1)
    assert retry.max_pause == timedelta(minutes=1)
    assert config.documents.session_events
    assert config.spool.max_bytes == 1_000_000_000


def test_no_secret_is_in_what_a_debugger_shows(tmp_path: Path) -> None:
    """Nor in a traceback that shows values."""
    shown = repr(read(tmp_path, WHOLE, KEY="hunter2hunter2", PORT="9201", PASSWORD="correct horse"))
    assert "hunter2" not in shown
    assert "correct horse" not in shown
    assert "abc" not in shown


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """In the order of the file, each with line and path, what is allowed, and what was meant."""
    text = """\
stat: /srv
inputs:
  - type: files
    paths: [a, ./a, ~/b, ""]
    appliance: 8
    timezone: rome
    ignore_older: 5
    start_at: begin
  - typ: stdin
  - type: fils
  - stdin
  - type: files
    paths: ["{appliance}/*"]
    appliance: esa1
outputs:
  siem:
    type: server
    hosts: one
    port: many
    verify: perhaps
    login: {usr: root}
    batch: {max_documents: 0, max_bytes: 1GB, max_age: 2h}
    retry: {initial_pause: 2m}
    port: 9200
    pots: 1
  a b: {type: nix}
  none:
  text: type:server
  lost: {hosts: [a]}
spool: {max_bytes: 10Mb}
documents:
  session_events:
  tags: [""]
  labels: {a.b: c, d: 5}
  namespace: A-b
log: {level: warn}
"""
    expected = [
        "1: stat: is no setting; there are: documents, inputs, log, outputs, spool, state; did "
        "you mean state?",
        "4: inputs[0].paths[1]: reads the same as inputs[0].paths[0] on line 4; take one of them "
        "out.",
        "4: inputs[0].paths[2]: '~/b' begins with ~, which only a shell knows; say the folder in "
        "full.",
        "4: inputs[0].paths[3]: '' is no path.",
        "5: inputs[0].appliance: has to be text, in quotes where it looks like something else; "
        "it is 8.",
        "6: inputs[0].timezone: 'rome' is no IANA time zone, as Europe/Rome is; did you mean "
        "Europe/Rome?",
        "7: inputs[0].ignore_older: 5 is no duration; say a whole number and ms, s, m, h or d, "
        "as in 30s.",
        "8: inputs[0].start_at: 'begin' is not allowed; say 'beginning' or 'end'; did you mean "
        "beginning?",
        "9: inputs[1].type: is missing; say 'files' or 'stdin'.",
        "10: inputs[2].type: 'fils' is not allowed; say 'files' or 'stdin'; did you mean files?",
        "11: inputs[3]: has to be a mapping: lines of KEY: VALUE, indented alike.",
        "12: inputs[4]: names the appliance twice; say appliance, or {appliance} in paths.",
        "18: outputs.siem.hosts: has to be a list, as in [one, two]; it is 'one'.",
        "19: outputs.siem.port: has to be a whole number; it is 'many'.",
        "20: outputs.siem.verify: has to be true or false; it is 'perhaps'.",
        "21: outputs.siem.login.usr: is no setting; there are: password, user; did you mean user?",
        "22: outputs.siem.batch.max_age: '2h' is not between 0s and 1h.",
        "22: outputs.siem.batch.max_bytes: '1GB' is not between 1MB and 100MB.",
        "22: outputs.siem.batch.max_documents: 0 is not between 1 and 100000.",
        "23: outputs.siem.retry: has max_pause 1m, shorter than initial_pause 2m; make it as long "
        "or longer.",
        "24: outputs.siem.port: comes twice; it is on line 19 already.",
        "25: outputs.siem.pots: is no setting; there are: api_key, batch, headers, hosts, login, "
        "port, retry, type, verify; did you mean port?",
        "26: outputs['a b']: is no name for an output; take up to 63 letters (a to z), digits, _ "
        "and -, the first of them a letter or digit.",
        "26: outputs['a b'].type: no output of type 'nix' is installed.",
        "27: outputs.none: has to be a mapping: lines of KEY: VALUE, indented alike; it is "
        "nothing.",
        "28: outputs.text: has to be a mapping: lines of KEY: VALUE, indented alike.",
        "29: outputs.lost.type: is missing. Which plugin delivers; `esa-forwarder plugins` lists "
        "what is installed.",
        "30: spool.max_bytes: '10Mb' is no size; say a whole number and B, kB, MB, GB, TB, KiB, "
        "MiB, GiB or TiB, as in 64MB; did you mean 10MB?",
        "32: documents.session_events: has to be true or false; it is nothing.",
        "33: documents.tags[0]: '' is empty, or has characters in it that cannot be seen.",
        "34: documents.labels.d: has to be text, in quotes where it looks like something else; "
        "it is 5.",
        "34: documents.labels['a.b']: is no name for a label; take up to 128 letters (a to z), "
        "digits, _ and -.",
        "35: documents.namespace: 'A-b' is no namespace of a data stream; take up to 100 "
        'characters, no capital letters, no blank, and none of - \\ / * ? " < > | , # :.',
        "36: log.level: 'warn' is not allowed; say 'debug' or 'info' or 'warning' or 'error'; did "
        "you mean warning?",
    ]
    assert mistakes(tmp_path, text) == [f"esa.yaml:{x}" for x in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log: {}\n", ["1: inputs: is missing. What is read.", "1: outputs: is missing."]),
        ("inputs: []\noutputs: {}\n", ["1: inputs: a list is too short", "2: outputs: a mapping"]),
        (
            "inputs: 5\noutputs: []\n",
            ["1: inputs: has to be a list", "2: outputs: has to be a map"],
        ),
        ("inputs:\noutputs:\n", ["1: inputs: has to be a list", "2: outputs: has to be a map"]),
        (LEAST + "5: x\n", ["5: a key that is no text"]),
        (LEAST + "<<: {state: x}\n", ["5: ['<<']: is no setting"]),
        (LEAST.replace("stdin}", "stdin}\n  - {type: stdin}"), ["3: inputs[1]: reads the same"]),
        (LEAST.replace("type: server", "type: 5"), ["4: outputs.siem.type: has to be text"]),
        (
            LEAST.replace("siem", "5"),
            ["4: outputs: a key that is no text", "3: outputs: a mapping"],
        ),
    ],
)
def test_other_mistakes(tmp_path: Path, text: str, expected: list[str]) -> None:
    """By how they begin."""
    found = mistakes(tmp_path, text)
    for begin in expected:
        assert [x for x in found if x.startswith(f"esa.yaml:{begin}")], found
    assert len(found) == len(expected)


def test_a_plugin_that_breaks_on_its_settings_is_named(tmp_path: Path) -> None:
    """Without its words, in which there may be anything."""
    text = LEAST.replace("type: server, hosts: [a]", "type: broken, path: hunter2")
    assert mistakes(tmp_path, text) == [
        "esa.yaml:4: outputs.siem: the plugin broke on these settings (RuntimeError); that is its "
        "fault."
    ]


def test_plugins_are_asked_for_once_each(tmp_path: Path) -> None:
    """And only for the types that are there."""
    asked: list[str] = []

    def find(types: object) -> dict[str, object]:
        assert isinstance(types, list)
        asked.extend(types)
        return {x: PLUGINS[x] for x in types}

    path = tmp_path / "esa.yaml"
    path.write_text(LEAST + "  other: {type: server, hosts: [b]}\n")
    load(path, find, {})  # type: ignore[arg-type]  # it is looser than it says
    assert asked == ["server"]


def test_the_environment_is_that_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other is given."""
    monkeypatch.setenv("ESA_STATE", "/srv/x")
    path = tmp_path / "esa.yaml"
    path.write_text(LEAST + "state: ${ESA_STATE}\n")
    assert load(path, find_plugins).state == Path("/srv/x")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder; name a file"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, make: object, expected: str) -> None:
    """In one clear sentence."""
    path = tmp_path / "esa.yaml"
    assert callable(make)
    make(path)
    with pytest.raises(ConfigError) as caught:
        load(path, find_plugins, {})
    assert str(caught.value) == f"{path}: {expected}."


def test_a_file_is_shown_without_obeying_its_name(tmp_path: Path) -> None:
    """Nor what is in it."""
    path = tmp_path / "a\nb\x1b.yaml"
    path.write_text('"x\\ny\\e": 1\n' + LEAST)
    with pytest.raises(BadConfig) as caught:
        load(path, find_plugins, {})
    (line,) = caught.value.mistakes
    assert line.isprintable()
    with pytest.raises(ConfigError, match="embedded null byte"):
        load(Path("a\0b"), find_plugins, {})


SECRET = "hunter2-Correct-Horse"


@pytest.mark.parametrize(
    "text",
    [
        "api_key: ['${S}']",
        "port: ${S}",
        "verify: ${S}",
        "verify: 'x${S}x'",
        "hosts: ${S}",
        "login: ${S}",
        "login: {user: ['${S}'], password: {a: '${S}'}}",
        "headers: ${S}",
        "headers: [hunter2-Correct-Horse]",
        "headers: {a: [hunter2-Correct-Horse]}",
        "api_kee: hunter2-Correct-Horse",
        "password: hunter2-Correct-Horse",
        "token: {a: hunter2-Correct-Horse}",
        "api_key: [hunter2-Correct-Horse]",
        "login: api_key:hunter2-Correct-Horse",
        "port: ${file:FILE}",
        "batch: {max_age: '${S}', max_bytes: '${S}'}",
        "retry: ${S}",
        "api_key: !hunter2-Correct-Horse",
        "api_key: !!hunter2-Correct-Horse",
        "api_key: *hunter2-Correct-Horse",
        "api_key: @hunter2-Correct-Horse",
        "api_key: 'hunter2-Correct-Horse",
        "api_key: a${hunter2-Correct-Horse}",
        "verify: https://user:hunter2-Correct-Horse@host/",
    ],
)
def test_no_secret_is_in_what_is_said(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it."""
    (tmp_path / "secret").write_text(SECRET)
    text = text.replace("FILE", str(tmp_path / "secret"))
    found = mistakes(tmp_path, f"{LEAST}  other:\n    type: server\n    {text}\n", S=SECRET)
    assert "hunter2" not in "\n".join(found)
    assert "Correct" not in "\n".join(found)


@pytest.mark.parametrize("text", ['api_key: "${S}"', """api_key: "pa'ss\\n" """])
def test_a_plugin_that_says_a_secret_is_not_heard(tmp_path: Path, text: str) -> None:
    """Its words are said, with what stands in the configuration instead."""
    found = mistakes(tmp_path, LEAST.replace("hosts", f"{text}, hosts"), S="pa'ss\n")
    shown = "${S}" if "$" in text else "********"
    assert len(found) == 1
    assert "is refused: the key" in found[0]
    assert shown in found[0]
    assert "ss" not in found[0].replace("is refused", "").replace("is too short", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text("abit: -[]{}&*!|>'\"%@`#,?<\n\t\\0159~.$", max_size=80).map(str.encode),
        st.lists(
            st.sampled_from(
                ["inputs:", "outputs:", "\n", " ", "- ", "type", ": ", "files", "stdin", "server"]
                + [
                    "paths",
                    "[",
                    "]",
                    "{",
                    "}",
                    "*a",
                    "&a ",
                    "5",
                    "null",
                    "${A}",
                    "${",
                    "<<",
                    "!!int",
                ]
            )
        ).map(lambda x: "".join(x).encode()),
    )
)
def test_any_file_is_a_configuration_or_has_mistakes(tmp_path: Path, content: bytes) -> None:
    """Nothing else is raised."""
    path = tmp_path / "esa.yaml"
    path.write_bytes(content)
    try:
        load(path, find_plugins, {})
    except BadConfig as error:
        assert error.mistakes
        assert [x for x in error.mistakes if not x.startswith(str(path)) or "\n" in x] == []
