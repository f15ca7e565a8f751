"""Whether a new log may be begun: not before all that was written before it was looked for.

At a rotation the last lines of the old file and the first of the new one come within a moment, and
a look may find the new one only. But whatever is in the old one was written before there was
anything in the new one, under whatever name it is now: before a file is renamed, truncated or sent
again, it is whole. So when the first bytes of a log were seen, all files are looked at once more.
What that look finds and what comes earlier in the order has its turn first.

The last line of a file that is no longer written to is whole only after a pause, because it may be
wrapped. What comes behind it waits for that, too, but not for long: an upload may take hours.

A file is known to be the one that was seen if it has not changed since, or begins as it did:
a busy one changes between any two looks.
"""

from forwarder.inputs.files.endings import PAUSE
from forwarder.inputs.files.file_handle import FileHandle
from forwarder.inputs.files.registry import File, Files

_PATIENCE = 2 * PAUSE
"""A file that grows on and on is not waited for; one that was sent within a second is."""

_HEAD_BYTES = 4096
"""Remembered of a file that waits for the look: beyond any header."""


def may_begin(file: File, source: FileHandle, data: bytes, looks: int) -> bool:
    """Say whether the first bytes of a log may be handed over.

    Args:
        file: The file; it is remembered what was seen in it.
        source: The same, open.
        data: Its first bytes.
        looks: How often all files were looked at.

    Returns:
        False if all files have to be looked at once more.
    """
    unchanged = source.stamp == (file.sighting.size, file.sighting.modified_ns)
    if file.head:
        unchanged = data.startswith(file.head)
    if not unchanged:
        file.seen_in = looks
    if looks > file.seen_in:
        file.head = b""
        return True
    file.head = data[:_HEAD_BYTES]
    return False


def must_wait(file: File, files: Files, now: float) -> bool:
    """Say whether the end of another file is to be waited for, before one is begun.

    Args:
        file: The file.
        files: All files.
        now: Seconds of the monotonic clock.
    """
    return files.has_pausing_predecessor(file, now - _PATIENCE.total_seconds())
