"""What the configuration says below ``type: opensearch``."""

from typing import Annotated

from forwarder_bulk.settings import ClusterSettings, Host
from pydantic import Field


class Settings(ClusterSettings, frozen=True, extra="forbid"):
    """Which cluster, how to reach it, and where in it documents go."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = Field(
        description="URLs of the cluster's nodes, with ports; if one does not answer, the next"
        " one is asked."
    )

    def urls(self) -> tuple[str, ...]:  # type: ignore[explicit-override]  # not in Python 3.11
        """Give the nodes to ask."""
        return self.hosts
