"""load-and-warm: a new manifest, an HTTP load or a direct invoke changes what is servable."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hearth.edge.door import respond
from hearth.edge.events import Event, is_http, is_object_created, object_created
from hearth.edge.settings import LoadAndWarmSettings
from hearth.edge.telemetry import logger
from hearth.serving.files import Files
from hearth.serving.load_jobs import on_created, on_job
from hearth.serving.proof_process import prove_apart
from hearth.serving.repository import repository_control
from hearth.serving.warming import Attempt, Loader
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_events import EventBridgeAnnouncer
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.registry import Registry
from hearth.stores.sweeping import Sweeper


@cache
def settings() -> LoadAndWarmSettings:
    return LoadAndWarmSettings.from_env(os.environ)


@cache
def assemble() -> Loader:
    documents = S3Documents(settings().bucket)
    artefacts = Artefacts(documents, S3Blobs(settings().bucket))
    return Loader(
        registry=Registry(documents),
        artefacts=artefacts,
        announcer=EventBridgeAnnouncer(settings().event_bus, settings().bucket),
        clock=SystemClock(),
        files=Files(Path(settings().files_dir), artefacts),
        memory_mb=settings().memory_mb,
        attempts=settings().load_attempts,
        prove=prove_apart,
    )


@cache
def sweeper() -> Sweeper:
    grace = timedelta(hours=settings().sweep_grace_h)
    return Sweeper(assemble().artefacts, S3Blobs(settings().bucket), SystemClock(), grace)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401 (AWS's context)
    def remaining_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    attempt = Attempt(context.aws_request_id, remaining_s)
    if is_http(event):
        return respond(event, lambda request: repository_control(request, attempt, assemble()))
    if is_object_created(event):
        answer = on_created(object_created(event), settings().bucket, attempt, assemble())
    else:
        answer = on_job(event, attempt, assemble(), sweeper())
    logger("load-and-warm").info("done", extra={"outcome": answer})
    return answer
