"""Takes pictures of pages for the documentation, with Debian's chromium and pngquant."""

import subprocess
from pathlib import Path


def take(page: Path, picture: Path, width: int, height: int) -> None:
    """Take a picture of a page in HTML; 64 colours keep it small."""
    _run(
        "chromium",
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()),
    )
    _run("pngquant", "--force", "--strip", "--output", str(picture), "64", str(picture))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own command
