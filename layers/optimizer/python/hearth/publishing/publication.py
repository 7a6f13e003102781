"""The publish flow: check -> describe -> upload blobs -> write the manifest: the version."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version as installed
from pathlib import Path

from hearth.domain.baseline import to_document
from hearth.domain.errors import HearthError, InvalidDocument, StoreConflict
from hearth.domain.identity import model_name
from hearth.domain.manifest import (
    BASELINE,
    EVALUATION,
    EXTERNAL_DATA,
    GOLDEN,
    MODEL,
    REFERENCE,
    ArtefactFile,
    GoldenCases,
    Manifest,
    Provenance,
    RuntimeOptions,
    Tolerance,
)
from hearth.domain.monitoring import MonitoringOptions
from hearth.domain.signature import Signature, SignatureDef
from hearth.publishing import onnx_file, reference, samples, watching
from hearth.publishing.answers import Measured
from hearth.publishing.judging import Evidence
from hearth.publishing.onnx_file import OnnxFile
from hearth.publishing.reference import Data, Made
from hearth.publishing.rows import Rows, batch_size, chunks, read_rows
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.session import Session, Tensors
from hearth.stores.artefacts import Artefacts
from hearth.stores.clock import stamp
from hearth.stores.ports import Clock, Listed, Progress

# A blob that was found in place is relied on for this long; sweeping waits three times longer.
_FRESH = timedelta(hours=24)
_MEMORY_MB = 1769
_BASELINE = "baseline.json"
# Rows of the publisher's data that are looked at to tell what the outputs are.
_SAMPLED = 64


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be published.

    Args:
        model: The model's name.
        path: Its ONNX file; external data lies in the same folder.
        golden: .npz or .json with golden cases; without it, they are generated.
        evaluation: .npz with one array an input and `target`.
        baseline: .npz with one array an input: reference data, of which the baseline is made.
        class_labels: Names of the classes, in the order of the scores.
        signature_defs: Named signatures, as a SavedModel has them.
        runtime: How ONNX Runtime is to open it.
        monitoring: How it is to be watched, as far as that is said.
        tolerance: How much worse a faster variant may be.
        rtol: Relative tolerance of the golden cases.
        atol: Absolute tolerance of the golden cases.
        created_by: Who publishes, for the provenance.
        note: Anything worth remembering.
    """

    model: str
    path: Path
    golden: Path | None = None
    evaluation: Path | None = None
    baseline: Path | None = None
    class_labels: tuple[str, ...] = ()
    signature_defs: Mapping[str, SignatureDef] = field(default_factory=dict)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    monitoring: MonitoringOptions = field(default_factory=MonitoringOptions)
    tolerance: Tolerance = field(default_factory=Tolerance)
    rtol: float = 1e-3
    atol: float = 1e-5
    created_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What became visible. `new` is False when the newest version has exactly these files.

    `notes` say what was chosen for the publisher, or cannot be watched, and why.
    """

    manifest: Manifest
    new: bool
    uploaded_bytes: int = 0
    skipped_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before it has a number: its manifest, and where each file lies now."""

    manifest: Manifest
    paths: Mapping[str, Path]
    notes: tuple[str, ...] = ()


def _silent(_count: int) -> None:
    pass


def _unmeasured(_done: int, _whole: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes into one bucket.

    Args:
        artefacts: Where to.
        clock: The time.
        progress: Called with bytes as they are done, in any thread.
        started: Called with the number of bytes that will be done in all.
        measured: Called with rows that the model was run on, and all that it will be run on.
    """

    artefacts: Artefacts
    clock: Clock
    progress: Progress = _silent
    started: Progress = _silent
    measured: Measured = _unmeasured

    def publish(self, source: Source) -> Published:
        """Make a version of a source visible, whole, or leave nothing visible.

        Raises:
            ModelRefused: If the model must not be served; it says why.
            SignatureMismatch, InvalidDocument: If a data file does not belong to the model.
            StoreError: If the bucket did not take it; a rerun goes on where this broke off.
        """
        with tempfile.TemporaryDirectory(prefix="hearth-publish-") as workspace:
            draft = prepare(source, Path(workspace), self.clock.now(), self.measured)
            return self.release(draft)

    def release(self, draft: Draft) -> Published:
        """Make a draft visible as the next version: its blobs first, its manifest last.

        Raises:
            StoreError: If the bucket did not take it; a rerun goes on where this broke off.
        """
        same = self._newest_if_same(draft.manifest)
        total = sum(file.size for file in draft.manifest.files)
        self.started(total)
        # Even for a version that is there: a blob that went missing is put back.
        uploaded = self._upload(draft)
        manifest = same or self._write_manifest(draft.manifest)
        return Published(manifest, same is None, uploaded, total - uploaded, draft.notes)

    def _newest_if_same(self, draft: Manifest) -> Manifest | None:
        versions = self.artefacts.versions(draft.model)
        if not versions:
            return None
        try:
            newest = self.artefacts.manifest(draft.model, versions[-1]).manifest
        except HearthError:
            return None  # what cannot be read is not the same
        numbered = replace(draft, version=newest.version, provenance=newest.provenance)
        return newest if numbered == newest else None

    def _upload(self, draft: Draft) -> int:
        """Upload what is not there yet; return its bytes."""
        model = draft.manifest.model
        uploaded = 0
        for file in {file.sha256: file for file in draft.manifest.files}.values():
            path = draft.paths[file.path]
            there = self.artefacts.blob(model, file.sha256, path)
            if there and self._stays(model, file.sha256, there):
                self.progress(file.size)
            else:
                self.artefacts.upload(model, file.sha256, path, self.progress)
                uploaded += file.size
        return uploaded

    def _stays(self, model: str, sha256: str, there: Listed) -> bool:
        """Return whether a blob that was found in place is safe from being swept."""
        return self._is_fresh(there.modified) or sha256 in self._named_blobs(model)

    def _named_blobs(self, model: str) -> set[str]:
        try:
            return self.artefacts.named_blobs(model)
        except InvalidDocument:
            return set()  # a manifest that cannot be read protects nothing: upload again

    def _is_fresh(self, modified: datetime) -> bool:
        return self.clock.now() - modified < _FRESH

    def _write_manifest(self, draft: Manifest) -> Manifest:
        number = max(self.artefacts.versions(draft.model), default=0) + 1
        while True:
            manifest = replace(draft, version=number)
            try:
                self.artefacts.create_manifest(manifest)
            except StoreConflict:
                number += 1  # another publisher took this number
            else:
                return manifest


def prepare(
    source: Source, workspace: Path, now: datetime, measured: Measured = _unmeasured
) -> Draft:
    """Check a source and describe it; nothing leaves this machine.

    Args:
        source: What is to be published.
        workspace: A folder for files that are made.
        now: For the provenance.
        measured: Told of the rows that the model was run on.
    """
    model_name(source.model)
    file = onnx_file.read(source.path)
    session = Session(source.path, source.runtime, _MEMORY_MB)
    session.signature = _with_ranks(session.signature, file.unranked)
    data = _data(source, session)
    described, cases = _golden_cases(source, session, data, workspace)
    evidence = _evidence(source, file, session, data, cases)
    choice = watching.choose(source.monitoring, evidence)
    paths = _paths(source, file, workspace)
    manifest = Manifest(
        model=source.model,
        version=1,
        files=tuple(describe(name, path, role) for name, (path, role) in paths.items()),
        signature=session.signature,
        golden=described,
        runtime=source.runtime,
        provenance=_provenance(source, file, now),
        class_labels=evidence.class_labels,
        signature_defs=source.signature_defs,
        monitoring=choice.monitoring,
        tolerance=source.tolerance,
    )
    draft = Draft(manifest, {name: path for name, (path, _) in paths.items()}, choice.notes)
    made = reference.baseline(session, manifest, data, evidence, measured)
    return _with_baseline(draft, made, workspace) if made else _without_baseline(draft)


def _with_baseline(draft: Draft, made: Made, workspace: Path) -> Draft:
    path = workspace / _BASELINE
    path.write_text(json.dumps(to_document(made.baseline), allow_nan=False))
    files = (*draft.manifest.files, describe(_BASELINE, path, BASELINE))
    return Draft(
        replace(draft.manifest, files=files),
        {**draft.paths, _BASELINE: path},
        (*draft.notes, *made.notes),
    )


def _without_baseline(draft: Draft) -> Draft:
    note = "no --baseline and no --evaluation: drift is judged against the first traffic"
    return replace(draft, notes=(*draft.notes, note))


def _with_ranks(signature: Signature, unranked: frozenset[str]) -> Signature:
    """Return a signature that tells a scalar from a tensor of any shape."""
    # ONNX Runtime says the same of both, the file does not.
    inputs, outputs = (
        tuple(replace(spec, ranked=spec.name not in unranked) for spec in specs)
        for specs in (signature.inputs, signature.outputs)
    )
    return Signature(inputs, outputs)


def _data(source: Source, session: Session) -> Data:
    def read(path: Path | None, *, labelled: bool) -> Rows | None:
        return read_rows(path, session.signature, labelled=labelled) if path else None

    return Data(read(source.baseline, labelled=False), read(source.evaluation, labelled=True))


def _golden_cases(
    source: Source, session: Session, data: Data, workspace: Path
) -> tuple[GoldenCases, list[GoldenCase]]:
    """Return how the golden file is to be judged, and its cases with all that they answer."""
    given = source.golden is not None
    if source.golden:
        cases = samples.read_golden(source.golden, session)
    else:
        cases = samples.generate_golden(session, data.evaluation or data.reference)
    golden.save(cases, workspace / "golden.npz")
    described = GoldenCases(
        path="golden.npz",
        count=len(cases),
        origin="given" if given else "generated",
        rtol=source.rtol,
        atol=source.atol,
    )
    return described, _proven(cases, session, described)


def _proven(cases: list[GoldenCase], session: Session, how: GoldenCases) -> list[GoldenCase]:
    """A version that would fail its own golden cases is refused before anything is uploaded."""
    proven = []
    for number, case in enumerate(cases):
        outputs = session.run(case.inputs)
        golden.compare(number, case.outputs, outputs, how, session.signature)
        proven.append(GoldenCase(case.inputs, outputs))
    return proven


def _evidence(
    source: Source, file: OnnxFile, session: Session, data: Data, cases: list[GoldenCase]
) -> Evidence:
    """Return what is known of the model, with what it answers to golden cases and to some rows."""
    rows = data.rows
    if rows:
        some = next(chunks(rows, session.signature))
        if session.signature.batched and not batch_size(session.signature, rows.inputs):
            some = some[:_SAMPLED]
        cases = [*cases, GoldenCase(some.inputs, session.run(some.inputs))]
    target = data.evaluation.target if data.evaluation else None
    return Evidence(
        signature=session.signature,
        reference=rows.inputs if rows else {},
        target=target,
        samples=tuple(case.outputs for case in cases),
        counts=tuple(_count(case.inputs, session.signature) for case in cases),
        class_labels=source.class_labels or file.class_labels,
        signature_defs=source.signature_defs,
    )


def _count(inputs: Tensors, signature: Signature) -> int:
    """Return how many examples a request holds: 1 of a model that takes one at a time."""
    lengths = [len(array) for array in inputs.values() if array.ndim]
    return max(lengths, default=1) if signature.batched else 1


def _paths(source: Source, file: OnnxFile, workspace: Path) -> dict[str, tuple[Path, str]]:
    paths = {
        "model.onnx": (source.path, MODEL),
        "golden.npz": (workspace / "golden.npz", GOLDEN),
    }
    if source.evaluation:
        paths["evaluation.npz"] = (source.evaluation, EVALUATION)
    if source.baseline:
        paths["reference.npz"] = (source.baseline, REFERENCE)
    for location in file.external:
        if location in (*paths, _BASELINE):
            raise InvalidDocument(
                "a weight file has a name that Hearth needs", got=location, remedy="rename it"
            )
        paths[location] = (source.path.parent / location, EXTERNAL_DATA)
    return paths


def describe(name: str, path: Path, role: str) -> ArtefactFile:
    """Return a file as a manifest names it."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ArtefactFile(name, sha256, path.stat().st_size, role)


def _provenance(source: Source, file: OnnxFile, now: datetime) -> Provenance:
    tool = ", ".join(f"{name} {installed(name)}" for name in ("onnx", "onnxruntime", "numpy"))
    return Provenance(
        created_at=stamp(now),
        created_by=source.created_by,
        tool=tool,
        onnx=file.facts,
        note=source.note,
    )


def read_class_labels(path: Path) -> tuple[str, ...]:
    """Return class labels from a JSON list or from a text file with one label a line.

    Raises:
        InvalidDocument: If it holds neither, or a label twice.
    """
    try:
        text = path.read_text()
        labels = json.loads(text) if path.suffix == ".json" else text.splitlines()
        found = tuple(str(item) for item in labels if str(item).strip())
    except (OSError, ValueError, TypeError) as error:
        raise InvalidDocument(f"class labels in {path.name} cannot be read", got=error) from error
    if not found or len(set(found)) != len(found):
        raise InvalidDocument(
            f"class labels in {path.name} are not usable", got=found[:8], expected="distinct names"
        )
    return found
