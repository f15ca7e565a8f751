"""The output ``elasticsearch``: documents into data streams or indices, each of them once."""

from collections.abc import Iterable

from forwarder_bulk.output import BulkOutput
from forwarder_bulk.transport import Reply

from forwarder import OutputPlugin, hookimpl
from forwarder_elasticsearch.check import check
from forwarder_elasticsearch.client import check_product
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup import setup


class ElasticsearchOutput(BulkOutput):
    """Ships to one cluster."""

    def __init__(self, settings: Settings) -> None:
        """Take only data streams: without a template, an index of that name would be created."""
        super().__init__(settings, **({} if settings.index else {"require_data_stream": "true"}))

    def check_product(self, reply: Reply) -> None:  # type: ignore[explicit-override]  # not in Python 3.11
        """Raise Unavailable where the server does not say that it is Elasticsearch."""
        check_product(reply)


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``elasticsearch``."""
    return [
        OutputPlugin(
            name="elasticsearch",
            config=Settings,
            build=ElasticsearchOutput,
            check=check,
            setup=setup,
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
