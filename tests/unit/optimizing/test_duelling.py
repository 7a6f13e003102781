"""The duel: both measured in turns, in fresh processes, within the time that there is."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.optimizing import measurement
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.contender_process import ContenderFailed, OutOfTime
from hearth.optimizing.duelling import duel
from hearth.optimizing.how import How
from hearth.optimizing.measurement import LATENCY, MEMORY, OPEN, SIZE, Duel, further
from hearth.optimizing.noise import noise
from support import contending

MODELS = Path(__file__).parents[2] / "models"
# As little as a rule needs: time is dear.
QUICK = How(batches=(1,), threads=(1,), memory_mb=1769, processes=2, rounds=2, block_ms=0.5)

linux = pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors wrap around")


def no_hurry() -> float:
    return math.inf


def seconds(left: float) -> Callable[[], float]:
    until = time.monotonic() + left
    return lambda: until - time.monotonic()


def itself(candidate: Candidate, cases: Path, how: How = QUICK) -> Duel:
    return duel(candidate, candidate, cases, how, no_hurry)


def children() -> list[str]:
    """What processes this one has started that are still there, by their command lines."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
            line = (stat.parent / "cmdline").read_bytes().decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == os.getpid():
            found.append(line)
    return found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """However a duel ends, no contender outlives it."""
    yield
    if sys.platform == "linux":
        assert not [line for line in children() if "contender" in line]


def test_duel_has_figures_of_both_and_a_ratio_of_each(tmp_path: Path) -> None:
    """Opening, first run, memory, size and warm runs are compared; each figure is above zero."""
    found = itself(contending.candidate(tmp_path), contending.cases(tmp_path))
    assert set(found.ratios) == {
        measurement.LATENCY,
        measurement.OPEN,
        measurement.FIRST_RUN,
        measurement.COLD_START,
        measurement.MEMORY,
        measurement.SIZE,
    }
    for figures in (found.original, found.candidate):
        assert figures.processes == 2
        assert figures.open_ms > 0
        assert figures.first_run_ms > 0
        assert figures.size_bytes == found.original.size_bytes > 0
        (latency,) = figures.latencies
        assert (latency.batch, latency.threads) == (1, 1)
        assert 0 < latency.p50_ms <= latency.p99_ms
        assert latency.runs >= 2 * 2 * 2
    for ratio in found.ratios.values():
        assert ratio.low <= ratio.value <= ratio.high


def test_duel_measures_each_batch_and_number_of_threads(tmp_path: Path) -> None:
    """The first of both is what is called latency; the others are named by rows and threads."""
    how = replace(QUICK, batches=(1, 8), threads=(1, 2))
    found = itself(contending.candidate(tmp_path), contending.cases(tmp_path), how)
    assert [(x.batch, x.threads) for x in found.original.latencies] == [
        (1, 1),
        (8, 1),
        (1, 2),
        (8, 2),
    ]
    assert {LATENCY, further(8, 1), further(1, 2), further(8, 2)} <= set(found.ratios)
    assert further(1, 1) not in found.ratios


def test_faster_candidate_wins_and_slower_one_does_not(tmp_path: Path) -> None:
    """A model of a quarter of the work is faster beyond chance; the other way round it is no win."""
    original, less = contending.layers(tmp_path, 24), contending.layers(tmp_path, 6, "less")
    cases = contending.cases(tmp_path, np.ones((1, 256), np.float32), name="t0")
    how = replace(QUICK, processes=3, rounds=4, block_ms=2.0)
    found = duel(original, less, cases, how, no_hurry)
    assert found.ratios[LATENCY].is_win(0.05), found.ratios
    assert found.ratios[MEMORY].is_win(0.05), found.ratios
    assert found.ratios[SIZE].value == pytest.approx(less.size / original.size)
    turned = duel(less, original, cases, how, no_hurry)
    assert not turned.ratios[LATENCY].is_win(0.05)
    assert turned.ratios[LATENCY].low > 1


@pytest.mark.parametrize(
    ("text", "case", "batches"),
    [
        (contending.FIXED, np.ones((2, 4), np.float32), [2]),
        (contending.VECTOR, np.ones(4, np.float32), [1]),
        (contending.STRINGS, np.array(["a"], object), [1, 8]),
        (contending.BF16, np.full((1, 4), 0x3F80, np.uint16), [1, 8]),
        (contending.ONE_ROW, contending.ROW, [1]),
    ],
    ids=["fixed batch", "no batch", "strings", "bf16", "one row alone"],
)
def test_duel_takes_the_batches_that_the_original_takes(
    tmp_path: Path, text: str, case: Any, batches: list[int]
) -> None:
    """A fixed batch is measured as it is, and what the original refuses is left out."""
    how = replace(QUICK, batches=(1, 8))
    found = itself(contending.candidate(tmp_path, text), contending.cases(tmp_path, case), how)
    assert [latency.batch for latency in found.original.latencies] == batches


def test_first_request_alone_is_asked(tmp_path: Path) -> None:
    """Later cases, which a model may refuse, are no part of a duel."""
    cases = contending.cases(tmp_path, contending.ROW, np.ones((3, 4), np.float32))
    assert itself(contending.candidate(tmp_path, contending.ONE_ROW), cases).original.processes == 2


def test_candidate_that_refuses_a_batch_which_the_original_takes_has_failed(tmp_path: Path) -> None:
    """It could not stand in for the original."""
    original = contending.candidate(tmp_path)
    less = contending.candidate(tmp_path, contending.ONE_ROW, "one-row")
    how = replace(QUICK, batches=(1, 8))
    with pytest.raises(ContenderFailed, match="candidate one-row cannot be run") as caught:
        duel(original, less, contending.cases(tmp_path), how, no_hurry)
    assert caught.value.whose == "candidate"


def test_threads_that_options_fix_stand_for_the_first_number(tmp_path: Path) -> None:
    """A candidate of one thread is set beside the original with what serving has, under its name."""
    original = contending.candidate(tmp_path)
    fixed = contending.candidate(tmp_path, name="threads-1", intra_op_num_threads=1)
    how = replace(QUICK, threads=(2, 1))
    found = duel(original, fixed, contending.cases(tmp_path), how, no_hurry)
    assert [latency.threads for latency in found.candidate.latencies] == [2, 1]
    assert LATENCY in found.ratios


def test_saved_graph_is_what_is_opened_where_there_is_one(tmp_path: Path) -> None:
    """The portable model need not even be there to be measured."""
    original = contending.candidate(tmp_path)
    saved = replace(
        original, path=tmp_path / "no.onnx", saved=original.path, saved_runtime=original.runtime
    )
    assert duel(original, saved, contending.cases(tmp_path), QUICK, no_hurry).candidate.open_ms > 0


@pytest.mark.parametrize("side", ["original", "candidate"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (contending.UNKNOWN, "cannot be opened"),
        (contending.WIDER, "cannot be run"),
        pytest.param(contending.CRASHING, "crashed with exit status -8", marks=x86),
        (contending.HUNGRY, "with 600 MB of memory"),
    ],
    ids=["not opened", "refuses inputs", "crashes", "memory"],
)
def test_failure_says_whose_it_is(tmp_path: Path, side: str, text: str, says: str) -> None:
    """Either side may fail; a fault of the original is not held against the candidate."""
    sides = {
        "original": contending.candidate(tmp_path),
        "candidate": contending.candidate(tmp_path, name="good"),
    }
    sides[side] = contending.candidate(tmp_path, text, "bad")
    how = replace(QUICK, memory_mb=600)
    with pytest.raises(ContenderFailed, match=says) as caught:
        duel(sides["original"], sides["candidate"], contending.cases(tmp_path), how, no_hurry)
    assert caught.value.whose == side
    assert str(caught.value).startswith(f"{side} bad ")


def test_candidate_that_hangs_is_stopped_at_its_limit(tmp_path: Path) -> None:
    """With time enough for the duel, a run that does not end is the candidate's fault."""
    slow = contending.candidate(tmp_path, contending.SLOW, "slow")
    how = replace(QUICK, limit_s=2.0)
    with pytest.raises(OutOfTime) as caught:
        duel(contending.candidate(tmp_path), slow, contending.cases(tmp_path), how, seconds(60))
    assert caught.value.whose == "candidate"


def test_duel_counts_what_it_has_when_time_runs_out(tmp_path: Path) -> None:
    """Whole pairs of processes count; of the last one, which was stopped, nothing does."""
    how = replace(QUICK, processes=1000)
    started = time.monotonic()
    found = duel(
        contending.candidate(tmp_path),
        contending.candidate(tmp_path),
        contending.cases(tmp_path),
        how,
        seconds(6),
    )
    assert time.monotonic() - started < 15
    assert 2 <= found.original.processes < 1000
    assert LATENCY in found.ratios


def test_duel_that_hangs_in_a_later_pair_counts_what_it_has(tmp_path: Path) -> None:
    """Time that runs out while a process works stops it there, and is no fault of it."""
    asked = 0

    def remaining_s() -> float:
        nonlocal asked
        asked += 1
        return 60.0 if asked < 60 else 0.0

    how = replace(QUICK, processes=9)
    found = duel(
        contending.candidate(tmp_path),
        contending.candidate(tmp_path),
        contending.cases(tmp_path),
        how,
        remaining_s,
    )
    assert 2 <= found.original.processes < 9


def test_duel_without_time_for_two_pairs_is_none(tmp_path: Path) -> None:
    """One pair of processes proves nothing, so that there is no duel to speak of."""
    with pytest.raises(OutOfTime):
        duel(
            contending.candidate(tmp_path),
            contending.candidate(tmp_path),
            contending.cases(tmp_path),
            QUICK,
            seconds(0.01),
        )


def test_slow_model_is_measured_in_fewer_rounds_pairs_and_settings(tmp_path: Path) -> None:
    """The budget decides how often: with next to none, one round in each of three pairs."""
    how = replace(QUICK, batches=(1, 8), threads=(1, 2), processes=9, rounds=8, budget_s=0.01)
    found = itself(contending.candidate(tmp_path), contending.cases(tmp_path), how)
    assert found.original.processes == 3
    assert [(x.batch, x.threads) for x in found.original.latencies] == [(1, 1)]
    assert found.ratios[OPEN].low < found.ratios[OPEN].value < found.ratios[OPEN].high


def test_cases_that_cannot_be_read_are_nobodys_fault(tmp_path: Path) -> None:
    """What is wrong with the cases is said of them."""
    (tmp_path / "cases.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidDocument):
        itself(contending.candidate(tmp_path), tmp_path / "cases.npz")


@pytest.mark.parametrize("name", ["digits_conv", "digits_lstm", "digits_forest"])
def test_original_does_not_beat_itself(tmp_path: Path, name: str) -> None:
    """A real model set beside itself is not called better: not by more than it differs from itself."""
    shapes = {
        "digits_conv": ("image", (1, 1, 8, 8)),
        "digits_lstm": ("rows", (1, 8, 8)),
        "digits_forest": ("pixels", (1, 64)),
    }
    given, shape = shapes[name]
    made = Candidate(ORIGINAL, MODELS / f"{name}.onnx")
    cases = contending.cases(tmp_path, np.full(shape, 0.5, np.float32), name=given)
    how = replace(QUICK, processes=3, rounds=4)
    usual, found = noise(itself(made, cases, how)), itself(made, cases, how)
    assert not [key for key, ratio in found.ratios.items() if ratio.is_win(usual[key])], (
        found.ratios
    )
