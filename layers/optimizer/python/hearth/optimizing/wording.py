"""What a search's report says, in words: the page and the terminal say the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from hearth.monitoring.figures import UNKNOWN, number, plural, rounded, seconds, share, size
from hearth.optimizing.cost import AtMemory, Costs
from hearth.optimizing.judgement import Accuracy, Judgement
from hearth.optimizing.measurement import (
    COLD_START,
    COST,
    FIRST_RUN,
    LATENCY,
    MEMORY,
    OPEN,
    SIZE,
    Figures,
    Ratio,
)
from hearth.optimizing.report import (
    ACCEPTED,
    BEATEN,
    CHOSEN,
    NO_WIN,
    NOT_MADE,
    NOT_MEASURED,
    NOTHING_TO_GAIN,
    REFUSED,
    RUNNING,
    WRONG,
    Report,
    Tried,
)

BETTER = {
    LATENCY: "faster",
    COLD_START: "faster-starting",
    MEMORY: "leaner",
    SIZE: "smaller",
    COST: "cheaper",
}
MEASURES = {
    LATENCY: "latency p50",
    OPEN: "open",
    FIRST_RUN: "first run",
    COLD_START: "cold start",
    MEMORY: "memory",
    SIZE: "size",
    COST: "cost of a million",
}
OUTCOMES = {
    CHOSEN: "better and right, and the best of those",
    BEATEN: "better and right, but another is better still",
    NO_WIN: "not better by more than chance and noise explain",
    WRONG: "the gate refused its answers",
    NOT_MADE: "the recipe made nothing that can be measured",
    NOT_MEASURED: "time ran out, or it could not be opened",
}


def headline(report: Report) -> str:
    """Return what came of a search, as a sentence."""
    before, after = around(report)
    return f"{before}{report.model}{after}"


def around(report: Report) -> tuple[str, str]:
    """Return what stands before and after the model's name in that sentence."""
    better, of = BETTER.get(report.objective, "better"), f" version {report.version}"
    if report.state == RUNNING:
        return f"Looking for a {better} variant of ", of
    if report.verdict == ACCEPTED:
        became = f"version {report.published}" if report.published else report.chosen
        return "", f"{of} has a {better} variant: {became}"
    if report.verdict == REFUSED:
        return "", f"{of} has no {better} variant that is right"
    if report.verdict == NOTHING_TO_GAIN:
        return "", f"{of} has nothing to gain"
    return "The search for a variant of ", f"{of} came to no verdict"


def progress(report: Report) -> str:
    """Return how far a search is, as a sentence.

    Example: `Step 4 of 9: measuring int8-static beside the original.`
    """
    made = report.progress
    if not made.steps:
        return f"{made.doing or 'It has been asked for and is about to begin'}."
    doing = made.doing or "between two steps"
    return f"Step {min(made.done + 1, made.steps)} of {made.steps}: {doing}."


def lasted(report: Report) -> str:
    """Return how long a search took; "" while it runs.

    Example:
        >>> at = {"started_at": "2026-11-25T08:01:00Z", "ended_at": "2026-11-25T08:14:30Z"}
        >>> lasted(Report("m", 1, **at))
        '14 minutes'
    """
    try:
        took = datetime.fromisoformat(report.ended_at) - datetime.fromisoformat(report.started_at)
    except (ValueError, TypeError):
        return ""
    took_s = took.total_seconds()
    return plural(round(took_s / 60), "minute") if took_s >= 90 else seconds(round(took_s, 1))


def measure(name: str) -> str:
    """Return what a ratio compares, for people.

    Example:
        >>> measure("open"), measure("latency@8x1"), measure("latency@1x2")
        ('open', 'latency p50, 8 rows, 1 thread', 'latency p50, 1 row, 2 threads')
    """
    kind, _, how = name.partition("@")
    rows, _, threads = how.partition("x")
    said = MEASURES.get(kind, kind)
    if not (rows.isdecimal() and threads.isdecimal()):
        return said if not how else f"{said} {how}"
    return f"{said}, {plural(int(rows), 'row')}, {plural(int(threads), 'thread')}"


def times(ratio: Ratio | None) -> str:
    """Return a ratio; under 1 is better.

    Example:
        >>> times(Ratio(0.2027, 0.2, 0.21)), times(Ratio(12.34, 12, 13)), times(None)
        ('×0.203', '×12.3', '–')
    """
    return UNKNOWN if ratio is None or ratio.value != ratio.value else f"×{number(ratio.value)}"


def between(ratio: Ratio) -> str:
    """Return where the true ratio lies; "" where that is one number, or cannot be told."""
    if ratio.low != ratio.low or ratio.high != ratio.high or ratio.low == ratio.high:
        return ""
    return f"{_three(ratio.low)} to {_three(ratio.high)}"


def _three(value: float) -> str:
    """Return a bound with three digits, zeros at its end too, so that those below compare."""
    return f"{value:#.3g}".rstrip(".") if 1e-3 <= value < 1000 else number(value)


def speed(ratio: Ratio) -> str:
    """Return how fast something is, beside the original.

    Example:
        >>> speed(Ratio(0.25, 0.2, 0.3)), speed(Ratio(1.6, 1, 2))
        ('4 times as fast', '0.625 times as fast')
    """
    return f"{number(1 / ratio.value)} times as fast" if ratio.value > 0 else ""


def milliseconds(value: float) -> str:
    """Return milliseconds, in another unit only where they would be many or next to none.

    Example:
        >>> milliseconds(0.744), milliseconds(0.0091), milliseconds(4321)
        ('0.744 ms', '9.1 µs', '4.32 s')
    """
    return f"{number(value)} ms" if 0.1 <= value < 1 else seconds(value / 1000)


def megabytes(value: float) -> str:
    return f"{number(value)} MB" if math.isfinite(value) else UNKNOWN


def dollars(value: float) -> str:
    """Return what a million predictions cost.

    Example:
        >>> dollars(0.2345), dollars(12.345), dollars(1234.5)
        ('$0.23', '$12.35', '$1,234')
    """
    if not math.isfinite(value):
        return UNKNOWN
    return f"${value:,.2f}" if value < 1000 else f"${value:,.0f}"


def latency(figures: Figures) -> str:
    return milliseconds(figures.latencies[0].p50_ms) if figures.latencies else UNKNOWN


def at_memory(costs: Costs | None, memory_mb: int) -> AtMemory | None:
    found = costs.sizes if costs else ()
    return next((item for item in found if item.memory_mb == memory_mb), None)


def cheapest(costs: Costs | None) -> AtMemory | None:
    """Return the memory size that costs least, None where it is not known or nothing fits."""
    return at_memory(costs, costs.cheapest) if costs else None


# What of a candidate's figures each measure is, as a number; NaN where it is not known.
VALUES: dict[str, Callable[[Figures], float]] = {
    LATENCY: lambda f: f.latencies[0].p50_ms if f.latencies else math.nan,
    OPEN: lambda f: f.open_ms,
    FIRST_RUN: lambda f: f.first_run_ms,
    COLD_START: lambda f: f.open_ms + f.first_run_ms,
    MEMORY: lambda f: f.resident_mb,
    SIZE: lambda f: float(f.size_bytes),
}
_UNITS: dict[str, Callable[[float], str]] = {MEMORY: megabytes, SIZE: size, COST: dollars}


def value(figures: Figures | None, name: str) -> float:
    """Return a figure by the name of its ratio, NaN where it is not there."""
    kind, _, how = name.partition("@")
    if figures is None or kind not in VALUES:
        return math.nan
    if not how:
        return VALUES[kind](figures)
    batch, _, threads = how.partition("x")
    known = batch.isdecimal() and threads.isdecimal()
    found = figures.latency(int(batch), int(threads)) if known else None
    return found.p50_ms if found else math.nan


def said(name: str, value: float) -> str:
    """Return a figure with its unit.

    Example:
        >>> said("latency@8x1", 3.67), said("size", 42_680_000), said("memory", 83.0)
        ('3.67 ms', '42.7 MB', '83 MB')
    """
    return _UNITS.get(name.partition("@")[0], milliseconds)(value)


def compared(report: Report) -> str:
    """Return the measure by which candidates are shown beside each other."""
    measured = (item.duel for item in report.tried if item.duel)
    return report.objective if any(report.objective in d.ratios for d in measured) else LATENCY


def chosen(report: Report) -> Tried | None:
    """Return the candidate that won, None where none did."""
    named = (item for item in report.tried if report.chosen and item.name == report.chosen)
    return next(named, None)


def ratio(item: Tried, name: str) -> Ratio | None:
    return item.duel.ratios.get(name) if item.duel else None


def loss(judgement: Judgement | None) -> tuple[str, str]:
    """Return how much accuracy is lost, and how sure that is.

    Example:
        >>> loss(Judgement("passed", (), True, None, Accuracy("rmse", 99, 4, 4.02, 0.005, 0.012)))
        ('0.5%', '≤ 1.2%')
    """
    if judgement is None:
        return UNKNOWN, ""
    if judgement.accuracy is not None:
        found = judgement.accuracy
        if not math.isfinite(found.loss):
            return "cannot be told", ""
        high = signed(found.loss_high) if math.isfinite(found.loss_high) else "unknown"
        return signed(found.loss), f"≤ {high}"
    if judgement.fidelity is None:
        return "not measured", ""
    agreed = judgement.fidelity.agreement
    said = "" if agreed is None else f"same class {share(agreed)}"
    return "not measured", "equal answers" if judgement.fidelity.equivalent else said


def signed(part: float) -> str:
    """Return a loss in per cent; below nothing is a gain.

    Example:
        >>> signed(0.0067), signed(-0.002), signed(-1e-17)
        ('0.7%', '−0.2%', '0%')
    """
    if abs(part) < 1e-9:
        return "0%"
    return f"−{share(-part)}" if part < 0 else share(part)


def metric(found: Accuracy) -> str:
    """Return both values of a metric."""
    return f"{rounded(found.original)} → {rounded(found.candidate)}"
