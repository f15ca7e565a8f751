"""How fast documents come into a real Elasticsearch: `make bench-elasticsearch`.

The same documents of a storm go the same way into the same server by turns: as ready-made bulk
bodies, by the delivery of this program, and by the helpers of Elastic's client. Server and client
share the processors, so what a client burns the server does not have.
"""
