"""What load-and-warm does for events and direct invokes, each answered by what became of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from hearth.edge.events import Event, ObjectCreated, job
from hearth.edge.jobs import model_of, unknown_job, version_of
from hearth.serving.repository import described, load
from hearth.serving.warming import Attempt, Loader, load_and_warm, unload
from hearth.stores.artefacts import parse_manifest_key
from hearth.stores.sweeping import Sweeper


def on_created(
    created: ObjectCreated, bucket: str, attempt: Attempt, loader: Loader
) -> dict[str, Any]:
    """Load the version whose manifest was created; duplicates and reordering are normal."""
    parsed = parse_manifest_key(created.key)
    if parsed is None or created.bucket != bucket:
        return {"ignored": f"{created.bucket}/{created.key} is not a manifest of this bucket"}
    by_event = replace(attempt, explicit=False, why="manifest created")
    return asdict(load_and_warm(*parsed, by_event, loader))


def on_job(event: Event, attempt: Attempt, loader: Loader, sweeper: Sweeper) -> dict[str, Any]:
    """Do what `{"do": "load" | "unload" | "sweep", ...}` asks."""
    asked = replace(attempt, why="asked by a direct invoke")
    match job(event):
        case "load":
            parameters = {"version": version_of(event)} if "version" in event else {}
            return {"versions": described(load(model_of(event), parameters, asked, loader))}
        case "unload":
            return {"versions": described(unload(model_of(event), loader, asked.why))}
        case "sweep":
            return asdict(sweeper.sweep())
        case other:
            raise unknown_job(other, "load", "unload", "sweep")
