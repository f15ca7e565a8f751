"""The errors this program raises on purpose; anything else that is raised is a bug.

A message is one or two sentences for the person at the terminal: what is wrong and where, what
is allowed, and what to do next. The tree, with the module that defines what is not defined here::

    ForwarderError              the program foresaw it; the message says it all
    ├── ConfigError             a setting or an argument is wrong (exit code 2)
    │   └── InvalidConfigError  all issues of a configuration file (config.load)
    ├── PluginError             a plugin is broken
    ├── Unavailable             the other side does not answer; retried (output)
    ├── ReadError               a log cannot be read, or not to its end (inputs.block_reader)
    ├── FileError               a file cannot be opened as a log (inputs.files.file_handle)
    ├── PositionError           a saved position cannot be understood (inputs.files.checkpoint)
    ├── StateVersionError       the saved state is of a version that the program does not know
    ├── SpoolError              the spool cannot be used (spool.errors)
    │   ├── BlockedError        not now, as with a full disk; retried
    │   ├── DamagedError        the database is broken
    │   ├── GoneError           its files were deleted
    │   └── ClosedError         it was closed
    └── ParserError             the parser has a bug, or its process cannot be started
        └── ParserDiedError     its process died or hung; another one may not
"""


class ForwarderError(Exception):
    """Something failed that the program foresaw; the message says it all, no traceback needed."""


class EndedBySignal(SystemExit):
    """A signal ends the command; what a plugin raises is never this."""


class ConfigError(ForwarderError):
    """A setting or an argument is wrong: for the user to correct (exit code 2)."""


class PluginError(ForwarderError):
    """A plugin is broken: for its author to fix, or to be installed again (exit code 1)."""


class StateVersionError(ForwarderError):
    """The saved state is of a version that the program does not know."""


class ParserError(ForwarderError):
    """The parser has a bug, or cannot be started; what is not committed is read again."""


class ParserDiedError(ParserError):
    """The parser process died or hung, which another one may not."""
