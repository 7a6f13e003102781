"""What a million predictions cost at each memory size, and how long one takes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hearth.monitoring.figures import UNKNOWN
from hearth.monitoring.markup import Content, Html, element, name
from hearth.monitoring.sections.blocks import paragraph, table
from hearth.optimizing import drawings, wording
from hearth.optimizing.cost import AtMemory, Costs
from hearth.optimizing.drawings import Axis, Point
from hearth.optimizing.report import Report

_MOST_SIZES = 24


def costs(report: Report) -> list[Html]:
    """Return the section's body; nothing where no cost is known."""
    was, now = report.original_costs, wording.chosen(report)
    if was is None:
        return []
    after = now.costs if now else None
    return [
        paragraph(_best("The original", was), " ", _best("The chosen one", after)),
        element("div", _chart(was, after), _table(was, after), class_="pairs"),
        _assumed(report),
    ]


def _best(who: str, found: Costs | None) -> str:
    least = wording.cheapest(found)
    fast = wording.at_memory(found, found.fastest) if found else None
    if least is None or fast is None:
        return ""
    said = (
        f"{who} costs least at {least.memory_mb:,} MB, {wording.dollars(least.dollars)} a million"
    )
    if fast.memory_mb == least.memory_mb:
        return f"{said}, and answers fastest there, in {wording.milliseconds(least.run_ms)}."
    return (
        f"{said}, in {wording.milliseconds(least.run_ms)} each, and answers fastest at "
        f"{fast.memory_mb:,} MB, in {wording.milliseconds(fast.run_ms)}, "
        f"for {wording.dollars(fast.dollars)}."
    )


def _chart(was: Costs, now: Costs | None) -> Html:
    before = [*_points(was, drawings.OFF)]
    after = [*_points(now, drawings.ON)] if now else []
    lines = [("was", before), ("", after)]
    drawn = drawings.front([*before, *after], Axis(wording.dollars, wording.milliseconds), lines)
    keys = [element("span", drawings.spot(drawings.OFF), " original")]
    keys += [element("span", drawings.spot(drawings.ON), " chosen")] if now else []
    caption = element(
        "figcaption",
        element("strong", "Cost of a million and latency"),
        " by memory size – less is better: left and down",
    )
    legend = paragraph(keys, class_="legend")
    return element("figure", caption, legend, drawn)


def _points(found: Costs, kind: str) -> Iterator[Point]:
    fitting = [item for item in found.sizes[:_MOST_SIZES] if item.fits]
    ends = [item.memory_mb for item in (*fitting[:1], *fitting[-1:])]
    for item in fitting:
        wanted = item.memory_mb in (found.cheapest, found.fastest)
        label = f"{item.memory_mb:,} MB" if wanted or item.memory_mb in ends else ""
        yield Point(item.dollars, item.run_ms, label, kind, wanted)


def _table(was: Costs, now: Costs | None) -> Html:
    head: list[Content] = ["memory", "one run", "cold start", "a million"]
    head += ["chosen: one run", "cold start", "a million"] if now else []
    rows = [
        (
            f"{item.memory_mb:,} MB",
            *_cells(item, was),
            *(_cells(wording.at_memory(now, item.memory_mb), now) if now else ()),
        )
        for item in was.sizes[:_MOST_SIZES]
    ]
    return table("Cost by memory size", head, rows)


def _cells(item: AtMemory | None, found: Costs) -> Sequence[Content]:
    if item is None:
        return (UNKNOWN, UNKNOWN, UNKNOWN)
    if not item.fits:
        return (element("span", "does not fit", class_="unfit"), "", "")
    return (
        _best_of(wording.milliseconds(item.run_ms), item.memory_mb == found.fastest),
        wording.milliseconds(item.cold_ms),
        _best_of(wording.dollars(item.dollars), item.memory_mb == found.cheapest),
    )


def _best_of(said: str, is_best: bool) -> Content:
    return element("strong", f"{said} ←") if is_best else said


def _assumed(report: Report) -> Html:
    found = report.assumptions
    if found is None:
        return Html()
    return paragraph(
        "Estimated, not billed: ",
        name(found.architecture),
        f"; {found.cold_share:.1%} of predictions meet a cold start, of which starting the "
        f"function takes {wording.milliseconds(found.init_ms)} and files come at "
        f"{found.fetch_mb_s:g} MB a second; beside the model, a prediction takes "
        f"{wording.milliseconds(found.handler_ms)} and the function {found.base_mb:g} MB.",
        class_="under",
    )
