"""Hearth's predict as Lambda calls it: warm, its models published and loaded the usual way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import predict as predict_module
import pytest
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry
from moto import mock_aws
from support import events
from support.recording import RecordingAnnouncer, SettableClock

BUCKET, REGION, MEMORY_MB = "hearth-bench", "eu-central-1", 1769


@contextmanager
def warm(models: Mapping[str, Path], folder: Path) -> Iterator[Any]:
    """predict's handler in a sandbox that has these models open and the registry in mind."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in _environment(folder).items():
            patch.setenv(name, value)
        documents, blobs = S3Documents(BUCKET), S3Blobs(BUCKET)
        documents._s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        _load(models, Artefacts(documents, blobs), Registry(documents), folder)
        predict_module.assemble.cache_clear()
        for name in models:
            reply = predict_module.handler(events.http("GET", f"/v2/models/{name}"), None)
            assert reply["statusCode"] == 200, reply
        yield predict_module.handler
        predict_module.assemble.cache_clear()


def _environment(folder: Path) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "HEARTH_BUCKET": BUCKET,
        "HEARTH_FILES_DIR": str(folder / "files"),
        "HEARTH_REGISTRY_TTL_S": "1e9",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
    }


def _load(
    models: Mapping[str, Path], artefacts: Artefacts, registry: Registry, folder: Path
) -> None:
    clock, files = SettableClock(), Files(folder / "loading", artefacts)
    loader = Loader(
        registry, artefacts, RecordingAnnouncer(), clock, files, memory_mb=MEMORY_MB, attempts=3
    )
    for name, path in models.items():
        Publisher(artefacts, clock).publish(Source(name, path))
        outcome = load_and_warm(name, 1, Attempt(name, lambda: 60.0), loader)
        assert outcome.state == "AVAILABLE", outcome
