"""OpenSearch by the runner that is published for tests: with pipelines, without security."""
