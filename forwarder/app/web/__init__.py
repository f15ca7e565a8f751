"""The service over HTTP: metrics, health and the status page; read-only."""
