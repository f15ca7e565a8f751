"""Templates and pipeline come to a real Elasticsearch, and what others own is left."""

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.setup import setup

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder.cli.main import main
from tests.kibana.loading import load, parse
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.servers.forwarding import Forwarder
from tests.test_assets import MAPPED, read

pytestmark = pytest.mark.xdist_group("queries")

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = (
    "pipeline logs-cisco_esa@pipeline",
    "component template logs-cisco_esa@mappings",
    "index template logs-cisco_esa",
)
STREAM = "logs-cisco_esa.auth-setup"
_BROADER = "logs-cisco_esa.auth-se*"
"""Of a template that is there without us, as Elastic's own for logs-*-*."""


@pytest.fixture
def node(query_node: Node) -> Iterator[Node]:
    """Begin and end with nothing installed."""
    _clear(query_node)
    yield query_node
    _clear(query_node)


def _clear(node: Node) -> None:
    request = node.admin.options(ignore_status=404).perform_request
    for path in (
        "/_data_stream/logs-cisco_esa.auth-*",
        "/_index_template/logs-cisco_esa",
        f"/_index_template/{_BROADER.replace('*', 'x')}",
        "/_component_template/logs-cisco_esa@mappings",
        "/_ingest/pipeline/logs-cisco_esa@pipeline",
    ):
        request("DELETE", path, headers={"accept": "application/json"})


def steps_of(node: Node, options: SetupOptions | None = None) -> list[Step]:
    """Give the steps, by the superuser."""
    settings = ElasticSettings.model_validate(node.settings(username=USER, password=PASSWORD))
    return list(setup(settings, options or SetupOptions()))


def do(steps: Sequence[Step]) -> dict[str, str]:
    """Do them; give what was done, by what was to be done."""
    return {x.what: x.do() for x in steps if x.do is not None}


def installed(node: Node) -> dict[str, Any]:
    """Give the index template that is there."""
    (found,) = node.admin.indices.get_index_template(name="logs-cisco_esa")["index_templates"]
    return dict(found["index_template"])


def put_version(node: Node, version: int) -> None:
    """Let a component template of another version be there."""
    template = read("component_template.json")
    template["version"] = version
    node.admin.cluster.put_component_template(
        name="logs-cisco_esa@mappings",
        template=template["template"],
        version=version,
        meta=template["_meta"],
    )


def test_everything_is_brought_and_brought_again(node: Node) -> None:
    """The second time changes nothing and says so."""
    done = do(steps_of(node))
    assert [done[x] for x in NAMES] == ["created, version 1"] * 3
    template = installed(node)
    done = do(steps_of(node))
    assert [done[x] for x in NAMES] == ["exists; rewritten, version 1"] * 3
    assert installed(node) == template


def test_a_new_data_stream_has_our_mappings_and_goes_through_the_pipeline(node: Node) -> None:
    """Each field of its type, and a time of coming."""
    do(steps_of(node))
    documents = parse(str(EXAMPLES / "mail_logs"))
    asker = load(node.admin, "setup", documents)
    assert asker.count("event.ingested: *") == asker.count("") == len(documents)
    names = ",".join(MAPPED)
    found = node.admin.indices.get_field_mapping(index=STREAM, fields=names)
    (index,) = found.values()
    types = {x: next(iter(y["mapping"].values()))["type"] for x, y in index["mappings"].items()}
    # The test's server has plain types in place of these two.
    plain = {"match_only_text": "text", "constant_keyword": "keyword"}
    assert types == {x: plain.get(y["type"], y["type"]) for x, y in MAPPED.items()}


def test_an_older_version_is_brought_to_this_one(node: Node) -> None:
    """And it is said which one it was."""
    put_version(node, 0)
    done = do(steps_of(node))
    assert done[NAMES[1]] == "updated from version 0 to 1"


def test_a_newer_version_is_left(node: Node) -> None:
    """A newer program brought it."""
    put_version(node, 7)
    done = do(steps_of(node))
    assert done[NAMES[1]] == "kept: version 7 is newer than this program's 1"


def test_what_others_own_is_not_touched(node: Node) -> None:
    """Neither by bringing nor by removing."""
    node.admin.cluster.put_component_template(name="logs-cisco_esa@mappings", template={})
    with pytest.raises(Unavailable, match="was not installed by this program"):
        do(steps_of(node))
    done = do(steps_of(node, SetupOptions(remove=True)))
    assert done[NAMES[1]] == "kept: it was not installed by this program"


def test_documents_may_be_kept_for_a_while(node: Node) -> None:
    """Elasticsearch's own lifecycle, which goes before a policy of ILM."""
    do(steps_of(node, SetupOptions(values={"retention": "90d"})))
    found = node.admin.indices.simulate_index_template(name=STREAM)["template"]
    assert found["lifecycle"]["data_retention"] == "90d"
    assert found["settings"]["index"]["lifecycle"]["prefer_ilm"] == "false"
    do(steps_of(node))
    assert "lifecycle" not in installed(node)["template"]


@pytest.mark.parametrize("retention", ["999999999d", "36h", "90m", "3600s"])
def test_each_unit_that_we_take_is_taken(node: Node, retention: str) -> None:
    """By Elasticsearch, as it is written."""
    do(steps_of(node, SetupOptions(values={"retention": retention})))
    assert installed(node)["template"]["lifecycle"]["data_retention"] == retention


def test_everything_is_removed(node: Node) -> None:
    """And once more, without harm."""
    do(steps_of(node))
    remove = SetupOptions(remove=True)
    assert do(steps_of(node, remove)) == dict.fromkeys(reversed(NAMES), "deleted")
    assert do(steps_of(node, remove)) == dict.fromkeys(reversed(NAMES), "not found")


def test_what_data_streams_use_stays_and_so_do_documents(node: Node) -> None:
    """Elasticsearch says by whom it is used."""
    do(steps_of(node))
    asker = load(node.admin, "setup", parse(str(EXAMPLES / "mail_logs")))
    done = do(steps_of(node, SetupOptions(remove=True)))
    assert done[NAMES[2]].startswith("kept: ")
    assert STREAM in done[NAMES[2]]
    assert asker.count("") == 75


def test_shipping_goes_on_after_a_removal(node: Node) -> None:
    """Where another template would do, ours goes; the pipeline stays while an index uses it."""
    node.put_template(_BROADER)
    do(steps_of(node))
    documents = parse(str(EXAMPLES / "mail_logs"))
    asker = load(node.admin, "setup", documents[:-1])
    done = do(steps_of(node, SetupOptions(remove=True)))
    assert done[NAMES[2]] == done[NAMES[1]] == "deleted"
    assert done[NAMES[0]].startswith("kept: ")
    node.admin.create(index=STREAM, id="a", document=documents[-1], refresh=True)
    assert asker.count("") == len(documents)


def test_a_key_with_two_privileges_sets_up(node: Node) -> None:
    """It may not see data streams, and need not."""
    key = _make_key(node, "manage_index_templates", "manage_ingest_pipelines")
    done = do(steps_of(node, SetupOptions(api_key=key)))
    assert [done[x] for x in NAMES] == ["created, version 1"] * 3


def test_a_key_that_may_only_ship_is_told_what_it_lacks(node: Node) -> None:
    """Which privileges, and of whom."""
    with pytest.raises(Unavailable, match=r"or key that sets up needs.*manage_index_templates"):
        do(steps_of(node, SetupOptions(api_key=_make_key(node))))


def _make_key(node: Node, *privileges: str) -> str:
    role = {"cluster": privileges, "indices": []}
    made = node.admin.security.create_api_key(
        name=secrets.token_hex(8), role_descriptors={"setup": role}
    )
    return f"{made['id']}:{made['api_key']}"


def test_the_key_that_is_asked_for_ships_and_does_nothing_else(node: Node) -> None:
    """The request is one that Elasticsearch takes."""
    do(steps_of(node))
    request = read("api_key.json")
    made = node.admin.security.create_api_key(
        name=request["name"],
        role_descriptors=request["role_descriptors"],
        metadata=request["metadata"],
    )
    client = node.admin.options(api_key=made["encoded"])
    document = parse(str(EXAMPLES / "mail_logs"))[0]
    sent = client.bulk(operations=[{"create": {"_index": STREAM}}, document])
    assert [x["create"]["status"] for x in sent["items"]] == [201]
    sent = client.bulk(operations=[{"create": {"_index": "logs-other-default"}}, document])
    assert [x["create"]["status"] for x in sent["items"]] == [403]
    client = client.options(ignore_status=403)
    assert client.search(index=STREAM).meta.status == 403
    assert client.indices.delete(index=STREAM).meta.status == 403


@pytest.mark.parametrize("index", [None, "esa-logins-%Y.%m"])
def test_the_key_is_made_and_written(node: Node, tmp_path: Path, index: str | None) -> None:
    """It may ship where the output does; only its owner reads the file."""
    if index is None:
        do(steps_of(node))
    path = tmp_path / "key"
    settings = ElasticSettings.model_validate(node.settings(index=index))
    options = SetupOptions(user=USER, password=PASSWORD, key_file=path)
    *_, step = setup(settings, options)
    assert step.do is not None
    assert f"written to {path} (mode 0600)" in step.do()
    assert path.stat().st_mode & 0o777 == 0o600
    client = node.admin.options(api_key=path.read_text().strip())
    document = parse(str(EXAMPLES / "mail_logs"))[0]
    good, other = (STREAM, "esa-logins-2026.03")[:: 1 if index is None else -1]
    for place, status in ((good, 201), (other, 403)):
        sent = client.bulk(operations=[{"create": {"_index": place}}, document])
        assert [x["create"]["status"] for x in sent["items"]] == [status]
    node.admin.options(ignore_status=404).indices.delete(index="esa-logins-2026.03")
    with pytest.raises(ConfigError, match="exists; delete it, or choose a new file"):
        list(setup(settings, options))


def test_the_first_setup_is_as_the_documentation_has_it(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key comes where the configuration expects it, and is all that the service needs."""
    path = tmp_path / "es_api_key"
    output = {"type": "elasticsearch", **node.settings(api_key=f"${{file:{path}}}")}
    forwarder = Forwarder(tmp_path, output)

    def run(command: str, *arguments: str) -> Result:
        return CliRunner().invoke(main, [command, "-c", str(forwarder.config), *arguments])

    before = run("setup")
    assert before.exit_code == 2
    assert "es_api_key' cannot be read" in before.stderr
    assert "With --user and --password, or --api-key, setup does not need" in before.stderr
    monkeypatch.setenv("ESA_FORWARDER_SETUP_USER", USER)
    monkeypatch.setenv("ESA_FORWARDER_SETUP_PASSWORD", PASSWORD)
    done = run("setup", "--make-key", str(path))
    assert done.exit_code == 0, done.stderr
    assert f"written to {path} (mode 0600)" in done.stdout
    monkeypatch.undo()
    forwarder.once()
    checked = run("check")
    assert checked.exit_code == 0, checked.stdout
    assert "accepts the credentials of key 'esa-forwarder'" in checked.stdout
    assert "index template logs-cisco_esa (manage_index_templates)" in checked.stdout
    refused = run("setup")
    assert refused.exit_code == 1
    assert "needs the cluster privileges manage_index_templates and manage_i" in refused.stderr


def test_a_key_that_cannot_be_made_leaves_no_file(node: Node, tmp_path: Path) -> None:
    """So it can be tried again."""
    path = tmp_path / "key"
    settings = ElasticSettings.model_validate(node.settings())
    *_, step = setup(settings, SetupOptions(user=USER, password="x", key_file=path))
    assert step.do is not None
    with pytest.raises(Unavailable, match=r"401 to POST .*; set up with a user and password, or a"):
        step.do()
    assert not path.exists()
    with pytest.raises(ConfigError, match="use a user and password"):
        list(setup(settings, SetupOptions(api_key="a:b", key_file=path)))
    for wrong, words in (
        (tmp_path / ("a" * 300), r"aa' cannot be written: File name too long"),
        (path / "none" / "key", r"folder of .*none/key' does not exist; create it"),
    ):
        with pytest.raises(ConfigError, match=words):
            list(setup(settings, SetupOptions(user=USER, password="x", key_file=wrong)))


def test_a_cluster_that_is_not_there_is_said() -> None:
    """With its URL, when the first step is done; nothing is asked before."""
    steps = list(setup(ElasticSettings(hosts=("http://127.0.0.1:9",)), SetupOptions()))
    assert steps[0].do is not None
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        steps[0].do()


def test_a_kibana_that_is_elasticsearch(node: Node) -> None:
    """Its URL was taken for that of Kibana."""
    options = SetupOptions(values={"kibana": node.url, "space": "soc"})
    steps = [x for x in steps_of(node, options) if "/s/soc" in x.request]
    assert len(steps) == 2
    for step in steps:
        assert step.do is not None
        with pytest.raises(Unavailable, match="is Elasticsearch and not Kibana; set kibana"):
            step.do()


def test_everything_can_be_exported_without_a_cluster() -> None:
    """As it is shipped; and for Kibana and for other systems, too."""
    steps = {
        x.file: x for x in setup(ElasticSettings(hosts=("http://127.0.0.1:9",)), SetupOptions())
    }
    assert json.loads(steps["elasticsearch/pipeline.json"].body) == read("pipeline.json")
    assert (
        steps["elasticsearch/index_template.json"].request == "PUT /_index_template/logs-cisco_esa"
    )
    assert steps["elasticsearch/api_key.json"].by_hand
    assert len(steps["kibana/kibana.ndjson"].body.splitlines()) == 18
    assert len(steps["kibana/rules.ndjson"].body.splitlines()) == 13
    assert len([x for x in steps if x.startswith("sigma/")]) == 6
