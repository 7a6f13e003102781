"""health-check: says over HTTP what works; on schedule moves rollouts, and mends what a crash left.

It sees shared state alone, the registry and what metrics wrote down, and not into predict's
sandboxes.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from hearth.edge.door import respond
from hearth.edge.events import Event, is_http, job
from hearth.edge.health_routes import health
from hearth.edge.jobs import unknown_job
from hearth.edge.settings import HealthCheckSettings
from hearth.edge.telemetry import logger
from hearth.stores.aws_events import EventBridgeAnnouncer
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.reconciliation import reconcile
from hearth.stores.registry import Registry


@cache
def settings() -> HealthCheckSettings:
    return HealthCheckSettings.from_env(os.environ)


@cache
def documents() -> S3Documents:
    return S3Documents(settings().bucket)


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401 (AWS's context)
    if is_http(event):
        return respond(
            event, lambda request: health(request, Registry(documents()), context.function_version)
        )
    if job(event) != "reconcile":
        raise unknown_job(job(event), "reconcile")
    announcer = EventBridgeAnnouncer(settings().event_bus, settings().bucket)
    answer = asdict(reconcile(documents(), announcer, SystemClock()))
    if any(answer.values()):
        logger("health-check").info("reconciled", extra={"outcome": answer})
    return answer
