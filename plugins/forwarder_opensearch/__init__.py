"""The output ``opensearch``: documents into data streams or indices, each of them once.

Its client is an extra: ``pip install 'esa-forwarder[opensearch]'``.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from forwarder import Expected, Finding, OutputPlugin, Unavailable, hookimpl
from forwarder_opensearch.settings import Settings

if TYPE_CHECKING:
    from forwarder_opensearch.output import OpenSearchOutput


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Give the type ``opensearch``."""
    return [OutputPlugin(name="opensearch", config=Settings, build=_build, check=_check)]


def _build(settings: Settings) -> "OpenSearchOutput":
    _need_client()
    from forwarder_opensearch.output import OpenSearchOutput  # noqa: PLC0415 - late on purpose

    return OpenSearchOutput(settings)


def _check(settings: Settings, _: Expected) -> Iterator[Finding]:
    _need_client()
    from forwarder_opensearch.checking import check  # noqa: PLC0415 - late on purpose

    yield from check(settings)


def _need_client() -> None:
    if find_spec("opensearchpy") is None:
        raise Unavailable(
            "the client of OpenSearch is not installed; pip install 'esa-forwarder[opensearch]'"
        )
