"""Writes the table of metrics in docs/monitoring.md from the one that the program has.

python -m tests.metrics_table docs/monitoring.md
"""

import re
import sys
from pathlib import Path

from forwarder.app.metrics import PREFIX, TABLE

_MARK = re.compile(r"(<!-- metrics -->\n).*?(<!-- /metrics -->\n)", re.DOTALL)
_HEAD = "| Metric | Labels | Type | Meaning |\n|---|---|---|---|\n"


def page(text: str) -> str:
    """Return the page with the metrics that there are now."""
    rows = ""
    for each in TABLE:
        labels = ", ".join(f"`{x}`" for x in each.labels)
        rows += f"| `{PREFIX}{each.name}` | {labels} | {each.kind} | {each.meaning} |\n"
    return _MARK.sub(lambda found: found[1] + _HEAD + rows + found[2], text)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text()))
