"""What Elasticsearch and OpenSearch have in common: the bulk request, and what its reply means.

Their outputs have their own clients, settings and checks. What a reply means for the documents
stands in one table, in :mod:`forwarder_bulk.response`. Clients take a while to be imported; listing
the outputs does not wait for them.
"""

from pkgutil import resolve_name
from typing import Any


def call(name: str, *arguments: object) -> Any:  # noqa: ANN401 - what that function returns
    """Call a function ``module:name``, whose module is imported only then."""
    return resolve_name(name)(*arguments)
