"""Shows the pages without Kibana, with the days of a made-up company in a real Elasticsearch.

``python -m tests.dashboards.preview``, as ``make preview`` does, writes each page as HTML below
``build/preview``, and as a picture into the documentation.
"""

import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from tests import pictures
from tests.dashboards.charts import Span
from tests.dashboards.drawing import WIDTH, Shown, draw
from tests.dashboards.making import objects
from tests.dashboards.objects import PREFIX
from tests.dashboards.questions import ACCOUNT
from tests.detection.arrivals import load
from tests.detection.making import DOCUMENT, ROOT
from tests.detection.measuring import install
from tests.kibana.asking import Asker, decode
from tests.kibana.panels import rows
from tests.servers.building import find_program
from tests.servers.elasticsearch.running import Node
from tests.servers.queries.building import build
from tests.world import story

_STREAM = "logs-cisco_esa.auth-company"


class View(NamedTuple):
    """What of the story a page shows."""

    until: datetime
    chosen: Mapping[str, str]
    """Values by their fields."""

    @property
    def span(self) -> Span:
        """The day before."""
        return self.until - story.DAY, self.until


VIEWS: Mapping[str, View] = {
    "morning": View(story.END, {}),
    "account": View(story.END, {ACCOUNT: "u008"}),
    "source": View(story.END, {"source.ip": "242.80.0.7"}),
    "health": View(story.EXPIRED, {}),
}


def fill(client: Elasticsearch, documents: Iterable[dict[str, Any]]) -> Asker:
    """Load the story: one appliance sends lines as it writes them, the other one files."""
    documents = list(documents)
    for document in documents:
        path = Path(document["log"]["file"]["path"])
        document["log"]["file"]["path"] = f"/srv/esa/{path.parent.name}/{path.name}"
    for name, arrival in (("esa1", _at_once), ("esa2", _in_files)):
        own = (x for x in documents if x["host"]["name"].startswith(name))
        load(client, f"{_STREAM}.{name}", own, arrival)
    return Asker(client, f"{_STREAM}.*")


def _at_once(time: datetime) -> datetime:
    return time + timedelta(seconds=3 + time.second % 9)


def _in_files(time: datetime) -> datetime:
    return time.replace(minute=time.minute // 10 * 10, second=20) + timedelta(minutes=10)


def ask(asker: Asker, page: Mapping[str, Any], view: View) -> list[Shown]:
    """Ask what the panels of a page show.

    Args:
        asker: Whom to ask.
        page: The dashboard, a saved object.
        view: What is chosen.
    """
    searches = {x["id"]: decode(x["attributes"]) for x in objects() if x["type"] == "search"}
    targets = {x["name"]: x["id"] for x in page["references"]}
    filters = [{"term": {x: y}} for x, y in view.chosen.items()]
    shown = []
    for panel in decode(page["attributes"])["panelsJSON"]:
        search = searches.get(targets.get(f"{panel['panelIndex']}:{panel.get('panelRefName')}", ""))
        found = [] if panel["type"] == "links" else rows(asker, panel, search, view.until, *filters)
        shown.append(Shown(panel, found, search["columns"] if search else ()))
    return shown


def lose_lines(folder: Path) -> None:
    """Take the beginnings of connections of five minutes out of a log, as if they were lost."""
    path = folder / "esa2.example.com" / "mail.current"
    lost = f"{story.MONDAY:%b} {story.MONDAY:%e} 10:0"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if not (lost in x and ": New SMTP" in x)))


def _main() -> None:
    target = ROOT / "build" / "preview"
    target.mkdir(parents=True, exist_ok=True)
    find_program("chromium", "chromium"), find_program("pngquant", "pngquant")
    with tempfile.TemporaryDirectory() as folder:
        story.write(Path(folder) / "logs")
        lose_lines(Path(folder) / "logs")
        home = Path(folder) / "server"
        home.mkdir()
        node = Node(build(), home, key_cache="1h")
        try:
            node.start()
            install(node)
            asker = fill(node.admin, list(story.documents(Path(folder) / "logs")))
            draw_all(asker, target)
        finally:
            node.close()


def picture_of(page: str) -> Path:
    """Return where the picture of a page is."""
    return DOCUMENT.with_name(f"kibana-{page}.png")


def draw_all(asker: Asker, target: Path) -> None:
    """Write all pages, and their pictures."""
    for page in objects():
        if page["type"] != "dashboard":
            continue
        name = page["id"].removeprefix(PREFIX)
        view = VIEWS[name]
        shown = ask(asker, page, view)
        html, height = draw(decode(page["attributes"]), view.span, view.chosen, shown)
        file = target / f"{name}.html"
        file.write_text(html)
        pictures.take(file, picture_of(name), WIDTH, height)


if __name__ == "__main__":
    _main()
