"""What Elasticsearch and OpenSearch have in common: the bulk request, and what its reply means.

Their outputs have their own settings and checks. What a reply means for the documents stands in one
table, in :mod:`forwarder_bulk.response`.
"""
