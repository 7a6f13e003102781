"""A search's report as one page: complete in itself, without scripts.

What came of it comes first, then why; then the winner beside the original, all that was tried,
what it costs, what was not tried, and what all of it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence

from hearth.monitoring.figures import plural
from hearth.monitoring.markup import Content, Html, document, element, name, short
from hearth.monitoring.sections.blocks import folded, paragraph, sign
from hearth.monitoring.sections.space import MOST_TEXT, left_out
from hearth.monitoring.wording import moment
from hearth.optimizing import drawings, wording
from hearth.optimizing.report import RUNNING, Report
from hearth.optimizing.sections.basis import basis, model, skipped
from hearth.optimizing.sections.candidates import candidates
from hearth.optimizing.sections.comparison import winner
from hearth.optimizing.sections.costs import costs
from hearth.optimizing.sections.outcome import verdict_kind
from hearth.optimizing.stylesheet import POLICY, STYLE

_MOST_OPEN, _MOST_REASONS = 6, 50
_Sections = Sequence[tuple[str, str, Sequence[Html]]]


def page(report: Report) -> str:
    """Return a report as HTML that needs nothing but itself.

    What is shown is bounded, and what is left out is said.
    """
    sections = _sections(report)
    body = element(
        "body",
        _head(report, sections),
        element("main", [_section(*section) for section in sections]),
        _foot(report),
    )
    title = short(f"{wording.headline(report)} – Hearth search")
    return document(title, STYLE, POLICY, body)


def _sections(report: Report) -> _Sections:
    """Return place, title and body of each section that has something to say."""
    every = (
        ("winner", "Before and after", winner(report)),
        ("candidates", "Candidates", candidates(report)),
        ("costs", "What it costs", costs(report)),
        ("skipped", "Not tried", skipped(report)),
        ("model", "The model", model(report)),
        ("basis", "What this rests on", basis(report)),
    )
    return [section for section in every if section[2]]


def _section(place: str, title: str, body: Sequence[Html]) -> Html:
    heading = element("h2", title, id=place)
    return element("section", heading, list(body), aria_labelledby=place, class_=place)


def _head(report: Report, sections: _Sections) -> Html:
    before, after = wording.around(report)
    links = [element("li", element("a", title, href=f"#{place}")) for place, title, _ in sections]
    return element(
        "header",
        element("h1", sign(verdict_kind(report)), " ", before, name(report.model), short(after)),
        _progress(report),
        _reasons(report.reasons),
        paragraph(_under(report), class_="under"),
        element("nav", element("ul", links), aria_label="On this page") if links else None,
        class_="verdict",
    )


def _under(report: Report) -> str:
    aim = wording.MEASURES.get(report.objective, report.objective)
    took = wording.lasted(report)
    within = f", in {took}" if took else ""
    word = "Begun" if report.state == RUNNING else "Searched"
    searched = f" {word} {moment(report.started_at)}{within}." if report.started_at else ""
    return short(f"Objective: {aim}.{searched}", MOST_TEXT)


def _progress(report: Report) -> Html:
    if report.state != RUNNING:
        return Html()
    done, steps = report.progress.done, report.progress.steps
    return element(
        "div",
        paragraph(short(wording.progress(report), MOST_TEXT)),
        drawings.progress(done / steps) if steps else None,
        paragraph(
            "Figures below are of what was measured so far. " if report.tried else None,
            "This page does not change by itself: load it again.",
            class_="under",
        ),
        class_="reasons",
    )


def _reasons(reasons: Sequence[str]) -> Html:
    """Return why: the first ones, and the others folded."""
    if not reasons:
        return Html()
    items = [element("li", short(reason, MOST_TEXT)) for reason in reasons[:_MOST_REASONS]]
    rest = items[_MOST_OPEN:]
    more: Content = None
    if rest:
        more = folded(
            plural(len(rest), "more reason"),
            element("ol", rest, start=_MOST_OPEN + 1),
            left_out(len(reasons) - len(items), "reason"),
        )
    return element("div", element("ol", items[:_MOST_OPEN]), more, class_="reasons")


def _foot(report: Report) -> Html:
    terms = (
        "A ratio is a candidate's figure over the original's, measured in turns in the same "
        "minutes: under 1 is better, ×0.25 of latency is four times as fast. A line holds the true "
        "ratio 95 times of 100; the shaded band is how far the original differs from itself. A "
        "filled dot is a win: its whole line is better than that band. Accuracy is compared on "
        "the same labelled rows, and what counts is the upper end of its loss."
    )
    return element(
        "footer",
        folded("How to read this page", paragraph(terms)),
        paragraph(
            "hearth optimize ", name(report.model), " --report --json gives all figures.",
            class_="under",
        ),
    )  # fmt: skip
