"""Figures of every version that can be served, in the shape of Triton's statistics extension.

Predictions are not counted here yet. What is known of a version is what load-and-warm measured
while it proved it, and each item says so in its member `source`, which is Hearth's own.

Source: Triton's `extension_statistics.md`; `memory_usage` from its `grpc_service.proto`.
"""

from __future__ import annotations

from typing import Any

from hearth.domain.errors import HearthError, VersionUnavailable
from hearth.domain.registry_entry import Figures, RegistryEntry, VersionStatus
from hearth.domain.routing import Target, resolve
from hearth.stores.registry import Registry

_NONE = {"count": 0, "ns": 0}


def all_statistics(registry: Registry) -> dict[str, Any]:
    """Return the figures of every model.

    A model whose entry cannot be read has none: it is named in `unreadable` with the reason.

    Raises:
        StoreError: If the registry cannot be listed.
    """
    items: list[dict[str, Any]] = []
    unreadable: dict[str, str] = {}
    for model in registry.models():
        try:
            items += _of_entry(registry.read(model).entry)
        except HearthError as error:
            unreadable[model] = str(error)
    return {"model_stats": items, **({"unreadable": unreadable} if unreadable else {})}


def model_statistics(registry: Registry, target: Target) -> dict[str, Any]:
    """Return the figures of one version, or of all that can be served.

    Raises:
        UnknownModel, UnknownVersion: If there is no such thing.
        VersionUnavailable: If what was asked for cannot be served now.
    """
    entry = registry.read(target.model).entry
    if target.version:
        number = resolve(entry, target, "").version
        return {"model_stats": [_of_version(entry.model, number, entry.status(number))]}
    items = _of_entry(entry)
    if not items:
        raise VersionUnavailable(
            f"model {entry.model}: no version can be served now",
            got={number: str(status.state) for number, status in entry.versions.items()},
            remedy="load one",
        )
    return {"model_stats": items}


def _of_entry(entry: RegistryEntry) -> list[dict[str, Any]]:
    return [_of_version(entry.model, number, entry.status(number)) for number in entry.available()]


def _of_version(model: str, number: int, status: VersionStatus) -> dict[str, Any]:
    runs = _runs(status.figures)
    return {
        "name": model,
        "version": str(number),
        "last_inference": 0,
        "inference_count": runs["count"],
        "execution_count": runs["count"],
        "inference_stats": {
            "success": runs,
            "fail": _NONE,
            "queue": _NONE,
            "compute_input": _NONE,
            "compute_infer": runs,
            "compute_output": _NONE,
            "cache_hit": _NONE,
            "cache_miss": _NONE,
        },
        "response_stats": {},
        "batch_stats": _batches(runs),
        "memory_usage": _memory(status.figures),
        "source": _source(status),
    }


def _runs(figures: Figures | None) -> dict[str, int]:
    """Return the measured runs: as many as the entry has a figure of, and what they took."""
    if figures is None:
        return _NONE
    return {"count": 2, "ns": round((figures.first_run_ms + figures.warm_run_ms) * 1e6)}


def _batches(runs: dict[str, int]) -> list[dict[str, Any]]:
    # Triton's size for models that it does not batch: a run is one batch, whatever its rows.
    if not runs["count"]:
        return []
    of_one = {"compute_input": _NONE, "compute_infer": runs, "compute_output": _NONE}
    return [{"batch_size": 1, **of_one}]


def _memory(figures: Figures | None) -> list[dict[str, Any]]:
    if figures is None:
        return []
    return [{"type": "CPU", "id": 0, "byte_size": round(figures.resident_mb * (1 << 20))}]


def _source(status: VersionStatus) -> str:
    figures = status.figures
    if figures is None:
        return "nothing was measured, and predictions are not counted yet"
    return (
        "predictions are not counted yet: these are runs of a golden case by load-and-warm, with "
        f"{figures.memory_size_mb} MB of memory, before the version became AVAILABLE at "
        f"{status.since}: the first after opening it (which took {figures.cold_open_ms:g} ms), "
        f"{figures.first_run_ms:g} ms, and the median of those that followed, "
        f"{figures.warm_run_ms:g} ms, each counted once; input and output are not measured apart; "
        "memory is what the process grew by"
    )
