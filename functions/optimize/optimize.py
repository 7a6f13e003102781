"""optimize: looks for a variant that is measured better and still right, and publishes it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearth.edge.door import respond
from hearth.edge.events import Event, announcement, is_announcement, is_http
from hearth.edge.settings import OptimizeSettings
from hearth.edge.telemetry import logger
from hearth.optimizing.optimize_routes import Desk, optimization
from hearth.optimizing.searches import Searches
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_events import EventBridgeAnnouncer
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.registry import Registry

if TYPE_CHECKING:
    from hearth.optimizing.optimization import Optimizer


@cache
def settings() -> OptimizeSettings:
    return OptimizeSettings.from_env(os.environ)


@cache
def desk() -> Desk:
    documents = S3Documents(settings().bucket)
    return Desk(
        registry=Registry(documents),
        artefacts=Artefacts(documents, S3Blobs(settings().bucket)),
        searches=Searches(documents, SystemClock()),
        announcer=EventBridgeAnnouncer(settings().event_bus, settings().bucket),
    )


@cache
def optimizer() -> Optimizer:
    from hearth.optimizing.optimization import assemble

    sizes = (settings().memory_mb, settings().predict_memory_mb)
    return assemble(desk().artefacts, desk().searches, Path(settings().files_dir), sizes)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401 (AWS's context)
    def remaining_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if is_http(event):
        return respond(event, lambda request: optimization(request, desk()))
    # Somebody who asks over HTTP how far a search is waits for none of what makes candidates.
    from hearth.optimizing.optimization import Attempt
    from hearth.optimizing.optimize_jobs import on_announcement, on_job

    attempt = Attempt(context.aws_request_id, remaining_s)
    if is_announcement(event):
        told = announcement(event)
        answer = on_announcement(told, settings().bucket, desk().registry, attempt, optimizer())
    else:
        answer = on_job(event, attempt, optimizer(), S3Blobs(settings().bucket))
    logger("optimize").info("done", extra={"outcome": answer})
    return answer
