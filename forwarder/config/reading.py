"""Reading the files of a configuration: itself, and those whose content it takes in."""

import os
import stat
from pathlib import Path

from forwarder.config.interpolation import Unreadable
from forwarder.config.yaml import MAX_BYTES

_MAX_VALUE = 64 * 1024
"""Bytes of a file that is a value. Keys, and chains of certificates, are a few KiB."""


def read_config(path: Path) -> bytes:
    """Read a configuration, also from a pipe; of one that is too long, the beginning.

    Raises:
        Unreadable: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Unreadable(_reason(error)) from None


def read_value(path: str) -> str:
    """Read a file whose content is a value, without one newline at its end.

    Raises:
        Unreadable: It cannot be read, or is no text.
    """
    try:
        # Without O_NONBLOCK, a FIFO that nobody writes to would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable(f"{path!r} is no regular file; name one that is")
            content = file.read(_MAX_VALUE + 1)
    except (OSError, ValueError) as error:
        raise Unreadable(f"the file {path!r} {_reason(error)}") from None
    if len(content) > _MAX_VALUE:
        raise Unreadable(f"the file {path!r} is longer than {_MAX_VALUE} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"the file {path!r} is not UTF-8; save it as UTF-8") from None
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "does not exist"
        case IsADirectoryError():
            return "is a folder; name a file"
        case PermissionError():
            return "cannot be read: Permission denied; give this user the right to read it"
        case OSError():
            return f"cannot be read: {error.strerror}"
        case _:  # a NUL in the path
            return f"cannot be read: {error}"
