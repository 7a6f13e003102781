"""Drift of a version: what moved in full, what could not be judged, and the rest folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hearth.monitoring import charts, wording
from hearth.monitoring.figures import chance, number, plural, share, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.report import DRIFTED, INSUFFICIENT, STABLE, Bin, Drift, FeatureDrift
from hearth.monitoring.sections.blocks import (
    folded,
    mark,
    paragraph,
    table,
    terms,
)
from hearth.monitoring.sections.space import MOST_TEXT, Space, left_out

_MOST_BINS, _MOST_WORDS, _MOST_OPEN = 40, 8, 6
_FEWEST_STANDING = 4
_FIGURES = {
    "psi": "PSI",
    "wasserstein": "Wasserstein, in sd",
    "ks": "KS",
    "l_infinity": "largest change of a share",
    "chi_square": "chi-square",
}
_GROUPS = {
    DRIFTED: "more that drifted, in a table",
    INSUFFICIENT: "without enough data",
    STABLE: "stable",
}
_LEGEND = (
    charts.key("bar"),
    " window ",
    charts.key("outline"),
    " baseline. Bins are the baseline's, drawn equally wide; values that are none stand apart.",
)


def drift(found: Drift, space: Space) -> list[Html]:
    """Return what is known of a version's drift."""
    every = wording.by_verdict((*found.features, *found.outputs))
    outputs = {id(item) for item in found.outputs}
    moved = [item for item in every if item.verdict == DRIFTED]
    cards = moved[: space.cards]
    return [
        paragraph(short(wording.drift_summary(found), MOST_TEXT)),
        paragraph(wording.detectable(found)),
        _provisional(found),
        paragraph(_LEGEND, class_="legend") if cards else Html(),
        _cards(cards[:_MOST_OPEN], outputs),
        folded(
            f"{whole(len(cards) - _MOST_OPEN)} more that drifted",
            _cards(cards[_MOST_OPEN:], outputs),
        )
        if len(cards) > _MOST_OPEN
        else Html(),
        *_rest(every[len(cards) :], space),
    ]


def _provisional(found: Drift) -> Html:
    if not found.provisional:
        return Html()
    return paragraph(
        element("strong", "Provisional baseline. "),
        "There was no reference data, so windows are compared with the version's own first "
        "traffic. If that was unusual already, it is not seen here.",
        class_="notice",
    )


def _cards(items: Sequence[FeatureDrift], outputs: set[int]) -> Html:
    return element("div", [_card(item, id(item) in outputs) for item in items], class_="cards")


def _card(item: FeatureDrift, is_output: bool) -> Html:
    special = _special(item.bins)
    stands = item.kind == "numeric" and len(item.bins) - special >= _FEWEST_STANDING
    return element(
        "article",
        element(
            "h4", mark(item.verdict), " ", name(item.name), element("span", _kind(item, is_output))
        ),
        paragraph(short(item.reason, MOST_TEXT)),
        _standing(item.bins, special) if stands else _lying(item.bins),
        terms(_terms(item)),
        _all_bins(item.bins) if stands else Html(),
        class_="card",
    )


def _kind(item: FeatureDrift, is_output: bool) -> str:
    return f"{short(item.verdict)} · {'output' if is_output else 'feature'}, {short(item.kind)}"


def _terms(item: FeatureDrift) -> list[tuple[Content, Content]]:
    figures = [
        (_FIGURES.get(key, short(key, 40)), number(value))
        for key, value in list(item.figures.items())[:10]
    ]
    rows = f"{whole(item.rows)} against {whole(item.baseline_rows)}"
    return [
        ("distance, line", [charts.gauge(item.distance, item.line), _distance(item)]),
        ("p, corrected", f"{chance(item.p_adjusted)} (alone {chance(item.p_value)})"),
        ("rows", rows),
        *figures,
    ]


def _distance(item: FeatureDrift) -> str:
    side = "over" if item.distance > item.line else "within"
    return f" {number(item.distance)}, {side} {number(item.line)}"


def _special(bins: Sequence[Bin]) -> int:
    """Return how many bins at the end are no values.

    Example:
        >>> _special([Bin("missing", 0, 0), Bin("a", 1, 1), Bin("unseen", 0, 0), Bin("NaN", 0, 0)])
        2
    """
    count = 0
    for item in reversed(bins):
        if item.label not in wording.SPECIAL:
            break
        count += 1
    return count


def _standing(bins: Sequence[Bin], special: int) -> Html:
    """Return a numeric feature's histograms, with the ends of its range and what is no value."""
    drawn = _drawn(bins, special)
    values = drawn[: len(drawn) - special]
    ends = [short(values[0].label, 24), short(values[-1].label, 24)] if values else []
    top = max((s for b in drawn for s in (b.baseline, b.window) if s == s), default=0.0)  # noqa: PLR0124
    apart = [
        f"“{short(b.label, 24)}” from {share(b.baseline)} to {share(b.window)}"
        for b in drawn[len(drawn) - special :]
    ]
    return element(
        "figure",
        element("figcaption", f"Most moved: {_most_moved(bins)}. Highest bar {share(top)}."),
        charts.histogram(drawn, special),
        element("div", [element("span", end) for end in ends], class_="axis"),
        paragraph(
            "Apart, at the right: " if apart else "",
            "; ".join(apart),
            "." if apart else "",
            class_="apart",
        ),
    )


def _most_moved(bins: Sequence[Bin]) -> str:
    return wording.most_moved([Bin(short(b.label, 40), b.baseline, b.window) for b in bins])


def _drawn(bins: Sequence[Bin], special: int) -> Sequence[Bin]:
    """Return what is drawn of very many bins: the tallest ones, in their order."""
    if len(bins) <= _MOST_BINS:
        return bins
    cut = len(bins) - special
    tall = sorted(range(cut), key=lambda i: -max(bins[i].baseline, bins[i].window))
    kept = sorted(tall[: _MOST_BINS - special])
    return [*(bins[i] for i in kept), *bins[cut:]]


def _lying(bins: Sequence[Bin]) -> Html:
    """Return one bin a line; of many, those whose shares changed most."""
    if not bins:
        return Html()
    shown = bins
    if len(bins) > _MOST_WORDS:
        shown = sorted(bins, key=lambda b: -abs(b.window - b.baseline))[:_MOST_WORDS]
    return element("div", _bin_table(shown), _uncounted(len(bins) - len(shown)))


def _all_bins(bins: Sequence[Bin]) -> Html:
    shown = bins[:_MOST_BINS]
    rest = _uncounted(len(bins) - len(shown))
    return folded(f"{plural(len(bins), 'bin')} in figures", _bin_table(shown), rest)


def _uncounted(count: int) -> Html:
    return paragraph(f"{plural(count, 'more bin')}.", class_="left-out") if count > 0 else Html()


def _bin_table(bins: Sequence[Bin]) -> Html:
    top = max((s for b in bins for s in (b.baseline, b.window) if s == s), default=0.0) or 1.0  # noqa: PLR0124
    head = ("bin", "", "baseline", "window")
    heads = [element("th", cell, scope="col") if cell else element("td") for cell in head]
    rows = [
        element(
            "tr",
            element("th", name(item.label, 28), scope="row"),
            element("td", charts.pair(item, top)),
            element("td", share(item.baseline)),
            element("td", share(item.window)),
        )
        for item in bins
    ]
    return element(
        "table", element("thead", element("tr", heads)), element("tbody", rows), class_="bins"
    )


def _rest(items: Sequence[FeatureDrift], space: Space) -> Iterator[Html]:
    """Yield a folded table for each verdict, of features that have no card of their own."""
    sketched = {id(item) for item in items[: space.sketches]}
    for verdict, what in _GROUPS.items():
        there = [item for item in items if _group(item) == verdict]
        shown = [item for item in items[: space.features] if _group(item) == verdict]
        rows = [_line(item, sketch=id(item) in sketched) for item in shown]
        if there:
            yield _table(rows, f"{whole(len(there))} {what}", len(there))


def _group(item: FeatureDrift) -> str:
    return item.verdict if item.verdict in _GROUPS else INSUFFICIENT


def _table(rows: Sequence[Sequence[Content]], caption: str, count: int) -> Html:
    head = ("feature or output", "distance", "distance, line", "line", "p, corrected", "histograms")
    rest = left_out(count - len(rows), "of them", "of them")
    return folded(caption, table(caption, head, rows) if rows else None, rest)


def _line(item: FeatureDrift, *, sketch: bool) -> tuple[Content, ...]:
    label: Content = name(item.name)
    if item.verdict == INSUFFICIENT:
        label = [label, element("small", short(item.reason, MOST_TEXT))]
    return (
        label,
        number(item.distance),
        charts.gauge(item.distance, item.line),
        number(item.line),
        chance(item.p_adjusted),
        _sketch(item.bins) if sketch and item.bins else None,
    )


def _sketch(bins: Sequence[Bin]) -> Html:
    special = _special(bins)
    return charts.histogram(_drawn(bins, special), special)
