"""Draws charts and maps as SVG."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from math import ceil, floor, log10, sqrt
from typing import Any, NamedTuple

from tests.kibana.panels import Row

Span = tuple[datetime, datetime]
"""When the time that a page shows begins and ends."""
_PALETTE = ["#6092C0", "#54B399", "#D6BF57", "#9170B8", "#CA8EAE", "#B9A888"]
_LEFT, _BOTTOM, _TOP = 44, 44, 6
"""Pixels beside and below a chart, for its axes and its legend; and above it."""
_HOUR = timedelta(hours=1)
_TICKS = 5


class _Point(NamedTuple):
    time: datetime
    name: str
    value: float


def chart(
    layer: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Row],
    span: Span,
    size: tuple[int, int],
) -> str:
    """Draw bars or lines over the time of the page."""
    split = layer.get("splitAccessor")
    colours = {columns[x["forAccessor"]]["label"]: x["color"] for x in layer["yConfig"]}
    points = []
    for row in rows:
        found = dict(zip(columns, row, strict=True))
        time = datetime.fromisoformat(str(found[layer["xAccessor"]]))
        for accessor in layer["accessors"]:
            name = found[split] if split else columns[accessor]["label"]
            value = found[accessor]
            assert isinstance(value, int | float)
            points.append(_Point(time, str(name), value))
    names = list(dict.fromkeys(x.name for x in points))
    colours = {x: colours.get(x, _PALETTE[y % len(_PALETTE)]) for y, x in enumerate(names)}
    is_bar = layer["seriesType"] == "bar_stacked"
    highest = max((sum if is_bar else max)(y) for y in _by_time(points).values())
    frame = _Frame(span, highest, *size)
    marks = _bars(frame, points, colours) if is_bar else _lines(frame, points, colours)
    return _svg(size, frame.axes() + marks + _legend(colours, size) * (len(names) > 1))


def _by_time(points: Sequence[_Point]) -> dict[datetime, list[float]]:
    found: dict[datetime, list[float]] = {}
    for point in points:
        found.setdefault(point.time, []).append(point.value)
    return found


class _Frame:
    """The axes of a chart: time, and numbers from 0."""

    def __init__(self, span: Span, highest: float, width: int, height: int) -> None:
        self._since, self._until = span
        self._right, self.bottom = width - 24, height - _BOTTOM
        power = 10.0 ** floor(log10(max(highest, 1)))
        steps = (x * y for x in (power / 10, power) for y in (1, 2, 5))
        self._step = next((x for x in steps if highest <= x * _TICKS), power * 2)
        self._top = self._step * max(1, ceil(highest / self._step))

    def x(self, time: datetime) -> float:
        length = (self._until - self._since).total_seconds()
        part = (time - self._since).total_seconds() / length
        return _LEFT + part * (self._right - _LEFT)

    def y(self, value: float) -> float:
        return self.bottom - value / self._top * (self.bottom - _TOP)

    def axes(self) -> str:
        made = []
        for number in range(round(self._top / self._step) + 1):
            value = number * self._step
            y = self.y(value)
            made.append(
                f'<path d="M{_LEFT} {y:.1f}H{self._right}" stroke="#E9ECF2"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.10g}</text>'
            )
        time = self._since
        while time <= self._until:
            x, y = self.x(time), self.bottom + 15
            made.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{time:%H:%M}</text>')
            time += 3 * _HOUR
        return "".join(made)


def _bars(frame: _Frame, points: Sequence[_Point], colours: Mapping[str, str]) -> str:
    heights: dict[datetime, float] = {}
    made = []
    for point in points:
        base = heights.get(point.time, 0)
        heights[point.time] = base + point.value
        top, bottom = frame.y(heights[point.time]), frame.y(base)
        left, right = frame.x(point.time), frame.x(point.time + _HOUR)
        made.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}"'
            f' height="{bottom - top:.1f}" fill="{colours[point.name]}"/>'
        )
    return "".join(made)


def _lines(frame: _Frame, points: Sequence[_Point], colours: Mapping[str, str]) -> str:
    made = []
    for name, colour in colours.items():
        own = sorted(x for x in points if x.name == name)
        path = " ".join(f"{frame.x(x.time):.1f},{frame.y(x.value):.1f}" for x in own)
        made.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return "".join(made)


def _legend(colours: Mapping[str, str], size: tuple[int, int]) -> str:
    made, left, y = [], _LEFT, size[1] - 8
    for name, colour in colours.items():
        made.append(
            f'<rect x="{left}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{left + 14}" y="{y}">{escape(name)}</text>'
        )
        left += 36 + 7 * len(name)
    return "".join(made)


def world(layers: Sequence[Mapping[str, Any]], rows: Sequence[Row], size: tuple[int, int]) -> str:
    """Draw circles on a grid of 30 degrees; Kibana draws them on a map of Elastic's."""
    colours = {
        x["label"]: x["style"]["properties"]["fillColor"]["options"]["color"] for x in layers
    }
    north, south = 80, -60
    zoom = size[1] / (north - south)
    middle = size[0] / 2
    made = [f'<rect width="{size[0]}" height="{size[1]}" fill="#EEF3F8"/>']
    lines = [f"M{middle + x * zoom:.1f} 0V{size[1]}" for x in range(-180, 181, 30)]
    lines += [f"M0 {(north - x) * zoom:.1f}H{size[0]}" for x in range(-60, 90, 30)]
    made.append(f'<path d="{" ".join(lines)}" stroke="#D3DAE6"/>')
    most = max(int(str(x[-1])) for x in rows)
    for layer, latitude, longitude, count in rows:
        x, y = middle + float(str(longitude)) * zoom, (north - float(str(latitude))) * zoom
        radius = 4 + 14 * sqrt(int(str(count)) / most)
        made.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colours[str(layer)]}"'
            ' stroke="#FFF" opacity="0.75"/>'
        )
    return _svg(size, "".join(made) + _legend(colours, size))


def _svg(size: tuple[int, int], inside: str) -> str:
    return f'<svg width="{size[0]}" height="{size[1]}">{inside}</svg>'
