"""The output ``elasticsearch``: documents into data streams or indices, each of them once."""

from collections.abc import Iterable
from functools import partial

from forwarder_bulk import call

from forwarder import OutputPlugin, hookimpl
from forwarder_elasticsearch.settings import Settings


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``elasticsearch``."""
    return [
        OutputPlugin(
            name="elasticsearch",
            config=Settings,
            build=partial(call, "forwarder_elasticsearch.output:ElasticsearchOutput"),
            check=partial(call, "forwarder_elasticsearch.check:check"),
            setup=partial(call, "forwarder_elasticsearch.setup:setup"),
            setup_values={
                "kibana": "URL of the Kibana that gets views, a dashboard and rules.",
                "space": "Space of that Kibana, rather than the default one.",
                "retention": "How long Elasticsearch keeps documents, like 90d.",
                "flavor": "Product that it is for: elasticsearch (default), or opensearch, whose"
                " files can be exported.",
            },
            knows_ids=True,
        )
    ]
