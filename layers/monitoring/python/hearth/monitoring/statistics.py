"""Figures of every version that can be served, in the shape of Triton's statistics extension.

Predictions are those of the totals, which grow once a minute; memory is what load-and-warm measured
while it proved the version. Each item says so in its member `source`, which is Hearth's own.

Source: Triton's `extension_statistics.md`; `memory_usage` from its `grpc_service.proto`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hearth.domain.errors import HearthError, VersionUnavailable
from hearth.domain.registry_entry import Figures, RegistryEntry, VersionStatus
from hearth.domain.routing import Target, resolve
from hearth.monitoring.totals import Ledger
from hearth.monitoring.traffic import Histogram, Traffic
from hearth.stores.clock import stamp
from hearth.stores.registry import Registry

_NONE = {"count": 0, "ns": 0}


def all_statistics(registry: Registry, ledger: Ledger) -> dict[str, Any]:
    """Return the figures of every model.

    A model whose entry cannot be read has none: it is named in `unreadable` with the reason.

    Raises:
        StoreError: If the registry cannot be listed.
    """
    items: list[dict[str, Any]] = []
    unreadable: dict[str, str] = {}
    for model in registry.models():
        try:
            items += _of_entry(registry.read(model).entry, ledger)
        except HearthError as error:
            unreadable[model] = str(error)
    return {"model_stats": items, **({"unreadable": unreadable} if unreadable else {})}


def model_statistics(registry: Registry, ledger: Ledger, target: Target) -> dict[str, Any]:
    """Return the figures of one version, or of all that can be served.

    Raises:
        UnknownModel, UnknownVersion: If there is no such thing.
        VersionUnavailable: If what was asked for cannot be served now.
    """
    entry = registry.read(target.model).entry
    if target.version:
        number = resolve(entry, target, "").version
        return {"model_stats": [_of_version(entry, number, ledger)]}
    items = _of_entry(entry, ledger)
    if not items:
        raise VersionUnavailable(
            f"model {entry.model}: no version can be served now",
            got={number: str(status.state) for number, status in entry.versions.items()},
            remedy="load one",
        )
    return {"model_stats": items}


def _of_entry(entry: RegistryEntry, ledger: Ledger) -> list[dict[str, Any]]:
    return [_of_version(entry, number, ledger) for number in entry.available()]


def _of_version(entry: RegistryEntry, number: int, ledger: Ledger) -> dict[str, Any]:
    status = entry.status(number)
    traffic = ledger.totals.get(entry.model, {}).get(str(number), Traffic())
    answered = traffic.requests - _refused(traffic)
    return {
        "name": entry.model,
        "version": str(number),
        "last_inference": traffic.last_ms,
        "inference_count": traffic.rows,
        "execution_count": answered,
        "inference_stats": _durations(traffic, answered),
        "response_stats": {},
        # Rows of each request are counted, but not what requests of a size took.
        "batch_stats": [],
        "memory_usage": _memory(status.figures),
        "source": f"{_counted(ledger)}; {_measured(status)}",
    }


def _refused(traffic: Traffic) -> int:
    answered = sum(n for code, n in traffic.status.items() if code.isdigit() and int(code) < 400)
    return traffic.requests - answered


def _durations(traffic: Traffic, answered: int) -> dict[str, dict[str, int]]:
    refused_s = traffic.refused_seconds
    return {
        "success": _duration(answered, max(traffic.latency.sum - refused_s, 0.0)),
        "fail": _duration(traffic.requests - answered, refused_s),
        "queue": _duration(answered, 0.0),  # a sandbox has one request at a time
        "compute_input": _all(traffic.decode),
        "compute_infer": _all(traffic.model),
        "compute_output": _all(traffic.encode),
        "cache_hit": _NONE,
        "cache_miss": _NONE,
    }


def _all(counted: Histogram) -> dict[str, int]:
    return _duration(counted.count, counted.sum)


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": round(seconds * 1e9)}


def _memory(figures: Figures | None) -> list[dict[str, Any]]:
    if figures is None:
        return []
    return [{"type": "CPU", "id": 0, "byte_size": round(figures.resident_mb * (1 << 20))}]


def _counted(ledger: Ledger) -> str:
    if not ledger.tallied_ms:
        return "no prediction was counted yet"
    at = stamp(datetime.fromtimestamp(ledger.tallied_ms / 1000, UTC))
    return (
        f"predictions of all sandboxes, counted from their records until {at}: inference_count is "
        "rows of answered requests, execution_count is answered requests"
    )


def _measured(status: VersionStatus) -> str:
    figures = status.figures
    if figures is None:
        return "memory was not measured"
    return (
        f"memory is what the process of load-and-warm, with {figures.memory_size_mb} MB, grew by "
        f"while it proved the version before {status.since}: opening it took "
        f"{figures.cold_open_ms:g} ms, the first run {figures.first_run_ms:g} ms, and the median "
        f"of those that followed {figures.warm_run_ms:g} ms"
    )
