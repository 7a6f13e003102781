"""How a duel is held."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class How:
    """What is measured, how often, and how long it may take.

    Args:
        batches: Rows of a run; the first one decides. A model of a fixed batch, or of none, is
            measured with its first request alone.
        threads: Within an operator; the first one is what serving has, unless the candidate's
            options fix it. Figures and ratios are named by what is asked for here.
        memory_mb: What each of the two processes may take.
        processes: Pairs of fresh processes. Nine are the fewest of which one at each end may be
            left out, and the rest still holds the median 95 times of 100: one pair that was
            disturbed decides nothing.
        rounds: Of four blocks, in each pair, for each batch size and number of threads.
        block_ms: Length of a block, which is a run at least.
        budget_s: What a duel should take. Where models are slow, rounds become fewer down to one
            a pair; then other batch sizes and threads than the first are left out; then pairs
            become fewer, down to three.
        limit_s: When a process is stopped that gives no answer: to one opening, run or block.
        seed: Decides who begins.
    """

    batches: tuple[int, ...]
    threads: tuple[int, ...]
    memory_mb: int
    processes: int = 9
    rounds: int = 8
    block_ms: float = 2.0
    budget_s: float = 30.0
    limit_s: float = 60.0
    seed: int = 0
