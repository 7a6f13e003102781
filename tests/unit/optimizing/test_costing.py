"""What a million predictions cost on Lambda, and how long one takes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hearth.optimizing.cost import MEMORY_SIZES, PRICES, Assumptions, AtMemory, Costs
from hearth.optimizing.costing import billed_ms, costs, threads
from hearth.optimizing.measurement import Figures, Latency
from hearth.serving.session import processors
from hypothesis import given
from hypothesis import strategies as st

WARM = Assumptions(cold_share=0.0, handler_ms=0.0)
TIMES = st.floats(0.01, 5000)


def latency(ms: float, many: int = 1, batch: int = 1) -> Latency:
    return Latency(batch, many, ms, ms * 1.5, 100)


def figures(*latencies: Latency, resident_mb: float = 20.0, size: int = 8_000_000) -> Figures:
    return Figures(size, 50.0, 10.0, resident_mb, latencies, 3)


def at(found: Costs, memory_mb: int) -> AtMemory:
    return next(size for size in found.sizes if size.memory_mb == memory_mb)


def test_every_memory_size_is_told() -> None:
    """There is one line for each size, smallest first."""
    assert tuple(x.memory_mb for x in costs(figures(latency(5)), WARM).sizes) == MEMORY_SIZES


def test_below_one_processor_time_goes_by_its_share() -> None:
    """A function of 512 MB has 512/1769 of a processor."""
    found = costs(figures(latency(10)), WARM)
    assert at(found, 1769).run_ms == pytest.approx(10)
    assert at(found, 512).run_ms == pytest.approx(10 * 1769 / 512)
    assert at(found, 128).run_ms == pytest.approx(10 * 1769 / 128)


def test_one_thread_has_nothing_of_more_processors() -> None:
    """What was measured with one thread alone stays as fast as it is."""
    found = costs(figures(latency(10)), WARM)
    assert {at(found, size).run_ms for size in MEMORY_SIZES if size >= 1769} == {10.0}


def test_parallel_share_is_fitted() -> None:
    """Eight tenths of 10 ms are shared by two threads in 6 ms, and by six in 3.5 or so."""
    found = costs(figures(latency(6, 2), latency(10, 1)), WARM)
    assert at(found, 1769).run_ms == pytest.approx(10)
    assert at(found, 3538).run_ms == pytest.approx(6)
    assert at(found, 5307).run_ms == pytest.approx(2 + 8 / 3)
    # Six threads on 5.8 processors.
    assert at(found, 10240).run_ms == pytest.approx(2 + 8 / (10240 / 1769))


def test_threads_that_are_in_each_others_way_make_it_slower() -> None:
    """Where two threads take longer than one, a size with two of them is slower."""
    found = costs(figures(latency(10, 1), latency(12, 2)), WARM)
    assert at(found, 3538).run_ms == pytest.approx(12)
    assert at(found, 1769).run_ms == pytest.approx(10)


def test_fixed_threads_are_those_of_every_size() -> None:
    """A session of two threads on one processor takes twice as long as on two."""
    found = costs(figures(latency(6, 2)), WARM)
    assert at(found, 1769).run_ms == pytest.approx(12)
    assert at(found, 10240).run_ms == pytest.approx(6)


def test_other_batch_sizes_do_not_decide() -> None:
    """Costs are those of the first batch size."""
    found = costs(figures(latency(5), latency(80, 1, 32), latency(50, 2, 32)), WARM)
    assert at(found, 3538).run_ms == pytest.approx(5)


@pytest.mark.parametrize("memory_mb", MEMORY_SIZES)
def test_threads_are_those_of_the_session(memory_mb: int) -> None:
    """A session has so many threads, as far as this machine has processors."""
    assert processors(memory_mb) in (
        threads(memory_mb),
        min(threads(memory_mb), processors(1 << 20)),
    )
    assert threads(10240) == 6


@given(TIMES, TIMES, st.floats(0, 3000))
def test_more_memory_is_never_slower_where_threads_help(one: float, two: float, mb: float) -> None:
    """Time falls with the memory size, unless threads are in each other's way."""
    found = costs(
        figures(latency(max(one, two), 1), latency(min(one, two), 2), resident_mb=mb), WARM
    )
    runs = [x.run_ms for x in found.sizes]
    assert all(later <= before * (1 + 1e-9) for before, later in itertools.pairwise(runs))


def test_whole_milliseconds_are_billed() -> None:
    """Of 0.3 ms one is billed, so that 0.2 ms cost the same."""
    slower, faster = (costs(figures(latency(ms)), WARM) for ms in (0.3, 0.2))
    assert at(slower, 1769).billed_ms == at(faster, 1769).billed_ms == 1
    assert at(slower, 1769).dollars == at(faster, 1769).dollars
    assert at(slower, 1769).run_ms > at(faster, 1769).run_ms


@given(st.floats(0, 1e6))
def test_billed_time_is_the_next_whole_millisecond(duration: float) -> None:
    """Never less than what it took, and less than one more."""
    assert max(1, math.floor(duration)) <= billed_ms(duration) <= math.floor(duration) + 1


def test_dollars_are_those_of_the_price_list() -> None:
    """A million of 10 ms at 1,024 MB are 10,000 GB-seconds, and 20 cents for requests."""
    share = 1024 / 1769
    found = at(costs(figures(latency(10 * share)), WARM), 1024)
    assert found.billed_ms == 10
    assert found.dollars == pytest.approx(10_000 * 0.0000166667 + 0.20)
    arm = at(costs(figures(latency(10 * share)), replace(WARM, architecture="arm64")), 1024)
    assert arm.dollars == pytest.approx(10_000 * 0.0000133334 + 0.20)
    assert "2026" in PRICES["x86_64"].source


def test_cold_starts_are_billed() -> None:
    """One prediction of a hundred starts, fetches, opens and runs, all of it paid."""
    what = Assumptions(cold_share=0.01, init_ms=500, handler_ms=1, fetch_mb_s=80)
    found = at(costs(figures(latency(5), size=8_000_000), what), 1769)
    assert found.cold_ms == pytest.approx(500 + 100 + 50 + 10 + 1)
    spent = (0.99 * 6 + 0.01 * 661) / 1000 * 1769 / 1024 * 0.0000166667
    assert found.dollars == pytest.approx(1e6 * spent + 0.20)


def test_starting_takes_longer_on_less_than_a_processor() -> None:
    """What a processor does takes longer on a share of it; what the network does, does not."""
    found = costs(figures(latency(5)), Assumptions(handler_ms=0))
    assert at(found, 512).cold_ms - 100 == pytest.approx(
        (at(found, 1769).cold_ms - 100) * 1769 / 512
    )


def test_what_does_not_fit_is_marked_and_never_best() -> None:
    """A model of 500 MB beside 120 MB that the function holds needs more than 620 MB."""
    found = costs(figures(latency(5), resident_mb=500), Assumptions())
    assert {x.memory_mb for x in found.sizes if not x.fits} == {128, 256, 512}
    assert found.cheapest >= 1024
    assert at(found, found.fastest).fits


def test_nothing_is_best_where_nothing_fits() -> None:
    """A model of 11 GB has no size to run in."""
    found = costs(figures(latency(5), resident_mb=11_000), Assumptions())
    assert (found.cheapest, found.fastest) == (0, 0)


@given(TIMES, st.floats(0.01, 0.99), st.floats(0, 2000), st.floats(0, 0.2))
def test_faster_is_never_dearer(ms: float, by: float, mb: float, cold: float) -> None:
    """At no size does a candidate cost more that takes less time."""
    what = Assumptions(cold_share=cold)
    slower, faster = (costs(figures(latency(t), resident_mb=mb), what) for t in (ms, ms * by))
    for one, other in zip(slower.sizes, faster.sizes, strict=True):
        assert other.dollars <= one.dollars
    best = {x.memory_mb: x for x in slower.sizes}[slower.cheapest]
    assert best.dollars == min(x.dollars for x in slower.sizes if x.fits)
    quick = {x.memory_mb: x for x in slower.sizes}[slower.fastest]
    assert quick.run_ms <= min(x.run_ms for x in slower.sizes if x.fits) * (1 + 1e-6)


def test_without_latencies_the_first_run_is_what_is_known() -> None:
    """A run is then taken to be as long as the first one, by one thread."""
    assert at(costs(figures(), WARM), 1769).run_ms == pytest.approx(10)
