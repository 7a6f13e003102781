"""One version in full: use, drift, data quality, quality, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hearth.monitoring import wording
from hearth.monitoring.figures import plural, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.report import VersionReport, Violation
from hearth.monitoring.sections.blocks import badge, folded, listed, paragraph, table, terms
from hearth.monitoring.sections.drift import drift
from hearth.monitoring.sections.quality import quality
from hearth.monitoring.sections.space import MOST_TEXT, Space, left_out
from hearth.monitoring.sections.traffic import traffic

_MOST_NOTES = 20


def version(found: VersionReport, space: Space, *, folds: bool = False) -> Html:
    """Return the section of a version, all but its heading folded where that is asked for."""
    place = f"v{found.version}"
    parts = _parts(found, space)
    about = "No label leads to this version: everything that is known of it"
    return element(
        "section",
        element("h2", f"Version {found.version}", id=place),
        paragraph(name(wording.routing(found)), f" · {short(found.state, 20)}", class_="under"),
        folded(about, element("div", parts, class_="parts")) if folds else parts,
        aria_labelledby=place,
        class_="version",
    )


def _parts(found: VersionReport, space: Space) -> list[Html]:
    gate = found.quality.gate if found.quality else None
    return [
        listed(found.notes[:_MOST_NOTES], class_="notes"),
        _part("Traffic and latency", traffic(found)),
        _part("Drift", drift(found.drift, space), badge(found.drift.verdict)),
        _part("Data quality", _violations(found.violations, space)),
        _part("Quality", quality(found.quality, space), badge(gate.verdict) if gate else None),
    ]


def _part(title: str, body: Sequence[Html], verdict: Content = None) -> Html:
    heading = element("h3", title, " " if verdict else None, verdict)
    return element("div", heading, list(body), class_="part")


def _violations(found: Sequence[Violation], space: Space) -> list[Html]:
    if not found:
        return [paragraph("No constraint of the baseline is broken.")]
    shown = found[: space.violations]
    kinds = Counter(item.constraint_check_type for item in found)
    summary = [(wording.CHECKS.get(k, short(k, 40)), whole(n)) for k, n in kinds.most_common(10)]
    rows = [
        (
            name(item.feature_name),
            wording.CHECKS.get(item.constraint_check_type, short(item.constraint_check_type, 40)),
            short(item.description, MOST_TEXT),
        )
        for item in shown
    ]
    return [
        paragraph(f"{plural(len(found), 'constraint')} of the baseline broken."),
        terms(summary),
        table("Broken constraints", ("feature", "check", "what was found"), rows),
        left_out(len(found) - len(shown), "broken constraint"),
    ]
