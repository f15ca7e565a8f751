"""The errors this program raises on purpose; anything else that is raised is a bug.

A message is one or two sentences for the person at the terminal: what is wrong and where, what
is allowed, and what to do next.
"""


class ForwarderError(Exception):
    """Something failed that the program foresaw; the message says it all, no traceback needed."""


class EndedBySignal(SystemExit):
    """A signal ends the command; what a plugin raises is never this."""


class ConfigError(ForwarderError):
    """A setting or an argument is wrong: yours to mend (exit code 2)."""


class PluginError(ForwarderError):
    """A plugin is broken: for its author to mend, or to be installed anew (exit code 1)."""
