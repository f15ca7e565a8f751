"""What the report and the status page are written with: one document, tables and plots in HTML.

A page loads nothing and runs nothing. Names, reasons and lines are strangers' text: all of it goes
through :func:`text`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from forwarder.text import Time, cut, escaped, is_number, many, show

STYLE = Path(__file__).with_name("style.css").read_text("utf-8")

_MAX_CELL = 200  # characters
_LONG = 40  # characters of a cell; longer text is wrapped


def text(value: object) -> str:
    """Make text harmless: in HTML, and for the eye."""
    return escape(escaped(str(value)))


def document(title: str, head: str, body: Iterable[str]) -> str:
    """Write a page; ``head`` is what else its head has."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        f"{''.join(body)}</main></body></html>\n"
    )


def table(
    head: Sequence[str], rows: Sequence[Sequence[object]], below: Sequence[str] = (), more: int = 0
) -> Iterator[str]:
    """Write a table; each row may have something below it, and there may be more rows."""
    numeric = [any(is_number(x[place]) for x in rows) for place in range(len(head))]
    yield '<div class="table"><table><tr>'
    for name, is_right in zip(head, numeric, strict=True):
        yield f'<th{" class=n" if is_right else ""} scope="col">{text(name)}</th>'
    yield "</tr>"
    for number, row in enumerate(rows):
        yield f"<tr>{''.join(map(_cell, row))}</tr>"
        if below and below[number]:
            yield f'<tr class="lines"><td colspan="{len(head)}">{below[number]}</td></tr>'
    yield "</table></div>"
    if more > 0:
        yield f"<p>{many(more, 'more row')} not shown.</p>"


def _cell(cell: object) -> str:
    shown = show(cell)
    kind = ' class="n"' if is_number(cell) else ' class="t"' if len(shown) > _LONG else ""
    return f"<td{kind}>{text(cut(shown, _MAX_CELL))}</td>"


class Series(NamedTuple):
    """Numbers over time."""

    style: str  # `good`, `bad` or `sent`
    name: str
    values: Sequence[float]
    latest: str = ""  # the last of them, where it is of interest


def plot(
    caption: str,
    times: Sequence[float],
    series: Sequence[Series],
    write: Callable[[float], str] = "{:,.0f}".format,
) -> Iterator[str]:
    """Draw bars on one another; the text around them keeps its size on any screen."""
    most = max(map(sum, zip(*(x.values for x in series), strict=True)), default=0)
    legend = "".join(f'<i class="{x.style}"></i>{x.name} {x.latest}'.rstrip() for x in series)
    yield f"<figure><figcaption>{caption}; at most {write(most)}</figcaption>"
    yield f"<figcaption>{legend}</figcaption>"
    yield f'<svg viewBox="0 0 {len(times)} 100" preserveAspectRatio="none" role="img">'
    for at, time in enumerate(times):
        top, shapes = 100.0, ""
        for style, _, values, _ in series:
            if height := 100 * values[at] / (most or 1):
                top -= height
                shapes += (
                    f'<rect class="{style}" x="{at + 0.08:.2f}" y="{top:.2f}" width=".84"'
                    f' height="{height:.2f}"/>'
                )
        if shapes:
            words = ", ".join(f"{write(x.values[at])} {x.name}" for x in series)
            yield f"<g><title>{Time(time)}: {words}</title>{shapes}</g>"
    marks = (str(Time(times[at]))[:16] for at in sorted({0, len(times) // 2, len(times) - 1}))
    yield f"</svg><div>{''.join(f'<span>{x}</span>' for x in marks)}</div></figure>"
