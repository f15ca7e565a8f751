"""The output ``opensearch`` against a server that answers what it is told."""

import pytest
from forwarder_bulk.settings import ClusterSettings
from forwarder_opensearch import check

from forwarder.output import Expected, Unavailable
from forwarder.testing import make_documents
from tests.bulk_outputs import BulkOutput
from tests.bulk_server import error


class TestOpenSearch(BulkOutput):
    """What every output does, what those of bulk requests do, and what is its own."""

    type = "opensearch"
    product: str | None = None

    def test_elasticsearch_is_not_taken_for_it(self) -> None:
        """Each has its own client."""
        self.server.product = "Elasticsearch"
        with self.having() as output, pytest.raises(Unavailable, match="type: elasticsearch"):
            output.write(make_documents(1))

    def test_what_a_user_may_not_see_is_not_a_fault(self) -> None:
        """The check names it."""
        path = "GET /_resolve/index/logs-cisco_esa.auth-default"
        forbidden = error(403, "security_exception", "no permissions")
        self.server.others |= {"GET /": forbidden, path: forbidden}
        settings = ClusterSettings.model_validate({"hosts": [self.server.url]})
        version, stream = check(settings, Expected())
        assert version.good
        assert "its version cannot be seen" in version.text
        assert stream.good
        assert f"default was not checked: {self.server.url} answers 403 to {path};" in stream.text
