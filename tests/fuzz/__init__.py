"""Searching with atheris for bytes that break a law of the framing or the grammar."""
