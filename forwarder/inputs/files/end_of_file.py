"""Decides what the end of a file means: whether a rotated or uploaded file is complete.

A file that is written to has a live name. At its end it is idle: more may come, and an
unterminated line waits for its rest, however long. Any other file is being copied or uploaded, or
written to by a logger that was not told yet that its file was renamed. It is complete when

- it is gzip, and the check at its end is right; or
- it was followed under its live name, and its successor holds something; or
- it did not change for :data:`SETTLE`.

Should a complete file grow all the same, its new bytes are read; only a line that ended at its
end is then in two pieces. The last line of a file that is no longer written to is whole only after
a pause, because it may be wrapped, or when another file is to be read behind it.
"""

from datetime import timedelta

from forwarder.inputs.chunk import Kind

SETTLE = timedelta(seconds=10)
"""An upload never pauses longer, except where it is broken off: SCP and SFTP send as fast as they
can, and a write arrives at NFS clients within 3 seconds (``acregmin``)."""

PAUSE = timedelta(seconds=1)
"""So long a file that is copied or uploaded must rest before its last whole line is taken for
whole: a wrapped line goes on behind its newline."""


def decide_end(  # noqa: PLR0913 - each is a fact with a name
    rested: timedelta,
    *,
    is_live: bool,
    is_succeeded: bool,
    is_terminated: bool,
    is_checked: bool | None,
    once: bool,
) -> tuple[Kind, timedelta | None]:
    """Decide what the end of a file means, and after what time to decide again, if at all.

    Args:
        rested: For how long it has not changed.
        is_live: Whether its name is that of a file that is written to.
        is_succeeded: Whether it was followed under such a name, and its successor holds something.
        is_terminated: Whether its last line ends with a newline, or nothing can follow any more.
        is_checked: Of gzip, whether the check at its end is right; None for a plain file.
        once: Whether nothing is waited for.
    """
    is_settled = rested >= SETTLE
    if is_checked is not None:
        if is_checked:
            return Kind.END, None
        return Kind.MORE, None if is_settled else SETTLE - rested
    if is_live and not is_succeeded:
        return Kind.IDLE, None
    if is_settled or is_succeeded or (once and is_terminated):
        return Kind.END, None
    if rested >= PAUSE:
        return Kind.IDLE, SETTLE - rested
    return Kind.MORE, PAUSE - rested
