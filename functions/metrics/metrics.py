"""metrics: keeps the records that predict logs; what reads them is not built yet, and says so."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from hearth.domain.errors import NotBuilt
from hearth.edge.answers import Answer
from hearth.edge.door import respond
from hearth.edge.events import Event, HttpRequest, is_http, is_log_batch, log_batch
from hearth.edge.settings import MetricsSettings
from hearth.edge.telemetry import logger
from hearth.monitoring.ingest import ingest
from hearth.stores.aws_s3 import S3Documents


@cache
def documents() -> S3Documents:
    return S3Documents(MetricsSettings.from_env(os.environ).bucket)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 (AWS's context)
    if is_http(event):
        return respond(event, _not_built)
    if not is_log_batch(event):
        raise NotBuilt("metrics does not answer this event yet", got=sorted(event)[:8])
    ingested = asdict(ingest(log_batch(event), documents()))
    if ingested["foreign"]:
        logger("metrics").warning("lines that are no records", extra={"ingested": ingested})
    return ingested


def _not_built(request: HttpRequest) -> Answer:
    raise NotBuilt(
        f"{request.method} {request.path[:200]} is not built yet",
        remedy="predict's records are kept under records/ in the bucket until it is",
    )
