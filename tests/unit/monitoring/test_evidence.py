"""p-values from counts: scipy is the judge."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.monitoring import evidence
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

SIZES = st.integers(2, 12)
HISTOGRAMS = SIZES.flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 300), min_size=size, max_size=size).filter(any)] * 2
    )
)
SHARE = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.floats(0, 1500), st.integers(1, 400))
def test_chi_square_tail_is_scipys(statistic: float, freedom: int) -> None:
    """The tail in closed form is scipy's, far out as well."""
    expected = stats.chi2.sf(statistic, freedom)
    assert evidence.chi_square_p(statistic, freedom) == pytest.approx(
        expected, rel=1e-9, abs=1e-300
    )


@given(HISTOGRAMS)
def test_homogeneity_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    """The chi-square test of two samples is scipy's contingency test."""
    table = np.array(pair)[:, np.sum(pair, 0) > 0]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert evidence.homogeneity(*pair) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@given(HISTOGRAMS)
def test_rank_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    """The rank test on cells is scipy's Mann-Whitney test on tied values."""
    assume(sum(np.sum(pair, 0) > 0) > 1)
    places = [np.repeat(np.arange(len(cells)), cells) for cells in pair]
    expected = stats.mannwhitneyu(*places, use_continuity=False, method="asymptotic").pvalue
    assert evidence.normal_p(evidence.rank(*pair)) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@given(st.floats(1e-290, 1))
def test_normal_quantile_is_scipys(p: float) -> None:
    """The quantile is scipy's, far out as well."""
    assert evidence.normal_quantile(p) == pytest.approx(stats.norm.isf(p / 2), abs=1e-9)


@given(SHARE, SHARE)
def test_more_is_scipys(baseline: tuple[int, int], window: tuple[int, int]) -> None:
    """The exact test of a larger share is scipy's hypergeometric tail."""
    (b, m), (w, n) = baseline, window
    expected = stats.hypergeom.sf(w - 1, m + n, b + w, n) if w * m > b * n else 1.0
    assert evidence.more(baseline, window) == pytest.approx(expected, rel=1e-6, abs=1e-290)


@given(SHARE, SHARE)
def test_proportion_is_the_same_both_ways(
    baseline: tuple[int, int], window: tuple[int, int]
) -> None:
    """Neither sample is favoured."""
    assert evidence.proportion(baseline, window) == pytest.approx(
        evidence.proportion(window, baseline), rel=1e-7, abs=1e-290
    )


@given(st.integers(2, 2000), st.integers(0, 20), SHARE)
def test_outside_is_scipys(m: int, inside: int, window: tuple[int, int]) -> None:
    """So many values outside of a range of order statistics: scipy's beta-binomial tail."""
    found, n = window
    b = min(inside, m - 2)
    expected = stats.betabinom.pmf(np.arange(found, n + 1), n, b + 2, m - b - 1).sum()
    p = evidence.outside((b, m), window)
    if found * (m + 1) > n * (b + 2):
        assert p == pytest.approx(expected, rel=1e-5, abs=1e-250)
    else:
        assert p == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_scipys_bound(p_values: list[float]) -> None:
    """Holm's p-values lie between the raw ones and Bonferroni's, in the same order."""
    adjusted = evidence.holm(p_values)
    size = len(p_values)
    assert all(p <= a <= min(1, size * p) + 1e-12 for p, a in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)
    assert min(adjusted) == pytest.approx(min(1, size * min(p_values)))


@given(HISTOGRAMS)
def test_the_choice_of_tests_favours_neither_sample(pair: tuple[list[int], list[int]]) -> None:
    """Exchanged samples have the same tests and the same p-values."""
    a, b = pair
    for tests in (evidence.numbers, evidence.words):
        one, other = tests(a, b), tests(b, a)
        assert one.keys() == other.keys()
        assert all(one[k] == pytest.approx(other[k], rel=1e-6, abs=1e-290) for k in one)


@given(HISTOGRAMS)
def test_empty_cells_say_nothing(pair: tuple[list[int], list[int]]) -> None:
    """A cell that is empty on both sides changes no p-value."""
    a, b = pair
    wider = evidence.numbers([0, *a, 0], [0, *b, 0])
    assert evidence.numbers(a, b) == pytest.approx(wider)


@given(HISTOGRAMS)
def test_p_values_are_between_0_and_1(pair: tuple[list[int], list[int]]) -> None:
    """Every p-value is a probability."""
    found = {**evidence.numbers(*pair), **evidence.words(*pair)}
    assert all(0 <= p <= 1 for p in found.values())


def test_new_words_are_tested_with_the_rare_ones() -> None:
    """Words that a sample of many rare words missed are no evidence; where none is rare, they are."""
    rare = evidence.words([100] + [1] * 100 + [0], [100] + [0] * 60 + [1] * 20 + [0] * 20 + [80])
    assert min(rare.values()) > 0.5
    assert evidence.words([100, 100, 0], [60, 60, 80])["rare"] < 1e-9
