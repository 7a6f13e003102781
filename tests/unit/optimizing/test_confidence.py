"""One-sided limits, against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hearth.optimizing.confidence import fewest, jackknifed, least, most, needed, root
from hypothesis import given
from hypothesis import strategies as st


def chance_of_at_most(count: int, mean: float) -> float:
    return math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1)
    )


@given(st.integers(0, 3000))
def test_limits_are_where_five_of_a_hundred_lie_beyond(count: int) -> None:
    """Of a mean as high as the limit, so few events come 5 times of 100; of the lower, so many."""
    assert chance_of_at_most(count, most(count)) == pytest.approx(0.05, rel=1e-6)
    if count:
        assert 1 - chance_of_at_most(count - 1, least(count)) == pytest.approx(0.05, rel=1e-6)
    assert least(count) <= count < most(count)


@given(st.integers(0, 500))
def test_more_events_mean_higher_limits(count: int) -> None:
    """Limits rise with what was seen."""
    assert most(count) < most(count + 1)
    assert least(count) < least(count + 1)


@pytest.mark.parametrize(("share", "rows"), [(0.05, 60), (0.01, 300), (0.001, 2996)])
def test_rows_that_show_a_small_share(share: float, rows: int) -> None:
    """The rule of three: three over the share."""
    assert fewest(share) == rows
    assert needed(0.0, share) == rows


def test_no_number_of_rows_shows_less_than_there_is() -> None:
    """Where as many differ as may, more rows show that, and nothing else."""
    assert needed(0.02, 0.01) == 0


def test_root_of_what_falls() -> None:
    """It is where nothing is left, or the end where something always is."""
    assert root(lambda x: 1 - x, -5, 5) == pytest.approx(1)
    assert root(lambda _: 1, -5, 5) == 5


@pytest.mark.parametrize("rows", [2, 7, 20, 21, 400])
def test_jackknife_of_a_mean_is_its_standard_error(rows: int) -> None:
    """Of a mean, groups say what every row does, up to how groups happen to be drawn."""
    numbers = np.random.default_rng(rows).normal(size=rows)
    value, above = jackknifed(rows, lambda some: float(numbers[some].mean()))
    assert value == pytest.approx(numbers.mean())
    error = above / {2: 6.314, 7: 1.943}.get(rows, 1.729)
    if rows <= 20:
        assert error == pytest.approx(numbers.std(ddof=1) / math.sqrt(rows))
    else:
        assert error == pytest.approx(numbers.std(ddof=1) / math.sqrt(rows), rel=0.5)


def test_one_row_shows_nothing() -> None:
    """Of one row nobody knows how rows vary."""
    assert jackknifed(1, lambda _: 1.0) == (1.0, math.inf)
