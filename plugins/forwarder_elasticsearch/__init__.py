"""The output ``elasticsearch``: documents into data streams or indices, each of them once."""

from collections.abc import Iterable

from forwarder_bulk.settings import ElasticSettings

from forwarder import Output, OutputPlugin, hookimpl
from forwarder_elasticsearch.check import check
from forwarder_elasticsearch.setup import setup


def build(settings: ElasticSettings) -> Output:
    """Make an output."""
    # The client takes half a second to import, which most commands need not spend.
    from forwarder_elasticsearch.output import ElasticsearchOutput  # noqa: PLC0415

    return ElasticsearchOutput(settings)


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``elasticsearch``."""
    return [
        OutputPlugin(
            name="elasticsearch",
            config=ElasticSettings,
            build=build,
            check=check,
            setup=setup,
            setup_values={
                "kibana": "URL of the Kibana to install dashboards and rules in.",
                "space": "Kibana space, instead of the default one.",
                "retention": "How long Elasticsearch keeps documents, such as 90d.",
            },
            login_settings=frozenset({"api_key", "username", "password"}),
            knows_ids=True,
            profile="lean",
        )
    ]
