"""A bucket of moto's with what publishes into it and proves what lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hearth.domain.monitoring import Monitoring
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, Outcome, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.registry import Registry

from support import watching
from support.recording import RecordingAnnouncer

MEMORY_MB = 1769


@dataclass(frozen=True)
class Bundle:
    artefacts: Artefacts
    registry: Registry
    loader: Loader

    def publish(self, source: Source, monitoring: Monitoring | None = None) -> Outcome:
        """Publish the first version of a model, and prove it."""
        publisher = Publisher(self.artefacts, self.loader.clock)
        if monitoring:
            watching.publish(publisher, source, monitoring)
        else:
            publisher.publish(source)
        attempt = Attempt(source.model, lambda: 60.0)
        return load_and_warm(source.model, 1, attempt, self.loader)

    def serve(
        self, name: str, path: Path, monitoring: Monitoring | None = None, **source: object
    ) -> None:
        """Publish a model that is to be servable."""
        outcome = self.publish(Source(name, path, **source), monitoring)
        assert outcome.state == "AVAILABLE", outcome


def create(bucket: str, region: str, folder: Path) -> Bundle:
    """Return a bundle around a new bucket; its files lie in a folder while they are proven."""
    documents, blobs = S3Documents(bucket), S3Blobs(bucket)
    documents._s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
    )
    return around(documents, blobs, folder)


def around(documents: S3Documents, blobs: S3Blobs, folder: Path) -> Bundle:
    """Return a bundle around a bucket that is there."""
    artefacts, registry = Artefacts(documents, blobs), Registry(documents)
    loader = Loader(
        registry,
        artefacts,
        RecordingAnnouncer(),
        SystemClock(),
        Files(folder / "loading", artefacts),
        memory_mb=MEMORY_MB,
        attempts=3,
    )
    return Bundle(artefacts, registry, loader)
