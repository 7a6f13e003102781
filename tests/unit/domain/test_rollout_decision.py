"""What becomes of a rollout: on where all is known and well, back where a fault is evident."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hearth.domain.rollout import Count, Counts, Gradual, Rollout
from hearth.domain.rollout_decision import (
    ADVANCE,
    ROLL_BACK,
    WAIT,
    Decision,
    Evidence,
    Standing,
    binomial_tail,
    decide,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

BEGAN = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=40)
# Both had answered before this step began: that is not the step's.
EARLIER = Counts(Count(1000, 800, 900), Count(5000, 30, 40))
ROLLOUT = Rollout(2, {1: 1}, 10, "2026-11-23T20:00:00.000Z", EARLIER)
GRADUAL = Gradual(step_minutes=30, min_requests=100)
WELL = Standing(drift="stable")
PASSED = replace(WELL, gate="passed", labelled=50)
FAILED = replace(WELL, gate="failed", labelled=50)


def decided(
    *,
    new: tuple[int, int] = (150, 0),
    old: tuple[int, int] = (1350, 0),
    refused: tuple[int, int] = (0, 0),
    standing: Standing | None = WELL,
    beside: Standing = WELL,
    judged: float | None = 35,
    now: datetime = NOW,
    **policy: Any,
) -> Decision:
    """Decide; counts are of this step, `judged` is in minutes from its beginning.

    `new` and `old` are requests and those that failed, `refused` is of both.
    """
    counts = Counts(
        Count(1000 + new[0], 800 + refused[0], 900 + new[1]),
        Count(5000 + old[0], 30 + refused[1], 40 + old[1]),
    )
    at = None if judged is None else BEGAN + timedelta(minutes=judged)
    evidence = Evidence(counts, at, standing, (beside,))
    return decide(ROLLOUT, replace(GRADUAL, **policy), evidence, now)


def test_step_without_faults_goes_on() -> None:
    """It lasted, it was asked, a report saw all of it, and nothing is wrong."""
    found = decided()

    assert found == Decision(ADVANCE, ("150 requests in this step: 0 failed, 0 were refused",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"now": BEGAN + timedelta(minutes=29), "judged": 28},
            "lasts until 2026-11-23 20:30:00 UTC",
        ),
        ({"new": (99, 0)}, "99 requests in this step: 100 are asked for"),
        ({"judged": 29.9}, "no report of this version that saw the whole step .*20:29:54 UTC"),
        ({"judged": None}, "no report .*last: none"),
        ({"standing": None}, "no report of this version"),
        ({"standing": replace(FAILED, gate_missing=True)}, "a metric .* is missing"),
        ({"standing": replace(FAILED, labelled=29)}, "29 labelled predictions are few"),
        ({"new": (150, 2)}, "2 of 150 requests failed .* may be chance"),
        ({"refused": (2, 0)}, "2 of 150 requests were refused .* may be chance"),
        ({"standing": replace(WELL, drift="drifted")}, "it drifted from its baseline"),
    ],
)
def test_step_waits_for_what_is_not_known(change: dict[str, Any], words: str) -> None:
    """Whatever is missing holds it where it is, and is told."""
    found = decided(**change)

    assert found.move == WAIT
    assert [reason for reason in found.reasons if re.search(words, reason)]


def test_all_that_is_waited_for_is_told_at_once() -> None:
    """Nobody learns the second reason only when the first is gone."""
    found = decided(now=BEGAN, new=(0, 0), judged=None, standing=None)

    assert len(found.reasons) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"new": (20, 4)}, "4 of 20 requests failed in this step, and 0 of 1350"),
        ({"new": (150, 9), "now": BEGAN + timedelta(minutes=1), "judged": None}, "9 of 150"),
        ({"new": (1000, 60), "old": (9000, 180)}, "60 of 1000 .* 180 of 9000"),
        ({"refused": (30, 1)}, "30 of 150 requests were refused .* 1 of 1350"),
        ({"standing": FAILED}, "quality failed its thresholds, by 50 labelled predictions"),
        ({"standing": FAILED, "judged": 1, "now": BEGAN + timedelta(minutes=2)}, "quality failed"),
    ],
)
def test_evident_fault_goes_back_at_once(change: dict[str, Any], words: str) -> None:
    """No step has to be over for that."""
    found = decided(**change)

    assert found.move == ROLL_BACK
    assert re.search(words, found.reasons[0])


@pytest.mark.parametrize(
    "change",
    [
        {"new": (19, 19)},  # too few to tell
        {"new": (150, 4)},  # one in forty, where one in a hundred is nobody's fault
        {"new": (1000, 30), "old": (9000, 180)},
        {"standing": FAILED, "judged": -1},  # a report of an earlier step
        {"standing": replace(FAILED, gate_missing=True)},
    ],
)
def test_what_may_be_chance_or_is_not_known_takes_nothing_back(change: dict[str, Any]) -> None:
    """A version is not given up for what happens to a good one, or to the other one as well."""
    assert decided(**change).move == WAIT


@pytest.mark.parametrize(
    "change",
    [
        {"new": (200, 2)},  # one in a hundred
        {"new": (1000, 20), "old": (9000, 180)},  # as many as the version before
        {"refused": (75, 675)},  # every other caller is wrong, whoever answers
        {"standing": PASSED},
        {"standing": replace(WELL, drift="insufficient data")},
        # What callers send has changed: the new version is no worse off than the old one.
        {"standing": replace(WELL, drift="drifted"), "beside": replace(WELL, drift="drifted")},
        {"step_minutes": 0, "min_requests": 0, "new": (0, 0), "judged": 0, "now": BEGAN},
    ],
)
def test_what_is_no_fault_of_the_version_does_not_hold_it(change: dict[str, Any]) -> None:
    """It is measured by what served before, and by what the policy asks for."""
    assert decided(**change).move == ADVANCE


def test_quality_that_passed_is_told() -> None:
    """The history says what the move rested on."""
    assert (
        decided(standing=PASSED).reasons[0].endswith("were refused, quality within its thresholds")
    )


def test_totals_that_were_lost_are_not_faults() -> None:
    """Where counts begin anew, nothing is known of the step: it waits."""
    evidence = Evidence(Counts(Count(50, 0, 50), Count(10)), NOW, WELL, (WELL,))

    assert decide(ROLLOUT, GRADUAL, evidence, NOW).move == WAIT


@given(st.integers(0, 3000), st.integers(1, 3000), st.floats(0.001, 0.5))
def test_tail_is_the_binomial_distributions(least: int, tries: int, share: float) -> None:
    """Above the mean it is the exact probability; below there is no fault to see, and it is 1."""
    found = binomial_tail(least, tries, share)

    if least <= tries * share:
        assert found == 1.0
    else:
        assert found == pytest.approx(
            float(binom.sf(least - 1, tries, share)), rel=1e-6, abs=1e-300
        )
