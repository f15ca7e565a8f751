"""The output ``opensearch``: documents into data streams or indices, each of them once.

Its client is an extra, ``opensearch``.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from forwarder import Expected, Finding, OutputPlugin, hookimpl
from forwarder_opensearch.settings import Settings

if TYPE_CHECKING:
    from forwarder_opensearch.output import OpenSearchOutput

_NO_CLIENT = (
    "its client is not installed; in the folder of the program, where its README is, say"
    " pip install '.[opensearch]' with the pip of this environment."
)


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Give the type ``opensearch``."""
    missing = "" if find_spec("opensearchpy") else _NO_CLIENT
    return [
        OutputPlugin(
            name="opensearch",
            config=Settings,
            build=_build,
            check=_check,
            knows_ids=True,
            missing=missing,
        )
    ]


def _build(settings: Settings) -> "OpenSearchOutput":
    from forwarder_opensearch.output import OpenSearchOutput  # noqa: PLC0415 - late on purpose

    return OpenSearchOutput(settings)


def _check(settings: Settings, _: Expected) -> Iterator[Finding]:
    from forwarder_opensearch.checking import check  # noqa: PLC0415 - late on purpose

    yield from check(settings)
