"""Elasticsearch with the languages in which Kibana and its users ask."""
