"""Direct invokes and schedules."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.domain.errors import HearthError, InvalidName
from hearth.edge.jobs import model_of, unknown_job, version_of


def test_job_names_model_and_version() -> None:
    """Names are checked where they come in, numbers come as numbers or text."""
    assert model_of({"model": "m"}) == "m"
    assert version_of({"version": 3}) == 3
    assert version_of({"version": "003"}) == 3


@pytest.mark.parametrize(
    "event", [{}, {"model": ""}, {"model": "../m"}, {"model": None}, {"model": 7.5}]
)
def test_job_without_a_name_that_can_exist_is_refused(event: Any) -> None:
    """A model's name is never a path, in a job neither, and null is none."""
    with pytest.raises(InvalidName, match="model name is not valid"):
        model_of(event)


@pytest.mark.parametrize("version", [0, -1, "one", 2**63, None, 1.5, True])
def test_job_with_a_version_that_is_none_is_refused(version: Any) -> None:
    """A version is a positive 64-bit number."""
    with pytest.raises(InvalidName, match="Failed to convert version"):
        version_of({"version": version})


def test_unknown_job_is_told_the_known_ones() -> None:
    """The message lists what the function can do."""
    error = unknown_job("dance", "load", "sweep")

    assert isinstance(error, HearthError)
    assert str(error) == "this function has no such job: got dance, expected load or sweep"
