"""Configurations as a whole: what they come to, and all that is wrong with them at once."""

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from forwarder.config.load import InvalidConfigError, load
from forwarder.config.models import FilesSettings, StdinSettings
from forwarder.ecs.filters import Filter, Rule
from forwarder.errors import ConfigError
from forwarder.events import Action
from tests.configs import (
    LEAST,
    PLUGINS,
    Flag,
    FlagSettings,
    Login,
    ServerSettings,
    find_plugins,
    mistakes,
    read,
)

GOLDEN = Path(__file__).parent / "golden_configs"

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
    verify: ${VERIFY:-false}
    login: {user: root, password: "${PASSWORD:-}"}
    headers: {X-Token: abc}
    batch: {max_documents: 10, max_bytes: 5MiB, max_age: 500ms}
    retry: {initial_pause: 2s, max_pause: 5m}
    filter: {keep: [{action: [smtp-authentication], outcome: failure, appliance: ESA1}]}
  second: {type: server, hosts: []}
documents:
  session_events: false
  original: false
  namespace: prod
  agent_name: mx
  tags: [a, b]
  labels: {site: milan}
  filter: {drop: [{user: [Anna, bob], source: 10.0.0.0/8}]}
spool: {max_bytes: 10GiB}
log: {format: json, level: debug}
"""


def test_a_configuration_comes_to_its_values(tmp_path: Path) -> None:
    """Each of them, typed."""
    config = read(tmp_path, WHOLE, KEY="12345678", PORT="9201")
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
    assert siem.delivery.filter.rules == Filter(
        keep=(Rule(action=["smtp-authentication"], outcome=("failure",), appliance=("esa1",)),)
    )
    rule = Rule(user=("anna", "bob"), source=(ip_network("10.0.0.0/8"),))
    assert config.documents.filter.rules == Filter(drop=(rule,))
    assert config.documents.model_dump(exclude={"filter"}) == {
        "session_events": False,
        "original": False,
        "namespace": "prod",
        "agent_name": "mx",
        "tags": ("a", "b"),
        "labels": {"site": "milan"},
        "geoip": None,
    }
    assert config.spool.max_bytes == 10 * 2**30
    assert config.log.format == "json"
    assert config.log.level == "debug"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("type: file, start: end", ["paths", "start", "timezone", "type"]),
        ("type: [1], paths: 5", ["paths", "timezone", "type"]),
        ("type: stdn", ["timezone", "type"]),
        ("type: file", ["paths", "timezone", "type"]),
        ("type: stdn, start_at: end", ["start_at", "timezone", "type"]),
        ("type: sylog, listen: here", ["listen", "timezone", "type"]),
        ("paths: []", ["paths", "timezone", "type"]),
    ],
)
def test_a_mistake_in_an_input_does_not_hide_the_others(
    tmp_path: Path, values: str, expected: list[str]
) -> None:
    """Neither a wrong type nor a wrong zone."""
    text = LEAST.replace("type: stdin", f"timezone: CEST, {values}")
    found = [
        x.partition("inputs[0]")[2].partition(":")[0] for x in mistakes(tmp_path, text.encode())
    ]
    assert [x.removeprefix(".") for x in found] == expected


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    """An input and an output are enough."""
    config = read(tmp_path, LEAST)
    assert config.state == Path("/var/lib/esa-forwarder")
    assert config.inputs == (StdinSettings(type="stdin"),)
    batch, retry = config.outputs["siem"].delivery.batch, config.outputs["siem"].delivery.retry
    assert batch.max_documents == 10_000
    assert batch.max_bytes == 20_000_000
    assert batch.max_age == timedelta(milliseconds=100)
    assert retry.initial_pause == timedelta(seconds=1)
    assert retry.max_pause == timedelta(minutes=1)
    assert config.documents.session_events
    assert config.spool.max_bytes == 1_000_000_000


def test_no_secret_is_in_what_a_debugger_shows(tmp_path: Path) -> None:
    """Nor in a traceback that shows values."""
    shown = repr(read(tmp_path, WHOLE, KEY="hunter2hunter2", PORT="9201", PASSWORD="correct horse"))
    assert "hunter2" not in shown
    assert "correct horse" not in shown
    # Functions are shown with where they are in memory, which may have any three digits in it.
    assert "abc" not in re.sub(r" at 0x[0-9a-f]+", "", shown)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """In the order of the file, each with line and path, what is allowed, and what was meant."""
    text = (GOLDEN / "mistakes.yaml").read_bytes()
    expected = (GOLDEN / "mistakes.txt").read_text().splitlines()
    assert mistakes(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log: {}\n", ["1: inputs: is missing. What to read.", "1: outputs: is missing."]),
        (
            LEAST + "http: {listen: 9273, token: short}\n",
            ["5: http.token: the value should have at least 16 characters."],
        ),
        (
            "inputs: []\noutputs: {}\n",
            ["1: inputs: a list should have at least 1 item.", "2: outputs: a mapping"],
        ),
        (
            "inputs: 5\noutputs: []\n",
            ["1: inputs: 5 should be a list", "2: outputs: a list should be a map"],
        ),
        (
            "inputs:\noutputs:\n",
            ["1: inputs: nothing should be a list", "2: outputs: nothing should be a map"],
        ),
        (
            LEAST + "http: {}\n",
            [
                (
                    "5: http.listen: is missing. Where to listen: a port, reachable from this host"
                    " only, or `HOST:PORT`; `[::]` means all addresses of this host."
                )
            ],
        ),
        (LEAST + "5: x\n", ["5: a key that is not text"]),
        (LEAST + "<<: {state: x}\n", ["5: a key that is not text"]),
        (LEAST + "'<<': {state: x}\n", ["5: ['<<']: is not a setting"]),
        (
            LEAST.replace("stdin}", "stdin}\n  - {type: stdin}"),
            ["3: inputs[1]: reads standard i"],
        ),
        (LEAST.replace("type: server", "type: 5"), ["4: outputs.siem.type: 5 should be text"]),
        (
            LEAST.replace("siem", "5"),
            ["4: outputs: a key that is not text"],
        ),
    ],
)
def test_other_mistakes(tmp_path: Path, text: str, expected: list[str]) -> None:
    """By how they begin."""
    found = mistakes(tmp_path, text)
    for begin in expected:
        assert [x for x in found if x.startswith(f"esa.yaml:{begin}")], found
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("perhaps", "'perhaps'"), ("2", "2"), ("${MAYBE}", "'${MAYBE}'"), ("[true]", "a list")],
)
def test_what_is_not_a_boolean_is_refused(tmp_path: Path, value: str, shown: str) -> None:
    """Of the program and of plugins, and at any depth; each once, beside other issues."""
    more = f"flags: [{{on: {value}}}], named: {{a: {{on: {value}}}}}, may: {value}"
    text = LEAST.replace("server, hosts: [a]", f"flags, {more}, plain: {value}")
    files = f"{{type: files, paths: [a], follow_symlinks: {value}}}"
    text = text.replace("stdin}", f"stdin}}\n  - {files}")
    text += f"documents:\n  original: {value}\n  session_events: true\nlog: {{level: x}}\n"
    refused = f"{shown} should be true or false."
    assert mistakes(tmp_path, text.replace("${MAYBE}", "'${MAYBE}'"), MAYBE="x") == [
        f"esa.yaml:3: inputs[1].follow_symlinks: {refused}",
        f"esa.yaml:5: outputs.siem.flags[0].on: {refused}",
        f"esa.yaml:5: outputs.siem.may: {refused}",
        f"esa.yaml:5: outputs.siem.named.a.on: {refused}",
        f"esa.yaml:5: outputs.siem.plain: {refused}",
        f"esa.yaml:7: documents.original: {refused}",
        (
            "esa.yaml:9: log.level: 'x' is not allowed; use 'debug' or 'info' or 'warning' or "
            "'error'."
        ),
    ]


def test_mistakes_in_filters_are_named(tmp_path: Path) -> None:
    """With what is allowed."""
    rules = "[{action: smtp-auth}, {}, {source: 10.0.0.1/8}, {user: []}, {users: a}]"
    actions = " or ".join(repr(x.value) for x in Action)
    at = "esa.yaml:5: documents.filter.drop"
    assert mistakes(tmp_path, LEAST + f"documents: {{filter: {{drop: {rules}}}}}\n") == [
        (
            f"{at}[0].action: 'smtp-auth' is not allowed; use {actions}; did you mean"
            " smtp-authentication?"
        ),
        f"{at}[1]: has no condition; use one of user, source, action, outcome, appliance.",
        (
            f"{at}[2].source: '10.0.0.1/8' has bits behind its /8; use 10.0.0.0/8 for the network,"
            " or 10.0.0.1 for the address."
        ),
        f"{at}[3].user: a list should have at least 1 item.",
        (
            f"{at}[4].users: is not a setting; available are: action, appliance, outcome, source,"
            " user; did you mean user?"
        ),
    ]


def test_booleans_are_written_as_people_do(tmp_path: Path) -> None:
    """Also as yes and no, and out of a reference; a plugin may allow more."""
    more = "flags: [{on: yes}], may: null, either: yes, other: [1]"
    text = LEAST.replace("server, hosts: [a]", f"flags, {more}, plain: FALSE")
    config = read(tmp_path, text + "documents: {original: '${ORIGINAL}'}\n", ORIGINAL="no")
    assert config.documents.original is False
    assert config.outputs["siem"].settings == FlagSettings(
        flags=[Flag(on=True)], plain=False, either="yes", other=[1]
    )


def test_a_plugin_that_breaks_on_its_settings_is_named(tmp_path: Path) -> None:
    """Without its words, in which there may be anything."""
    text = LEAST.replace("type: server, hosts: [a]", "type: broken, path: hunter2")
    assert mistakes(tmp_path, text) == [
        (
            "esa.yaml:4: outputs.siem: the plugin failed on these settings (RuntimeError), which "
            "is its fault."
        )
    ]


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
        (lambda _: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
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
    with pytest.raises(InvalidConfigError) as caught:
        load(path, find_plugins, {})
    (line,) = str(caught.value).splitlines()
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
    """Its words are said without the secret."""
    found = mistakes(tmp_path, LEAST.replace("hosts", f"{text}, hosts"), S="pa'ss\n")
    assert len(found) == 1
    assert "is refused: the key" in found[0]
    assert "********" in found[0]
    assert "ss" not in found[0].replace("is refused", "").replace("is too short", "")


def test_a_long_secret_is_masked_wherever_it_is(tmp_path: Path) -> None:
    """Also within other text, and each once."""
    settings = "refusing, api_key: '${S}', reason: 'at https://u:12345678@host'"
    text = LEAST.replace("server, hosts: [a]", settings)
    (found,) = mistakes(tmp_path, text, S="12345678")
    assert "is refused: at https://u:********@host." in found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text("abit: -[]{}&*!|>'\"%@`#,?<\n\t\\0159~.$", max_size=80).map(str.encode),
        st.lists(
            st.sampled_from(
                [
                    *("inputs:", "outputs:", "type", "files", "stdin", "server", "paths", "null"),
                    *("\n", " ", "- ", ": ", "[", "]", "{", "}", "*a", "&a ", "5", "<<", "!!int"),
                    *("${A}", "${", "$${", "${file:/}"),
                ]
            )
        ).map(lambda x: "".join(x).encode()),
    )
)
def test_any_file_is_a_configuration_or_has_mistakes(tmp_path: Path, content: bytes) -> None:
    """Nothing else is raised."""
    path = tmp_path / "esa.yaml"
    path.write_bytes(content)
    said: tuple[str, ...] = (f"{path}:",)
    try:
        load(path, find_plugins, {})
    except InvalidConfigError as error:
        said = tuple(str(error).splitlines())
    assert said
    assert [x for x in said if not x.startswith(str(path)) or "\n" in x] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "outputs: {z: {type: HERE}}",
            "outputs.z.type: no output of type 'HERE' is installed.",
        ),
        (
            "inputs: [{type: HERE}]",
            "inputs[0].type: 'HERE' is not allowed; use 'files' or 'stdin' or 'syslog'.",
        ),
        (
            "spool: {max_bytes: HERE}",
            "spool.max_bytes: 'HERE' is not a valid size; use a whole number",
        ),
        (
            "inputs: [{type: stdin, timezone: HERE}]",
            "inputs[0].timezone: 'HERE' is not an IANA t",
        ),
    ],
)
@pytest.mark.parametrize("value", ["10mb", "stdinn", "Berlin", "hunter2", "fils"])
def test_nothing_of_a_reference_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str, value: str
) -> None:
    """Not what it stands for, nor what that is near to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text(value)
    for reference in ("${SECRET}", "${file:secret}"):
        found = mistakes(tmp_path, text.replace("HERE", f'"{reference}"'), SECRET=value)
        begin = f"esa.yaml:1: {expected.replace('HERE', reference)}"
        (said,) = (x for x in found if x.startswith(begin))
        assert value not in said.removeprefix(begin)
        assert "did you mean" not in said


@pytest.mark.parametrize("value", ["true", "1e3", "1.0", '"\\u0665"', '" 1"'])
def test_a_number_of_documents_is_a_whole_number(tmp_path: Path, value: str) -> None:
    """As the reference has it."""
    text = LEAST.replace("[a]", f"[a], batch: {{max_documents: {value}}}")
    (said,) = mistakes(tmp_path, text)
    assert "outputs.siem.batch.max_documents: " in said
    assert " should be a valid integer" in said
