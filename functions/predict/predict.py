"""predict: an HTTP API request, or a direct invoke with a path and a body, becomes a prediction."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from hearth.edge.door import respond
from hearth.edge.events import Event
from hearth.edge.settings import PredictSettings
from hearth.serving.prediction import predict
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry


@cache
def assemble() -> Worker:
    settings = PredictSettings.from_env(os.environ)
    documents = S3Documents(settings.bucket)
    artefacts = Artefacts(documents, S3Blobs(settings.bucket))
    return Worker(Registry(documents), artefacts, settings)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 (AWS's context)
    return respond(event, lambda request: predict(request, assemble()))


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    assemble()
