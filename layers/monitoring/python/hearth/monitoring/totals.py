"""The ledger: what every version has been used for since ever, and which profiles are in it.

It is one document, written by compare-and-set: what is added to the totals, and the profile that
holds the same requests, become true in one write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from hearth.domain.errors import InvalidDocument
from hearth.monitoring import traffic as traffics
from hearth.monitoring.records import Place
from hearth.monitoring.traffic import Traffic
from hearth.stores.documents import parse_json, write_over
from hearth.stores.ports import Document, Documents

KEY = "profiles/totals.json"
SCHEMA = "hearth.totals/1"
MOST_VERSIONS = 2_000
OTHERS = "-"
"""No model's name: here counts what callers ask for in names they make up, beyond the most."""

Totals = Mapping[str, Mapping[str, Traffic]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Totals, and the profiles that they are of.

    Args:
        totals: Traffic since ever, by model and version (text; "0" where no version answered).
        merged: Name of the profile that stands for a version's hour. Whatever is in its sources
            is in the totals; nothing else is, of the hours that are listed.
        tallied_ms: When it was last written, in milliseconds since 1970.
        swept_ms: When all hours were last looked through, not only the newest.
    """

    totals: Totals = field(default_factory=dict)
    merged: Mapping[Place, str] = field(default_factory=dict)
    tallied_ms: int = 0
    swept_ms: int = 0


def read_ledger(documents: Documents) -> tuple[Ledger, str]:
    """Return the ledger and its ETag; an empty one with "" where nothing was tallied yet.

    Raises:
        InvalidDocument: If what is stored is no ledger. An earlier one that is restored makes good
            what it lacks from the profiles of the hours that it does not know.
    """
    found = documents.read(KEY)
    if not isinstance(found, Document):
        return Ledger(), ""
    return from_document(parse_json(found.body, KEY)), found.etag


def write_ledger(documents: Documents, ledger: Ledger, etag: str) -> None:
    """Write the ledger over the one that was read.

    Raises:
        StoreConflict: If another writer was first.
    """
    write_over(documents, KEY, orjson.dumps(to_document(ledger)), etag)


def add(totals: Totals, more: Mapping[Place, Traffic]) -> Totals:
    """Return totals with more traffic in them."""
    found = {model: dict(versions) for model, versions in totals.items()}
    known = sum(map(len, found.values()))
    for place, traffic in more.items():
        model, version = place.model, str(place.version)
        if version not in found.get(model, {}):
            known += 1
            if known > MOST_VERSIONS:
                model, version = OTHERS, "0"
        versions = found.setdefault(model, {})
        versions[version] = versions.get(version, Traffic()) + traffic
    return found


def to_document(ledger: Ledger) -> dict[str, Any]:
    merged: dict[str, dict[str, dict[str, str]]] = {}
    for place, name in sorted(ledger.merged.items()):
        merged.setdefault(place.hour, {}).setdefault(place.model, {})[str(place.version)] = name
    return {
        "schema": SCHEMA,
        "tallied_ms": ledger.tallied_ms,
        "swept_ms": ledger.swept_ms,
        "totals": {
            model: {version: traffics.to_document(t) for version, t in versions.items()}
            for model, versions in ledger.totals.items()
        },
        "merged": merged,
    }


def from_document(document: Mapping[str, Any]) -> Ledger:
    """Return the ledger in a JSON document.

    Raises:
        InvalidDocument: If it is none of this schema.
    """
    if document.get("schema") != SCHEMA:
        raise InvalidDocument("totals have an unknown schema", got=document.get("schema"))
    try:
        return Ledger(
            totals={
                model: {version: traffics.from_document(t) for version, t in versions.items()}
                for model, versions in document["totals"].items()
            },
            merged={
                Place(hour, model, int(version)): name
                for hour, models in document["merged"].items()
                for model, versions in models.items()
                for version, name in versions.items()
            },
            tallied_ms=int(document["tallied_ms"]),
            swept_ms=int(document["swept_ms"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDocument(
            "totals are not complete", got=f"{type(error).__name__}: {error}", expected=SCHEMA
        ) from error
