"""metrics: keeps and counts what predict logs, takes feedback, judges, and answers from it all."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from hearth.edge.door import respond
from hearth.edge.events import (
    Event,
    is_http,
    is_log_batch,
    is_object_created,
    log_batch,
    object_created,
)
from hearth.edge.settings import MetricsSettings
from hearth.edge.telemetry import logger
from hearth.monitoring.metrics_jobs import on_dropped, on_job, on_records
from hearth.monitoring.metrics_routes import metrics
from hearth.monitoring.monitor import Monitor, assemble
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_events import EventBridgeAnnouncer
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock


@cache
def settings() -> MetricsSettings:
    return MetricsSettings.from_env(os.environ)


@cache
def monitor() -> Monitor:
    documents = S3Documents(settings().bucket)
    return assemble(
        documents,
        Artefacts(documents, S3Blobs(settings().bucket)),
        EventBridgeAnnouncer(settings().event_bus, settings().bucket),
        SystemClock(),
        (settings().window_h, settings().feedback_h),
    )


def _emit(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (CloudWatch makes metrics of it)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401 (AWS's context)
    def remaining_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if is_http(event):
        return respond(event, lambda request: metrics(request, monitor()))
    if is_log_batch(event):
        answer = on_records(log_batch(event), monitor())
        if answer["foreign"] or answer["misdated"]:
            logger("metrics").warning("lines that are not counted", extra={"ingested": answer})
        return answer
    if is_object_created(event):
        answer = on_dropped(object_created(event), settings().bucket, monitor())
    else:
        answer = on_job(event, monitor(), _emit, remaining_s)
    logger("metrics").info("done", extra={"outcome": answer})
    return answer
