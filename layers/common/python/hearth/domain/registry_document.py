"""The registry entry as it is stored: one JSON document a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hearth.domain import rollout as rollouts
from hearth.domain.errors import InvalidDocument, InvalidName
from hearth.domain.identity import label, model_name, version
from hearth.domain.registry_entry import (
    SCHEMA,
    Change,
    Figures,
    Policy,
    RegistryEntry,
    VersionStatus,
)
from hearth.domain.rollout import Gradual, Rollout
from hearth.domain.state import State


def to_document(entry: RegistryEntry) -> dict[str, Any]:
    document = asdict(entry)
    # What few models have is left out for the others: their entries are as they always were.
    if entry.policy.gradual == Gradual():
        del document["policy"]["gradual"]
    del document["rollout"]
    if entry.rollout:
        document["rollout"] = rollouts.to_document(entry.rollout)
    document["versions"] = {str(n): status for n, status in document["versions"].items()}
    document["labels"] = {
        name: {str(n): weight for n, weight in split.items()}
        for name, split in document["labels"].items()
    }
    return document


def from_document(document: Mapping[str, Any]) -> RegistryEntry:
    """Return the entry in a document.

    Raises:
        InvalidDocument: If the schema is another one, or a field is missing or of a wrong type.
    """
    if document.get("schema") != SCHEMA:
        raise InvalidDocument(
            "registry entry has an unknown schema",
            got=document.get("schema"),
            expected=SCHEMA,
            remedy="deploy a Hearth that knows this schema",
        )
    try:
        return RegistryEntry(
            model=model_name(document["model"]),
            revision=int(document["revision"]),
            policy=_policy(document["policy"]),
            versions={
                version(number): _status(status) for number, status in document["versions"].items()
            },
            labels={
                label(name): {version(n): int(weight) for n, weight in split.items()}
                for name, split in document["labels"].items()
            },
            history=tuple(Change(**change) for change in document["history"]),
            rollout=_rollout(document.get("rollout")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidName) as error:
        raise InvalidDocument(
            "registry entry is not complete", got=f"{type(error).__name__}: {error}"
        ) from error


def _rollout(document: Mapping[str, Any] | None) -> Rollout | None:
    return None if document is None else rollouts.from_document(document)


def _policy(document: Mapping[str, Any]) -> Policy:
    if "gradual" not in document:
        return Policy(**document)
    gradual = rollouts.policy_from_document(document["gradual"])
    return Policy(**{**document, "gradual": gradual})


def _status(document: Mapping[str, Any]) -> VersionStatus:
    figures = document.get("figures")
    known = {**document, "state": State(document["state"])}
    status = VersionStatus(**{**known, "figures": Figures(**figures) if figures else None})
    for item in fields(status):
        value = getattr(status, item.name)
        if item.name != "figures" and type(value) is not type(item.default):
            raise TypeError(f"{item.name} is {value!r}")
    return status
