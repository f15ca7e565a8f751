"""Draws a page as HTML: near to what Kibana shows, from the same definitions and the same answers.

A page needs nothing but itself: no scripts, no network.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from tests.dashboards.charts import Span, chart, world
from tests.kibana.panels import Row

WIDTH = 1440
_MARGIN, _GAP = 8, 8
_COLUMN, _LINE = (WIDTH - 2 * _MARGIN) / 48, 22
"""Pixels of a column and of a line of Kibana's grid."""
_STYLE = """
body { margin: 0; background: #F7F8FC; font: 13px/1.35 sans-serif; color: #343741; }
header { padding: 10px 12px 0; font-size: 20px; font-weight: 600; }
header small { font-size: 13px; font-weight: 400; color: #69707D; margin-left: 10px; }
.controls { padding: 8px 12px; }
.controls span { border: 1px solid #D3DAE6; background: #FFF; padding: 4px 10px;
  margin-right: 8px; }
main { position: relative; margin: 0 8px; }
section { position: absolute; box-sizing: border-box; background: #FFF; border: 1px solid #E3E6EF;
  border-radius: 6px; overflow: hidden; }
h2 { font-size: 13px; margin: 6px 10px 2px; white-space: nowrap; }
.links a { display: inline-block; margin: 12px 18px; color: #0061A6; }
.links a.here { font-weight: 600; color: #343741; }
.metric { padding: 4px 12px; font-size: 34px; font-weight: 600; }
.empty { padding: 24px; text-align: center; color: #98A2B3; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th { text-align: left; color: #69707D; font-weight: 600; border-bottom: 1px solid #D3DAE6; }
th, td { padding: 2px 10px; white-space: nowrap; max-width: 330px; overflow: hidden;
  text-overflow: ellipsis; }
td { border-bottom: 1px solid #EEF0F6; }
.number { text-align: right; }
svg { margin-left: 5px; font-size: 11px; fill: #535966; }
.narrow th, .narrow td { padding: 2px 5px; }
"""


class Shown(NamedTuple):
    """A panel as it stands in a dashboard, and what it shows."""

    panel: Mapping[str, Any]
    rows: Sequence[Row]
    columns: Sequence[str] = ()
    """Of a saved search."""


def draw(
    attributes: Mapping[str, Any],
    span: Span,
    chosen: Mapping[str, str],
    panels: Sequence[Shown],
) -> tuple[str, int]:
    """Draw a page.

    Args:
        attributes: Those of the dashboard, with its texts in JSON decoded.
        span: The time that the page shows.
        chosen: Values of controls by their fields.
        panels: What to show.

    Returns:
        HTML, and its height in pixels.
    """
    controls = (x["explicitInput"] for x in attributes["controlGroupInput"]["panelsJSON"].values())
    boxes = "".join(
        f"<span>{escape(x['title'])}: <b>{escape(chosen.get(x['fieldName'], 'Any'))}</b></span>"
        for x in controls
    )
    height = max(x.panel["gridData"]["y"] + x.panel["gridData"]["h"] for x in panels) * _LINE
    body = "".join(_section(x, attributes["title"], span) for x in panels)
    time = " to ".join(f"{x:%a %d %b %Y %H:%M}" for x in span)
    html = (
        f'<!doctype html><meta charset="utf-8"><title>{escape(attributes["title"])}</title>'
        f"<style>{_STYLE}</style><header>{escape(attributes['title'])}"
        f"<small>{escape(time)}</small></header><div class=controls>{boxes}</div>"
        f'<main style="height:{height}px">{body}</main>'
    )
    return html, height + 90


def _section(shown: Shown, title: str, span: Span) -> str:
    panel = shown.panel
    at = panel["gridData"]
    left, top = int(at["x"] * _COLUMN), at["y"] * _LINE
    width, height = int(at["w"] * _COLUMN) - _GAP, at["h"] * _LINE - _GAP
    style = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
    inside = (
        _links(panel, title) if panel["type"] == "links" else _content(shown, span, width, height)
    )
    return f'<section style="{style}">{inside}</section>'


def _links(panel: Mapping[str, Any], title: str) -> str:
    links = panel["embeddableConfig"]["attributes"]["links"]
    made = (
        f"<a{' class=here' if title.endswith(x['label']) else ''}>{escape(x['label'])}</a>"
        for x in links
    )
    return f"<div class=links>{''.join(made)}</div>"


def _content(shown: Shown, span: Span, width: int, height: int) -> str:
    panel, rows = shown.panel, shown.rows
    heading = f"<h2>{escape(panel['title'])}</h2>"
    if not rows:
        return f"{heading}<div class=empty>No results found</div>"
    size = (width - 12, height - 34)
    if panel["type"] == "search":
        titles = ["@timestamp", *shown.columns]
        return heading + _table(titles, rows, [{}] * len(titles))
    if panel["type"] == "map":
        layers = panel["embeddableConfig"]["attributes"]["layerListJSON"][1:]
        return heading + world(layers, rows, size)
    attributes = panel["embeddableConfig"]["attributes"]
    visualization = attributes["state"]["visualization"]
    columns = _columns(attributes["state"])
    match attributes["visualizationType"]:
        case "lnsMetric":
            value = _text(rows[0][0], columns[visualization["metricAccessor"]])
            return (
                f'{heading}<div class=metric style="color:{visualization["color"]}">{value}</div>'
            )
        case "lnsDatatable":
            shown_columns = visualization["columns"]
            formats = [{**columns[x["columnId"]], **x} for x in shown_columns]
            return heading + _table([x["label"] for x in formats], rows, formats)
        case kind:
            assert kind == "lnsXY"
            (layer,) = visualization["layers"]
            return heading + chart(layer, columns, rows, span, size)


def _columns(state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the columns that are shown, in their order."""
    ((kind, source),) = state["datasourceStates"].items()
    (layer,) = source["layers"].values()
    if kind == "textBased":
        return {x["columnId"]: x for x in layer["columns"]}
    columns = layer["columns"]
    parts = {y for x in columns.values() for y in x.get("references", ())}
    return {x: y for x, y in columns.items() if x not in parts}


# Text


def _text(value: object, column: Mapping[str, Any]) -> str:
    """Write a value as Kibana does with the format of its column."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_text(x, column) for x in value)
    if column.get("params", {}).get("format", {}).get("id") == "percent":
        assert isinstance(value, float)
        return f"{value:.0%}"
    if isinstance(value, float) and value == int(value):
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    text = str(value)
    if len(text) == len("2026-03-01T00:00:00.000Z") and text.endswith("Z"):
        return f"{datetime.fromisoformat(text):%d %b %H:%M:%S}"
    return escape(text)


def _table(titles: Sequence[str], rows: Sequence[Row], columns: Sequence[Mapping[str, Any]]) -> str:
    numbers = [
        any(isinstance(x[number], int | float) for x in rows) for number in range(len(titles))
    ]
    marks = [" class=number" if x else "" for x in numbers]
    head = "".join(f"<th{x}>{escape(y)}</th>" for x, y in zip(marks, titles, strict=True))
    lines = (
        "".join(
            f"<td{mark}{_colour(value, column)}>{_text(value, column)}</td>"
            for mark, value, column in zip(marks, row, columns, strict=True)
        )
        for row in rows
    )
    narrow = " class=narrow" if len(titles) > 4 else ""
    return f"<table{narrow}><tr>{head}</tr>{''.join(f'<tr>{x}</tr>' for x in lines)}</table>"


def _colour(value: object, column: Mapping[str, Any]) -> str:
    if "palette" not in column or not isinstance(value, float):
        return ""
    stops = column["palette"]["params"]["colorStops"]
    colour = [x["color"] for x in stops if value >= x["stop"]][-1]
    return f' style="color:{colour};font-weight:600"'
