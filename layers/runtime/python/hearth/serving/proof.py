"""The proof that a version is what its manifest says: opened, compared, run on its golden cases."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

from hearth.domain.errors import GoldenMismatch, ResourceExhausted, SignatureDiffers
from hearth.domain.frozen import dataclass
from hearth.domain.manifest import Manifest, Opening
from hearth.domain.registry_entry import Figures
from hearth.domain.signature import Signature
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.memory import resident_mb
from hearth.serving.openings import openings
from hearth.serving.session import Session

_WARM_RUNS = 20
_WARM_S = 1.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What a version was proven with; `worst_error` is relative."""

    figures: Figures
    cases: int
    worst_error: float


def prove(folder: Path, manifest: Manifest, memory_mb: int, time_limit_s: float = 0) -> Proof:  # noqa: ARG001 (a port)
    """Open a version whose files were verified, and run its golden cases.

    Whatever may be opened here is proven: the saved graph where it is this processor's, and the
    portable model, which other sandboxes open. The figures are those of what is served here.

    Args:
        folder: Where its files lie.
        manifest: What it should be.
        memory_mb: The function's memory size.
        time_limit_s: Not kept here: see `proof_process`, which can.

    Raises:
        ModelRefused: Saying in which way it is not what its manifest says.
        ResourceExhausted: If memory does not suffice.
    """
    cases = golden.load(folder / manifest.golden.path)
    served, *others = [
        _prove_one(folder, manifest, opening, cases, memory_mb) for opening in openings(manifest)
    ]
    worst = max(proof.worst_error for proof in (served, *others))
    return replace(served, worst_error=worst)


def _prove_one(
    folder: Path, manifest: Manifest, opening: Opening, cases: list[GoldenCase], memory_mb: int
) -> Proof:
    require_memory(manifest, opening, memory_mb)
    before = resident_mb()
    started = time.perf_counter()
    session = Session(folder / opening.file.path, opening.runtime, memory_mb)
    cold_open_ms = (time.perf_counter() - started) * 1000
    require_signature(session.signature, manifest.signature)
    first_run_ms, worst = _run_cases(session, cases, manifest)
    figures = Figures(
        fetch_ms=0.0,
        cold_open_ms=round(cold_open_ms, 3),
        first_run_ms=round(first_run_ms, 3),
        warm_run_ms=round(_warm_run_ms(session, cases[0]), 4),
        resident_mb=round(max(0.0, resident_mb() - before), 1),
        memory_size_mb=memory_mb,
    )
    return Proof(figures, len(cases), worst)


def require_memory(manifest: Manifest, opening: Opening, memory_mb: int) -> None:
    """Raise `ResourceExhausted` where opening would surely kill the sandbox without a word."""
    size = opening.file.size
    if size > memory_mb << 20:
        raise ResourceExhausted(
            f"{manifest.model} version {manifest.version} does not fit in memory",
            got=f"{memory_mb} MB of memory",
            expected=f"more than the model file's {size >> 20} MB",
            remedy="raise the memory size, or publish a smaller variant",
        )


def require_signature(got: Signature, expected: Signature) -> None:
    """Raise `SignatureDiffers` unless the opened model has exactly the manifest's signature."""
    for kind in ("inputs", "outputs"):
        have = [(s.name, s.datatype, s.shape) for s in getattr(got, kind)]
        want = [(s.name, s.datatype, s.shape) for s in getattr(expected, kind)]
        if have != want:
            raise SignatureDiffers(
                f"the model's {kind} are not those of its manifest", got=have, expected=want
            )


def _run_cases(
    session: Session, cases: list[GoldenCase], manifest: Manifest
) -> tuple[float, float]:
    if len(cases) != manifest.golden.count or not cases:
        raise GoldenMismatch(
            "golden file has another number of cases",
            got=len(cases),
            expected=manifest.golden.count,
        )
    first_run_ms, worst = 0.0, 0.0
    for number, case in enumerate(cases):
        started = time.perf_counter()
        outputs = session.run(case.inputs)
        first_run_ms = first_run_ms or (time.perf_counter() - started) * 1000
        error = golden.compare(number, case.outputs, outputs, manifest.golden, manifest.signature)
        worst = max(worst, error)
    return first_run_ms, worst


def _warm_run_ms(session: Session, case: GoldenCase) -> float:
    until = time.perf_counter() + _WARM_S
    runs: list[float] = []
    while len(runs) < _WARM_RUNS and (not runs or time.perf_counter() < until):
        started = time.perf_counter()
        session.run(case.inputs)
        runs.append((time.perf_counter() - started) * 1000)
    return statistics.median(runs)
