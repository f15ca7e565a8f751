"""The output ``opensearch`` against a server that answers what it is told."""

import pytest

from forwarder.output import Unavailable
from forwarder.testing import make_documents
from tests.bulk_outputs import BulkOutput


class TestOpenSearch(BulkOutput):
    """What every output does, what those of bulk requests do, and what is its own."""

    type = "opensearch"
    product: str | None = None

    def test_elasticsearch_is_not_taken_for_it(self) -> None:
        """Each has its own client."""
        self.server.product = "Elasticsearch"
        with self.having() as output, pytest.raises(Unavailable, match="type: elasticsearch"):
            output.write(make_documents(1))
