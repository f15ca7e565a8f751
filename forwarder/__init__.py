"""Forwards the logins of mail gateways."""

__version__ = "0.1.0"
