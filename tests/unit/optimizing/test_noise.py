"""How often chance is taken for a gain, and how large a gain must be to be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hearth.optimizing.how import How
from hearth.optimizing.measurement import LATENCY, OPEN, Duel, Figures, Ratio
from hearth.optimizing.noise import LEAST, exactly, noise, ratio

HOW = How(batches=(1,), threads=(1,), memory_mb=1769)
TRIALS = 2000


@dataclass(frozen=True)
class Machine:
    """Where synthetic duels are held; figures are shares of a run.

    Args:
        offset: Deviation between two processes of one model.
        jitter: Of a block's median.
        outliers: Share of blocks that something slows down, by 30% on average.
        drift: Deviation of the speed from the begin of a pair to its end, a random walk.
        disturbed: Share of pairs in which one side is slowed down throughout, by 20% on average.
    """

    offset: float = 0.01
    jitter: float = 0.02
    outliers: float = 0.05
    drift: float = 0.1
    disturbed: float = 0.08


QUIET = Machine(offset=0.005, disturbed=0)
USUAL = Machine()
NOISY = Machine(offset=0.03, jitter=0.05, outliers=0.1, drift=0.2, disturbed=0.1)
MACHINES = {"quiet": QUIET, "usual": USUAL, "noisy": NOISY}


def logs(random: np.random.Generator, on: Machine, gain: float, pairs: int, rounds: int) -> Any:
    """Logarithms of candidate over original, a row for each pair, as blocks A B B A give them."""
    slowed = random.choice([-1, 1], pairs) * random.exponential(0.2, pairs)
    offset = random.normal(0, on.offset * math.sqrt(2), pairs)
    offset += np.where(random.random(pairs) < on.disturbed, slowed, 0)
    shape = (pairs, rounds, 4)
    blocks = random.normal(0, on.jitter, shape)
    blocks += np.where(random.random(shape) < on.outliers, random.exponential(0.3, shape), 0)
    steps = random.normal(0, on.drift / math.sqrt(rounds * 4), (pairs, rounds * 4))
    blocks += np.cumsum(steps, axis=1).reshape(shape)
    inner = blocks[:, :, 1:3].mean(axis=2) - blocks[:, :, [0, 3]].mean(axis=2)
    first = random.choice([-1, 1], (pairs, rounds))
    return math.log(1 - gain) + offset[:, None] + first * inner


def duelled(random: np.random.Generator, on: Machine, gain: float, how: How = HOW) -> Ratio:
    return ratio(logs(random, on, gain, how.processes, how.rounds).tolist())


def opened(random: np.random.Generator, on: Machine, gain: float, how: How = HOW) -> Ratio:
    """The same for what is measured once a pair."""
    return ratio(logs(random, on, gain, how.processes, 1).tolist())


def wins(measured: Any, on: Machine, gain: float, trials: int = TRIALS) -> float:
    """The share of duels that a candidate wins; each time noise is measured anew."""
    random = np.random.default_rng(20)
    won = 0
    for _ in range(trials):
        itself = measured(random, on, 0.0)
        limit = noise(Duel(FIGURES, FIGURES, {LATENCY: itself}))[LATENCY]
        won += measured(random, on, gain).is_win(limit)
    return won / trials


FIGURES = Figures(size_bytes=1, open_ms=1.0, first_run_ms=1.0, resident_mb=1.0)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("measured", [duelled, opened], ids=["runs", "openings"])
def test_candidate_without_a_difference_hardly_ever_wins(name: str, measured: Any) -> None:
    """What is the same is called better in at most 25 of 1000 duels, however the machine is."""
    assert wins(measured, MACHINES[name], 0.0) <= 0.025


@pytest.mark.parametrize(("name", "gain"), [("quiet", 0.05), ("usual", 0.1), ("noisy", 0.25)])
def test_real_gain_in_warm_runs_is_seen(name: str, gain: float) -> None:
    """A gain of 5% is seen 9 times of 10 on a quiet machine, of 10% on a usual one."""
    assert wins(duelled, MACHINES[name], gain, 500) >= 0.9


@pytest.mark.parametrize(("name", "gain"), [("quiet", 0.25), ("usual", 0.35), ("noisy", 0.5)])
def test_real_gain_in_opening_is_seen(name: str, gain: float) -> None:
    """What is measured once a pair needs a larger gain: a third on a usual machine."""
    assert wins(opened, MACHINES[name], gain, 500) >= 0.8


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("pairs", [3, 5, 9])
def test_interval_holds_the_true_ratio(name: str, pairs: int) -> None:
    """95 times of 100 or more, with few pairs of processes, too, where runs are slow."""
    random, held = np.random.default_rng(20), 0
    for _ in range(TRIALS):
        found = ratio(logs(random, MACHINES[name], 0.2, pairs, 2).tolist())
        held += found.low <= 0.8 <= found.high
    assert held / TRIALS >= 0.94


def test_one_disturbed_pair_of_processes_decides_nothing() -> None:
    """Of nine pairs one may show anything: value and interval are those of the others."""
    calm = [[-0.1, -0.1]] * 8
    assert ratio([*calm, [2.0, 2.0]]) == ratio([*calm, [-0.1, -0.1]])


def test_two_disturbed_pairs_are_not_overlooked() -> None:
    """What happens to two of nine pairs is no accident."""
    assert ratio([[-0.1, -0.1]] * 7 + [[2.0, 2.0]] * 2).high > 7


def test_interval_of_few_values_is_wider_than_they_are() -> None:
    """Three values cannot hold a median 95 times of 100: the interval reaches beyond them."""
    found = ratio([[0.0], [0.1], [0.2]])
    assert found.value == pytest.approx(math.exp(0.1))
    assert found.low < 1
    assert found.high > math.exp(0.2)


def test_interval_of_a_single_value_says_nothing() -> None:
    """One value is no evidence; its interval is wide and still finite."""
    found = ratio([[-0.5]])
    assert (found.low, found.high) == (pytest.approx(0.001), pytest.approx(1000))


def test_pair_without_rounds_is_left_out() -> None:
    """Time may have run out before a pair was timed."""
    assert ratio([[0.1, 0.2], []]) == ratio([[0.1, 0.2]])


def test_noise_is_the_farther_end_of_what_the_original_differs_from_itself() -> None:
    """Nothing differs by less than two of a hundred; a lopsided interval counts by its far end."""
    itself = Duel(FIGURES, FIGURES, {LATENCY: Ratio(1, 0.99, 1.005), OPEN: Ratio(1.1, 0.9, 1.3)})
    assert noise(itself) == {LATENCY: LEAST, OPEN: pytest.approx(0.3)}


def test_what_is_counted_is_exact() -> None:
    """A size has no interval."""
    assert exactly(1, 4) == Ratio(0.25, 0.25, 0.25)
