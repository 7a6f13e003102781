"""What the registry says of every model: status, readiness and the repository index."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from hearth.domain.errors import HearthError, StoreError, UnknownModel, VersionUnavailable
from hearth.domain.frozen import dataclass
from hearth.domain.registry_entry import RegistryEntry, VersionStatus
from hearth.domain.routing import Target, resolve
from hearth.domain.state import State
from hearth.stores.registry import Registry

# TensorFlow Serving's states in the words of Triton's repository index.
_INDEX_STATE = {
    State.START: "UNKNOWN",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether predictions can be answered, as far as shared state shows; reasons if not.

    No function can look into another's sandboxes: a predict that crashes, is throttled or lacks
    a permission does not show here. Errors and throttles have their own alarms.
    """

    ready: bool
    reasons: list[str] = field(default_factory=list)


def server_readiness(registry: Registry) -> Readiness:
    """Return whether the registry can be read: with it, every AVAILABLE version can be served."""
    try:
        next(registry.models(), None)
    except StoreError as error:
        return Readiness(ready=False, reasons=[str(error)])
    return Readiness(ready=True)


def model_readiness(registry: Registry, target: Target) -> Readiness:
    """Return whether a request for this target would find a version.

    Raises:
        UnknownModel, UnknownVersion, UnknownLabel: If there is no such thing.
    """
    entry = registry.read(target.model).entry
    try:
        resolve(entry, target, "")
    except VersionUnavailable as error:
        return Readiness(ready=False, reasons=[str(error)])
    return Readiness(ready=True)


def model_status(registry: Registry, target: Target) -> dict[str, Any]:
    """Return TensorFlow Serving's model status: newest version first.

    Raises:
        UnknownModel: If no version of the model is known.
        UnknownVersion, UnknownLabel: If what was asked for is not.
    """
    try:
        entry = registry.read(target.model).entry
    except UnknownModel as error:
        raise UnknownModel(f"Could not find any versions of model {target.model}") from error
    return {
        "model_version_status": [
            _version_status(number, entry.status(number)) for number in _asked_for(entry, target)
        ]
    }


def _asked_for(entry: RegistryEntry, target: Target) -> list[int]:
    if target.version:
        return [target.version]
    if target.label:
        return [resolve(entry, target, "").version]
    return sorted(entry.versions, reverse=True)


def _version_status(number: int, status: VersionStatus) -> dict[str, Any]:
    return {
        "version": str(number),
        "state": str(status.state),
        "status": {"error_code": status.error_code, "error_message": status.error_message},
    }


def repository_index(registry: Registry, *, only_ready: bool) -> list[dict[str, str]]:
    """Return Triton's repository index: one item a version.

    A model whose entry cannot be read is listed as UNAVAILABLE with the reason.
    """
    items: list[dict[str, str]] = []
    for model in registry.models():
        try:
            items += _index_of(registry.read(model).entry)
        except HearthError as error:
            items.append({"name": model, "state": "UNAVAILABLE", "reason": str(error)})
    return [item for item in items if item["state"] == "READY"] if only_ready else items


def _index_of(entry: RegistryEntry) -> list[dict[str, str]]:
    return [
        {
            "name": entry.model,
            "version": str(number),
            "state": _INDEX_STATE[status.state],
            "reason": status.error_message or ("unloaded" if status.state is State.END else ""),
        }
        for number, status in entry.versions.items()
    ]
