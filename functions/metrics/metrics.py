"""metrics: keeps the records that predict logs, and tells what is known of each version."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from hearth.domain.errors import NotBuilt
from hearth.edge.door import respond
from hearth.edge.events import Event, is_http, is_log_batch, log_batch
from hearth.edge.settings import MetricsSettings
from hearth.edge.telemetry import logger
from hearth.monitoring.ingest import ingest
from hearth.monitoring.metrics_routes import metrics
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.registry import Registry


@cache
def documents() -> S3Documents:
    return S3Documents(MetricsSettings.from_env(os.environ).bucket)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 (AWS's context)
    if is_http(event):
        return respond(event, lambda request: metrics(request, Registry(documents())))
    if not is_log_batch(event):
        raise NotBuilt("metrics does not answer this event yet", got=sorted(event)[:8])
    ingested = asdict(ingest(log_batch(event), documents()))
    if ingested["foreign"]:
        logger("metrics").warning("lines that are no records", extra={"ingested": ingested})
    return ingested
