"""metrics: keeps the records that predict logs, counts them, and tells what is known of models."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from hearth.edge.door import respond
from hearth.edge.events import Event, is_http, is_log_batch, job, log_batch
from hearth.edge.jobs import unknown_job
from hearth.edge.settings import MetricsSettings
from hearth.edge.telemetry import logger
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.ingest import Ingest
from hearth.monitoring.metrics_routes import metrics
from hearth.monitoring.tally import Tally
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.clock import SystemClock


@cache
def documents() -> S3Documents:
    return S3Documents(MetricsSettings.from_env(os.environ).bucket)


@cache
def baselines() -> Baselines:
    return Baselines(documents())


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 (AWS's context)
    if is_http(event):
        return respond(event, lambda request: metrics(request, documents()))
    if is_log_batch(event):
        return _ingest(event)
    do = job(event)
    if do not in _JOBS:
        raise unknown_job(do, *_JOBS)
    return _JOBS[do]()


def _ingest(event: Event) -> dict[str, Any]:
    ingested = asdict(
        Ingest(documents(), baselines(), SystemClock()).ingest(log_batch(event)),
    )
    if ingested["foreign"] or ingested["misdated"]:
        logger("metrics").warning("lines that are not counted", extra={"ingested": ingested})
    return ingested


def _tally() -> dict[str, Any]:
    tallied = asdict(Tally(documents(), baselines(), SystemClock()).tally())
    logger("metrics").info("tallied", extra={"tallied": tallied})
    return tallied


_JOBS: dict[str, Callable[[], dict[str, Any]]] = {"tally": _tally}
