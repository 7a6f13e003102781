"""Hearth's predict as Lambda calls it: warm, its models published and loaded the usual way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import predict as predict_module
import pytest
from hearth.domain.monitoring import Monitoring
from support import bundle, events
from support.network import mocked_aws

BUCKET, REGION = "hearth-bench", "eu-central-1"


@contextmanager
def warm(
    models: Mapping[str, Path],
    folder: Path,
    watched: Mapping[str, Monitoring] | None = None,
) -> Iterator[Any]:
    """predict's handler in a sandbox that has these models open and the registry in mind."""
    with pytest.MonkeyPatch.context() as patch, mocked_aws():
        for name, value in _environment(folder).items():
            patch.setenv(name, value)
        made = bundle.create(BUCKET, REGION, folder)
        for name, path in models.items():
            made.serve(name, path, (watched or {}).get(name))
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
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(bundle.MEMORY_MB),
    }
