"""The output ``elasticsearch`` against a server that answers what it is told."""

import pytest

from forwarder.output import Unavailable
from forwarder.testing import make_documents
from tests.bulk_outputs import BulkOutput


class TestElasticsearch(BulkOutput):
    """What every output does, what those of bulk requests do, and what is its own."""

    type = "elasticsearch"
    product: str | None = "Elasticsearch"

    def test_only_a_data_stream_will_do(self) -> None:
        """Without a template, the server would make an index of that name."""
        with self.having() as output:
            output.write(make_documents(1))
        (asked,) = self.server.bulks
        assert asked.query["require_data_stream"] == ["true"]

    def test_another_product_is_not_taken_for_it(self) -> None:
        """From the first reply on, and later."""
        documents = make_documents(1)
        with self.having() as output:
            for product in (None, "Elasticsearch", None):
                self.server.product = product
                if product is None:
                    with pytest.raises(Unavailable, match="type: opensearch"):
                        output.write(documents)
                else:
                    assert list(output.write(documents)) == []
