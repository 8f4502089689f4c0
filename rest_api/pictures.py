"""Draw the report of a week as an SVG picture.

It is laid out by hand (`docs/decisions/0017-report-picture.md`): a card of one size, system fonts, no script, and
nothing to fetch. ElementTree writes it, so every text is escaped. Colours are attributes for light pages; a style sheet
changes them on dark ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

SVG: Final = "image/svg+xml"

_WIDTH, _HEIGHT = 720, 432
"""Size of the card, in units of the picture, which are pixels at its natural size."""
_MARGIN: Final = 32
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, _WIDTH - _MARGIN, 216, 368
"""Edges of the chart."""
_BAR: Final = 26
"""Width of a bar."""
MINUS: Final = "\N{MINUS SIGN}"
_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_LIGHT: Final = {
    "card": "#ffffff",
    "ink": "#1b2130",
    "quiet": "#5a6576",
    "line": "#e3e7ed",
    "added": "#6d8bc0",
    "completed": "#1f7f5f",
    "good": "#1a7546",
    "bad": "#b0342a",
}
_DARK: Final = {
    "card": "#161b25",
    "ink": "#eef1f6",
    "quiet": "#a6b0c0",
    "line": "#2d3544",
    "added": "#7d9bd1",
    "completed": "#48c598",
    "good": "#62d39c",
    "bad": "#ff8b7b",
}
_IN_THE_DARK: Final = " ".join(f".{name} {{ fill: {colour} }}" for name, colour in _DARK.items())
_STYLE: Final = f"@media (prefers-color-scheme: dark) {{ {_IN_THE_DARK} }}"

_Json = Mapping[str, Any]


def weekly_report(report: _Json) -> bytes:
    """Draw the week: its totals against those of the week before, and the todos added and completed on each day.

    Args:
        report: A `WeeklyReport`, parsed from JSON.

    Returns:
        The SVG document, in UTF-8.
    """
    title = f"Week of {_week_words(report)}"
    names = {"role": "img", "aria-labelledby": "report-title report-words"}
    size = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "width": str(_WIDTH), "height": str(_HEIGHT)}
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **names, "font-family": _FONTS})
    SubElement(svg, "title", id="report-title").text = title
    SubElement(svg, "desc", id="report-words").text = _in_words(report)
    SubElement(svg, "style").text = _STYLE
    _box(svg, "card", (0, 0), (_WIDTH, _HEIGHT), 16)
    _text(svg, "ink", _MARGIN, 52, _week_words(report), size=24, weight=600)
    _text(svg, "quiet", _MARGIN, 76, report["time_zone"] + ("" if report["is_over"] else ", so far"))
    _tiles(svg, report)
    _legend(svg)
    _chart(svg, report["by_day"])
    picture: bytes = tostring(svg, encoding="utf-8", xml_declaration=True)
    return picture


def _tiles(svg: Element, report: _Json) -> None:
    """Draw the four totals, each with its change since the week before, in green where that is good."""
    better_if_more = {"added": 0, "completed": 1, "overdue": -1, "completion_rate": 1}
    before, difference = report["week_before"], report["difference"]
    step = (_WIDTH - 2 * _MARGIN) / 4
    for place, (name, sign) in enumerate(better_if_more.items()):
        x = _MARGIN + step * place
        gain = (difference[name] or 0) * sign
        colour = "good" if gain > 0 else "bad" if gain < 0 else "quiet"
        is_rate = name == "completion_rate"
        show = _percent if is_rate else _total
        _text(svg, "quiet", x, 116, "Completion rate" if is_rate else name.capitalize())
        _text(svg, "ink", x, 150, show(report[name]), size=32, weight=600)
        _text(svg, colour, x, 174, _change(difference[name], before[name], is_rate=is_rate))


def _legend(svg: Element) -> None:
    """Draw the names of the two colours of bars."""
    for name, x in (("added", _RIGHT - 176), ("completed", _RIGHT - 92)):
        _box(svg, name, (x, 65), (12, 12), 3)
        _text(svg, "quiet", x + 18, 76, name.capitalize())


def _chart(svg: Element, days: Sequence[_Json]) -> None:
    """Draw two bars for each day, and lines with their numbers behind them."""
    most = max(max(day["added"], day["completed"]) for day in days)
    step = _step(most)
    top = step * max(-(-most // step), 1)
    unit = (_BOTTOM - _TOP) / top
    for value in range(0, top + 1, step):
        y = _BOTTOM - value * unit
        _box(svg, "line", (_LEFT, y - 0.5), (_RIGHT - _LEFT, 1))
        _text(svg, "quiet", _LEFT - 10, y + 4, _short(value), size=12, anchor="end")
    if not most:
        middle = (_LEFT + _RIGHT) / 2
        _text(
            svg, "quiet", middle, (_TOP + _BOTTOM) / 2 + 5, "Nothing added, nothing completed", size=15, anchor="middle"
        )
    width = (_RIGHT - _LEFT) / len(days)
    for place, day in enumerate(days):
        x = _LEFT + width * (place + 0.5)
        for name, left in (("added", x - _BAR - 1.5), ("completed", x + 1.5)):
            if value := day[name]:
                height = max(value * unit, 2)
                _box(svg, name, (left, _BOTTOM - height), (_BAR, height), min(3, height / 2))
                _text(svg, "ink", left + _BAR / 2, _BOTTOM - height - 6, _short(value), size=11, anchor="middle")
        _text(svg, "ink", x, _BOTTOM + 22, day["weekday"][:3], size=13, anchor="middle")
        _text(svg, "quiet", x, _BOTTOM + 39, str(date.fromisoformat(day["date"]).day), size=12, anchor="middle")


def _step(most: int) -> int:
    """Return the distance of lines, 1, 2 or 5 times a power of ten, by which at most four lie above zero."""
    step, factors = 1, (2, 2.5, 2)
    for turn in range(100):
        if step * 4 >= most:
            break
        step = int(step * factors[turn % 3])
    return step


def _text(
    svg: Element,
    colour: str,
    x: float,
    y: float,
    text: str,
    *,
    size: int = 14,
    weight: int = 400,
    anchor: str = "start",
) -> None:
    """Add a text.

    Args:
        svg: Where it is added.
        colour: Name of its colour in `_LIGHT` and `_DARK`.
        x: Its left edge, middle or right edge, by `anchor`.
        y: Its base line.
        text: What it says.
        size: Height of the font.
        weight: Weight of the font: 400 is regular, 700 is bold.
        anchor: start, middle or end.
    """
    place = {
        "x": f"{x:.6g}",
        "y": f"{y:.6g}",
        "font-size": str(size),
        "font-weight": str(weight),
        "text-anchor": anchor,
    }
    SubElement(svg, "text", {"class": colour, "fill": _LIGHT[colour], **place}).text = text


def _box(svg: Element, colour: str, corner: tuple[float, float], size: tuple[float, float], radius: float = 0) -> None:
    """Add a rectangle: its upper left corner, its width and height, and the radius of its corners."""
    numbers = zip(("x", "y", "width", "height", "rx"), (*corner, *size, radius), strict=True)
    place = {name: f"{number:.6g}" for name, number in numbers}
    SubElement(svg, "rect", {"class": colour, "fill": _LIGHT[colour], **place})


def _week_words(report: _Json) -> str:
    """Return `16–22 November 2026`; month and year are said once if both ends have the same."""
    first, last = (date.fromisoformat(report[name]) for name in ("first_day", "last_day"))
    if first.year != last.year:
        return f"{first.day} {first:%B} {first.year} – {last.day} {last:%B} {last.year}"
    if first.month != last.month:
        return f"{first.day} {first:%B} – {last.day} {last:%B} {last.year}"
    return f"{first.day}–{last.day} {last:%B} {last.year}"


def _in_words(report: _Json) -> str:
    """Describe the whole picture in words, for those who do not see it."""
    days = (f"{day['weekday']}: {day['added']} added, {day['completed']} completed" for day in report["by_day"])
    before = report["week_before"]
    return (
        f"{report['added']} added, week before {before['added']}."
        f" {report['completed']} completed, week before {before['completed']}."
        f" {report['overdue']} overdue, week before {before['overdue']}."
        f" Completion rate {_percent(report['completion_rate'])}, week before {_percent(before['completion_rate'])}."
        f" {'; '.join(days)}."
    )


def _total(value: int) -> str:
    """Return a total in at most six characters."""
    return _short(value, exact_below=100_000)


def _short(value: float, exact_below: int = 1000) -> str:
    """Return a number in four characters at most, `1.2k`, `250k`, `3M`; below `exact_below` with all its digits."""
    if value < exact_below:
        return f"{value:,.0f}"
    power = next(power for power in (1, 2, 3, 4, 5) if value < 999.5 * 1000**power)
    scaled = value / 1000**power
    return f"{scaled:.{1 if scaled < 9.95 else 0}f}".removesuffix(".0") + " kMGTP"[power]


def _percent(rate: float | None) -> str:
    """Return a rate in per cent, rounded down: 100 % only if everything is done; a dash for no rate."""
    return "\N{EN DASH}" if rate is None else f"{int(rate * 100 + 1e-6)}%"


def _change(difference: float | None, before: float | None, *, is_rate: bool) -> str:
    """Return how a number changed and what it was, `+3, was 14`; nothing if it was not known."""
    if before is None:
        return ""
    size = abs(round((difference or 0) * 100)) if is_rate else abs(round(difference or 0))
    was = f"was {_percent(before) if is_rate else _total(round(before))}"
    if not size or difference is None:
        return was
    points = f" point{'' if size == 1 else 's'}" if is_rate else ""
    return f"{'+' if difference > 0 else MINUS}{_total(size)}{points}, {was}"
