"""Work, candidates and failures as JSON, for the process that makes candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import Signature, TensorSpec
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.recipe import RecipeFailed, Work

_EVIDENCE = ("what", "got", "expected", "remedy")


def from_work(work: Work) -> dict[str, Any]:
    return {
        "before": from_candidate(work.before),
        "folder": str(work.folder),
        "signature": asdict(work.signature),
        "calibration": None if work.calibration is None else str(work.calibration),
        "seed": work.seed,
    }


def to_work(document: Mapping[str, Any]) -> Work:
    given = document["calibration"]
    return Work(
        before=to_candidate(document["before"]),
        folder=Path(document["folder"]),
        signature=Signature(
            inputs=tuple(_spec(spec) for spec in document["signature"]["inputs"]),
            outputs=tuple(_spec(spec) for spec in document["signature"]["outputs"]),
        ),
        calibration=None if given is None else Path(given),
        seed=document["seed"],
    )


def from_candidate(candidate: Candidate) -> dict[str, Any]:
    saved = None if candidate.saved is None else str(candidate.saved)
    return {**asdict(candidate), "path": str(candidate.path), "saved": saved}


def to_candidate(document: Mapping[str, Any]) -> Candidate:
    saved, saved_runtime = document["saved"], document["saved_runtime"]
    return Candidate(
        name=document["name"],
        path=Path(document["path"]),
        external=tuple(document["external"]),
        runtime=RuntimeOptions(**document["runtime"]),
        recipes=tuple(document["recipes"]),
        saved=None if saved is None else Path(saved),
        saved_runtime=None if saved_runtime is None else RuntimeOptions(**saved_runtime),
        saved_external=tuple(document["saved_external"]),
        notes=tuple(document["notes"]),
    )


def from_failure(error: RecipeFailed) -> dict[str, str | None]:
    found = {name: getattr(error, name) for name in _EVIDENCE}
    return {name: None if value is None else str(value) for name, value in found.items()}


def to_failure(document: Mapping[str, Any]) -> RecipeFailed:
    evidence = {name: document[name] for name in _EVIDENCE}
    return RecipeFailed(evidence.pop("what"), **evidence)


def _spec(document: Mapping[str, Any]) -> TensorSpec:
    shape, dims = tuple(document["shape"]), tuple(document["dims"])
    return TensorSpec(**{**document, "shape": shape, "dims": dims})
