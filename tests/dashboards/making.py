"""Makes what is shipped for Kibana of pages and questions, and their documentation.

``python -m tests.dashboards.making`` writes all of it, as ``make dashboards`` does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.dashboards.lens import links, make
from tests.dashboards.objects import INDEX, PREFIX, Json, References, kql, to_view
from tests.dashboards.pages import PAGES
from tests.dashboards.panels import Page
from tests.dashboards.questions import QUESTIONS, Question
from tests.detection.making import ASSETS, DOCUMENT

BEGIN, END = "<!-- questions: made by make dashboards -->", "<!-- end of questions -->"
_TITLE = "[Cisco ESA] "
_TAG = f"{PREFIX}assets"
_VERSION = 1
_WIDTH = 48
"""Columns of a dashboard."""
_LINKS_HEIGHT = 3
_LINE = 108
"""Characters of a line of the documentation."""


def objects() -> list[Json]:
    """Make the saved objects; each but the tag stands behind those that it refers to."""
    return [
        _object(
            "tag",
            "assets",
            {
                "name": "Cisco ESA",
                "description": f"SMTP logins; installed by esa-forwarder, version {_VERSION}",
                "color": "#0d7bb8",
            },
            [],
        ),
        _object("index-pattern", "logins", _view(), []),
        *(_search(x) for x in QUESTIONS),
        *(_dashboard(x) for x in PAGES),
    ]


def _object(
    kind: str, identity: str, attributes: Json, references: References, version: str = "8.0.0"
) -> Json:
    return {
        "type": kind,
        "id": PREFIX + identity,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
    }


def _view() -> Json:
    duration = {
        "inputFormat": "nanoseconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 0,
        "useShortSuffix": True,
    }
    formats = {
        "cisco_esa.session.bytes": {"id": "bytes"},
        "event.duration": {"id": "duration", "params": duration},
    }
    return {
        "title": INDEX,
        "name": "Cisco ESA SMTP logins",
        "timeFieldName": "@timestamp",
        "allowNoIndex": True,
        "fieldFormatMap": json.dumps(formats),
    }


def _source(query: str) -> tuple[Json, References]:
    """Make the query of an object, with a filter for our documents."""
    index = "kibanaSavedObjectMeta.searchSourceJSON.filter[0].meta.index"
    field, value = "data_stream.dataset", "cisco_esa.auth"
    meta = {
        "alias": None,
        "disabled": False,
        "negate": False,
        "type": "phrase",
        "key": field,
        "field": field,
        "params": {"query": value},
        "indexRefName": index,
    }
    chosen = {
        "$state": {"store": "appState"},
        "meta": meta,
        "query": {"match_phrase": {field: value}},
    }
    return {"query": kql(query), "filter": [chosen]}, [to_view(index)]


def _tagged() -> dict[str, str]:
    return {"type": "tag", "id": _TAG, "name": f"tag-ref-{_TAG}"}


def _search(question: Question) -> Json:
    source, references = _source(question.query)
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source["indexRefName"] = name
    attributes = {
        "title": _TITLE + question.title,
        "description": question.question,
        "columns": list(question.columns),
        "sort": [["@timestamp", "asc" if question.ascending else "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }
    return _object("search", question.id, attributes, [to_view(name), *references, _tagged()])


def _dashboard(page: Page) -> Json:
    source, references = _source("")
    panels, more = _panels(page)
    controls = {
        f"control-{number}": {
            "type": "optionsListControl",
            "order": number,
            "grow": True,
            "width": "medium",
            "explicitInput": {
                "id": f"control-{number}",
                "fieldName": field,
                "title": label,
                "selectedOptions": [],
                "enhancements": {},
            },
        }
        for number, (label, field) in enumerate(page.controls)
    }
    heed = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
    options = {
        "hidePanelTitles": False,
        "useMargins": True,
        "syncColors": True,
        "syncCursor": True,
        "syncTooltips": False,
    }
    attributes: dict[str, Any] = {
        "title": f"{_TITLE}{page.name}",
        "description": page.description,
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "version": 1,
        "optionsJSON": json.dumps(options),
        "panelsJSON": json.dumps(panels),
        "controlGroupInput": {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "ignoreParentSettingsJSON": json.dumps(dict.fromkeys(heed, False)),
            "panelsJSON": json.dumps(controls),
        },
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }
    chosen = [to_view(f"controlGroup_{x}:optionsListDataView") for x in controls]
    references += [*more, *chosen, _tagged()]
    return _object("dashboard", page.id, attributes, references, "8.9.0")


def _panels(page: Page) -> tuple[list[Json], References]:
    """Place the panels row by row, below the links to the other pages."""
    names = [(x.id, x.name) for x in PAGES]
    made, references = links(names, "links")
    place = {"x": 0, "y": 0, "w": _WIDTH, "h": _LINKS_HEIGHT}
    panels = [_placed(made, "links", "", place)]
    top = _LINKS_HEIGHT
    for height, row in page.rows:
        width = _WIDTH // len(row)
        for number, panel in enumerate(row):
            index = f"panel-{len(panels):02}"
            made, more = make(panel, index)
            references += more
            place = {"x": number * width, "y": top, "w": width, "h": height}
            panels.append(_placed(made, index, panel.title, place))
        top += height
    return panels, references


def _placed(made: Json, index: str, title: str, place: Mapping[str, int]) -> Json:
    grid = {**place, "i": index}
    return {"panelIndex": index, "title": title, "gridData": grid, "version": "8.8.0", **made}


def documentation() -> str:
    """Tell the questions."""
    parts = []
    for number, question in enumerate(QUESTIONS, 1):
        text = (
            f"**{number}. {question.question}** {question.answer} Saved search *{question.title}*:"
        )
        lines = fill(text, _LINE, break_long_words=False, break_on_hyphens=False)
        parts.append(f"{lines}\n\n```kql\n{question.query}\n```")
    return "\n\n".join(parts)


def made() -> dict[Path, str]:
    """Make all files."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        ASSETS / "kibana.ndjson": "".join(json.dumps(x) + "\n" for x in objects()),
        DOCUMENT: f"{before}{BEGIN}\n\n{documentation()}\n\n{END}{after}",
    }


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text)
