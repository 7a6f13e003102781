"""A bucket full of models: a few are published, the others are their like under other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry

from support.recording import RecordingAnnouncer, SettableClock

FOLDER = Path(__file__).parents[1] / "models"
# Committed models, and which share of a mixture each has.
SHARES = {
    "cancer_logreg": 0.3,
    "diabetes_gbr": 0.2,
    "digits_mlp": 0.3,
    "digits_forest": 0.1,
    "digits_lstm": 0.06,
    "digits_conv": 0.04,
}


def mixture(count: int) -> dict[str, Path]:
    """Return names for so many models, and the file that each is like: the same each time."""
    rng = np.random.default_rng(7)
    drawn = rng.choice(list(SHARES), count, p=list(SHARES.values()))
    return {f"model-{number:04}": FOLDER / f"{name}.onnx" for number, name in enumerate(drawn)}


@dataclass(frozen=True)
class Bucket:
    """What publishes models into a bucket and proves them."""

    artefacts: Artefacts
    registry: Registry
    loader: Loader
    folder: Path

    @classmethod
    def at(cls, documents: S3Documents, blobs: S3Blobs, folder: Path) -> Bucket:
        artefacts, registry = Artefacts(documents, blobs), Registry(documents)
        files = Files(folder / "loading", artefacts)
        proving = {"memory_mb": 1769, "attempts": 3}
        announcer, clock = RecordingAnnouncer(), SettableClock()
        loader = Loader(registry, artefacts, announcer, clock, files, **proving)
        return cls(artefacts, registry, loader, folder)

    def fill(self, wanted: Mapping[str, Path]) -> None:
        """Publish and prove the first model of each file; give the others its entry and manifest.

        The model files of all differ, so that none shares a blob with another.
        """
        first: dict[Path, str] = {}
        for name, file in wanted.items():
            made = self._unlike(name, file)
            if file in first:
                self._copy(first[file], name, made)
            else:
                first[file] = name
                self._publish(name, made)

    def _publish(self, name: str, file: Path) -> None:
        Publisher(self.artefacts, self.loader.clock).publish(Source(name, file))
        outcome = load_and_warm(name, 1, Attempt(name, lambda: 60.0), self.loader)
        assert outcome.state == "AVAILABLE", outcome

    def _copy(self, source: str, name: str, file: Path) -> None:
        manifest = self.artefacts.manifest(source, 1).manifest
        entry = self.registry.read(source).entry
        digest = sha256(file.read_bytes()).hexdigest()
        model = replace(manifest.model_file, sha256=digest, size=file.stat().st_size)
        others = [item for item in manifest.files if item != manifest.model_file]
        self.artefacts.upload(name, digest, file, lambda _count: None)
        self.artefacts.create_manifest(replace(manifest, model=name, files=(model, *others)))
        read = self.artefacts.manifest(name, 1)
        status = replace(entry.versions[1], manifest_sha256=read.sha256)
        made = replace(entry, model=name, versions={1: status}, revision=0)
        self.registry.change(name, lambda _empty: made)

    def _unlike(self, name: str, file: Path) -> Path:
        path = self.folder / "published" / f"{name}.onnx"
        path.parent.mkdir(exist_ok=True)
        model = onnx.load(file)
        model.doc_string = name
        onnx.save(model, path)
        return path
