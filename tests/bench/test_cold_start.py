"""A first answer is as fast as the hardware allows: ratios to a floor measured in the same run."""

from __future__ import annotations

import pytest
from bench.cold_start import Starts, measured
from bench.contenders.lambdas import FLOOR, HEARTH, NAIVE

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROUNDS = 15


@pytest.fixture(scope="module")
def starts() -> Starts:
    return measured((FLOOR, HEARTH, NAIVE), ROUNDS)


def test_first_answer_takes_little_more_than_the_floor(starts: Starts) -> None:
    """A first answer, its model read from S3, takes at most 1.25 times what opening a local file takes."""
    assert starts.over(HEARTH).median <= 1.25


def test_first_answer_takes_less_than_a_naive_handler(starts: Starts) -> None:
    """A first answer takes at most 0.6 times what a handler takes that fetches with boto3."""
    assert starts.over(HEARTH, NAIVE).median <= 0.6
