"""Draws the report of a company's ten days for the documentation: docs/report.png.

python -m tests.report_picture; it needs Debian's chromium and pngquant.
"""

import subprocess
import tempfile
from pathlib import Path

from tests.world import story

PICTURE = Path(__file__).parents[1] / "docs" / "report.png"
SIZE = "1100,1150"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own command


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder:
        logs, page = Path(folder) / "logs", Path(folder) / "report.html"
        story.write(logs)
        _run("esa-forwarder", "report", f"{logs}/{{appliance}}/mail*", "-o", str(page))
        _run(
            "chromium",
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--window-size={SIZE}", f"--screenshot={PICTURE}", page.as_uri()),
        )
    _run("pngquant", "--force", "--strip", "--output", str(PICTURE), "64", str(PICTURE))


if __name__ == "__main__":
    main()
