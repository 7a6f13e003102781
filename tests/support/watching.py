"""Versions that are watched, and manifests of them without a model behind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hearth.domain.manifest import (
    ArtefactFile,
    GoldenCases,
    Manifest,
    Provenance,
    RuntimeOptions,
)
from hearth.domain.monitoring import Monitoring
from hearth.domain.signature import Signature, TensorSpec
from hearth.publishing.publication import Publisher, Source, prepare


def publish(publisher: Publisher, source: Source, monitoring: Monitoring) -> Manifest:
    """Publish a version whose manifest says exactly this of monitoring."""
    with tempfile.TemporaryDirectory() as workspace:
        draft = prepare(source, Path(workspace), publisher.clock.now())
        draft = replace(draft, manifest=replace(draft.manifest, monitoring=monitoring))
        publisher._upload(draft)
        return publisher._write_manifest(draft.manifest)


def manifest(
    monitoring: Monitoring,
    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "FP32", (-1, 2)),),
    outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "FP32", (-1, 3)),),
    classes: tuple[str, ...] = (),
) -> Manifest:
    files = (
        ArtefactFile("model.onnx", "0" * 64, 1, "model"),
        ArtefactFile("golden.npz", "0" * 64, 1, "golden"),
    )
    return Manifest(
        model="m",
        version=1,
        files=files,
        signature=Signature(inputs, outputs),
        golden=GoldenCases("golden.npz", 1, "given"),
        runtime=RuntimeOptions(),
        provenance=Provenance("", "", ""),
        class_labels=classes,
        monitoring=monitoring,
    )
