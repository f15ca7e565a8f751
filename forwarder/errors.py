"""The errors that this program raises on purpose; any other exception is a bug.

A message is one or two sentences for the person at the terminal: what is wrong and where, what
is allowed, and what to do next. The tree; a module in parentheses defines the class::

    ForwarderError              the program foresaw it; the message says it all
    ├── ConfigError             a setting or an argument is wrong (exit code 2)
    │   └── InvalidConfigError  all issues of a configuration file (config.load)
    ├── PluginError             a plugin is broken
    ├── Unavailable             the other side does not answer; retried (output)
    ├── ReadError               a log cannot be read, or not to its end (inputs.block_reader)
    ├── FileError               a file cannot be opened as a log (inputs.files.file_handle)
    ├── PositionError           a saved position cannot be understood (inputs.files.checkpoint)
    ├── StateVersionError       the saved state has a version that the program does not know
    ├── SpoolError              the spool cannot be used (spool.errors)
    │   ├── BlockedError        not now, as with a full disk; retried
    │   ├── DamagedError        the database is broken
    │   ├── GoneError           its files were deleted
    │   └── ClosedError         it was closed
    └── ParserError             the parser has a bug, or its process cannot be started
        └── ParserDiedError     its process died or hung; a new one may not
"""


class ForwarderError(Exception):
    """A failure that the program foresaw; its message says it all, without a traceback."""


class EndedBySignal(SystemExit):
    """A signal ends the command; plugins never raise this."""


class ConfigError(ForwarderError):
    """A setting or an argument is wrong; the user has to correct it (exit code 2)."""


class PluginError(ForwarderError):
    """A plugin is broken; its author has to fix it, or the user to reinstall it (exit code 1)."""


class StateVersionError(ForwarderError):
    """The saved state has a version that the program does not know."""


class ParserError(ForwarderError):
    """The parser has a bug, or cannot be started; uncommitted lines are read again."""


class ParserDiedError(ParserError):
    """The parser process died or hung; a new one may not."""
