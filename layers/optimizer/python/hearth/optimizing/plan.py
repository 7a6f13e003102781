"""Which candidates are worth making, in order of promise, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearth.optimizing.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Skipped:
    """A recipe that was not tried, and why."""

    recipe: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plans:
    """Candidates to make, each a tuple of recipes in their order, and what is left out.

    `nothing` says in a sentence why no candidate can help; "" where one may.
    """

    candidates: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    nothing: str = ""


def plan(inspection: Inspection, *, calibration: bool, only: Sequence[str] = ()) -> Plans:
    """Return what to make first.

    Args:
        inspection: Of the original.
        calibration: Whether there are rows to calibrate with.
        only: Names of recipes that alone may be used; none means all.
    """
    raise NotImplementedError


def combine(
    inspection: Inspection,
    passed: Sequence[tuple[str, ...]],
    made: Sequence[tuple[str, ...]],
    only: Sequence[str] = (),
) -> tuple[tuple[str, ...], ...]:
    """Return what to make of candidates that passed the gate: each with a way of loading.

    Args:
        inspection: Of the original.
        passed: Recipes of candidates that passed, the best by the objective first.
        made: All that was made before, whatever became of it.
        only: As in `plan`.
    """
    raise NotImplementedError
