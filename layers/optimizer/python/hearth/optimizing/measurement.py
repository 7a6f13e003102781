"""Figures of a candidate and of the original, measured side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What is compared; each is better when it is less.
LATENCY, OPEN, FIRST_RUN, COLD_START, MEMORY, SIZE, COST = (
    "latency",  # p50 of one run, at the first batch size and the serving threads
    "open",
    "first_run",
    "cold_start",  # open and first run
    "memory",
    "size",
    "cost",
)


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of single runs, in milliseconds.

    Args:
        batch: Rows of a run.
        threads: Of ONNX Runtime, within an operator.
        p50_ms: Median.
        p99_ms: 99th percentile; the slowest run where there were fewer than 100.
        runs: How many were timed.
    """

    batch: int
    threads: int
    p50_ms: float
    p99_ms: float
    runs: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one candidate, medians over fresh processes.

    Args:
        size_bytes: Files that must be fetched to open it.
        open_ms: From file to open session.
        first_run_ms: The first run after that.
        resident_mb: Growth of resident memory from before opening to after the first run.
        latencies: One for each batch size and number of threads; the first one is what the
            objective `latency` compares.
        processes: How many fresh processes it was opened in.
    """

    size_bytes: int
    open_ms: float
    first_run_ms: float
    resident_mb: float
    latencies: tuple[Latency, ...] = ()
    processes: int = 0

    def latency(self, batch: int, threads: int) -> Latency | None:
        return next((x for x in self.latencies if (x.batch, x.threads) == (batch, threads)), None)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Candidate over original; under 1 is better.

    `low` and `high` hold the true ratio 95 times of 100, whatever differs from round to round and
    from one pair of fresh processes to the next.
    """

    value: float
    low: float
    high: float

    def is_win(self, noise: float) -> bool:
        """Return whether it is better by more than chance and noise explain."""
        return self.high < 1 - noise


@dataclass(frozen=True, slots=True)
class Duel:
    """A candidate and the original, measured in turns.

    Args:
        candidate: The candidate's figures.
        original: The original's, from the same minutes.
        ratios: By what is compared: `LATENCY`, `OPEN`, `FIRST_RUN`, `COLD_START`, `MEMORY`,
            `SIZE`, and `latency@<batch>x<threads>` for each further one.
    """

    candidate: Figures
    original: Figures
    ratios: Mapping[str, Ratio] = field(default_factory=dict)


def further(batch: int, threads: int) -> str:
    """Return what a ratio of latencies other than the first is called."""
    return f"{LATENCY}@{batch}x{threads}"
