"""Drawings of a search: intervals of ratios on one scale, and candidates by two of their figures.

Scales are logarithmic: twice as fast and half as fast are equally far from the original.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hearth.monitoring.markup import Html, element
from hearth.monitoring.svg import n, path, svg
from hearth.optimizing.measurement import Ratio

_WIDE, _HIGH = 160.0, 16.0  # of a forest plot's row
_SIDE = 7.0
_DOT = 3.6
_FARTHEST = 64.0  # ratios beyond are drawn at the edge
_TICKS = {
    1 / 64: "1/64",
    1 / 16: "1/16",
    1 / 8: "⅛",
    1 / 4: "¼",
    1 / 2: "½",
    0.7: "0.7",
    0.9: "0.9",
    1: "1",
    1.1: "1.1",
    1.4: "1.4",
    2: "2",
    4: "4",
    8: "8",
    16: "16",
    64: "64",
}
_LEAST_APART = 24.0  # of two ticks with words
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a positive value is drawn; what is beyond the scale, at its end."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)


def ratios(found: Iterable[Ratio], noise: float = 0.0) -> Scale:
    """Return one scale for intervals of ratios: with the original, and all that is not too far."""
    ends = [1 - noise, 1 + noise, 0.9, 1.1]
    ends += [v for r in found for v in (r.low, r.value, r.high) if _is_drawn(v)]
    low, high = max(min(ends), 1 / _FARTHEST), min(max(ends), _FARTHEST)
    return Scale(low / 1.06, high * 1.06, _SIDE, _WIDE - _SIDE)


def _is_drawn(value: float) -> bool:
    return math.isfinite(value) and value > 0


def forest(ratio: Ratio | None, scale: Scale, noise: float = 0.0) -> Html:
    """Return a ratio as a dot and its interval as a line with ends, beside the original's noise.

    The dot is filled where the whole interval is better than the original's noise.
    """
    drawn = [*_noise(scale, noise), path([f"M{n(scale.at(1))} 0v{n(_HIGH)}"], "tick")]
    wins = False
    if ratio is not None and _is_drawn(ratio.value):
        wins = ratio.is_win(noise)
        drawn += _interval(ratio, scale)
        drawn.append(element("circle", cx=n(scale.at(ratio.value)), cy="8", r=n(_DOT)))
    kind = "forest" if wins else "forest worse"
    return svg((_WIDE, _HIGH), *drawn, class_=kind, stretch=False)


def _noise(scale: Scale, noise: float) -> Iterable[Html]:
    """Yield how far the original differs from itself."""
    if noise > 0:
        left, right = scale.at(1 - min(noise, 0.9)), scale.at(1 + noise)
        yield path([f"M{n(left)} 0h{n(right - left)}v{n(_HIGH)}h-{n(right - left)}z"], "noise")


def _interval(ratio: Ratio, scale: Scale) -> Iterable[Html]:
    """Yield a line with ends, but for one that lies under the dot."""
    if not (_is_drawn(ratio.low) and _is_drawn(ratio.high)):
        return
    left, right = scale.at(ratio.low), scale.at(ratio.high)
    if right - left > 2 * _DOT:
        yield path([f"M{n(left)} 4v8m0-4H{n(right)}m0-4v8"], "line")


def forest_scale(scale: Scale) -> Html:
    """Return the ticks of that scale with their ratios, for a table's head."""
    kept: list[float] = []
    for tick in sorted(_TICKS, key=lambda tick: abs(math.log(tick))):
        apart = all(abs(scale.at(tick) - scale.at(other)) >= _LEAST_APART for other in kept)
        if apart and scale.low <= tick <= scale.high:
            kept.append(tick)
    drawn = [
        element("text", _TICKS[tick], x=n(scale.at(tick)), y="13", class_="middle") for tick in kept
    ]
    return svg((_WIDE, 17), *drawn, class_="scale", stretch=False)


def progress(part: float) -> Html:
    """Return a share as a bar."""
    wide = 100 * min(max(part, 0.0), 1.0)
    return svg((100, 10), path([f"M0 0h{n(wide)}v10h-{n(wide)}z"], "bar"), class_="progress")


# ---- two figures at once -------------------------------------------------------------------------

ON, OFF, WRONG, CHOSEN, ORIGINAL = "on", "off", "wrong", "chosen", "original"
_CHART = (360.0, 250.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 348.0, 10.0, 218.0
_SIGN, _LINE = 8.6, 14.0  # a label's letters, about


@dataclass(frozen=True, slots=True)
class Point:
    """One candidate, or one memory size of it, by two figures.

    Args:
        x: To the right.
        y: Upwards.
        label: Beside it; left out where there is no room.
        kind: `ON` or `OFF` the front, `WRONG`, `CHOSEN` or `ORIGINAL`.
        wanted: Whether its label is set before others.
    """

    x: float
    y: float
    label: str
    kind: str
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """How a chart's figures are written at its ticks."""

    across: Callable[[float], str]
    up: Callable[[float], str]


def front(
    points: Sequence[Point], axis: Axis, lines: Sequence[tuple[str, Sequence[Point]]] = ()
) -> Html:
    """Return points by two figures, both better when less: down and to the left.

    Args:
        points: All of them; those without positive figures are left out.
        axis: How figures are written.
        lines: Points joined by a line, each line with its class.
    """
    shown = [point for point in points if _is_drawn(point.x) and _is_drawn(point.y)]
    if not shown:
        return Html()
    across = _scale([p.x for p in shown], _LEFT + 14, _RIGHT - 14)
    up = _scale([p.y for p in shown], _BOTTOM - 12, _TOP + 12)
    drawn = [*_grid(across, up, axis)]
    joints = [[p for p in joined if _is_drawn(p.x) and _is_drawn(p.y)] for _, joined in lines]
    for (class_, _), there in zip(lines, joints, strict=True):
        steps = [f"{n(across.at(p.x))} {n(up.at(p.y))}" for p in there]
        drawn.append(path(["M" + "L".join(steps)] if len(steps) > 1 else [], f"line {class_}"))
    drawn += _guides(shown, across, up)
    order = sorted(shown, key=lambda p: p.kind in (CHOSEN, ORIGINAL))
    drawn += [mark for p in order for mark in _spot(across.at(p.x), up.at(p.y), p.kind)]
    drawn += _labels(shown, across, up, joints)
    return svg(_CHART, *drawn, class_="front", stretch=False)


def _scale(values: Sequence[float], start: float, end: float) -> Scale:
    low, high = min(values), max(values)
    if high < low * 1.5:  # little differs: it is not drawn as much
        middle = math.sqrt(low * high)
        low, high = middle / 1.25, middle * 1.25
    return Scale(low, high, start, end)


def ticks(low: float, high: float) -> list[float]:
    """Return round figures inside a scale: 1, 2 and 5 and their tens, or finer ones.

    Example:
        >>> ticks(0.7, 7.1)
        [1.0, 2.0, 5.0]
        >>> ticks(80, 95)
        [80.0, 85.0, 90.0, 95.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for firsts in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
        found = [m * 10.0**d for d in decades for m in firsts if low <= m * 10.0**d <= high]
        if len(found) >= 3:
            return found
    step = _step((high - low) / 4)
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, first + 6) if step * i <= high * (1 + 1e-9)]


def _step(about: float) -> float:
    size = 10.0 ** math.floor(math.log10(about))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= about * 0.99)


def _grid(across: Scale, up: Scale, axis: Axis) -> Iterable[Html]:
    kept_x = _apart(ticks(across.low, across.high), across, 56)
    kept_y = _apart(ticks(up.low, up.high), up, 20)
    lines = [f"M{n(across.at(v))} {n(_TOP)}V{n(_BOTTOM)}" for v in kept_x]
    lines += [f"M{n(_LEFT)} {n(up.at(v))}H{n(_RIGHT)}" for v in kept_y]
    yield path(lines, "grid")
    yield path([f"M{n(_LEFT)} {n(_TOP)}V{n(_BOTTOM)}H{n(_RIGHT)}"], "axis")
    for v in kept_x:
        yield element("text", axis.across(v), x=n(across.at(v)), y=n(_BOTTOM + 18), class_="middle")
    for v in kept_y:
        yield element("text", axis.up(v), x=n(_LEFT - 6), y=n(up.at(v) + 4.5), class_="end")


def _apart(values: Sequence[float], scale: Scale, least: float) -> list[float]:
    kept: list[float] = []
    for value in values:
        if not kept or abs(scale.at(value) - scale.at(kept[-1])) >= least:
            kept.append(value)
    return kept


def _guides(points: Sequence[Point], across: Scale, up: Scale) -> Iterable[Html]:
    """Yield lines through the original, where it is one point: better is below and left of them."""
    originals = [point for point in points if point.kind == ORIGINAL]
    if len(originals) == 1:
        x, y = n(across.at(originals[0].x)), n(up.at(originals[0].y))
        yield path([f"M{x} {n(_TOP)}V{n(_BOTTOM)}M{n(_LEFT)} {y}H{n(_RIGHT)}"], "guide")


def _spot(x: float, y: float, kind: str) -> Iterable[Html]:
    if kind == WRONG:
        yield path([f"M{n(x - 4)} {n(y - 4)}l8 8m0-8l-8 8"], "wrong")
    elif kind == ORIGINAL:
        yield path([f"M{n(x - 4)} {n(y - 4)}h8v8h-8z"], "original")
    else:
        yield element("circle", cx=n(x), cy=n(y), r="4.2", class_=kind)
    if kind == CHOSEN:
        yield element("circle", cx=n(x), cy=n(y), r="7.2", class_="ring")


def spot(kind: str) -> Html:
    """Return a mark alone, for a legend."""
    return svg((18, 16), *_spot(9, 8, kind), class_="spot", stretch=False)


def _labels(
    points: Sequence[Point], across: Scale, up: Scale, lines: Sequence[Sequence[Point]]
) -> Iterable[Html]:
    """Yield labels beside their points, none on another or on a line: the wanted ones first."""
    centres = [(across.at(p.x), up.at(p.y)) for p in points]
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in centres]
    joined = [_along([(across.at(p.x), up.at(p.y)) for p in line]) for line in lines]
    on_lines = [box for boxes in joined for box in boxes]
    labelled = [i for i, point in enumerate(points) if point.label]
    for i in sorted(labelled, key=lambda i: not points[i].wanted):
        box = _place(points[i].label, centres[i], [*taken, *on_lines])
        if box is None and points[i].wanted:
            box = _place(points[i].label, centres[i], taken)
        if box is None:
            continue
        taken.append(box)
        strong = "strong" if points[i].wanted else None
        yield element("text", points[i].label, x=n(box[0]), y=n(box[3] - 2.5), class_=strong)


def _along(corners: Sequence[tuple[float, float]]) -> Iterable[Box]:
    """Yield small boxes along a line."""
    for (ax, ay), (bx, by) in pairwise(corners):
        steps = max(int(math.hypot(bx - ax, by - ay) / 4), 1)
        for i in range(steps):
            x, y = ax + (bx - ax) * i / steps, ay + (by - ay) * i / steps
            yield (x - 1, y - 1, x + 1, y + 1)


def _place(label: str, centre: tuple[float, float], taken: Sequence[Box]) -> Box | None:
    """Return the first place around a point where its label fits, None where there is none."""
    wide = len(label) * _SIGN
    x, y = centre
    right, left, middle = x + 9, x - 9 - wide, x - wide / 2
    above, below, beside = y - 8 - _LINE, y + 8, y - _LINE / 2
    for start, top in (
        (right, beside),
        (middle, above),
        (left, beside),
        (middle, below),
        (right - 3, above + 3),
        (right - 3, below - 3),
        (left + 3, above + 3),
        (left + 3, below - 3),
    ):
        box = (start, top, start + wide, top + _LINE)
        inside = box[0] >= _LEFT and box[2] <= _CHART[0] and box[1] >= 0 and box[3] <= _BOTTOM
        if inside and not any(_overlap(box, other) for other in taken):
            return box
    return None


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
