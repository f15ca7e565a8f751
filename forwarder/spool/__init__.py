"""The spool: documents on disk between the logs and the outputs."""
