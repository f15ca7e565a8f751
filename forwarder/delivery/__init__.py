"""Delivery of what the spool holds to one output."""
