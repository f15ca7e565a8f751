"""Being told of changes by the system, where the file system can.

A thread waits for events and wakes the reader. Nothing depends on it: file systems of the network
have no events, and the system may run out of watches, so folders are also looked at from time to
time. Events only make it quicker.
"""

# Paths stay text; see finding.py.
# ruff: noqa: PTH116

import os
import threading
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import TYPE_CHECKING

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

if TYPE_CHECKING:
    from forwarder.inputs.files.file_handle import Inode

_STEP_MS = 50
"""Events are gathered so long: twenty looks a second are a low price, and nobody waits longer."""

_GATHER_MS = 100
"""Events are handed over after so long even if they go on."""

_TIMEOUT_MS = 3_600_000
"""An hour: to be woken sooner would serve nothing, as stopping is looked for at each step."""

_PAUSE_SECONDS = 1.0
"""After an error, so that one that stays does not keep a processor busy."""

Tell = Callable[[AbstractSet[str] | None], None]
"""Is given the paths that changed; None if anything may have."""


_NO_INSTANCE = "Too many open files"
"""As inotify_init(2) says it where a user has as many instances as allowed; it is EMFILE."""


class InotifyWatcher:
    """Watches folders, and tells what changes in them."""

    def __init__(self, tell: Tell) -> None:
        """Begin with no folder.

        Args:
            tell: Is called from another thread.
        """
        self._tell = tell
        self._watched: dict[str, tuple[Inode, bool]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, folders: Mapping[str, bool]) -> str | None:
        """Watch these folders from now on, and no others.

        To be called again from time to time: a folder that was removed and made again is another
        one, and nobody says so.

        Args:
            folders: Paths, and whether the folders within matter, too. Those that are not there
                are passed over.

        Returns:
            None; or, if the system cannot watch, why, for a person.
        """
        wanted = {}
        for path, deep in folders.items():
            with suppress(OSError):
                status = os.stat(path)
                wanted[path] = ((status.st_dev, status.st_ino), deep)
        if wanted == self._watched:
            return None
        self.close()
        self._watched = wanted
        if not wanted:
            return None
        try:
            events = RustNotify(
                list(wanted),
                False,  # noqa: FBT003 - positional only: debug
                False,  # noqa: FBT003 - force_polling
                0,
                any(deep for _, deep in wanted.values()),
                True,  # noqa: FBT003 - ignore_permission_denied
            )
        except (OSError, WatchfilesRustInternalError) as error:
            limit = "instances" if _NO_INSTANCE in str(error) else "watches"
            return (
                f"changes of files are not told by the system ({error}), so they are looked for "
                f"only from time to time; a higher fs.inotify.max_user_{limit} may help"
            )
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(events, self._stop), name="watching", daemon=True
        )
        self._thread.start()
        self._tell(None)  # of what changed before it was watched
        return None

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._watched = {}

    def _run(self, events: RustNotify, stop: threading.Event) -> None:
        with events:
            while not stop.is_set():
                try:
                    changes = events.watch(_GATHER_MS, _STEP_MS, _TIMEOUT_MS, stop)
                except WatchfilesRustInternalError:  # a folder vanished, or too many events
                    self._tell(None)
                    stop.wait(_PAUSE_SECONDS)
                    continue
                if not isinstance(changes, str):
                    self._tell({path for _, path in changes})
