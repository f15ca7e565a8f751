"""The output ``elasticsearch``: documents into data streams or indices, each of them once.

Its client takes a while to be imported; listing the outputs does not wait for it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from forwarder import Expected, Finding, OutputPlugin, SetupOptions, Step, hookimpl
from forwarder_elasticsearch.settings import Settings

if TYPE_CHECKING:
    from forwarder_elasticsearch.output import ElasticsearchOutput


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``elasticsearch``."""
    return [
        OutputPlugin(
            name="elasticsearch",
            config=Settings,
            build=_build,
            check=_check,
            setup=_setup,
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


def _build(settings: Settings) -> "ElasticsearchOutput":
    from forwarder_elasticsearch.output import ElasticsearchOutput  # noqa: PLC0415 - late on purpose

    return ElasticsearchOutput(settings)


def _check(settings: Settings, expected: Expected) -> Iterator[Finding]:
    from forwarder_elasticsearch.check import check  # noqa: PLC0415 - late on purpose

    yield from check(settings, expected)


def _setup(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    from forwarder_elasticsearch.setup import setup  # noqa: PLC0415 - late on purpose

    yield from setup(settings, options)
