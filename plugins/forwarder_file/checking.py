"""Whether an output with these settings would work; nothing is written for it."""

import os
import shutil
from collections.abc import Iterator

from forwarder import Expected, Finding
from forwarder_file.settings import Settings

_GIVE_RIGHTS = "Give this user the right to read and write there."


def check(settings: Settings, _: Expected) -> Iterator[Finding]:
    """Look at the folder and the file."""
    path = settings.path.resolve()
    file, folder = repr(str(path)), repr(str(path.parent))
    if not path.parent.is_dir():
        yield _bad(f"{folder} is no folder.", "Make it, or mount it.")
    elif not os.access(path.parent, os.R_OK | os.W_OK | os.X_OK):
        yield _bad(f"Files cannot be made in {folder}.", _GIVE_RIGHTS)
    elif path.exists() and not path.is_file():
        yield _bad(f"{file} is no regular file.", "Name another.")
    elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield _bad(f"{file} cannot be read and written.", _GIVE_RIGHTS)
    else:
        free = shutil.disk_usage(path.parent).free // 10**6
        yield Finding(good=True, text=f"{file} can be written; {free:,} MB are free there.")


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
