"""Drawings as inline SVG: shape and pattern carry the meaning, colour only helps.

Wide drawings are stretched to their box, and their words stand outside of them as HTML: so letters
keep their size on a phone. What each shows is also written beside it, so all of them are hidden
from screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from hearth.monitoring.markup import Html, element
from hearth.monitoring.report import Bin, HourTraffic, Metric, Reliability
from hearth.monitoring.svg import n, path, svg

_GAP = 0.6  # between values and special values, in bins


def _top(values: Iterable[float]) -> float:
    return max((value for value in values if math.isfinite(value)), default=0.0) or 1.0


def _bar(left: float, width: float, top: float, bottom: float) -> str:
    return f"M{n(left)} {n(bottom)}V{n(top)}h{n(width)}V{n(bottom)}z"


def key(class_: str) -> Html:
    """Return a bar or an outline alone, for a legend."""
    return svg((20, 10), path(["M3 10V2h14v8"], class_), class_="key", stretch=False)


def histogram(bins: Sequence[Bin], special: int) -> Html:
    """Return both histograms: bars are the window, the outline is the baseline.

    Args:
        bins: In order.
        special: How many of them, at the end, stand apart.
    """
    high, count = 100.0, len(bins)
    top = _top(share for item in bins for share in (item.baseline, item.window))
    lefts = [i + (_GAP if i >= count - special else 0.0) for i in range(count)]
    bars = [
        _bar(left + 0.12, 0.76, high * (1 - _part(item.window, top)), high)
        for left, item in zip(lefts, bins, strict=True)
    ]
    outline = []
    for i, (left, item) in enumerate(zip(lefts, bins, strict=True)):
        apart = i in (0, count - special)
        y = n(high * (1 - _part(item.baseline, top)))
        closes = f"V{n(high)}" if i in (count - special - 1, count - 1) else ""
        outline.append(f"{f'M{n(left)} {n(high)}' if apart else ''}V{y}H{n(left + 1)}{closes}")
    box = (count + (_GAP if special else 0.0), high)
    return svg(box, path(bars, "bar"), path(outline, "outline"), class_="histogram")


def _part(value: float, top: float) -> float:
    return min(max(value / top, 0.0), 1.0) if math.isfinite(value) else 0.0


def pair(item: Bin, top: float) -> Html:
    """Return one bin lying: a bar of the window's share in an outline of the baseline's."""
    wide = [100 * _part(share, top) for share in (item.window, item.baseline)]
    return svg(
        (100, 10),
        path([f"M0 2h{n(wide[0])}v6h-{n(wide[0])}z"] if wide[0] else [], "bar"),
        path([f"M0 .5H{n(wide[1])}V9.5H0"] if wide[1] else [], "outline"),
        class_="pair",
    )


def gauge(distance: float, line: float) -> Html:
    """Return a distance as a bar, and the line that it had to pass as a tick."""
    wide = 100 * _part(math.sqrt(max(distance, 0.0)), 1.0)
    at = 100 * _part(math.sqrt(max(line, 0.0)), 1.0)
    return svg(
        (100, 10),
        path([f"M0 3h{n(wide)}v4h-{n(wide)}z"] if wide else [], "bar"),
        path([f"M{n(at)} 0v10"], "tick"),
        class_="gauge",
    )


def requests(hours: Sequence[HourTraffic]) -> Html:
    """Return one bar an hour; the part that was refused or failed has a broken outline."""
    top = _top(hour.requests for hour in hours)
    tall = [(40 * _part(h.requests, top), 40 * _part(h.errors, top)) for h in hours]
    good = [_bar(i + 0.1, 0.8, 40 - a, 40 - min(b, a)) for i, (a, b) in enumerate(tall) if a > b]
    bad = [_bar(i + 0.1, 0.8, 40 - b, 40) for i, (_, b) in enumerate(tall) if b]
    return svg((max(len(hours), 1), 40), path(good, "bar"), path(bad, "bad bar"), class_="hours")


def latency(hours: Sequence[HourTraffic]) -> Html:
    """Return the median as a whole line and the 99th percentile as a broken one, on a log scale."""
    low, high = latency_scale(hours)
    lines = []
    for name, values in (("p50", [h.p50 for h in hours]), ("p99", [h.p99 for h in hours])):
        lines.append(path(_steps(values, low, high), f"line {name}"))
    return svg((max(len(hours), 1), 40), *lines, class_="hours")


def latency_scale(hours: Sequence[HourTraffic]) -> tuple[float, float]:
    """Return the least and the greatest latency that is drawn, in seconds; zeros without any."""
    found = [v for h in hours for v in (h.p50, h.p99) if math.isfinite(v) and v > 0]
    return (min(found), max(found)) if found else (0.0, 0.0)


def _steps(values: Sequence[float], low: float, high: float) -> Iterable[str]:
    """Yield a step an hour; hours without traffic are a gap."""
    drawn = False
    reach = math.log(high / low) if low > 0 and high > low else 0.0
    for i, value in enumerate(values):
        if not (math.isfinite(value) and value > 0):
            drawn = False
            continue
        y = 37 - 34 * (math.log(value / low) / reach) if reach else 20.0
        yield f"{'V' if drawn else f'M{i} '}{n(y)}H{i + 1}"
        drawn = True


def whisker(metric: Metric, scale: tuple[float, float], mark: float | None = None) -> Html:
    """Return a metric as a dot and its interval as a line with ends; a tick marks a reference."""
    low, high = scale
    if not math.isfinite(metric.value) or not high > low:
        return Html()

    def x(value: float) -> str:
        return n(4 + 112 * min(max((value - low) / (high - low), 0.0), 1.0))

    drawn: list[Html] = []
    if mark is not None and math.isfinite(mark):
        drawn.append(path([f"M{x(mark)} 0v16"], "tick"))
    if math.isfinite(metric.low) and math.isfinite(metric.high):
        ends = f"M{x(metric.low)} 4v8m0-4H{x(metric.high)}m0-4v8"
        drawn.append(path([ends], "line"))
    drawn.append(element("circle", cx=x(metric.value), cy="8", r="3.2", class_="bar"))
    return svg((120, 16), *drawn, class_="whisker", stretch=False)


def scale(metrics: Iterable[Metric]) -> tuple[float, float]:
    """Return from where to where whiskers of these metrics are drawn, all on one scale."""
    ends = [v for m in metrics for v in (m.low, m.value, m.high) if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    if low >= 0 and high <= 1:
        return max(low - room, 0.0), min(high + room, 1.0)
    return low - room, high + room


def whole_scale(metric: Metric) -> tuple[float, float]:
    """Return a scale from 0 to 1, or as far as the metric needs."""
    ends = [v for v in (metric.low, metric.value, metric.high) if math.isfinite(v)]
    return min([0.0, *ends]), max([1.0, *ends])


def calibration(points: Sequence[Reliability]) -> Html:
    """Return how often predictions were right (up) by what they claimed (right)."""
    largest = _top(point.rows for point in points)
    drawn: list[Html] = [
        path(["M10 110V10M10 110H110"], "axis"),
        path(["M10 110L110 10"], "tick"),
    ]
    at = [(10 + 100 * _part(p.confidence, 1), 110 - 100 * _part(p.accuracy, 1)) for p in points]
    drawn.append(path([f"{'L' if i else 'M'}{n(x)} {n(y)}" for i, (x, y) in enumerate(at)], "line"))
    for (x, y), point in zip(at, points, strict=True):
        r = 1.5 + 3 * math.sqrt(_part(point.rows, largest))
        drawn.append(element("circle", cx=n(x), cy=n(y), r=n(r), class_="bar"))
    return svg((120, 120), *drawn, class_="calibration", stretch=False)
