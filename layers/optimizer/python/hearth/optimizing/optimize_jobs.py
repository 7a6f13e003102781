"""What optimize does for events and direct invokes: each says what became of it."""

from __future__ import annotations

from typing import Any

from hearth.domain.errors import BadRequest
from hearth.domain.identity import model_name, version
from hearth.domain.optimization import Wish
from hearth.domain.registry_entry import AUTO, OFF, Policy
from hearth.edge.events import Announcement, Event, job
from hearth.edge.jobs import model_of, unknown_job
from hearth.edge.optimize_request import of_fields
from hearth.optimizing.names import require_known
from hearth.optimizing.optimization import Attempt, Optimizer, optimize
from hearth.optimizing.optimize_routes import OPTIMIZATION_REQUESTED
from hearth.optimizing.profiling import Profiler, profile
from hearth.optimizing.profiling import wish as profile_wish
from hearth.optimizing.report import Report
from hearth.stores.announcement import VERSION_AVAILABLE
from hearth.stores.ports import Blobs
from hearth.stores.registry import Registry


def on_announcement(
    told: Announcement, bucket: str, registry: Registry, attempt: Attempt, optimizer: Optimizer
) -> dict[str, Any]:
    """Look for a variant of a version that became available, or of one that was asked for."""
    if told.bucket != bucket:
        return {"ignored": f"{told.bucket} is not this bucket"}
    model = model_name(str(told.detail.get("model")))
    if told.kind == VERSION_AVAILABLE:
        entry = registry.find(model)
        policy = entry.policy if entry else Policy()
        if policy.optimize == OFF:
            return {"ignored": f"the policy of {model} says: optimize off"}
        wish = Wish(version=version(told.detail["version"]), publish=policy.optimize == AUTO)
    elif told.kind == OPTIMIZATION_REQUESTED:
        wish = _wish(told.detail.get("wish", {}))
    else:
        return {"ignored": f"optimize does nothing for {told.kind!r}"}
    return described(optimize(model, wish, attempt, optimizer))


def on_job(event: Event, attempt: Attempt, optimizer: Optimizer, blobs: Blobs) -> dict[str, Any]:
    """Do what `{"do": "optimize" | "profile", "model": ..., ...}` asks."""
    match job(event):
        case "optimize":
            fields = {key: value for key, value in event.items() if key not in ("do", "model")}
            wish = of_fields(fields, attempt.id)
            require_known(wish.recipes)
            return described(optimize(model_of(event), wish, attempt, optimizer))
        case "profile":
            profiler = Profiler(
                artefacts=optimizer.artefacts,
                files=optimizer.files,
                blobs=blobs,
                memory_mb=optimizer.memory_mb,
                serving_mb=optimizer.serving_memory_mb,
                remaining_s=attempt.remaining_s,
            )
            return profile(profile_wish(event), profiler)
        case other:
            raise unknown_job(other, "optimize", "profile")


def _wish(document: Any) -> Wish:  # noqa: ANN401 (any JSON)
    try:
        lists = {name: tuple(document[name]) for name in ("recipes", "batches") if name in document}
        return Wish(**{**document, **lists})
    except TypeError as error:
        raise BadRequest("the event holds no wish", got=error) from error


def described(report: Report) -> dict[str, Any]:
    """Return what a caller and the log want to know of a search; the rest is in its report."""
    return {
        "model": report.model,
        "version": report.version,
        "id": report.id,
        "state": report.state,
        "verdict": report.verdict,
        "reasons": list(report.reasons),
        "chosen": report.chosen,
        "published": report.published,
    }
