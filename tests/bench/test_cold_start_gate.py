"""A change that makes first answers slower does not land: the aims of test_cold_start.py with room for noise."""

from __future__ import annotations

import pytest
from bench.cold_start import Starts, measured
from bench.contenders.lambdas import FLOOR, HEARTH, NAIVE

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS = 11


@pytest.fixture(scope="module")
def starts() -> Starts:
    return measured((FLOOR, HEARTH, NAIVE), ROUNDS)


def test_first_answer_stays_near_the_floor(starts: Starts) -> None:
    """A first answer takes at most 1.4 times what opening a local file takes."""
    assert starts.over(HEARTH).median <= 1.4


def test_first_answer_stays_below_a_naive_handler(starts: Starts) -> None:
    """A first answer takes at most 0.6 times what a handler takes that fetches with boto3."""
    assert starts.over(HEARTH, NAIVE).median <= 0.6
