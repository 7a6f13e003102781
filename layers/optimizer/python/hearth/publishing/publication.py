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

from hearth.domain.errors import HearthError, InvalidDocument, StoreConflict
from hearth.domain.identity import model_name
from hearth.domain.manifest import (
    BASELINE,
    EVALUATION,
    EXTERNAL_DATA,
    GOLDEN,
    MODEL,
    ArtefactFile,
    GoldenCases,
    Manifest,
    Provenance,
    RuntimeOptions,
)
from hearth.domain.signature import Signature, SignatureDef
from hearth.publishing import onnx_file, samples
from hearth.publishing.onnx_file import OnnxFile
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.session import Session, Tensors
from hearth.stores.artefacts import Artefacts
from hearth.stores.clock import stamp
from hearth.stores.ports import Clock, Listed, Progress

# A blob that was found in place is relied on for this long; sweeping waits three times longer.
_FRESH = timedelta(hours=24)
_MEMORY_MB = 1769


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be published.

    Args:
        model: The model's name.
        path: Its ONNX file; external data lies in the same folder.
        golden: .npz or .json with golden cases; without it, they are generated.
        evaluation: .npz with one array an input and `target`.
        baseline: .npz with one array an input: reference data for drift.
        class_labels: Names of the classes, in the order of the scores.
        signature_defs: Named signatures, as a SavedModel has them.
        runtime: How ONNX Runtime is to open it.
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
    rtol: float = 1e-3
    atol: float = 1e-5
    created_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What became visible. `new` is False when the newest version has exactly these files."""

    manifest: Manifest
    new: bool
    uploaded_bytes: int = 0
    skipped_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before it has a number: its manifest, and where each file lies now."""

    manifest: Manifest
    paths: Mapping[str, Path]


def _silent(_count: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes into one bucket.

    Args:
        artefacts: Where to.
        clock: The time.
        progress: Called with bytes as they are done, in any thread.
        started: Called with the number of bytes that will be done in all.
    """

    artefacts: Artefacts
    clock: Clock
    progress: Progress = _silent
    started: Progress = _silent

    def publish(self, source: Source) -> Published:
        """Make a version of a source visible, whole, or leave nothing visible.

        Raises:
            ModelRefused: If the model must not be served; it says why.
            SignatureMismatch, InvalidDocument: If a data file does not belong to the model.
            StoreError: If the bucket did not take it; a rerun goes on where this broke off.
        """
        with tempfile.TemporaryDirectory(prefix="hearth-publish-") as workspace:
            draft = prepare(source, Path(workspace), self.clock.now())
            same = self._newest_if_same(draft.manifest)
            total = sum(file.size for file in draft.manifest.files)
            self.started(total)
            # Even for a version that is there: a blob that went missing is put back.
            uploaded = self._upload(draft)
            manifest = same or self._write_manifest(draft.manifest)
        return Published(manifest, same is None, uploaded, total - uploaded)

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


def prepare(source: Source, workspace: Path, now: datetime) -> Draft:
    """Check a source and describe it; nothing leaves this machine.

    Args:
        source: What is to be published.
        workspace: A folder for files that are made.
        now: For the provenance.
    """
    model_name(source.model)
    file = onnx_file.read(source.path)
    session = Session(source.path, source.runtime, _MEMORY_MB)
    session.signature = _with_ranks(session.signature, file.unranked)
    rows = _rows(source, session)
    cases = _golden_cases(source, session, rows, workspace)
    paths = _paths(source, file, workspace)
    files = tuple(_describe(name, path, role) for name, (path, role) in paths.items())
    manifest = Manifest(
        model=source.model,
        version=1,
        files=files,
        signature=session.signature,
        golden=cases,
        runtime=source.runtime,
        provenance=_provenance(source, file, now),
        class_labels=source.class_labels or file.class_labels,
        signature_defs=source.signature_defs,
    )
    return Draft(manifest, {name: path for name, (path, _) in paths.items()})


def _with_ranks(signature: Signature, unranked: frozenset[str]) -> Signature:
    """Return a signature that tells a scalar from a tensor of any shape."""
    # ONNX Runtime says the same of both, the file does not.
    inputs, outputs = (
        tuple(replace(spec, ranked=spec.name not in unranked) for spec in specs)
        for specs in (signature.inputs, signature.outputs)
    )
    return Signature(inputs, outputs)


def _rows(source: Source, session: Session) -> Tensors | None:
    rows = None
    if source.baseline:
        rows = samples.read_rows(source.baseline, session.signature, labelled=False)
    if source.evaluation:
        rows = samples.read_rows(source.evaluation, session.signature, labelled=True)
    return rows


def _golden_cases(
    source: Source, session: Session, rows: Tensors | None, workspace: Path
) -> GoldenCases:
    given = source.golden is not None
    if source.golden:
        cases = samples.read_golden(source.golden, session)
    else:
        cases = samples.generate_golden(session, rows)
    golden.save(cases, workspace / "golden.npz")
    described = GoldenCases(
        path="golden.npz",
        count=len(cases),
        origin="given" if given else "generated",
        rtol=source.rtol,
        atol=source.atol,
    )
    _require_golden(cases, session, described)
    return described


def _require_golden(cases: list[GoldenCase], session: Session, how: GoldenCases) -> None:
    """A version that would fail its own golden cases is refused before anything is uploaded."""
    for number, case in enumerate(cases):
        golden.compare(number, case.outputs, session.run(case.inputs), how, session.signature)


def _paths(source: Source, file: OnnxFile, workspace: Path) -> dict[str, tuple[Path, str]]:
    paths = {
        "model.onnx": (source.path, MODEL),
        "golden.npz": (workspace / "golden.npz", GOLDEN),
    }
    if source.evaluation:
        paths["evaluation.npz"] = (source.evaluation, EVALUATION)
    if source.baseline:
        paths["baseline.npz"] = (source.baseline, BASELINE)
    for location in file.external:
        if location in paths:
            raise InvalidDocument(
                "a weight file has a name that Hearth needs", got=location, remedy="rename it"
            )
        paths[location] = (source.path.parent / location, EXTERNAL_DATA)
    return paths


def _describe(name: str, path: Path, role: str) -> ArtefactFile:
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
