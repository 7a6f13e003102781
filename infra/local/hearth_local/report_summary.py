"""A report on the terminal: the verdict, then what it rests on, shortest first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from hearth.monitoring import figures, wording
from hearth.monitoring.markup import short
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    PASSED,
    STABLE,
    UNWELL,
    WELL,
    Bin,
    Drift,
    FeatureDrift,
    Metric,
    Quality,
    Report,
    SliceQuality,
    VersionReport,
)
from hearth.monitoring.set_aside import MEANINGS
from rich.table import Table
from rich.text import Text

from hearth_local import terminal
from hearth_local.terminal import listed, text
from hearth_local.terminal import table as table_of

_MOST_REASONS, _MOST_VERSIONS, _MOST_FEATURES, _MOST_LINES = 10, 4, 10, 5
_BLOCKS = "▁▂▃▄▅▆▇█"
_SIGNS = {UNWELL: "▲", DRIFTED: "▲", FAILED: "▲", WELL: "●", STABLE: "●", PASSED: "●"}
_STYLES = {"▲": "bold red", "●": "green", "○": "yellow"}


def show(report: Report) -> None:
    """Print a report; piped, it is plain and a line is never broken."""
    terminal.show(_parts(report))


def _parts(report: Report) -> Iterable[Text | Table]:
    yield _verdict(report.verdict, wording.headline(report))
    yield from listed(report.reasons, _MOST_REASONS)
    yield text(f"judged {wording.moment(report.judged_at)} over {wording.window(report)}", "dim")
    order = wording.ordered(report.versions)
    if not order:
        yield text("no version was served or used in the window")
        return
    yield _versions(order[:_MOST_VERSIONS])
    for version in order[:_MOST_VERSIONS]:
        yield from _version(version)
    if len(order) > _MOST_VERSIONS:
        yield text(f"{len(order) - _MOST_VERSIONS} more versions: hearth report --json", "dim")
    for why, count in report.set_aside.items():
        yield text(f"set aside: {figures.whole(count)} {short(MEANINGS.get(why, why), 200)}", "dim")


def _verdict(verdict: str, words: str = "") -> Text:
    sign = _SIGNS.get(verdict, "○")
    return text(f"{sign} {words or verdict}", _STYLES[sign])


def _versions(versions: Sequence[VersionReport]) -> Table:
    """Return the versions side by side, a column each."""
    names = dict.fromkeys(m.name for v in versions if v.quality for m in v.quality.metrics)
    rows: list[tuple[str, Callable[[VersionReport], str | Text]]] = [
        ("routed by", lambda v: text(short(wording.routing(v), 40))),
        ("drift", lambda v: _verdict(v.drift.verdict)),
        ("quality gate", _gate),
        ("requests", lambda v: figures.whole(v.traffic.requests)),
        ("failed", lambda v: figures.whole(wording.failures(v))),
        ("latency p50", lambda v: figures.seconds(v.traffic.latency.p50)),
        ("latency p99", lambda v: figures.seconds(v.traffic.latency.p99)),
        *((name, partial(_metric, name)) for name in list(names)[:3]),
    ]
    table = table_of("version", *(str(v.version) for v in versions))
    for label, cell in rows:
        table.add_row(text(short(wording.metric_name(label), 40)), *map(cell, versions))
    return table


def _gate(version: VersionReport) -> str | Text:
    gate = version.quality.gate if version.quality else None
    return _verdict(gate.verdict) if gate else ""


def _metric(name: str, version: VersionReport) -> str:
    metrics = version.quality.metrics if version.quality else ()
    return next((wording.value(m) for m in metrics if m.name == name), "")


def _version(version: VersionReport) -> Iterable[Text | Table]:
    yield Text()
    yield text(f"version {version.version}", "bold")
    yield from (text(f"  {short(note, 300)}") for note in version.notes[:_MOST_LINES])
    yield text(f"  {wording.traffic(version)}")
    yield from _drift(version.drift)
    if version.violations:
        yield text(f"  {figures.plural(len(version.violations), 'broken constraint')}:")
    for item in version.violations[:_MOST_LINES]:
        yield text(f"    {short(item.feature_name, 60)}: {short(item.description, 200)}")
    if len(version.violations) > _MOST_LINES:
        yield text(f"    {len(version.violations) - _MOST_LINES} more", "dim")
    if version.quality:
        yield from _quality(version.quality)


def _drift(drift: Drift) -> Iterable[Text | Table]:
    yield text(f"  {wording.drift_summary(drift)}")
    if drift.provisional:
        yield text("  The baseline is provisional: the version's own first traffic.", "yellow")
    moved = [
        item
        for item in wording.by_verdict((*drift.features, *drift.outputs))
        if item.verdict == DRIFTED
    ]
    if moved:
        yield _features(moved[:_MOST_FEATURES])
    if len(moved) > _MOST_FEATURES:
        yield text(f"    {len(moved) - _MOST_FEATURES} more drifted", "dim")


def _features(moved: Sequence[FeatureDrift]) -> Table:
    table = table_of("    drifted", "distance", "line", "p", "baseline", "window", "most moved")
    table.columns[-1].no_wrap = not sys.stdout.isatty()
    for item in moved:
        table.add_row(
            text(f"    {short(item.name, 24)}"),
            figures.number(item.distance),
            figures.number(item.line),
            figures.chance(item.p_adjusted),
            *_sparks(item.bins),
            text(short(wording.most_moved(item.bins, 1), 80)),
        )
    return table


def _sparks(bins: Sequence[Bin]) -> tuple[str, str]:
    """Return the baseline's and the window's histogram as a line of blocks, to one scale.

    Example:
        >>> _sparks([Bin("a", 0.5, 0.0), Bin("b", 0.5, 1.0)])
        ('▅▅', '▁█')
    """
    bins = bins[:24]
    top = max((s for item in bins for s in (item.baseline, item.window) if s == s), default=0)  # noqa: PLR0124
    return tuple(  # type: ignore[return-value]
        "".join(_block(share, top) for share in shares)
        for shares in ([b.baseline for b in bins], [b.window for b in bins])
    )


def _block(share: float, top: float) -> str:
    if not (share > 0 and top > 0):
        return _BLOCKS[0]
    return _BLOCKS[round(min(share / top, 1.0) * (len(_BLOCKS) - 1))]


def _quality(quality: Quality) -> Iterable[Text | Table]:
    yield text(f"  {wording.labelled(quality)}")
    if quality.gate:
        yield text(f"  {wording.gate(quality.gate)}")
        yield from (text(f"    {short(r, 300)}") for r in quality.gate.reasons[:_MOST_LINES])
    if quality.metrics:
        yield _metrics(quality)
    estimate = wording.estimate(quality)
    if estimate:
        yield text(f"  {estimate}", "dim")


def _metrics(quality: Quality) -> Table:
    table = table_of("    metric", "value (95% interval)", "", "rows")
    worst = sorted((s for s in quality.slices if s.metrics), key=_slice_key)[:_MOST_LINES]
    lines = [(wording.metric_name(m.name), m) for m in quality.metrics[:_MOST_FEATURES]]
    lines += [
        (f"  {wording.metric_name(s.metrics[0].name)}, {s.slice}", s.metrics[0]) for s in worst
    ]
    for label, metric in lines:
        table.add_row(
            text(f"    {short(label, 60)}"),
            wording.value(metric),
            whisker(metric),
            figures.whole(metric.rows),
        )
    return table


def _slice_key(item: SliceQuality) -> float:
    return wording.badness(item.metrics[0])


def whisker(metric: Metric, width: int = 16) -> str:
    """Return an interval inside 0 to 1 as a line of signs, or nothing for other metrics.

    Example:
        >>> whisker(Metric("accuracy", 0.5, 0.25, 0.75, 10), 9)
        '  ├─●─┤  '
    """
    if not 0 <= metric.low <= metric.value <= metric.high <= 1:
        return ""
    low, at, high = (round(v * (width - 1)) for v in (metric.low, metric.value, metric.high))
    signs = [" "] * width
    signs[low : high + 1] = "─" * (high + 1 - low)
    signs[low], signs[high], signs[at] = "├", "┤", "●"
    return "".join(signs)
