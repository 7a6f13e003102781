"""Verdicts on drift: what is claimed, what is not, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hearth.domain.baseline import Watched
from hearth.domain.distribution import CATEGORY, NUMERIC, Counts, Feature, count, nothing
from hearth.domain.value import Value
from hearth.monitoring import drift
from hearth.monitoring.drift import judge
from hearth.monitoring.report import DRIFTED, INSUFFICIENT, STABLE, Drift
from support import drifting

RNG = np.random.default_rng(1)
REFERENCE = RNG.normal(10, 2, 5000)
RADIUS = Feature("mean radius", NUMERIC, edges=tuple(np.quantile(REFERENCE, np.linspace(0, 1, 11))))
COLOUR = Feature("colour", CATEGORY, values=("red", "blue", "green"))


def _watched(feature: Feature, column: Sequence[Value]) -> Watched:
    return Watched(feature, count(feature, column))


BASELINE = _watched(RADIUS, REFERENCE.tolist())
COLOURS = _watched(COLOUR, ["red"] * 2500 + ["blue"] * 1500 + ["green"] * 1000)


def _one(column: Sequence[Value], baseline: Watched = BASELINE) -> Drift:
    return judge([baseline], [count(baseline.feature, column)])


def _normal(rows: int = 1000, shift: float = 0.0, scale: float = 1.0) -> list[Value]:
    values: list[Value] = RNG.normal(10 + 2 * shift, 2 * scale, rows).tolist()
    return values


def test_same_distribution_is_stable() -> None:
    """Traffic like the reference is stable, in one sentence."""
    judged = _one(_normal())
    assert judged.verdict == STABLE
    assert judged.reasons == ("all 1 features and outputs are as in the baseline",)
    assert judged.rows == 1000
    assert judged.baseline_rows == 5000
    assert 0.05 < judged.detectable < 0.2


def test_shift_is_said_in_standard_deviations() -> None:
    """A reason says which way a feature moved, how far, and on which evidence."""
    judged = _one(_normal(shift=0.5))
    assert judged.verdict == DRIFTED
    assert judged.reasons[0].startswith("mean radius moved up by 0.")
    assert "JS distance 0." in judged.reasons[0]
    assert "line 0.05" in judged.reasons[0]
    feature = judged.features[0]
    assert feature.distance > feature.line
    assert feature.p_adjusted < drift.LEVEL
    assert set(feature.figures) == {"psi", "wasserstein", "ks", "l_infinity", "chi_square"}
    assert sum(item.window for item in feature.bins) == pytest.approx(1)


@pytest.mark.parametrize(("scale", "words"), [(1.5, "spread out"), (0.6, "drew together")])
def test_change_of_scale_is_said(scale: float, words: str) -> None:
    """A spread that changed around the same mean is drift, and said as such."""
    assert words in _one(_normal(scale=scale)).reasons[0]


def test_missing_values_are_drift_of_their_own() -> None:
    """A share of NaN that the reference does not have is drift."""
    judged = _one([*_normal(970), *["NaN"] * 30])
    assert judged.verdict == DRIFTED
    assert "the share of 'NaN' rose from 0.00% to 3.00%" in judged.reasons[0]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["red"] * 700 + ["blue"] * 200 + ["green"] * 100, "'red' rose from 50.00% to 70.00%"),
        (["red"] * 450 + ["blue"] * 270 + ["green"] * 180 + ["grey"] * 100, "'unseen' rose from 0"),
    ],
)
def test_words_that_moved_are_named(column: list[Value], words: str) -> None:
    """Of a category, the word whose share changed most is named."""
    judged = _one(column, COLOURS)
    assert judged.verdict == DRIFTED
    assert words in judged.reasons[0]


def test_constant_feature_drifts_when_it_is_no_longer() -> None:
    """A feature that is constant in the reference drifts by leaving its value."""
    one = Feature("one", NUMERIC, edges=(1.0, float(np.nextafter(1.0, 2))))
    baseline = _watched(one, [1.0] * 1000)
    assert _one([1.0] * 500, baseline).verdict == STABLE
    assert _one([1.0] * 400 + [2.0] * 100, baseline).verdict == DRIFTED
    assert _one([7.0] * 500, baseline).verdict == DRIFTED


def test_what_matters_little_is_stable_however_certain() -> None:
    """Evidence without distance is no drift: 100,000 rows that moved by 0.05 deviations."""
    judged = _one(_normal(100_000, shift=0.08))
    assert judged.features[0].p_value < 1e-6
    assert judged.verdict == STABLE
    assert "no more than matters" in judged.features[0].reason


@pytest.mark.parametrize(("rows", "features"), [(10, 1), (49, 1), (60, 1), (100, 500)])
def test_too_few_rows_are_no_verdict(rows: int, features: int) -> None:
    """Where a shift of half a deviation could go unseen, the reason says what is needed."""
    still = count(RADIUS, _normal(rows))
    judged = judge([BASELINE] * features, [still] * features)
    enough = drift.effective(5000, rows) >= drift.Family(features).rows
    assert (judged.verdict == INSUFFICIENT) is not enough
    if not enough:
        needed = int(judged.reasons[0].split("; ")[1].split()[0])
        grown = count(RADIUS, _normal(rows + needed))
        assert judge([BASELINE] * features, [grown] * features).verdict == STABLE
        fewer = count(RADIUS, _normal(rows + needed - 1))
        assert judge([BASELINE] * features, [fewer] * features).verdict == INSUFFICIENT


@pytest.mark.parametrize("features", [1, 20, 500])
def test_what_is_plain_is_drift_with_few_rows_too(features: int) -> None:
    """Too few rows to call anything stable are enough for a shift that nobody could miss."""
    moved, still = count(RADIUS, _normal(55, shift=3)), count(RADIUS, _normal(55))
    assert drift.effective(5000, 55) < drift.Family(features).rows
    judged = judge([BASELINE] * features, [moved] + [still] * (features - 1))
    assert judged.verdict == DRIFTED
    assert judged.features[0].verdict == DRIFTED
    assert {item.verdict for item in judged.features[1:]} <= {INSUFFICIENT}
    moved = count(RADIUS, _normal(49, shift=3))
    assert judge([BASELINE], [moved]).verdict == INSUFFICIENT


def test_small_baseline_is_said_to_be_what_is_small() -> None:
    """No window makes up for too few rows of reference data."""
    small = _watched(RADIUS, REFERENCE[:40].tolist())
    judged = _one(_normal(10_000), small)
    assert judged.verdict == INSUFFICIENT
    assert "the baseline itself needs more than" in judged.reasons[0]


def test_line_grows_as_rows_get_fewer() -> None:
    """The distance to be exceeded is what matters, or what could be told from chance at all."""
    family = drift.Family(20)
    lines = [family.line(3, n) for n in (100, 300, 1000, 100_000)]
    assert lines == sorted(lines, reverse=True)
    assert lines[-1] == drift.FLOOR


def test_masked_and_uncounted_features_are_left_out() -> None:
    """What is never written down, or counted on one side only, is not judged."""
    secret = Watched(replace(RADIUS, masked=True), BASELINE.counts)
    unknown = Watched(replace(RADIUS, name="new"), nothing(RADIUS))
    counts = count(RADIUS, _normal())
    judged = judge([secret, unknown, BASELINE], [counts] * 3)
    assert [item.name for item in judged.features] == ["mean radius"]
    assert judged.verdict == STABLE


@pytest.mark.parametrize("window", [[], [nothing(RADIUS)]])
def test_window_of_nothing_is_no_verdict(window: list[Counts]) -> None:
    """A window without traffic is insufficient data."""
    judged = judge([BASELINE], window)
    assert judged.verdict == INSUFFICIENT
    assert judged.reasons == ("nothing was counted in both the baseline and the window",)
    assert judged.detectable == 0


def test_outputs_are_judged_with_the_features() -> None:
    """Outputs are in the same family: their drift is the version's."""
    counts = count(RADIUS, _normal())
    moved = count(COLOUR, ["blue"] * 1000)
    judged = judge([BASELINE], [counts], [COLOURS], [moved])
    assert judged.verdict == DRIFTED
    assert judged.features[0].verdict == STABLE
    assert judged.outputs[0].verdict == DRIFTED
    assert judged.outputs[0].p_adjusted == pytest.approx(2 * judged.outputs[0].p_value)


def test_strongest_comes_first_and_many_are_cut_short() -> None:
    """Reasons are ordered by evidence; those beyond ten are counted."""
    far, near = count(RADIUS, _normal(shift=2)), count(RADIUS, _normal(shift=0.6))
    features = [Watched(replace(RADIUS, name=f"f{i}"), BASELINE.counts) for i in range(15)]
    judged = judge(features, [*[near] * 14, far])
    assert judged.reasons[0].startswith("f14 ")
    assert judged.reasons[-1] == "5 more drifted"


def test_provisional_baseline_is_said() -> None:
    """Whoever reads a verdict learns that its baseline is only the first traffic."""
    judged = judge([BASELINE], [count(RADIUS, _normal())], provisional=True)
    assert judged.provisional
    assert "provisional" in judged.reasons[-1]


def test_counts_of_another_baseline_are_no_verdict() -> None:
    """A window over other bins, or of other features, is insufficient data, never an error."""
    other = Counts(bins=(500, 500))
    assert judge([BASELINE], [other]).verdict == INSUFFICIENT
    assert "other bins" in judge([BASELINE], [other]).reasons[0]
    assert judge([BASELINE], [other, other]).verdict == INSUFFICIENT


def test_verdict_needs_no_finite_values() -> None:
    """A feature of which nothing is left but missing values drifts, and nothing fails."""
    judged = _one([None] * 1000)
    assert judged.verdict == DRIFTED
    assert judged.features[0].distance == pytest.approx(1)
    assert "wasserstein" not in judged.features[0].figures


# ---- a small part of tests/bench/test_drift.py --------------------------------------------------


@pytest.mark.parametrize("kind", drifting.KINDS)
def test_models_that_stand_still_seldom_alarm(kind: str) -> None:
    """Evidence against 400 models of 20 features that did not move is found in few of them."""
    rng = np.random.default_rng(42)
    kind_of, draw = drifting.KINDS[kind]
    for m, n in ((500, 200), (5000, 1000), (500, 10_000)):
        sample = drifting.windows(draw(8000, m, rng), n, kind_of, rng)
        models, evident, drifted = drifting.alarms(sample, sample.p_values(), 20)
        # Of 400, 5% is 20; 1% is 4, and more than 15 come with a chance of 1 in 100,000.
        assert models == 400
        assert drifted <= evident <= 15, (m, n)


def test_shift_in_one_feature_of_a_hundred_is_found() -> None:
    """A shift of 0.25 deviations with 1000 rows is found among 100 features that did not move."""
    rng = np.random.default_rng(43)
    kind, draw = drifting.KINDS["normal"]
    still = drifting.windows(draw(99, 5000, rng), 1000, kind, rng)
    pairs = [still.feature(i) for i in range(99)]
    found = 0
    for _ in range(40):
        moved = count(RADIUS, rng.normal(10.5, 2, 1000).tolist())
        judged = judge([BASELINE, *(w for w, _ in pairs)], [moved, *(c for _, c in pairs)])
        found += judged.features[0].verdict == DRIFTED
    assert found >= 36


def test_simulation_has_the_products_p_values() -> None:
    """The rows of the simulation have the p-values that the product gives to each."""
    rng = np.random.default_rng(44)
    for kind_of, draw in drifting.KINDS.values():
        sample = drifting.windows(draw(30, 500, rng), 200, kind_of, rng)
        for i, p in enumerate(sample.p_values()):
            tests = drift.p_values(*sample.feature(i))
            exact = min([1.0, *(len(tests) * each for each in tests.values())])
            assert p == pytest.approx(exact, rel=1e-6) or min(p, exact) > 0.01


def test_numbers_near_the_largest_float_are_judged() -> None:
    """Sums that are beyond every float spoil figures, never a verdict."""
    wide = Feature("wide", NUMERIC, edges=(-1e308, -1e200, 0.0, 1e200, 1e308))
    column: list[Value] = [-1e308, -1e100, 1e100, 1e307] * 100
    largest = 1.7976931348623157e308
    baseline = replace(count(wide, column), sum=largest, sum_of_squares=largest)
    moved = replace(count(wide, [1e307] * 400), sum=largest, sum_of_squares=largest)
    judged = judge([Watched(wide, baseline)], [moved])
    assert judged.verdict == DRIFTED
    assert all(np.isfinite(v) for v in judged.features[0].figures.values())
