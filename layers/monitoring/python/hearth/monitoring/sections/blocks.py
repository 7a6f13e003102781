"""What every part of the page is set with: marks, tables, folded lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hearth.monitoring.markup import Content, Html, element, short
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    PASSED,
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
)
from hearth.monitoring.sections.space import MOST_TEXT

_LONG = 40  # text of more signs than this is broken into lines

BAD, GOOD, OPEN = "bad", "good", "open"
# Each kind of verdict has a shape of its own.
_SHAPES = {
    BAD: Html('<path d="M8 1.5 15.2 14.5H.8z"/><path class="cut" d="M8 6v4M8 11.4v1.5"/>'),
    GOOD: Html('<circle cx="8" cy="8" r="7"/><path class="cut" d="m4.6 8.2 2.4 2.5 4.4-5"/>'),
    OPEN: Html('<circle class="open" cx="8" cy="8" r="6.2"/><path class="open" d="M5 8h6"/>'),
}
_KINDS = {
    **dict.fromkeys((UNWELL, DRIFTED, FAILED), BAD),
    **dict.fromkeys((WELL, STABLE, PASSED), GOOD),
    **dict.fromkeys((UNKNOWN, INSUFFICIENT), OPEN),
}


def sign(kind: str) -> Html:
    """Return the shape of a kind of verdict alone; the word stands beside it."""
    return element(
        "svg",
        _SHAPES[kind],
        class_=f"mark {kind}",
        viewBox="0 0 16 16",
        aria_hidden="true",
        focusable="false",
    )


def mark(verdict: str) -> Html:
    """Return a verdict's shape alone."""
    return sign(_KINDS.get(verdict, OPEN))


def labelled(kind: str, word: str) -> Html:
    """Return a kind of verdict as its shape and a word."""
    return element("span", sign(kind), f" {short(word)}", class_=f"badge {kind}")


def badge(verdict: str) -> Html:
    """Return a verdict as a shape and a word."""
    return labelled(_KINDS.get(verdict, OPEN), verdict)


def paragraph(*content: Content, class_: str | None = None) -> Html:
    """Return a paragraph, or nothing where there is nothing to say."""
    return element("p", *content, class_=class_) if any(content) else Html()


def listed(items: Iterable[str], class_: str | None = None) -> Html:
    """Return sentences from outside as a list, each of a bounded length."""
    rows = [element("li", short(item, MOST_TEXT)) for item in items]
    return element("ul", rows, class_=class_) if rows else Html()


def folded(summary: Content, *content: Content, open_: bool = False) -> Html:
    return element("details", element("summary", summary), *content, open=open_)


def table(caption: str, head: Sequence[Content], rows: Iterable[Sequence[Content]]) -> Html:
    """Return a table that scrolls inside its own box; each row's first cell is its heading.

    A row may end early: then its last cell reaches to the end.
    """
    heads = [element("th", cell, scope="col") for cell in head]
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", heads)),
            element("tbody", [_row(row, len(head)) for row in rows]),
        ),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )


def _row(cells: Sequence[Content], width: int) -> Html:
    first, *rest = cells
    wide = width - len(cells) + 1
    others = [
        element(
            "td",
            cell,
            colspan=str(wide) if wide > 1 and i == len(rest) else None,
            class_="words" if type(cell) is str and len(cell) > _LONG else None,
        )
        for i, cell in enumerate(rest, 1)
    ]
    return element("tr", element("th", first, scope="row"), others)


def terms(pairs: Iterable[tuple[Content, Content]]) -> Html:
    """Return terms with their figures."""
    return element(
        "dl", [element("div", element("dt", term), element("dd", said)) for term, said in pairs]
    )
