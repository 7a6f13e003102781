"""Gates are TensorFlow Model Analysis's rule, closed where anything is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hearth.domain.monitoring import Threshold
from hearth.monitoring.gates import judge, named
from hearth.monitoring.report import FAILED, PASSED, Metric, Quality, SliceQuality
from hypothesis import given
from hypothesis import strategies as st


def metric(name: str, value: float, better: str = "higher") -> Metric:
    return Metric(name, value, value, value, 100, better)


def verdict(value: float, before: float | None, better: str = "higher", **limits: Any) -> str:
    baseline = None if before is None else {"x": metric("x", before, better)}
    return judge({"x": metric("x", value, better)}, baseline, {"x": Threshold(**limits)}).verdict


@pytest.mark.parametrize(
    ("value", "before", "better", "limits", "expected"),
    [
        (0.9, None, "higher", {"lower": 0.9}, PASSED),
        (0.8999, None, "higher", {"lower": 0.9}, FAILED),
        (0.9, None, "lower", {"upper": 0.9}, PASSED),
        (0.9001, None, "lower", {"upper": 0.9}, FAILED),
        (0.5, None, "higher", {"lower": 0.4, "upper": 0.45}, FAILED),
        (math.nan, None, "higher", {"lower": 0.0}, FAILED),
        (0.75, 0.5, "higher", {"absolute": 0.25}, PASSED),
        (0.75, 0.5, "higher", {"absolute": 0.2500001}, FAILED),
        (0.75, 0.5, "higher", {"relative": 0.5}, PASSED),  # (c - b) / b, not c / b
        (0.75, 0.5, "higher", {"relative": 0.51}, FAILED),
        (0.75, 0.5, "higher", {"absolute": 0.1, "relative": 0.9}, FAILED),  # both must hold
        (0.49, 0.5, "higher", {"absolute": -0.02}, PASSED),
        (0.47, 0.5, "higher", {"absolute": -0.02}, FAILED),
        (0.25, 0.5, "lower", {"absolute": -0.25}, PASSED),
        (0.26, 0.5, "lower", {"absolute": -0.25}, FAILED),
        (0.55, 0.5, "lower", {"relative": 0.2}, PASSED),
        (0.65, 0.5, "lower", {"relative": 0.2}, FAILED),
        (0.5, 0.0, "higher", {"absolute": 0.1}, FAILED),  # no share of nothing can be told
        (0.5, 0.0, "higher", {"lower": 0.1}, PASSED),
        (-0.5, -1.0, "higher", {"relative": -0.6}, PASSED),  # the share has the baseline's sign
        (0.1, 0.1, "neither", {"absolute": -1.0}, FAILED),
        (0.5, None, "higher", {}, PASSED),
    ],
)
def test_gate_is_the_rule(
    value: float, before: float | None, better: str, limits: Any, expected: str
) -> None:
    """Values lie between the limits; change holds absolutely and relatively, in its direction."""
    assert verdict(value, before, better, **limits) == expected


FINITE = st.floats(-10, 10)
LIMIT = st.none() | FINITE


@given(FINITE, FINITE, st.sampled_from(["higher", "lower"]), LIMIT, LIMIT, LIMIT, LIMIT)
def test_gate_agrees_with_the_rule_as_it_is_written(
    value: float,
    before: float,
    better: str,
    lower: float | None,
    upper: float | None,
    absolute: float | None,
    relative: float | None,
) -> None:
    """Whatever the numbers, the verdict is that of the rule in TensorFlow Model Analysis."""
    within = (
        (-math.inf if lower is None else lower) <= value <= (math.inf if upper is None else upper)
    )
    passes = True
    if absolute is not None or relative is not None:
        change = value - before
        share = math.nan if before == 0 else change / before
        if better == "lower":
            passes = change <= (math.inf if absolute is None else absolute)
            passes &= share <= (math.inf if relative is None else relative)
        else:
            passes = change >= (-math.inf if absolute is None else absolute)
            passes &= share >= (-math.inf if relative is None else relative)

    limits = {"lower": lower, "upper": upper, "absolute": absolute, "relative": relative}
    assert (verdict(value, before, better, **limits) == PASSED) is (within and passes)


def test_missing_metric_fails() -> None:
    """What cannot be told is not good enough; neither is a slice that nobody was in."""
    metrics = {"accuracy": metric("accuracy", 1.0)}
    limits = {"f1_macro": Threshold(lower=0), "accuracy@region=eu": Threshold(lower=0)}

    gate = judge(metrics, None, limits)

    assert gate.verdict == FAILED
    assert [reason.split(":")[0] for reason in gate.reasons] == [
        "accuracy@region=eu is missing",
        "f1_macro is missing",
    ]
    assert gate.missing == ("accuracy@region=eu", "f1_macro")


def test_first_version_is_passed_and_says_so() -> None:
    """Without a baseline, limits of change are passed over, and limits of value are not."""
    metrics = {"x": metric("x", 0.5)}

    passed = judge(metrics, None, {"x": Threshold(lower=0.4, absolute=0.1)}, 7)
    failed = judge(metrics, None, {"x": Threshold(lower=0.6, absolute=0.1)}, 7)

    assert (passed.verdict, passed.first, passed.compared_with) == (PASSED, True, 0)
    assert (failed.verdict, failed.first) == (FAILED, True)
    assert not judge(metrics, None, {"x": Threshold(lower=0.4)}).first


def test_baseline_without_the_metric_fails() -> None:
    """A version that is there to be compared with, and cannot be, closes the gate."""
    gate = judge({"x": metric("x", 0.5)}, {}, {"x": Threshold(absolute=-1)}, 3)

    assert (gate.verdict, gate.first, gate.compared_with) == (FAILED, False, 3)
    assert gate.reasons == ("x is missing in the version that it is compared with",)
    assert gate.missing == ("x",)


def test_metric_that_was_told_is_not_missing() -> None:
    """Too low is known; not a number is not; a version before matters to limits of change alone."""
    metrics = {"x": metric("x", 0.5), "y": metric("y", math.nan)}
    limits = {"x": Threshold(lower=0.9), "y": Threshold(lower=0.1)}

    assert judge(metrics, {}, limits, 3).missing == ("y",)


def test_reasons_say_value_change_and_limit() -> None:
    """A reason holds what was measured, what it was before, and what was asked."""
    gate = judge(
        {"x": metric("x", 0.45)}, {"x": metric("x", 0.5)}, {"x": Threshold(absolute=-0.01)}, 1
    )

    assert gate.reasons == (
        "x is 0.45, -0.05 (-10.00%) from 0.5: expected a change of at least -0.01",
    )


def test_thresholds_name_classes_and_slices_but_no_estimate() -> None:
    """`f1[3]` is a class's, `accuracy@region=eu` a slice's; an estimate is never admitted."""
    accuracy = metric("accuracy", 0.9)
    found = named(
        Quality(
            "classification",
            metrics=(accuracy,),
            classes={"3": (metric("f1", 0.8),)},
            slices=(SliceQuality("region=eu", 30, (metric("accuracy", 0.7),)),),
            estimate=metric("estimated_accuracy", 0.99),
        )
    )

    assert {name: one.value for name, one in found.items()} == {
        "accuracy": 0.9,
        "f1[3]": 0.8,
        "accuracy@region=eu": 0.7,
    }
    assert judge(found, None, {"estimated_accuracy": Threshold(lower=0.1)}).verdict == FAILED
