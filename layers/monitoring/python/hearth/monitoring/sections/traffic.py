"""Use and latency of a version, by hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearth.monitoring import charts, wording
from hearth.monitoring.figures import plural, seconds, whole
from hearth.monitoring.markup import Content, Html, element, name, short
from hearth.monitoring.report import HourTraffic, Times, VersionReport, VersionTraffic
from hearth.monitoring.sections.blocks import folded, paragraph, table, terms

_MOST_HOURS, _MOST_ERRORS = 168, 20


def traffic(version: VersionReport) -> list[Html]:
    """Return what is known of a version's use."""
    said = paragraph(wording.traffic(version))
    if not version.traffic.requests:
        return [said]
    use = version.traffic
    hours = use.hours[-_MOST_HOURS:]
    drawn = [_drawings(hours), _hour_table(hours)] if hours else []
    return [said, *drawn, _percentiles(use), _refusals(use)]


def _drawings(hours: Sequence[HourTraffic]) -> Html:
    low, high = charts.latency_scale(hours)
    busiest = max(hour.requests for hour in hours)
    refused = sum(hour.errors for hour in hours)
    outlined = f"; broken outline: refused or failed, {whole(refused)} in all" if refused else ""
    figures = [
        _figure(
            hours,
            charts.requests(hours),
            f"Requests by hour, at most {whole(busiest)}{outlined}",
        )
    ]
    if high:
        scale = f"{seconds(low)} (bottom) to {seconds(high)} (top), log scale"
        drawn = charts.latency(hours)
        figures.append(
            _figure(hours, drawn, f"Latency by hour: whole line p50, broken line p99; {scale}")
        )
    return element("div", figures, class_="pair-of-charts")


def _figure(hours: Sequence[HourTraffic], drawing: Html, caption: str) -> Html:
    ends = dict.fromkeys((0, len(hours) // 2, len(hours) - 1))
    axis = element("div", [element("span", _clock(hours[i].hour)) for i in ends], class_="axis")
    return element("figure", element("figcaption", caption), drawing, axis)


def _clock(hour: str) -> str:
    """Return an hour as people write it: `2026-11-24T21` is `11-24 21:00`."""
    day, _, clock = hour.partition("T")
    return f"{day[5:15]} {clock[:2]}:00"


def _hour_table(hours: Sequence[HourTraffic]) -> Html:
    rows = [
        (_clock(h.hour), whole(h.requests), whole(h.errors), seconds(h.p50), seconds(h.p99))
        for h in hours
    ]
    head = ("hour (UTC)", "requests", "errors", "p50", "p99")
    return folded(f"{plural(len(hours), 'hour')} in figures", table("By hour", head, rows))


def _percentiles(use: VersionTraffic) -> Html:
    parts: list[tuple[str, Times]] = [
        ("event to answer", use.latency),
        ("in the model", use.model),
        ("decoding", use.decode),
        ("encoding", use.encode),
        ("loading (cold starts)", use.load),
    ]
    rows: list[tuple[Content, ...]] = [
        (label, *map(seconds, (t.p50, t.p90, t.p99, t.mean)), whole(t.count))
        for label, t in parts
        if t.count
    ]
    if not rows:
        return Html()
    return table("Time taken", ("", "p50", "p90", "p99", "mean", "counted"), rows)


def _refusals(use: VersionTraffic) -> Html:
    status = [(f"status {short(code, 20)}", whole(n)) for code, n in _most(use.status)]
    errors = [(name(kind, 60), whole(n)) for kind, n in _most(use.errors)]
    return terms([*status, *errors]) if status or errors else Html()


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])[:_MOST_ERRORS]
