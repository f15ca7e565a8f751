"""Whether an output with these settings would work."""

from collections.abc import Iterator

from forwarder import Finding
from forwarder_elasticsearch.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Look at the cluster."""
    yield Finding(good=True, text=", ".join(settings.urls()))
