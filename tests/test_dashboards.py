"""The pages: made of their tables, and with something to see on every panel.

A real Elasticsearch answers; the days are those of the made-up company.
"""

import re
from collections.abc import Mapping

import pytest

from tests.dashboards.drawing import Shown, draw
from tests.dashboards.making import made
from tests.dashboards.pages import PAGES
from tests.dashboards.preview import VIEWS, ask, fill, lose_lines, picture_of
from tests.dashboards.questions import QUESTIONS
from tests.detection.making import DOCUMENT
from tests.detection.measuring import install
from tests.kibana.asking import decode
from tests.kibana.loading import parse
from tests.servers.elasticsearch.running import Node
from tests.test_assets import PAGES as DASHBOARDS
from tests.world import story
from tests.world.attacks import ATTACKS
from tests.world.company import Company
from tests.world.mail_log import MailLog

pytestmark = pytest.mark.xdist_group("queries")

_DASHBOARDS = {x["id"].removeprefix("cisco_esa-"): x for x in DASHBOARDS}
_TITLES = [(x.id, z.title) for x in PAGES for _, y in x.rows for z in y]


def test_what_is_shipped_is_made_of_the_tables() -> None:
    """``make dashboards`` writes it."""
    assert {x for x, y in made().items() if x.read_text() != y} == set()


def test_a_page_names_each_panel_once() -> None:
    """People tell them apart by their titles."""
    assert len(set(_TITLES)) == len(_TITLES)


def test_answers_name_pages_and_panels_that_there_are() -> None:
    """By the beginnings of their titles."""
    names = {x.name for x in PAGES} | {y for _, y in _TITLES}
    for question in QUESTIONS:
        for name in re.findall(r"(?<!\*)\*([^*]+)\*", question.answer):
            assert any(x.startswith(name) for x in names), name


@pytest.fixture(scope="module")
def shown(query_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Shown]]:
    """Ask for all pages, with a Monday and the day of attacks."""
    folder = tmp_path_factory.mktemp("company") / "logs"
    log = MailLog(1)
    company = Company(log)
    company.monday(story.MONDAY)
    company.ordinary_day(story.ATTACKED)
    for attack in ATTACKS:
        attack.write(log, story.ATTACKED + attack.hour * story.DAY / 24)
    log.save(folder)
    lose_lines(folder)
    install(query_node)
    documents = parse("--no-original", str(folder / "{appliance}" / "mail*"))
    asker = fill(query_node.admin, documents)
    return {x: ask(asker, y, VIEWS[x]) for x, y in _DASHBOARDS.items()}


@pytest.mark.parametrize(("page", "title"), _TITLES)
def test_each_panel_has_something_to_show(
    shown: Mapping[str, list[Shown]], page: str, title: str
) -> None:
    """On the days of the company, and with what is chosen for the preview."""
    (panel,) = (x for x in shown[page] if x.panel["title"] == title)
    assert panel.rows
    if panel.panel["type"] == "lens":
        columns = zip(*panel.rows, strict=True)
        assert all(any(x is not None for x in column) for column in columns)


@pytest.mark.parametrize("page", VIEWS)
def test_a_page_can_be_drawn(shown: Mapping[str, list[Shown]], page: str) -> None:
    """Each panel with its title."""
    view = VIEWS[page]
    attributes = decode(_DASHBOARDS[page]["attributes"])
    html, _ = draw(attributes, view.span, view.chosen, shown[page])
    assert "<svg" in html
    assert [x.panel["title"] for x in shown[page] if x.panel["title"] not in html] == []


@pytest.mark.parametrize("page", VIEWS)
def test_the_picture_of_a_page_is_in_the_documentation(page: str) -> None:
    """And small."""
    picture = picture_of(page)
    assert f"({picture.name})" in DOCUMENT.read_text()
    assert picture.stat().st_size < 200_000
