"""One candidate beside the original, measure by measure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from hearth.monitoring.figures import UNKNOWN, number, rounded, share
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.sections.blocks import paragraph, table
from hearth.monitoring.wording import metric_name
from hearth.optimizing import drawings, wording
from hearth.optimizing.judgement import Fidelity, Judgement
from hearth.optimizing.measurement import Duel, Ratio
from hearth.optimizing.report import Report, Tried

_MOST_RATIOS = 24


def winner(report: Report) -> list[Html]:
    """Return the chosen candidate beside the original; nothing where none is chosen."""
    found = wording.chosen(report)
    if found is None or found.duel is None:
        return []
    became = f", published as version {report.published}" if report.published else ""
    said = paragraph(name(found.name), short(f"{became}, beside version {report.version}."))
    return [said, comparison(found, report)]


def comparison(item: Tried, report: Report) -> Html:
    """Return a table of all that was measured of a candidate and of the original."""
    duel = item.duel
    if duel is None:
        return Html()
    shown = _ordered(duel.ratios)[:_MOST_RATIOS]
    scale = drawings.ratios(duel.ratios[key] for key in shown)
    rows = [_row(key, duel, report, scale) for key in shown]
    rows += _cost(item, report)
    rows += _accuracy(item.judgement)
    head = ("", "original", "variant", "ratio", drawings.forest_scale(scale), "95%")
    return table(f"{short(item.name, 40)} beside the original", head, rows)


def _ordered(ratios: Mapping[str, Ratio]) -> list[str]:
    """Return what was compared: first latencies, then the rest as objectives have them."""
    places = {key: place for place, key in enumerate(wording.MEASURES)}
    return sorted(ratios, key=lambda key: places.get(key.partition("@")[0], len(places)))


def _row(key: str, duel: Duel, report: Report, scale: drawings.Scale) -> Sequence[Content]:
    noise = report.noise.get(key, report.noise.get(key.partition("@")[0], 0.0))
    ratio = duel.ratios[key]
    return (
        short(wording.measure(key), 60),
        wording.said(key, wording.value(duel.original, key)),
        wording.said(key, wording.value(duel.candidate, key)),
        wording.times(ratio),
        drawings.forest(ratio, scale, noise),
        wording.between(ratio),
    )


def _cost(item: Tried, report: Report) -> Iterable[Sequence[Content]]:
    ours, theirs = wording.cheapest(item.costs), wording.cheapest(report.original_costs)
    if ours is None or theirs is None:
        return
    yield (
        "cost of a million",
        element("span", wording.dollars(theirs.dollars), _at(theirs.memory_mb)),
        element("span", wording.dollars(ours.dollars), _at(ours.memory_mb)),
        f"×{number(ours.dollars / theirs.dollars)}" if theirs.dollars else UNKNOWN,
        "",
        "estimated",
    )


def _at(memory_mb: int) -> Html:
    return element("small", f"at {memory_mb:,} MB")


def _accuracy(judgement: Judgement | None) -> Iterable[Sequence[Content]]:
    found = judgement.accuracy if judgement else None
    if found is not None:
        lost, most = wording.loss(judgement)
        yield (
            short(metric_name(found.metric), 40),
            rounded(found.original),
            rounded(found.candidate),
            element("span", f"{lost} lost", element("small", most)),
            "",
            f"{found.rows:,} rows",
        )
    if judgement and judgement.fidelity:
        yield from _fidelity(judgement.fidelity)


def _fidelity(found: Fidelity) -> Iterable[Sequence[Content]]:
    if found.agreement is not None:
        least = math.nan if found.agreement_low is None else found.agreement_low
        agreed = f"{share(found.agreement)}, at least {share(least)}"
        yield ("same class as the original", agreed)
    yield ("difference of outputs", f"{number(found.relative_error)} of their norm")
