"""Versions with a saved graph: what publishing one writes, and where it may be opened."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from hearth.domain.manifest import SAVED_GRAPH, ArtefactFile, Manifest, RuntimeOptions, SavedGraph
from hearth.serving.processor import family
from hearth.serving.session import ONNXRUNTIME
from hearth.stores.artefacts import Artefacts

AS_IT_IS = RuntimeOptions(graph_optimization_level="disabled")


def described(path: Path) -> ArtefactFile:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return ArtefactFile(path.name, sha256, path.stat().st_size, SAVED_GRAPH)


def with_saved_graph(
    manifest: Manifest,
    files: tuple[Path, ...],
    processor: str = "",
    onnxruntime: str = ONNXRUNTIME,
) -> Manifest:
    """Return the manifest of the next version: the same with a saved graph, its weights after it."""
    saved = SavedGraph(files[0].name, processor or family(), onnxruntime, AS_IT_IS)
    return replace(
        manifest,
        version=manifest.version + 1,
        files=(*manifest.files, *(described(path) for path in files)),
        saved_graph=saved,
    )


def publish(artefacts: Artefacts, manifest: Manifest, files: tuple[Path, ...]) -> Manifest:
    for path in files:
        artefacts.upload(manifest.model, described(path).sha256, path, lambda _count: None)
    artefacts.create_manifest(manifest)
    return manifest
