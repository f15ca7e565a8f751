"""The output ``opensearch``: documents into data streams or indices, each of them once.

Its client is an extra, ``opensearch``.
"""

from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from typing import Annotated

from forwarder_bulk import call
from forwarder_bulk.settings import ClusterSettings, Host
from pydantic import Field

from forwarder import OutputPlugin, hookimpl

_NO_CLIENT = (
    "its client is not installed; in the folder of the program, where its README is, run"
    " pip install '.[opensearch]' with the pip of this environment."
)


class Settings(ClusterSettings, frozen=True, extra="forbid"):
    """Settings below ``type: opensearch``."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = Field(
        description="URLs of the cluster's nodes, with ports; if one does not answer, the next"
        " one is used."
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
            build=partial(call, "forwarder_opensearch.output:OpenSearchOutput"),
            check=partial(call, "forwarder_opensearch.output:check"),
            knows_ids=True,
            missing="" if find_spec("opensearchpy") else _NO_CLIENT,
        )
    ]
