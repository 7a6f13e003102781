"""What predictions take and cost on Lambda, told for each memory size from what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hearth.optimizing.cost import MEMORY_SIZES, PRICES, Assumptions, AtMemory, Costs, Prices
from hearth.optimizing.measurement import Figures

MB_PER_PROCESSOR = 1769
_MILLION = 1_000_000
# What may be held of a memory size before it is not one to run in.
_FULL = 0.9


def costs(figures: Figures, assumptions: Assumptions, prices: Prices | None = None) -> Costs:
    """Return a candidate's costs at each memory size.

    Below one processor everything takes as much longer as the share of it is smaller; above, what
    several threads share is told from the latencies that were measured with one and with most.

    Args:
        figures: Measured; times are those of whole processors.
        assumptions: What was not measured.
        prices: None: those of the architecture.

    Source:
        AWS: one vCPU at 1,769 MB and in proportion; duration is billed in whole milliseconds,
        since August 2025 that of the init phase as well.
    """
    paid = prices or PRICES[assumptions.architecture]
    scaling = _scaling(figures)
    sizes = tuple(_at(size, figures, scaling, assumptions, paid) for size in MEMORY_SIZES)
    fitting = [size for size in sizes if size.fits]
    cheapest = min(fitting, key=lambda at: (at.dollars, at.run_ms), default=None)
    fastest = min(fitting, key=lambda at: (round(at.run_ms, 6), at.dollars), default=None)
    return Costs(
        sizes,
        cheapest.memory_mb if cheapest else 0,
        fastest.memory_mb if fastest else 0,
    )


def threads(memory_mb: int) -> int:
    """Return the threads of a session, as `serving.session.processors` has them on Lambda.

    Example:
        >>> [threads(size) for size in (128, 1769, 2048, 3008, 10240)]
        [1, 1, 1, 2, 6]
    """
    return max(1, round(memory_mb / MB_PER_PROCESSOR))


@dataclass(frozen=True, slots=True)
class _Scaling:
    """How a run's time depends on processors: Amdahl's law.

    Args:
        alone_ms: One run by one processor.
        shared: Share of it that threads divide; below 0 where they are in each other's way.
        fixed: Threads at every size; 0 where the size decides.
    """

    alone_ms: float
    shared: float
    fixed: int = 0

    def run_ms(self, memory_mb: int) -> float:
        processors = memory_mb / MB_PER_PROCESSOR
        used = min(float(self.fixed or threads(memory_mb)), processors)
        return self.alone_ms * ((1 - self.shared) / min(1.0, processors) + self.shared / used)


def _scaling(figures: Figures) -> _Scaling:
    """Return how the first batch size scales; one number of threads is taken for a fixed one."""
    if not figures.latencies:
        return _Scaling(figures.first_run_ms, 0.0, 1)
    first = figures.latencies[0]
    times = {x.threads: x.p50_ms for x in figures.latencies if x.batch == first.batch}
    few, many = min(times), max(times)
    if few == many:
        return _Scaling(few * times[few], 1.0, few)
    # time = alone * (1 - shared + shared / threads), at two numbers of threads
    slope = (times[few] - times[many]) / (1 / few - 1 / many)
    alone = times[few] + slope * (1 - 1 / few)
    if not alone > 0:
        return _Scaling(times[few], 0.0, few)
    return _Scaling(alone, min(1.0, slope / alone))


def _at(
    memory_mb: int,
    figures: Figures,
    scaling: _Scaling,
    assumptions: Assumptions,
    prices: Prices,
) -> AtMemory:
    share = min(1.0, memory_mb / MB_PER_PROCESSOR)
    run = assumptions.handler_ms / share + scaling.run_ms(memory_mb)
    fetch = figures.size_bytes / 1e6 / assumptions.fetch_mb_s * 1000
    start = assumptions.init_ms + figures.open_ms + figures.first_run_ms + assumptions.handler_ms
    cold = fetch + start / share
    second = memory_mb / 1024 * prices.gb_second
    warm_share = 1 - assumptions.cold_share
    billed = billed_ms(run)
    spent = (warm_share * billed + assumptions.cold_share * billed_ms(cold)) / 1000 * second
    return AtMemory(
        memory_mb=memory_mb,
        run_ms=run,
        billed_ms=billed,
        cold_ms=cold,
        dollars=_MILLION * (spent + prices.request),
        fits=assumptions.base_mb + figures.resident_mb <= memory_mb * _FULL,
    )


def billed_ms(duration: float) -> int:
    """Return what is billed of a duration in milliseconds: whole ones, at least one.

    Example:
        >>> billed_ms(0.2), billed_ms(3.0), billed_ms(3.01)
        (1, 3, 4)
    """
    # What a float adds to a whole number is no millisecond.
    return max(1, math.ceil(round(duration, 6)))
