"""Which candidates are worth making, in order of promise, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearth.optimizing.inspection import (
    CONVOLUTIONAL,
    DEPTHWISE,
    RECURRENT,
    TRANSFORMER,
    Inspection,
)
from hearth.optimizing.names import LOADING, NAMES
from hearth.optimizing.promise import nothing_to_gain, unpromising
from hearth.optimizing.recipes.all import BY_NAME
from hearth.optimizing.skipped import Skipped

# What goes before that for a family.
_FIRST: Mapping[str, tuple[tuple[str, ...], ...]] = {
    TRANSFORMER: (("int8-dynamic-matmul",), ("fusion", "int8-dynamic-matmul")),
    CONVOLUTIONAL: (("int8-static-channel",), ("int8-static",), ("saved-graph",)),
    DEPTHWISE: (("saved-graph",), ("int8-static-channel",), ("int8-static",)),
    RECURRENT: (("int8-dynamic",),),
}
# How many candidates that passed are worth another way of loading.
_BEST = 2


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
    nothing = "" if only else nothing_to_gain(inspection)
    names = tuple(dict.fromkeys((*NAMES, *only)))
    reasons = {
        name: nothing or _reason(name, inspection, calibration=calibration, only=only)
        for name in names
    }
    order = _order(inspection, names)
    candidates = tuple(c for c in order if not any(reasons[name] for name in c))
    if not candidates and not nothing:
        nothing = "no recipe that may be used can matter for it"
    skipped = tuple(Skipped(name, reason) for name, reason in reasons.items() if reason)
    return Plans(candidates, skipped, nothing)


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
    ways = [w for w in LOADING if not _reason(w, inspection, calibration=False, only=only)]
    best = [recipes for recipes in passed if not set(recipes) & set(LOADING)][:_BEST]
    combined = ((*recipes, way) for recipes in best for way in ways)
    return tuple(recipes for recipes in combined if recipes not in made)


def _order(inspection: Inspection, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return all candidates there could be, the most promising for the family first."""
    first = _FIRST.get(inspection.family, ())
    return (*first, *((name,) for name in names if (name,) not in first))


def _reason(name: str, inspection: Inspection, *, calibration: bool, only: Sequence[str]) -> str:
    """Return why a recipe is left out; "" where it is tried."""
    if only and name not in only:
        return "it was not asked for"
    if name not in NAMES and name not in BY_NAME:
        return "there is no recipe of that name"
    recipe = BY_NAME.get(name)
    impossible = recipe.requires(inspection, calibration) if recipe else ""
    return impossible or ("" if only else unpromising(name, inspection, calibration=calibration))
