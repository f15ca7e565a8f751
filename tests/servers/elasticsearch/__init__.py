"""Elasticsearch: the real server, with stand-ins for the few modules that are not published."""
