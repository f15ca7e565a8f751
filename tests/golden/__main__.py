"""Writes the expected documents of every log again: `python -m tests.golden`."""

import json

import orjson

from tests.golden import FOLDER, NAMES, produce


def main() -> None:
    """Write a file beside each log."""
    for name in NAMES:
        documents = [orjson.loads(x) for x in produce(name)]
        for document in documents:
            document["agent"]["version"] = "VERSION"
        text = json.dumps(documents, indent=2, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
