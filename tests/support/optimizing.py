"""Real models in a bucket with their data, and an optimizer beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hearth.domain.optimization import Wish
from hearth.optimizing.optimization import Attempt, Optimizer, assemble, optimize
from hearth.optimizing.report import Report
from hearth.optimizing.searches import Searches
from hearth.publishing.publication import Source
from hearth.stores.artefacts import Artefacts
from hearth.stores.clock import SystemClock
from hearth.stores.ports import Documents

MODELS = Path(__file__).parents[1] / "models"
MEMORY_MB = 3008
SERVING_MB = 1769


def optimizer(
    artefacts: Artefacts, documents: Documents, folder: Path, **overrides: object
) -> Optimizer:
    """Return what the flow works with, over a bucket."""
    clock = overrides.pop("clock", SystemClock())
    made = assemble(artefacts, Searches(documents, clock), folder, (MEMORY_MB, SERVING_MB))
    return replace(made, **overrides)


def ask(
    model: str, made: Optimizer, *, seconds: Callable[[], float] | float = 880, **wish: object
) -> Report:
    """Look for a variant, as the function does with so many seconds left."""
    remaining = seconds if callable(seconds) else lambda: float(seconds)
    return optimize(model, Wish(**wish), Attempt(f"ask-{model}-{wish}", remaining), made)


@dataclass(frozen=True)
class Data:
    """What a publisher gives beside a model."""

    evaluation: Path
    reference: Path


def data(name: str, input_name: str, sample: tuple[int, ...], folder: Path) -> Data:
    """Write a data set of tests/models as evaluation set and reference data."""
    sys.path.insert(0, str(MODELS))
    try:
        from data import SETS
    finally:
        sys.path.remove(str(MODELS))
    split = SETS[name]().shaped(*sample)
    folder.mkdir(parents=True, exist_ok=True)
    target = split.held_out_y
    labels = target.astype(str) if target.dtype.kind == "O" else target
    np.savez(folder / "evaluation.npz", target=labels, **{input_name: split.held_out_x})
    np.savez(folder / "reference.npz", **{input_name: split.train_x})
    return Data(folder / "evaluation.npz", folder / "reference.npz")


def entry(name: str) -> dict[str, object]:
    """Return what the catalogue of tests/models says of a model."""
    import json

    listed = json.loads((MODELS / "catalogue.json").read_text())
    return next(one for one in listed if one["name"] == name)


def source(name: str, folder: Path, **options: object) -> Source:
    """Return a model of tests/models, with its data, as a publisher gives it."""
    known = entry(name)
    tensor = known["input"]
    sample = tuple(tensor["shape"][1:])
    given = data(known["data"], tensor["name"], sample, folder)
    usual = {"evaluation": given.evaluation, "baseline": given.reference}
    return Source(name, MODELS / known["file"], **{**usual, **options})
