"""The duel: a candidate measured beside the original, in the same minutes, in turns."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.contender_process import CANDIDATE, SIDES, OutOfTime
from hearth.optimizing.how import How
from hearth.optimizing.measurement import (
    COLD_START,
    FIRST_RUN,
    LATENCY,
    MEMORY,
    OPEN,
    SIZE,
    Duel,
    Figures,
    Latency,
    Ratio,
    further,
)
from hearth.optimizing.noise import exactly, ratio
from hearth.optimizing.pair import Corner, Load, Pair, Setup, other
from hearth.optimizing.timing import Setting, Timed, Timing, settings
from hearth.serving import golden

# Fewer pairs of processes say nothing; that many are taken even where the budget is too small.
_LEAST, _USUAL = 2, 3
# Seconds within which time has run out.
_MARGIN_S = 0.1
# Memory that grows by less has not grown.
_LEAST_MB = 1.0
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Bout:
    """What one pair of processes showed."""

    loads: Mapping[str, Load]
    timed: Mapping[Setting, Timed]


def duel(
    original: Candidate,
    candidate: Candidate,
    cases: Path,
    how: How,
    remaining_s: Callable[[], float],
) -> Duel:
    """Measure a candidate beside the original.

    Each is opened in fresh processes, a pair at a time: both are alive, one works. Warm runs are
    timed in rounds of four blocks, first - other - other - first; who is first is drawn.

    Args:
        original: What it starts from; given as the candidate, too, it shows what chance does.
        candidate: What may be better.
        cases: Golden format, .npz; case 0 is the first request: one row where the model takes any
            number. Larger batches repeat its rows.
        how: What is measured, and how long.
        remaining_s: Seconds that are left. When they run out in the middle, what whole pairs of
            processes have shown counts, if there are two.

    Raises:
        ContenderFailed: If one cannot be opened or run, crashes, or takes too much memory; it says
            which. Batch sizes that the original does not take are left out.
        OutOfTime: A ContenderFailed: if one gives no answer in time, or time ran out too early.
        InvalidDocument: If the cases cannot be read.
    """
    bouts: list[Bout] = []
    with TemporaryDirectory() as folder:
        case = Path(folder) / "first.npz"
        golden.save(golden.load(cases)[:1], case)
        _read(original)
        _read(candidate)
        corners = {ORIGINAL: _corner(original, how), CANDIDATE: _corner(candidate, how)}
        setup = Setup(corners, case, how.memory_mb, lambda: min(how.limit_s, remaining_s()))
        try:
            _fight(setup, how, remaining_s, bouts)
        except OutOfTime:
            if remaining_s() > _MARGIN_S or len(bouts) < _LEAST:
                raise
    return _judged(original, candidate, bouts)


def _corner(candidate: Candidate, how: How) -> Corner:
    fixed = candidate.opened[1].intra_op_num_threads
    return Corner(candidate, (fixed or how.threads[0], *how.threads[1:]))


def _read(candidate: Candidate) -> None:
    """Have the system hold the files in memory, as it does once they are fetched."""
    beside = (candidate.path.parent / name for name in candidate.external)
    for path in (candidate.opened[0], *beside):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(_READ):
                    pass


def _fight(setup: Setup, how: How, remaining_s: Callable[[], float], bouts: list[Bout]) -> None:
    """Add what each pair of processes shows, until there are enough or time is short."""
    draw = random.Random(how.seed)  # noqa: S311 (an order, not a secret)
    started, longest = time.monotonic(), 0.0
    first = draw.choice(SIDES)
    while len(bouts) < how.processes:
        began = time.monotonic()
        if len(bouts) >= _USUAL and began - started + longest > how.budget_s:
            break
        if len(bouts) >= _LEAST and longest > remaining_s():
            break
        with Pair(setup) as pair:
            loads = pair.open(first)
            # What the first pair has left out, all leave out.
            wanted = list(bouts[0].timed) if bouts else settings(how, loads[ORIGINAL])
            timed = Timing(pair, loads, how, draw).timed(wanted, choosing=not bouts)
        bouts.append(Bout(loads, timed))
        longest = max(longest, time.monotonic() - began)
        first = other(first)  # each is opened first as often as the other


def _judged(original: Candidate, candidate: Candidate, bouts: Sequence[Bout]) -> Duel:
    decisive, *others = bouts[0].timed
    ratios = {
        LATENCY: _timed(bouts, decisive),
        OPEN: _loaded(bouts, lambda load: load.open_ms),
        FIRST_RUN: _loaded(bouts, lambda load: load.first_run_ms),
        COLD_START: _loaded(bouts, lambda load: load.cold_start_ms),
        MEMORY: _loaded(bouts, lambda load: max(load.resident_mb, _LEAST_MB)),
        SIZE: exactly(candidate.size, original.size),
        **{further(x.rows, x.threads): _timed(bouts, x) for x in others},
    }
    return Duel(
        candidate=_figures(CANDIDATE, candidate, bouts),
        original=_figures(ORIGINAL, original, bouts),
        ratios=ratios,
    )


def _timed(bouts: Sequence[Bout], setting: Setting) -> Ratio:
    return ratio([bout.timed[setting].logs for bout in bouts])


def _loaded(bouts: Sequence[Bout], of: Callable[[Load], float]) -> Ratio:
    return ratio([[math.log(of(b.loads[CANDIDATE]) / of(b.loads[ORIGINAL]))] for b in bouts])


def _figures(side: str, candidate: Candidate, bouts: Sequence[Bout]) -> Figures:
    loads = [bout.loads[side] for bout in bouts]
    return Figures(
        size_bytes=candidate.size,
        open_ms=round(statistics.median(load.open_ms for load in loads), 3),
        first_run_ms=round(statistics.median(load.first_run_ms for load in loads), 4),
        resident_mb=round(statistics.median(load.resident_mb for load in loads), 2),
        latencies=tuple(_latency(side, bouts, setting) for setting in bouts[0].timed),
        processes=len(bouts),
    )


def _latency(side: str, bouts: Sequence[Bout], setting: Setting) -> Latency:
    ns = sorted(taken for bout in bouts for taken in bout.timed[setting].ns[side])
    return Latency(
        batch=setting.rows,
        threads=setting.threads,
        p50_ms=round(statistics.median(ns) / 1e6, 6),
        p99_ms=round(ns[math.ceil(0.99 * len(ns)) - 1] / 1e6, 6),
        runs=len(ns),
    )
