"""Views, dashboard and rules come to Kibana, once, and what people changed there stays."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from forwarder_bulk.settings import ElasticSettings
from forwarder_bulk.transport import MAX_BYTES
from forwarder_elasticsearch.setup import setup

from forwarder import ConfigError, SetupOptions, Unavailable
from tests.bulk_server import Answer, BulkServer
from tests.kibana.standing_in import StandIn
from tests.servers.certificates import Authority
from tests.test_assets import OBJECTS, RULES

SETTINGS = ElasticSettings(hosts=("http://127.0.0.1:9",))
"""No cluster is asked here."""
_EXPORT = "POST /api/saved_objects/_export"
"""What Kibana is asked first."""


@pytest.fixture
def kibana() -> Iterator[StandIn]:
    """Start what stands in for Kibana."""
    stand_in = StandIn()
    yield stand_in
    stand_in.close()


def do(
    kibana: StandIn,
    *,
    remove: bool = False,
    space: str | None = None,
    key: str = "id:key",
    settings: ElasticSettings = SETTINGS,
) -> list[str]:
    """Do the steps that are of Kibana; give what was done."""
    values = {"kibana": kibana.url + "/"} | ({} if space is None else {"space": space})
    options = SetupOptions(remove=remove, api_key=key, values=values)
    steps = [x for x in setup(settings, options) if kibana.url in x.request]
    return [x.do() for x in steps if x.do is not None]


def test_everything_is_imported(kibana: StandIn) -> None:
    """As it is shipped; rules are switched off."""
    assert do(kibana) == [
        f"{len(OBJECTS)} objects, version 1",
        "13 installed; disabled until you enable them",
    ]
    assert list(kibana.objects.values()) == OBJECTS
    assert list(kibana.rules.values()) == RULES


def test_what_is_there_is_left_as_it_is(kibana: StandIn) -> None:
    """People may have changed it."""
    do(kibana)
    before = len(kibana.requests)
    assert do(kibana) == [
        "exist, version 1; unchanged",
        "13 exist; unchanged",
    ]
    assert [x for x in kibana.requests[before:] if "_import" in x[1]] == []


def test_older_objects_are_overwritten(kibana: StandIn) -> None:
    """The tag has their version."""
    do(kibana)
    tag = kibana.objects["default", "tag", "cisco_esa-assets"]
    tag["attributes"]["description"] = "SMTP logins; installed by esa-forwarder, version 0"
    assert do(kibana)[0] == f"{len(OBJECTS)} objects, version 1"
    assert kibana.objects["default", "tag", "cisco_esa-assets"] == OBJECTS[0]


def test_newer_objects_are_left(kibana: StandIn) -> None:
    """A newer program brought them."""
    do(kibana)
    tag = kibana.objects["default", "tag", "cisco_esa-assets"]
    tag["attributes"]["description"] = "SMTP logins; installed by esa-forwarder, version 12"
    assert do(kibana)[0] == "exist, version 12; unchanged"


def test_an_older_rule_is_replaced_and_stays_switched_on(kibana: StandIn) -> None:
    """With the actions and exceptions that people gave it; the others are left."""
    do(kibana)
    identity = RULES[2]["rule_id"]
    old = kibana.rules["default", identity]
    tags = [x.replace("forwarder 1", "forwarder 0") for x in old["tags"]]
    kept = {"enabled": True, "actions": [{"id": "mail"}], "exceptions_list": [{"id": "printers"}]}
    kibana.rules["default", identity] = {**old, **kept, "tags": tags, "query": "old"}
    other = {**RULES[3], "query": "changed by hand"}
    kibana.rules["default", other["rule_id"]] = other
    assert do(kibana)[1] == "1 installed; 13 existed"
    assert kibana.rules["default", identity] == {**RULES[2], **kept}
    assert kibana.rules["default", other["rule_id"]] == other


def test_a_space_has_objects_of_its_own(kibana: StandIn) -> None:
    """With other ids, also where they refer to one another; nothing else is changed."""
    do(kibana)
    assert do(kibana, space="soc") == [
        f"{len(OBJECTS)} objects, version 1",
        "13 installed; disabled until you enable them",
    ]
    of_space = [y for x, y in kibana.objects.items() if x[0] == "soc"]
    assert [x["id"] for x in of_space] == [
        x["id"].replace("cisco_esa-", "cisco_esa-soc-") for x in OBJECTS
    ]
    assert json.dumps(of_space).replace("cisco_esa-soc-", "cisco_esa-") == json.dumps(OBJECTS)
    assert len(kibana.rules) == 2 * len(RULES)


def test_the_default_space_may_be_named(kibana: StandIn) -> None:
    """It is the same."""
    do(kibana)
    assert do(kibana, space="default")[0] == "exist, version 1; unchanged"


def test_everything_is_removed(kibana: StandIn) -> None:
    """From this space, and only what is ours."""
    do(kibana)
    do(kibana, space="soc")
    theirs = ("default", "dashboard", "theirs")
    kibana.objects[theirs] = {"id": "theirs"}
    assert set(do(kibana, remove=True)) == {"deleted"}
    assert {x[0] for x in kibana.objects} == {"default", "soc"}
    assert [x for x in kibana.objects if x[0] == "default"] == [theirs]
    assert {x[0] for x in kibana.rules} == {"soc"}
    assert set(do(kibana, remove=True)) == {"not found"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"success": False, "errors": [{"id": "a"}]}), "did not accept all objects"),
        ((403, {"message": "Forbidden"}), "needs rights for saved objects and security rules"),
        ((413, "<html>too large</html>"), "413"),
        ((503, "not ready yet"), "503 .*not ready yet"),
    ],
)
def test_a_refusal_of_kibana_is_said(
    kibana: StandIn, answer: tuple[int, object], words: str
) -> None:
    """Whatever form it has."""
    kibana.refusal = answer
    with pytest.raises(Unavailable, match=words):
        do(kibana)


def test_rules_that_are_not_taken_are_said(kibana: StandIn) -> None:
    """As where an exception list of theirs is gone."""
    options = SetupOptions(api_key="id:key", values={"kibana": kibana.url})
    (step,) = [x for x in setup(SETTINGS, options) if x.what == "detection rules"]
    kibana.refusal = (200, {"success": False, "errors": [{"rule_id": "a"}]})
    assert step.do is not None
    with pytest.raises(Unavailable, match="did not accept all rules"):
        step.do()


def test_who_is_not_known_is_told_to_log_in(kibana: StandIn) -> None:
    """With Kibana's own words."""
    with pytest.raises(Unavailable, match=r"401 .*Unauthorized; set up with a user and password"):
        do(kibana, key="another:key")


def test_a_kibana_that_is_not_there_is_said(kibana: StandIn) -> None:
    """With its URL."""
    kibana.close()
    try:
        with pytest.raises(Unavailable, match=f"{kibana.url} cannot be reached"):
            do(kibana)
    finally:
        kibana.__init__()  # type: ignore[misc]  # for the fixture to close


@pytest.mark.parametrize(
    ("answer", "trickles", "words"),
    [
        (Answer(200, b" " * 1000), "body", "does not answer in time"),
        (Answer(200, b" " * (MAX_BYTES + 1)), "", "answers with more than 32 MiB"),
    ],
    ids=["trickles", "long"],
)
def test_an_answer_without_an_end_is_said(
    answer: Answer, trickles: Literal["", "body"], words: str
) -> None:
    """It is waited for as long as the settings say, and not kept."""
    server = BulkServer()
    server.others[_EXPORT] = answer
    server.trickles = trickles
    timeout = "300ms" if trickles else "30s"
    settings = ElasticSettings.model_validate({"hosts": ["http://127.0.0.1:9"], "timeout": timeout})
    try:
        with pytest.raises(Unavailable, match=f"{server.url} {words}"):
            _import(server.url, settings)
    finally:
        server.stop()


def _import(url: str, settings: ElasticSettings = SETTINGS) -> None:
    """Do the steps of a Kibana, which is asked first what it has."""
    options = SetupOptions(api_key="id:key", values={"kibana": url})
    for step in setup(settings, options):
        if step.do is not None and url in step.request:
            step.do()


def test_kibana_is_trusted_as_the_cluster_is(tmp_path: Path) -> None:
    """By the same authority."""
    authority = Authority(tmp_path)
    stand_in = StandIn(authority.context(tmp_path))
    try:
        known = ElasticSettings(hosts=("https://127.0.0.1:9",), ca_certs=authority.path)
        assert do(stand_in, settings=known)[0] == f"{len(OBJECTS)} objects, version 1"
        unknown = ElasticSettings(hosts=("https://127.0.0.1:9",))
        with pytest.raises(Unavailable, match="authority that is not trusted"):
            do(stand_in, settings=unknown)
        careless = ElasticSettings(hosts=("https://127.0.0.1:9",), verify="none")
        assert do(stand_in, settings=careless)[0].startswith("exist")
    finally:
        stand_in.close()


def test_kibana_is_asked_by_a_user_through_a_proxy(kibana: StandIn) -> None:
    """The proxy gets its own password, and Kibana the user's."""
    proxy = kibana.url.replace("://", "://gate:keeper@")
    settings = ElasticSettings.model_validate({"hosts": ["http://127.0.0.1:9"], "proxy": proxy})
    values = {"kibana": "http://kibana.example.com:5601"}
    options = SetupOptions(values=values, user="u", password="p")
    (step,) = [x for x in setup(settings, options) if x.what == "detection rules"]
    assert step.do is not None
    with pytest.raises(Unavailable, match="401"):  # it knows only a key
        step.do()
    assert kibana.headers["authorization"] == f"Basic {b64encode(b'u:p').decode()}"
    assert kibana.headers["proxy-authorization"] == f"Basic {b64encode(b'gate:keeper').decode()}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SetupOptions(values={"kibana": "kibana:5601"}), "the URL of the Kibana is not a URL"),
        (SetupOptions(values={"kibana": "http://k:5601", "space": "S OC"}), "not a valid space id"),
        (SetupOptions(values={"space": "soc"}), "space needs kibana"),
        (SetupOptions(api_key="id:key", user="u", password="p"), "either api_key, or username"),
        (SetupOptions(api_key="secret"), "cannot be used"),
        (SetupOptions(api_key="secret"), ": api_key is not an API key"),
        (SetupOptions(user="u"), ": username and password belong together"),
        (SetupOptions(password="secret"), ": username and password belong together"),
        (SetupOptions(api_key="id:key", password="secret"), ": username and password belong"),
        (SetupOptions(values={"kibana": "http://u:secret@k:5601"}), "contains credentials"),
        (SetupOptions(values={"kibana": "http://secret@k:5601"}), "contains credentials"),
        (SetupOptions(values={"kibana": "u:secret@k:5601"}), "the URL of the Kibana is not a URL"),
        (SetupOptions(values={"kibana": "http://"}), "the URL of the Kibana is not a URL"),
        (SetupOptions(values={"kibana": "http://k:port"}), "the URL of the Kibana is not a URL"),
        (SetupOptions(values={"kibana": "http://[k"}), "the URL of the Kibana is not a URL"),
        (SetupOptions(values={"kibana": "http://k:5601/?a"}), "has a query or fragment"),
        *(
            (SetupOptions(values={"retention": x}), "d, h, m or s")
            for x in (
                "",
                "-5d",
                "0d",
                "abc",
                "1y",
                "1.5d",
                '90d "x"',
                "90",
                "90d\n",
                "9" * 10 + "d",
            )
        ),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(options: SetupOptions, words: str) -> None:
    """Before anything is asked, and without the secret."""
    with pytest.raises(ConfigError, match=words) as caught:
        list(setup(SETTINGS, options))
    said = str(caught.value)
    assert "secret" not in said
    assert "Value error" not in said
    assert said.endswith(".")
