"""The winner as the next version: its files, its golden cases, its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path

from hearth.domain.errors import HearthError
from hearth.domain.manifest import (
    BASELINE,
    EVALUATION,
    EXTERNAL_DATA,
    GOLDEN,
    MODEL,
    OPTIMIZED,
    REFERENCE,
    SAVED_GRAPH,
    Lineage,
    Manifest,
    Provenance,
    SavedGraph,
)
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.carrying import place
from hearth.optimizing.report import Tried
from hearth.optimizing.subject import Subject
from hearth.publishing.publication import Draft, describe
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.processor import family
from hearth.serving.session import ONNXRUNTIME
from hearth.stores.artefacts import Artefacts
from hearth.stores.clock import stamp

WHO = "optimize"
TOOLS = ("onnxruntime", "onnx", "numpy")
# What a version keeps of its parent: the rows that it is judged by stay the same.
_KEPT = (EVALUATION, REFERENCE, BASELINE)


def tools() -> dict[str, str]:
    """Return the versions of what makes candidates."""
    return {name: installed(name) for name in TOOLS}


@dataclass(frozen=True, slots=True)
class Winner:
    """What is to be published.

    Args:
        candidate: Its files.
        answers: What it says to the golden cases.
        lineage: How it was made.
    """

    candidate: Candidate
    answers: Sequence[GoldenCase]
    lineage: Lineage


def figures(tried: Tried) -> dict[str, float]:
    """Return what a version's lineage says of its measurement: ratios to its parent, and losses."""
    found: dict[str, float] = {}
    if tried.duel:
        found |= {f"{name}_ratio": ratio.value for name, ratio in tried.duel.ratios.items()}
    judged = tried.judgement
    if judged and judged.accuracy:
        found |= {f"{judged.accuracy.metric}_loss": judged.accuracy.loss}
    if judged and judged.fidelity:
        found |= {"relative_error": judged.fidelity.relative_error}
        if judged.fidelity.agreement is not None:
            found |= {"agreement": judged.fidelity.agreement}
    return found


def draft(subject: Subject, winner: Winner, folder: Path, now: datetime) -> Draft:
    """Return the winner as a version without a number yet.

    Args:
        subject: Its parent.
        winner: What is to be published.
        folder: An empty one, where its files are gathered under the names that the manifest has.
        now: For the provenance.
    """
    parent = subject.manifest
    paths: dict[str, tuple[Path, str]] = {}
    for name, path, role in _made(winner.candidate):
        place(path, folder / name)
        paths[name] = (folder / name, role)
    golden.save(winner.answers, folder / parent.golden.path)
    paths[parent.golden.path] = (folder / parent.golden.path, GOLDEN)
    kept = parent.of_role(*_KEPT)
    files = (*(describe(name, path, role) for name, (path, role) in paths.items()), *kept)
    manifest = replace(
        parent,
        version=1,
        files=files,
        golden=replace(parent.golden, origin="generated", count=len(winner.answers)),
        runtime=winner.candidate.runtime,
        saved_graph=_saved_graph(winner.candidate),
        provenance=_provenance(parent, winner, now),
    )
    where = {name: path for name, (path, _) in paths.items()}
    return Draft(manifest, {**where, **{file.path: subject.folder / file.path for file in kept}})


def _made(candidate: Candidate) -> list[tuple[str, Path, str]]:
    beside = candidate.path.parent
    external = [(name, beside / name, EXTERNAL_DATA) for name in candidate.external]
    saved = [] if candidate.saved is None else [candidate.saved.name, *candidate.saved_external]
    return [
        ("model.onnx", candidate.path, MODEL),
        *external,
        *((name, beside / name, SAVED_GRAPH) for name in saved),
    ]


def _saved_graph(candidate: Candidate) -> SavedGraph | None:
    if candidate.saved is None or candidate.saved_runtime is None:
        return None
    return SavedGraph(
        path=candidate.saved.name,
        processor=family(),
        onnxruntime=ONNXRUNTIME,
        runtime=candidate.saved_runtime,
    )


def _provenance(parent: Manifest, winner: Winner, now: datetime) -> Provenance:
    return Provenance(
        created_at=stamp(now),
        created_by=WHO,
        tool=", ".join(f"{name} {version}" for name, version in winner.lineage.tools.items()),
        origin=OPTIMIZED,
        parent=parent.version,
        onnx=parent.provenance.onnx,
        note=f"{winner.candidate.name} of version {parent.version}",
        lineage=winner.lineage,
    )


def made_before(artefacts: Artefacts, model: str, parent: int, report: str) -> int:
    """Return the version that a search has published already, by the key of its report; else 0."""
    for number in reversed(artefacts.versions(model)):
        if number <= parent:
            break
        try:
            found = artefacts.manifest(model, number).manifest.provenance
        except HearthError:
            continue  # what cannot be read was not made by this search, as far as anybody can tell
        if found.origin == OPTIMIZED and found.lineage and found.lineage.report == report:
            return number
    return 0
