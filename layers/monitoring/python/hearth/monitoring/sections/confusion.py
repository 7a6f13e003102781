"""Which classes are taken for which: a matrix of few classes, the worst pairs of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearth.monitoring.figures import plural, share, whole
from hearth.monitoring.markup import Content, Html, element, name
from hearth.monitoring.sections.blocks import folded, paragraph, table
from hearth.monitoring.sections.space import Space, left_out

_MOST_CLASSES = 16
Counts = Mapping[str, Mapping[str, int]]


def confusion(counts: Counts, space: Space) -> Html:
    """Return true classes against predicted ones."""
    if not counts:
        return Html()
    labels = _labels(counts)
    matrix = len(labels) <= _MOST_CLASSES
    body = _matrix(counts, labels) if matrix else _too_many(len(labels))
    return element("div", element("h4", "Confusion"), body, _pairs(counts, space))


def _labels(counts: Counts) -> list[str]:
    predicted = (label for row in counts.values() for label in row)
    return sorted({*counts, *predicted}, key=_natural)


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)


def _matrix(counts: Counts, labels: Sequence[str]) -> Html:
    head: list[Content] = ["true ↓ predicted →", *(name(label, 16) for label in labels), "all"]
    rows = [_row(true, counts.get(true, {}), labels) for true in labels]
    about = "Counts. A frame is on what was right; a stronger shade is a larger share of its row."
    return element(
        "div",
        table("Confusion matrix", head, rows),
        paragraph(about, class_="legend"),
        class_="matrix",
    )


def _row(true: str, row: Mapping[str, int], labels: Sequence[str]) -> tuple[Content, ...]:
    total = sum(row.values())
    cells = [_cell(row.get(label, 0), total, right=label == true) for label in labels]
    return (name(true, 16), *cells, whole(total))


def _cell(count: int, total: int, *, right: bool) -> Content:
    step = min(int(5 * count / total), 4) if total and count else 0
    if not count and not right:
        return element("span", "·", class_="none")
    return element("span", whole(count), class_=f"share{step}{' right' if right else ''}")


def _too_many(classes: int) -> Html:
    return paragraph(
        f"{plural(classes, 'class', 'classes')} are too many for a matrix; the JSON has it."
    )


def _pairs(counts: Counts, space: Space) -> Html:
    """Return what was taken for something else most often."""
    wrong = [
        (count, sum(row.values()), true, predicted)
        for true, row in counts.items()
        for predicted, count in row.items()
        if predicted != true and count
    ]
    if not wrong:
        return paragraph("No prediction was taken for another class.")
    wrong.sort(key=lambda item: (-item[0], item[2], item[3]))
    shown = wrong[: space.pairs]
    rows = [
        ([name(true, 60), " taken for ", name(predicted, 60)], whole(count), share(count / total))
        for count, total, true, predicted in shown
    ]
    head = ("classes", "times", "of the true class")
    body = (
        table("Most frequent confusions", head, rows),
        left_out(len(wrong) - len(shown), "pair"),
    )
    return folded(f"{plural(len(wrong), 'pair')} confused, the most frequent first", body)
