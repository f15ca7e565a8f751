"""Whether a file that was read to its end is at rest, or complete.

A file that is written to has one of the names in
:func:`~forwarder.inputs.files.paths.is_live`. At its end it is quiet: more may come, and an
unterminated line waits for its rest, however long.

Any other file is written by somebody who copies or uploads it, or by a logger that was not told
yet that its file was renamed. It is complete when

- it is gzip, and the check at its end is right; or
- it was followed under its live name, and its successor holds something; or
- it did not change for :data:`SETTLE`.

Should a complete file grow all the same, its new bytes are read; only a line that ended at its
end is then in two pieces.

Pure: facts in, a decision out.
"""

from datetime import timedelta
from typing import NamedTuple

from forwarder.inputs.chunk import Kind

SETTLE = timedelta(seconds=10)
"""Nobody pauses longer within an upload, except where it is broken off: SCP and SFTP send as fast
as they can, and a write arrives at NFS clients within 3 seconds (``acregmin``)."""

PAUSE = timedelta(seconds=1)
"""So long a file that is copied or uploaded must rest before its last whole line is taken for
whole: a wrapped line goes on behind its newline."""


class EofFacts(NamedTuple):
    """What is known of a file whose last byte was read."""

    live: bool
    """Whether its name is that of a file being written, and no newer one took its place."""
    gone: bool
    """Whether it was removed, and is still held open."""
    succeeded: bool
    """Whether it was followed while live, and what is live now holds something."""
    packed: bool
    whole: bool
    """Of a packed file: whether the check at its end is right."""
    terminated: bool
    """Whether a newline is its last byte."""
    idle: timedelta
    """Since it changed."""
    once: bool
    """Whether nobody will wait for more."""


class EofDecision(NamedTuple):
    """What to do."""

    kind: Kind
    again: timedelta | None
    """When to decide again, if nothing changes; None if only a change matters."""
    stuck: bool = False
    """Whether the rest of a packed file is missing for so long that it must be said."""


def decide(file: EofFacts) -> EofDecision:
    """Decide what the end of a file means."""
    settled = file.idle >= SETTLE
    if file.packed:
        if file.whole:
            return EofDecision(Kind.END, None)
        return EofDecision(Kind.MORE, None if settled else SETTLE - file.idle, stuck=settled)
    if file.live and not file.gone:
        return EofDecision(Kind.IDLE, None)
    if settled or file.succeeded or (file.once and (file.terminated or file.gone)):
        return EofDecision(Kind.END, None)
    if file.idle >= PAUSE:
        return EofDecision(Kind.IDLE, SETTLE - file.idle)
    return EofDecision(Kind.MORE, PAUSE - file.idle)
