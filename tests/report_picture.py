"""Draws the report of a company's ten days for the documentation: docs/report.png.

python -m tests.report_picture; it needs Debian's chromium and pngquant.
"""

import subprocess
import tempfile
from pathlib import Path

from tests import pictures
from tests.world import story

PICTURE = Path(__file__).parents[1] / "docs" / "report.png"
WIDTH, HEIGHT = 1100, 1150


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder:
        logs, page = Path(folder) / "logs", Path(folder) / "report.html"
        story.write(logs)
        command = ["esa-forwarder", "report", f"{logs}/{{appliance}}/mail*", "-o", str(page)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own command
        pictures.take(page, PICTURE, WIDTH, HEIGHT)


if __name__ == "__main__":
    main()
