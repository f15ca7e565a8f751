"""The output ``elasticsearch``: documents into data streams or indices, each of them once."""

from collections.abc import Iterable

from forwarder_bulk.output import BulkOutput

from forwarder import OutputPlugin, hookimpl
from forwarder_elasticsearch.check import check
from forwarder_elasticsearch.client import check_product
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup import setup


def build(settings: Settings) -> BulkOutput:
    """Make an output into data streams, or into plain indices if the settings name them."""
    if settings.index is not None:
        return BulkOutput(settings, check_product)
    # Without a template for it, an index of that name would be created.
    return BulkOutput(settings, check_product, require_data_stream="true")


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``elasticsearch``."""
    return [
        OutputPlugin(
            name="elasticsearch",
            config=Settings,
            build=build,
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
