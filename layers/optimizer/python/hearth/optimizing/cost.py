"""What a million predictions cost on Lambda, at each memory size."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_SIZES = (128, 256, 512, 1024, 1769, 2048, 3008, 3538, 5307, 7076, 8845, 10240)


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars, on demand, without the free tier; `source` says whose and when."""

    gb_second: float
    request: float
    source: str


_SOURCE = "AWS Lambda pricing, US East (N. Virginia), first tier, November 2026"
PRICES = {
    "x86_64": Prices(0.0000166667, 0.20 / 1e6, _SOURCE),
    "arm64": Prices(0.0000133334, 0.20 / 1e6, _SOURCE),
}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is not measured, said in the report.

    Args:
        cold_share: Share of predictions that meet a cold start.
        init_ms: Start of the function before a model is opened, at one full processor.
        handler_ms: What a prediction takes beside the model's run, at one full processor.
        base_mb: What the function holds before a model is opened.
        fetch_mb_s: How fast files come from S3.
        architecture: `x86_64` or `arm64`, which decides the price.
    """

    cold_share: float = 0.01
    init_ms: float = 500.0
    handler_ms: float = 1.0
    base_mb: float = 120.0
    fetch_mb_s: float = 80.0
    architecture: str = "x86_64"


@dataclass(frozen=True, slots=True)
class AtMemory:
    """One memory size.

    Args:
        memory_mb: Configured.
        run_ms: One warm prediction, estimated.
        billed_ms: The same as it is billed: whole milliseconds.
        cold_ms: One prediction that meets a cold start; it is billed, too.
        dollars: Of a million predictions.
        fits: Whether the model fits into that memory.
    """

    memory_mb: int
    run_ms: float
    billed_ms: int
    cold_ms: float
    dollars: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Costs:
    """All memory sizes of one candidate, and which of those that fit is best; 0 where none fits."""

    sizes: tuple[AtMemory, ...]
    cheapest: int
    fastest: int
