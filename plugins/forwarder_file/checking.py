"""Whether an output with these settings would work; nothing is written for it."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from forwarder import Expected, Finding
from forwarder_file.settings import Rotate, Settings

_STAMP = "20260301T120000Z"
_GIVE_RIGHTS = "Give this user the right to read and write there."


def check(settings: Settings, _: Expected) -> Iterator[Finding]:
    """Look at the folder and the file."""
    path = settings.path.resolve()
    try:
        yield _look(path, _longest(path.name, settings))
    except OSError as error:
        at = str(error.filename or path)
        advice = _GIVE_RIGHTS if error.errno == errno.EACCES else "Name another."
        yield _bad(f"{at!r} cannot be looked at: {error.strerror}.", advice)


def _look(path: Path, longest: str) -> Finding:
    """Look at the folder and the file.

    Raises:
        OSError: They cannot be looked at.
    """
    file, folder = repr(str(path)), repr(str(path.parent))
    if not path.parent.is_dir():
        return _bad(f"{folder} is no folder.", "Make it, or mount it.")
    size, most = len(os.fsencode(longest)), os.pathconf(path.parent, "PC_NAME_MAX")
    if size > most:
        return _bad(
            f"{file} has too long a name: with what is added to it, it has {size} bytes, and {most}"
            f" are the most there.",
            "Choose a shorter one.",
        )
    if not os.access(path.parent, os.R_OK | os.W_OK | os.X_OK):
        return _bad(f"Files cannot be made in {folder}.", _GIVE_RIGHTS)
    if path.exists() and not path.is_file():
        return _bad(f"{file} is no regular file.", "Name another.")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return _bad(f"{file} cannot be read and written.", _GIVE_RIGHTS)
    free = shutil.disk_usage(path.parent).free // 10**6
    return Finding(good=True, text=f"{file} can be written; {free:,} MB are free there.")


def _longest(name: str, settings: Settings) -> str:
    """Give the longest of the names that are made of one; see ``path`` in the settings."""
    if settings.rotate == Rotate():
        return f".{name}.mark"
    return f".{name}.{_STAMP}.gz.part" if settings.gzip else f"{name}.{_STAMP}"


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
