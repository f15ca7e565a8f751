"""Draws the status page for the documentation, from made-up numbers: docs/status-page.png.

python -m tests.status_picture; it needs Debian's chromium and pngquant.
"""

import math
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from forwarder.app.status import Observation, observe
from forwarder.app.web import SAMPLE_SECONDS, Site
from forwarder.spool.cursors import OutputError
from tests import pictures
from tests.spooling import documents, opened, read

PICTURE = Path(__file__).parents[1] / "docs" / "status-page.png"
WIDTH, HEIGHT = 1000, 900
_MINUTES = 15


def observations(folder: Path) -> Iterator[Observation]:
    """Give a quarter of an hour in which a server goes down and passwords are guessed."""
    now = time.time()
    with closing(opened(folder, "archive", "siem")) as spool:
        spool.commit(documents(0, 2_400))
        spool.advance("archive", read(spool, "archive", 2_400))
        spool.advance("siem", read(spool, "siem", 1_720))
        error = "https://es.example.com:9200 cannot be reached: Connection refused"
        spool.note("siem", OutputError(error, now, now - 240))
        logins = {"success": 0.0, "failure": 0.0}
        for number in range(int(_MINUTES * 60 / SAMPLE_SECONDS) + 1):
            logins["success"] += 22 + 4 * math.sin(number / 5)
            logins["failure"] += 3 + (30 if 50 < number < 70 else 0) + 2 * math.sin(number / 3)
            at = now - _MINUTES * 60 + number * SAMPLE_SECONDS
            status = {"status/ingest": orjson.dumps(_inputs(logins, number, now))}
            spool.commit((), status.items())
            seen = observe(folder, [])
            delivered: Any = seen.status["outputs"]["archive"]
            delivered["delivered"] = round(sum(logins.values()))
            delivered["waiting"] = 0
            yield seen._replace(at=at)


def _inputs(logins: dict[str, float], number: int, now: float) -> dict[str, Any]:
    appliances = [
        {
            "appliance": f"esa{x}.example.com",
            "heard": now,
            "last_line": round(now) - 2 * x,
            "lag_seconds": round(3 + x + 2 * math.sin(number / 7)),
            "bytes": 1,
            "bytes_per_second": 21_340 // x,
            "logins": 91_203 // x,
            "joined": (91_203 - 3 * x) // x,
            "open_connections": 40 - 9 * x,
            "silent_since": None,
        }
        for x in (1, 2)
    ]
    return {
        "time": "2026-03-03T10:00:00+00:00",
        "events": [["smtp-authentication", x, round(y)] for x, y in logins.items()],
        "appliances": appliances,
        "files": 34,
        "behind_bytes": 0,
        "lost_bytes": 0,
        "named": [],
    }


def main() -> None:
    """Draw it."""
    site = Site()
    with tempfile.TemporaryDirectory() as folder:
        for seen in observations(Path(folder) / "state"):
            site.show(seen)
        shown = Path(folder) / "page.html"
        host = socket.gethostname().encode()
        shown.write_bytes(site.answer("/", "").body.replace(host, b"forwarder.example.com"))
        pictures.take(shown, PICTURE, WIDTH, HEIGHT)


if __name__ == "__main__":
    main()
