"""The output ``opensearch``: documents into data streams or indices, each of them once.

Its client is an extra, ``opensearch``.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from forwarder_bulk.settings import ClusterSettings, Host
from pydantic import Field

from forwarder import Expected, Finding, OutputPlugin, hookimpl

if TYPE_CHECKING:
    from forwarder_opensearch.output import OpenSearchOutput

_NO_CLIENT = (
    "its client is not installed; in the folder of the program, where its README is, run"
    " pip install '.[opensearch]' with the pip of this environment."
)


class Settings(ClusterSettings, frozen=True, extra="forbid"):
    """Settings below ``type: opensearch``."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = Field(
        description="URLs of the cluster's nodes, with ports; if one does not answer, the next"
        " one is asked."
    )

    def urls(self) -> tuple[str, ...]:  # type: ignore[explicit-override]  # not in Python 3.11
        """Return the nodes to ask."""
        return self.hosts


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``opensearch``."""
    return [
        OutputPlugin(
            name="opensearch",
            config=Settings,
            build=_build,
            check=_check,
            knows_ids=True,
            missing="" if find_spec("opensearchpy") else _NO_CLIENT,
        )
    ]


def _build(settings: Settings) -> "OpenSearchOutput":
    from forwarder_opensearch.output import OpenSearchOutput  # noqa: PLC0415 - late on purpose

    return OpenSearchOutput(settings)


def _check(settings: Settings, _: Expected) -> Iterator[Finding]:
    from forwarder_opensearch.output import check  # noqa: PLC0415 - late on purpose

    yield from check(settings)
