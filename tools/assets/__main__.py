"""Write the files that ``setup`` installs: ``python -m tools.assets``."""

from pathlib import Path

from tools.assets.files import files

FOLDER = Path(__file__).parents[2] / "plugins" / "forwarder_elasticsearch" / "assets"


def main() -> None:
    """Write each file anew; those that are none of ours are left."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
