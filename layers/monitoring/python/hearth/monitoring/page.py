"""A report as one page: complete in itself, without scripts, for whoever is on call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearth.monitoring import wording
from hearth.monitoring.figures import plural, whole
from hearth.monitoring.markup import Html, document, element, name, short
from hearth.monitoring.report import Report, VersionReport
from hearth.monitoring.sections.blocks import folded, mark, paragraph
from hearth.monitoring.sections.blocks import table as table_of
from hearth.monitoring.sections.space import MOST_TEXT, MOST_VERSIONS, Space, left_out
from hearth.monitoring.sections.version import version
from hearth.monitoring.sections.versions import versions
from hearth.monitoring.set_aside import MEANINGS
from hearth.monitoring.stylesheet import POLICY, STYLE

_MOST_OPEN, _MOST_REASONS, _MOST_ASIDE = 8, 50, 50


def page(report: Report) -> str:
    """Return a report as HTML that needs nothing but itself.

    Whether the model is well comes first, then why; then its versions, the one that serves first.
    What is drawn is bounded, and what is left out is said.
    """
    order = wording.ordered(report.versions)
    shown = order[:MOST_VERSIONS]
    space = Space().divided(len(shown))
    body = element(
        "body",
        _head(report),
        element(
            "main",
            versions(report),
            [version(item, space, folds=_folds(item, order)) for item in shown],
            left_out(len(order) - len(shown), "version"),
            _set_aside(report.set_aside),
        ),
        _foot(report),
    )
    title = short(f"{wording.headline(report)} – Hearth report")
    return document(title, STYLE, POLICY, body)


def _folds(item: VersionReport, order: Sequence[VersionReport]) -> bool:
    """Return whether a version stays folded: nobody is led to it, but to others."""
    return not wording.is_served(item) and any(map(wording.is_served, order))


def _head(report: Report) -> Html:
    before, after = wording.around(report)
    return element(
        "header",
        element("h1", mark(report.verdict), " ", before, name(report.model), short(after)),
        _reasons(report.reasons),
        paragraph(
            f"Judged {short(wording.moment(report.judged_at))} ",
            f"over {short(wording.window(report))}.",
            class_="under",
        ),
        _links(report),
        class_="verdict",
    )


def _reasons(reasons: Sequence[str]) -> Html:
    """Return why: the worst, and the others folded."""
    if not reasons:
        return Html()
    items = [element("li", short(reason, MOST_TEXT)) for reason in reasons[:_MOST_REASONS]]
    rest = items[_MOST_OPEN:]
    return element(
        "div",
        element("ol", items[:_MOST_OPEN]),
        folded(
            plural(len(rest), "more reason"),
            element("ol", rest, start=_MOST_OPEN + 1),
            left_out(len(reasons) - len(items), "reason"),
        )
        if rest
        else None,
        class_="reasons",
    )


def _links(report: Report) -> Html:
    shown = wording.ordered(report.versions)[:MOST_VERSIONS]
    places = [("#versions", "Side by side")]
    places += [(f"#v{item.version}", f"Version {item.version}") for item in shown]
    places += [("#set-aside", "Set aside")] if report.set_aside else []
    links = [element("li", element("a", label, href=to)) for to, label in places]
    return element("nav", element("ul", links), aria_label="On this page")


def _set_aside(counts: Mapping[str, int]) -> Html:
    if not counts:
        return Html()
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (name(MEANINGS.get(why, why), MOST_TEXT), whole(count))
        for why, count in order[:_MOST_ASIDE]
    ]
    said = f"{plural(sum(counts.values()), 'item')} could not be used and counted for nothing here."
    return element(
        "section",
        element("h2", "Set aside", id="set-aside"),
        paragraph(said),
        table_of("Set aside", ("why", "how many"), rows),
        left_out(len(order) - len(rows), "kind"),
        aria_labelledby="set-aside",
    )


def _foot(report: Report) -> Html:
    terms = (
        "Drift: a feature drifted when its Jensen-Shannon distance (0 to 1) is over its line and "
        "chance alone would give so much in fewer than one of a hundred such windows, all "
        "features together. Intervals hold the true value 95 times of 100. Latencies are "
        "estimated inside the buckets of a histogram."
    )
    return element(
        "footer",
        folded("How to read this page", paragraph(terms)),
        paragraph(
            "hearth report ", name(report.model), " --json gives all figures.", class_="under"
        ),
    )
