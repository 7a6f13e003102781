"""Warm runs of a pair, timed in rounds, as many as a share of time holds."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hearth.optimizing.candidate import ORIGINAL
from hearth.optimizing.contender_process import CANDIDATE, SIDES, ContenderFailed
from hearth.optimizing.how import How
from hearth.optimizing.pair import Load, Pair, other

# What of the budget is for warm runs, and what of a pair's share the first setting may take.
_WARM_RUNS, _FIRST = 0.8, 0.5
# A setting is left out where the budget does not hold it in so many pairs.
_PAIRS = 6
# The first run of a block refills caches that the other one has used; of longer runs that is a
# small part, and one run too many is dear.
_LONG_MS = 20.0
# Runs of both at least: one to take up a batch, and in a round two blocks of two each.
_LEAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Setting:
    """Rows of a run, and the number of threads that is asked for."""

    rows: int
    threads: int


@dataclass(slots=True)
class Timed:
    """What was timed at one setting.

    Args:
        logs: Logarithms of candidate over original, one a round.
        ns: Times of all runs, by side.
    """

    logs: list[float] = field(default_factory=list)
    ns: dict[str, list[int]] = field(default_factory=lambda: {side: [] for side in SIDES})


def settings(how: How, load: Load) -> list[Setting]:
    """Return what is timed, the one that decides first; one number of threads after the other."""
    batches = how.batches if load.grows else (load.rows,)
    return [Setting(rows, threads) for threads in how.threads for rows in batches]


class Timing:
    """Times one pair.

    Args:
        pair: Just opened with the first number of threads.
        loads: What that took.
        how: What is timed, and how long.
        draw: Says who begins.
    """

    def __init__(
        self, pair: Pair, loads: Mapping[str, Load], how: How, draw: random.Random
    ) -> None:
        self._pair, self._how, self._draw = pair, how, draw
        self._open_s = sum(load.cold_start_ms for load in loads.values()) / 1000
        self._run_s = 0.0  # of both, a row
        self._threads = how.threads[0]

    def timed(self, wanted: Sequence[Setting], *, choosing: bool) -> dict[Setting, Timed]:
        """Return what was timed at each setting.

        Args:
            wanted: The one that decides first.
            choosing: Whether others are left out where time is short, or where the original does
                not take such a batch.

        Raises:
            ContenderFailed: If one fails.
        """
        budget_s, spent_s = self._how.budget_s * _WARM_RUNS, 0.0
        found: dict[Setting, Timed] = {}
        for number, setting in enumerate(wanted):
            began = time.monotonic()
            leave_out = choosing and number > 0
            if leave_out and spent_s + self._expected_s(setting) > budget_s / _PAIRS:
                continue
            if self._take_up(setting, leave_out=leave_out):
                share = 1 / (len(wanted) - number) if number else _FIRST
                left_s = budget_s / self._how.processes - spent_s
                found[setting] = self._rounds(began + left_s * share)
            spent_s += time.monotonic() - began
        return found

    def _expected_s(self, setting: Setting) -> float:
        opening_s = 0.0 if setting.threads == self._threads else self._open_s
        return opening_s + _LEAST_RUNS * self._run_s * setting.rows

    def _take_up(self, setting: Setting, *, leave_out: bool) -> bool:
        if setting.threads != self._threads:
            self._pair.open(self._draw.choice(SIDES), self._how.threads.index(setting.threads))
            self._threads = setting.threads
        try:
            original_ms = self._pair.batch(ORIGINAL, setting.rows)
        except ContenderFailed as error:
            if not (leave_out and error.alive):
                raise
            return False  # who serves it cannot be asked for that
        candidate_ms = self._pair.batch(CANDIDATE, setting.rows)
        self._run_s = self._run_s or (original_ms + candidate_ms) / 1000 / setting.rows
        self._warm = 1 if max(original_ms, candidate_ms) < _LONG_MS else 0
        return True

    def _rounds(self, until: float) -> Timed:
        """Time rounds: all, or as many as there is time for, one at least."""
        timed, took = Timed(), 0.0
        while len(timed.logs) < self._how.rounds:
            began = time.monotonic()
            if timed.logs and began + took > until:
                break
            self._round(timed)
            took = time.monotonic() - began
        return timed

    def _round(self, timed: Timed) -> None:
        """Time four blocks, first - other - other - first: a steady drift cancels out."""
        first = self._draw.choice(SIDES)
        logs = dict.fromkeys(SIDES, 0.0)
        for side in (first, other(first), other(first), first):
            taken = self._pair.block(side, self._how.block_ms, self._warm)
            logs[side] += math.log(max(statistics.median(taken), 1)) / 2
            timed.ns[side] += taken
        timed.logs.append(logs[CANDIDATE] - logs[ORIGINAL])
