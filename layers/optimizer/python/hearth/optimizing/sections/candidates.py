"""All that was tried: side by side, by two figures each, and each in full."""

from __future__ import annotations

from collections.abc import Sequence

from hearth.monitoring.figures import size
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.sections.blocks import folded, listed, paragraph, table
from hearth.monitoring.sections.space import left_out
from hearth.optimizing import drawings, wording
from hearth.optimizing.cost import Costs
from hearth.optimizing.drawings import Axis, Point
from hearth.optimizing.judgement import FAILED
from hearth.optimizing.measurement import COLD_START, COST, LATENCY, MEMORY, SIZE, Figures
from hearth.optimizing.report import CHOSEN, Report, Tried
from hearth.optimizing.sections.comparison import comparison
from hearth.optimizing.sections.outcome import outcome

_MOST, _MOST_REASONS, _MOST_WHY = 40, 10, 200
_NONE = element("span", "–", class_="none")


def candidates(report: Report) -> list[Html]:
    """Return the section's body; nothing where nothing was tried."""
    if not report.tried:
        return []
    shown = _shown(report)
    more = left_out(len(report.tried) - len(shown), "candidate")
    return [_table(shown, report), more, _fronts(shown, report), _details(shown, report)]


def _shown(report: Report) -> list[tuple[int, Tried]]:
    """Return as many as there is room for, with their numbers; the chosen one always."""
    numbered = list(enumerate(report.tried, 1))
    first = sorted(numbered, key=lambda pair: pair[1].name != report.chosen)[:_MOST]
    return sorted(first, key=lambda pair: pair[0])


# ---- side by side --------------------------------------------------------------------------------


def _table(shown: Sequence[tuple[int, Tried]], report: Report) -> Html:
    key = wording.compared(report)
    found = [ratio for _, item in shown for ratio in [wording.ratio(item, key)] if ratio]
    noise = report.noise.get(key, 0.0)
    scale = drawings.ratios(found, noise)
    drawn = drawings.forest_scale(scale)
    head = ("candidate", "outcome", short(wording.measure(key)), drawn,
            *map(_head, _others(report)), "loss", "why")  # fmt: skip
    rows = [_original(report)] if report.original else []
    rows += [_row(number, item, report, scale) for number, item in shown]
    return table("Candidates side by side", head, rows)


def _original(report: Report) -> Sequence[Content]:
    figures, key = report.original, wording.compared(report)
    return (
        element("span", drawings.spot(drawings.ORIGINAL), " original"),
        "",
        wording.said(key, wording.value(figures, key)),
        "",
        *(
            _costing(report.original_costs) if k == COST else _figure(figures, k)
            for k in _others(report)
        ),
        "",
        "",
    )


def _figure(figures: Figures | None, key: str) -> Content:
    return wording.said(key, wording.value(figures, key)) if figures else _NONE


def _others(report: Report) -> list[str]:
    """Return the measures that have a column of their own beside the one that is drawn."""
    key = wording.compared(report)
    others = [k for k in (LATENCY, COLD_START, MEMORY, SIZE) if k != key]
    return [*others, COST] if report.objective == COST else others


def _head(key: str) -> str:
    return "a million" if key == COST else wording.measure(key)


def _costing(costs: Costs | None) -> Content:
    found = wording.cheapest(costs)
    return wording.dollars(found.dollars) if found else _NONE


def _row(number: int, item: Tried, report: Report, scale: drawings.Scale) -> Sequence[Content]:
    figures = item.duel.candidate if item.duel else None
    key = wording.compared(report)
    ratio = wording.ratio(item, key)
    lost, most = wording.loss(item.judgement)
    return (
        element("span", f"{number} ", name(item.name, 60)),
        outcome(item),
        _with(wording.said(key, wording.value(figures, key)), wording.times(ratio))
        if ratio
        else _NONE,
        drawings.forest(ratio, scale, report.noise.get(key, 0.0)) if ratio else "",
        *(_costing(item.costs) if k == COST else _beside(item, k) for k in _others(report)),
        _with(lost, most),
        short(item.reasons[0], _MOST_WHY) if item.reasons else "",
    )


def _with(figure: str, under: str) -> Html:
    return element("span", figure, element("small", under) if under else None)


def _beside(item: Tried, key: str) -> Content:
    if item.duel is None:
        return _NONE
    said = wording.said(key, wording.value(item.duel.candidate, key))
    return _with(said, wording.times(wording.ratio(item, key)))


# ---- by two figures ------------------------------------------------------------------------------

_CHARTS = {
    COLD_START: wording.milliseconds,
    MEMORY: wording.megabytes,
    SIZE: size,
}


def _fronts(shown: Sequence[tuple[int, Tried]], report: Report) -> Html:
    measured = [(number, item) for number, item in shown if item.duel]
    if not measured or report.original is None:
        return Html()
    charts = [_front(key, measured, report) for key in _CHARTS]
    drawn = element("div", charts, class_="fronts")
    return element("div", _legend(measured, report), drawn, class_="drawn")


def _front(key: str, measured: Sequence[tuple[int, Tried]], report: Report) -> Html:
    points = [_point(key, report.original, "", drawings.ORIGINAL)]
    points += [
        _point(key, item.duel.candidate, str(number), _spot(item))
        for number, item in measured
        if item.duel
    ]
    caption = element(
        "figcaption", element("strong", f"Latency and {short(wording.measure(key))}"),
    )  # fmt: skip
    drawn = drawings.front(points, Axis(wording.milliseconds, _CHARTS[key]))
    return element("figure", caption, drawn) if drawn else drawn


def _point(key: str, figures: Figures | None, label: str, kind: str) -> Point:
    x, y = wording.value(figures, LATENCY), wording.value(figures, key)
    return Point(x, y, label, kind, kind == drawings.CHOSEN)


def _spot(item: Tried) -> str:
    if item.outcome == CHOSEN:
        return drawings.CHOSEN
    if item.judgement is not None and item.judgement.verdict == FAILED:
        return drawings.WRONG
    return drawings.ON if item.front else drawings.OFF


def _legend(measured: Sequence[tuple[int, Tried]], report: Report) -> Html:
    words = {
        drawings.ORIGINAL: "original",
        drawings.CHOSEN: "chosen",
        drawings.ON: "no other is as good in everything",
        drawings.OFF: "another is as good in everything, and better in something",
        drawings.WRONG: "the gate refused it",
    }
    there = {drawings.ORIGINAL, *(_spot(item) for _, item in measured)}
    if report.state != "done":
        words[drawings.OFF] = "measured"
    keys = [
        element("span", drawings.spot(kind), f" {said}")
        for kind, said in words.items()
        if kind in there
    ]
    keys.append(element("span", "less is better: left and down"))
    return paragraph(keys, class_="legend")


# ---- in full -------------------------------------------------------------------------------------


def _details(shown: Sequence[tuple[int, Tried]], report: Report) -> Html:
    return element("div", [_detail(number, item, report) for number, item in shown])


def _detail(number: int, item: Tried, report: Report) -> Html:
    ratio = wording.ratio(item, wording.compared(report))
    summary = [f"{number} ", name(item.name), " ", outcome(item)]
    summary += [f" {wording.times(ratio)}"] if ratio else []
    reasons = [*item.reasons, *(item.judgement.reasons if item.judgement else ())]
    told = list(dict.fromkeys(reasons))
    body = [
        paragraph(wording.OUTCOMES.get(item.outcome, ""), class_="under"),
        listed(told[:_MOST_REASONS]),
        left_out(len(told) - _MOST_REASONS, "reason"),
        listed([f"Note: {note}" for note in item.notes[:_MOST_REASONS]]),
        _figures(item, report),
    ]
    return folded(summary, element("div", body, class_="inside"))


def _figures(item: Tried, report: Report) -> Html:
    """Return all figures of a candidate, or the way to where they stand already."""
    if item.duel is not None and item is wording.chosen(report):
        return paragraph(element("a", "All its figures", href="#winner"))
    return comparison(item, report)
