"""How right a version was, as far as feedback tells: with intervals, by slice and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearth.monitoring import charts, wording
from hearth.monitoring.figures import interval, plural, rounded, share, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.report import Gate, Metric, Quality, Reliability
from hearth.monitoring.sections import confusion
from hearth.monitoring.sections.blocks import folded, listed, paragraph, table
from hearth.monitoring.sections.space import Space, left_out

_MOST_METRICS, _MOST_OPEN, _MOST_REASONS = 20, 12, 20
_BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "best near 0",
}
_ABOUT = "A dot is the value, the line its interval (95%)"


def quality(found: Quality | None, space: Space) -> list[Html]:
    """Return what is known of a version's quality."""
    if found is None:
        return [paragraph("The outputs of this version are not judged: no task is set for it.")]
    metrics = found.metrics[:_MOST_METRICS]
    return [
        _gate(found.gate),
        paragraph(wording.labelled(found)),
        _metrics(metrics) if metrics else Html(),
        paragraph(wording.estimate(found), class_="notice"),
        _slices(found, space),
        _classes(found.classes, space),
        confusion.confusion(found.confusion, space),
        _calibration(found.reliability),
    ]


def _gate(gate: Gate | None) -> Html:
    if gate is None:
        return paragraph("No thresholds are set, so quality is shown and not judged.")
    reasons = listed(gate.reasons[:_MOST_REASONS])
    return element("div", paragraph(wording.gate(gate)), reasons)


def _metrics(metrics: Sequence[Metric]) -> Html:
    rows = [
        (
            wording.metric_name(short(metric.name, 60)),
            _value(metric),
            interval(metric.low, metric.high),
            charts.whisker(metric, charts.whole_scale(metric)),
            _BETTER.get(metric.better, ""),
            whole(metric.rows),
        )
        for metric in metrics
    ]
    head = ("metric", "value", "95% interval", "", "", "labelled rows")
    told = f"{_ABOUT}, on a scale from 0 to 1, or to the interval's end where that is beyond."
    drawn = table("Quality of all labelled predictions", head, rows)
    return element("div", drawn, paragraph(told, class_="legend"))


def _value(metric: Metric) -> str:
    return "cannot be told" if metric.value != metric.value else rounded(metric.value)


def _slices(found: Quality, space: Space) -> Html:
    """Return the first metric of each slice, the worst first, beside that of all."""
    filled = [item for item in found.slices if item.metrics]
    if not filled:
        return Html()
    filled.sort(key=lambda item: wording.badness(item.metrics[0]))
    shown = filled[: space.slices]
    first = shown[0].metrics[0].name
    overall = next((m for m in found.metrics if m.name == first), None)
    reference = overall.value if overall else None
    scale = charts.scale([item.metrics[0] for item in shown] + ([overall] if overall else []))
    rows = [
        (
            name(item.slice),
            *_whiskered(item.metrics[0], scale, reference),
            whole(item.rows),
            _others(item.metrics[1:]),
        )
        for item in shown
    ]
    head = ("slice", wording.metric_name(short(first, 60)), "95% interval", "", "rows", "others")
    told = f"{_ABOUT}; the tick is the value over all. The worst comes first."
    return element(
        "div",
        element("h4", "By slice"),
        table("Quality by slice", head, rows),
        paragraph(told, class_="legend"),
        left_out(len(filled) - len(shown), "slice"),
    )


def _whiskered(
    metric: Metric, scale: tuple[float, float], mark: float | None = None
) -> tuple[Content, ...]:
    drawn = charts.whisker(metric, scale, mark)
    return _value(metric), interval(metric.low, metric.high), drawn


def _others(metrics: Sequence[Metric]) -> str:
    return "; ".join(f"{wording.metric_name(short(m.name, 40))} {_value(m)}" for m in metrics[:5])


def _classes(classes: Mapping[str, tuple[Metric, ...]], space: Space) -> Html:
    """Return the metrics of each class, the worst first; long lists are folded."""
    filled = {label: metrics for label, metrics in classes.items() if metrics}
    if not filled:
        return Html()
    order = sorted(filled.items(), key=lambda item: wording.badness(item[1][-1]))
    shown = order[: space.classes]
    names = [m.name for m in shown[0][1]][:4]
    scale = charts.scale([metrics[-1] for _, metrics in shown])
    rows = [
        (
            name(label, 60),
            *(wording.value(m) for m in metrics[: len(names)]),
            charts.whisker(metrics[-1], scale),
            whole(metrics[-1].rows),
        )
        for label, metrics in shown
    ]
    head = ("class", *map(wording.metric_name, names), "", "rows")
    body = (
        table("Quality by class", head, rows),
        paragraph(f"{_ABOUT}, of {wording.metric_name(names[-1])}.", class_="legend"),
        left_out(len(filled) - len(shown), "class", "classes"),
    )
    if len(filled) <= _MOST_OPEN:
        return element("div", element("h4", "By class"), body)
    folds = folded(f"{plural(len(filled), 'class', 'classes')}, the worst first", body)
    return element("div", element("h4", "By class"), folds)


def _span(word: str) -> Html:
    return element("span", word)


def _calibration(points: Sequence[Reliability]) -> Html:
    if not points:
        return Html()
    points = points[:30]
    rows = [(share(p.confidence), share(p.accuracy), whole(p.rows)) for p in points]
    drawn = element(
        "figure",
        element(
            "figcaption",
            "Confidence (to the right) against how often predictions were right (up), both 0 to "
            "100%. On the broken diagonal they agree; under it the model is too sure of itself.",
        ),
        charts.calibration(points),
        element("div", map(_span, ("0%", "confidence →", "100%")), class_="axis"),
    )
    head = ("confidence, mean", "were right", "rows")
    figures = folded("Calibration in figures", table("Calibration", head, rows))
    return element("div", element("h4", "Calibration"), drawn, figures, class_="calibrated")
