"""The version that is to become faster: its files, and the rows that candidates are judged by."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hearth.domain.errors import HearthError
from hearth.domain.manifest import (
    BASELINE,
    EVALUATION,
    EXTERNAL_DATA,
    GOLDEN,
    MODEL,
    REFERENCE,
    Manifest,
)
from hearth.domain.signature import Signature
from hearth.optimizing import gate
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.inspection import Inspection
from hearth.publishing.rows import Rows, batch_size, cut, read_rows, thinned
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors

ROLES = (MODEL, EXTERNAL_DATA, GOLDEN, EVALUATION, REFERENCE, BASELINE)
# More rows narrow the interval little; the model is run on each of them once a candidate. Its bytes
# say roughly what a row costs. Inputs and answers lie in memory, twice.
MOST_ROWS = 10_000
MOST_ELEMENTS = 1 << 25
MOST_BYTES = 1 << 37
_FEWEST_ROWS = 400
_CALIBRATION_ROWS = 256
_CALIBRATION_ELEMENTS = 1 << 24
_IN_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """What a search works on.

    Args:
        manifest: Of the version.
        folder: Where its files lie.
        original: What candidates are made of and measured beside: copies, because ONNX's tools
            refuse weights that are hard links.
        inspection: What it is made of.
        asked: What candidates are asked: golden cases first, then the rows in chunks.
        cases: The same as .npz in the golden form.
        golden: How many of those are golden cases.
        timing: .npz in the golden form, with one case: one row, or one request.
        calibration: .npz with one array an input; None without rows.
        target: Labels of the rows; None without any.
        source: Where the rows are from.
        unusable: Why the evaluation set cannot be used; "" where it can, and where there is none.
    """

    manifest: Manifest
    folder: Path
    original: Candidate
    inspection: Inspection
    asked: tuple[GoldenCase, ...]
    cases: Path
    golden: int
    timing: Path
    calibration: Path | None
    target: Array | None
    source: str
    unusable: str


def prepare(manifest: Manifest, folder: Path, workspace: Path) -> Subject:
    """Return a version as a search needs it.

    Args:
        manifest: Of the version.
        folder: Where its files lie, verified.
        workspace: Where what is made for the search may lie.

    Raises:
        InvalidDocument: If its golden cases cannot be read.
    """
    evaluation, unusable = _rows(manifest, folder, EVALUATION)
    reference, _ = _rows(manifest, folder, REFERENCE)
    judged = evaluation or reference
    cases = golden.load(folder / manifest.golden.path)
    some = _judged(judged, manifest, cases[0]) if judged else None
    chunked = [*cases, *_chunks(some, manifest.signature)] if some else cases
    golden.save(chunked, workspace / "cases.npz")
    golden.save([_one_request(some, cases, manifest.signature)], workspace / "timing.npz")
    original = _copied(manifest, folder, workspace / ORIGINAL)
    return Subject(
        manifest=manifest,
        folder=folder,
        original=original,
        inspection=inspect(original.path),
        asked=tuple(chunked),
        cases=workspace / "cases.npz",
        golden=len(cases),
        timing=workspace / "timing.npz",
        calibration=_calibration(reference or evaluation, manifest.signature, workspace),
        target=some.target if some else None,
        source=_source(evaluation, reference),
        unusable=unusable,
    )


def _source(evaluation: Rows | None, reference: Rows | None) -> str:
    if evaluation is not None:
        return gate.EVALUATION
    return gate.GOLDEN if reference is None else gate.REFERENCE


def _rows(manifest: Manifest, folder: Path, role: str) -> tuple[Rows | None, str]:
    """Return a data file's rows, and why they cannot be used where they cannot."""
    files = manifest.of_role(role)
    if not files:
        return None, ""
    try:
        path = folder / files[0].path
        return read_rows(path, manifest.signature, labelled=role == EVALUATION), ""
    except HearthError as error:
        return None, str(error)


def _judged(rows: Rows, manifest: Manifest, like: GoldenCase) -> Rows:
    """Return the rows that candidates are judged by: as many as memory and time hold."""
    if not manifest.signature.batched:
        return rows
    elements, size = max(rows.elements + _answered(like), 1), max(manifest.servable_size, 1)
    most = min(max(_FEWEST_ROWS, MOST_BYTES // size), MOST_ROWS, MOST_ELEMENTS // elements)
    return thinned(rows, max(most, 1), batch_size(manifest.signature, rows.inputs))


def _answered(like: GoldenCase) -> int:
    """Return the elements of all that a model answers to one row."""
    sizes = [len(array) for array in like.inputs.values() if array.ndim]
    return sum(array.size for array in like.outputs.values()) // max(sizes, default=1)


def _chunks(rows: Rows, signature: Signature) -> Iterator[GoldenCase]:
    if not signature.batched:
        yield GoldenCase(rows.inputs, {})
        return
    size = batch_size(signature, rows.inputs) or _IN_CHUNK
    for chunk in cut(rows, size=size):
        yield GoldenCase(chunk.inputs, {})


def _one_request(
    rows: Rows | None, cases: Sequence[GoldenCase], signature: Signature
) -> GoldenCase:
    """Return one row of the data, or of the first golden case: what a caller sends most often."""
    inputs = rows.inputs if rows else cases[0].inputs
    if not signature.batched:
        return GoldenCase(inputs, {})
    size = batch_size(signature, inputs) or 1
    return GoldenCase({name: _first(array, size) for name, array in inputs.items()}, {})


def _first(array: Array, rows: int) -> Array:
    return array[:rows] if array.ndim else array


def _copied(manifest: Manifest, folder: Path, target: Path) -> Candidate:
    files = manifest.of_role(MODEL, EXTERNAL_DATA)
    for file in files:
        (target / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file.path, target / file.path)
    return Candidate(
        name=ORIGINAL,
        path=target / manifest.model_file.path,
        external=tuple(file.path for file in manifest.of_role(EXTERNAL_DATA)),
        runtime=manifest.runtime,
    )


def _calibration(rows: Rows | None, signature: Signature, workspace: Path) -> Path | None:
    """Write some rows as quantisers take them: one array an input."""
    if rows is None:
        return None
    inputs: Tensors = rows.inputs
    if signature.batched:
        batch = batch_size(signature, inputs)
        most = min(_CALIBRATION_ROWS, _CALIBRATION_ELEMENTS // max(rows.elements, 1))
        inputs = thinned(rows, max(most, batch, 1), batch).inputs
    path = workspace / "calibration.npz"
    # Object arrays would be pickled; fixed-width text is not.
    arrays = {n: a.astype(str) if a.dtype.kind == "O" else a for n, a in inputs.items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
