"""The output ``opensearch``."""
