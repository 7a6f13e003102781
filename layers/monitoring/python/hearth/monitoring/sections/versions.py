"""All versions side by side: the one that serves beside the one that is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hearth.monitoring import wording
from hearth.monitoring.figures import seconds, share, size, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.report import Metric, Report, VersionReport, VersionTraffic
from hearth.monitoring.sections.blocks import badge, paragraph, table
from hearth.monitoring.sections.space import MOST_VERSIONS, left_out

_MOST_METRICS = 12
_NONE = element("span", "–", class_="none")
Cell = Callable[[VersionReport], Content]


def versions(report: Report) -> Html:
    """Return the section that compares the versions."""
    if not report.versions:
        body: list[Content] = [paragraph("No version was served or used in the window.")]
    else:
        shown = wording.ordered(report.versions)[:MOST_VERSIONS]
        body = [
            _table(shown, sum(v.traffic.requests for v in report.versions)),
            left_out(len(report.versions) - len(shown), "version"),
        ]
    return element(
        "section",
        element("h2", "Versions side by side", id="versions-heading"),
        *body,
        id="versions",
        aria_labelledby="versions-heading",
    )


def _table(shown: Sequence[VersionReport], requests: int) -> Html:
    head = ["", *(element("a", f"Version {v.version}", href=f"#v{v.version}") for v in shown)]
    rows: list[tuple[str, Cell]] = [
        ("routed by", lambda v: name(wording.routing(v))),
        ("state", lambda v: short(v.state, 20)),
        ("drift", lambda v: badge(v.drift.verdict)),
        ("quality gate", _gate),
        ("broken constraints", lambda v: whole(len(v.violations))),
        *_traffic(requests),
        *((wording.metric_name(n), _metric(n)) for n in _names(shown)),
    ]
    return table(
        "Versions side by side", head, [(label, *map(cell, shown)) for label, cell in rows]
    )


def _gate(version: VersionReport) -> Content:
    found = version.quality and version.quality.gate
    return badge(found.verdict) if found else _NONE


def _traffic(requests: int) -> list[tuple[str, Cell]]:
    def of(show: Callable[[VersionTraffic], str]) -> Cell:
        return lambda v: show(v.traffic) if v.traffic.requests else _NONE

    def part(use: VersionTraffic) -> str:
        return f"{whole(use.requests)} ({share(use.requests / max(requests, 1))})"

    return [
        ("requests (share)", of(part)),
        ("failed", lambda v: _failed(v) if v.traffic.requests else _NONE),
        ("latency p50", of(lambda u: seconds(u.latency.p50))),
        ("latency p99", of(lambda u: seconds(u.latency.p99))),
        ("in the model p50", of(lambda u: seconds(u.model.p50))),
        ("cold starts", of(lambda u: whole(u.cold_starts))),
        ("load p50", of(lambda u: seconds(u.load.p50))),
        ("request, mean", of(lambda u: size(u.request_bytes))),
        ("answer, mean", of(lambda u: size(u.response_bytes))),
    ]


def _failed(version: VersionReport) -> str:
    failed = wording.failures(version)
    return f"{whole(failed)} ({share(failed / version.traffic.requests)})" if failed else "0"


def _names(shown: Sequence[VersionReport]) -> list[str]:
    """Return the metrics that any version has, in the order of the first that has them."""
    found = {m.name: None for v in shown if v.quality for m in v.quality.metrics}
    return list(found)[:_MOST_METRICS]


def _metric(wanted: str) -> Cell:
    def cell(version: VersionReport) -> Content:
        metrics: Sequence[Metric] = version.quality.metrics if version.quality else ()
        found = [m for m in metrics if m.name == wanted]
        return wording.value(found[0]) if found else _NONE

    return cell
