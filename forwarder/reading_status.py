"""What ``status`` is told of the inputs."""

import os
from collections.abc import Sequence

from forwarder.counts import Counts
from forwarder.inputs.standing import FileStatus
from forwarder.oddities import in_status

MAX_STATUS_FILES = 100
"""Files that ``status`` names, those that are furthest behind first: there may be thousands."""


def describe(
    files: Sequence[FileStatus], open_connections: int, counts: Counts
) -> dict[str, object]:
    """Say how far the inputs are, for ``status``."""
    worst = sorted(files, key=lambda x: (-x.behind - x.lost, x.path))[:MAX_STATUS_FILES]
    return {
        "open_connections": open_connections,
        "oddities": in_status(counts),
        "files": len(files),
        "behind_bytes": sum(x.behind for x in files),
        "lost_bytes": sum(x.lost for x in files),
        "named": [
            {
                "path": os.fsencode(x.path).decode("utf-8", "replace"),
                "appliance": x.appliance,
                "size": x.size,
                "offset": x.offset,
                "behind_bytes": x.behind,
                "lost_bytes": x.lost,
                "modified": None if x.modified is None else x.modified.isoformat(),
            }
            for x in worst
        ],
    }
