"""Which baseline a version is compared with: the one it was published with, or its first window."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from hearth.domain import baseline as baselines
from hearth.domain import binning
from hearth.domain.baseline import PREDICTED, SCORE, Baseline, Watched
from hearth.domain.distribution import CATEGORY, NUMERIC, Feature, count, nothing
from hearth.domain.errors import InvalidDocument, StoreConflict
from hearth.domain.manifest import BASELINE, Manifest
from hearth.domain.manifest import from_document as manifest_from_document
from hearth.domain.monitoring import COLUMNS
from hearth.domain.value import Value
from hearth.monitoring.profile import Known, outcomes_of
from hearth.monitoring.records import PREFIX, Record, is_hour, parse, read_lines
from hearth.stores.artefacts import blob_key, manifest_key
from hearth.stores.documents import parse_json
from hearth.stores.ports import Document, Documents

FEWEST_ROWS = 200
"""A provisional baseline is made of at least so many rows."""
LARGEST = 16 << 20

_FORGET_S = 60.0
_TRY_AGAIN_S = 600.0
_MOST_CACHED = 512


def provisional_key(model: str, version: int) -> str:
    return f"profiles/baselines/{model}/{version}.json"


@dataclass
class Baselines:
    """Finds baselines, and keeps what it found; that there is none, it believes for a minute.

    That none can be made of what is on record yet, it believes for ten.

    Args:
        documents: Where they lie.
        seconds: A clock that never goes back.
    """

    documents: Documents
    seconds: Callable[[], float] = time.monotonic
    _found: dict[tuple[str, int], Known] = field(default_factory=dict)
    _missing: dict[tuple[str, int], float] = field(default_factory=dict)
    _tried: dict[tuple[str, int], float] = field(default_factory=dict)

    def find(self, model: str, version: int) -> Known:
        """Return a version's baseline.

        Raises:
            StoreError: If the bucket cannot tell.
        """
        key = (model, version)
        if key in self._found:
            return self._found[key]
        if self.seconds() < self._missing.get(key, 0.0):
            return Known()
        found = self._read(model, version)
        for cached in (self._found, self._missing, self._tried):
            if len(cached) > _MOST_CACHED:
                cached.clear()
        if found.baseline:
            self._found[key] = found
        else:
            self._missing[key] = self.seconds() + _FORGET_S
        return found

    def forget(self, model: str, version: int) -> None:
        """Let the next look be a look."""
        self._missing.pop((model, version), None)

    def provide(self, model: str, version: int) -> Known:
        """Return a version's baseline, made of its first rows on record if it has none yet."""
        key, found = (model, version), self.find(model, version)
        if found.baseline or self.seconds() < self._tried.get(key, 0.0):
            return found
        self._tried[key] = self.seconds() + _TRY_AGAIN_S
        manifest = self._manifest(model, version)
        if not manifest or manifest.of_role(BASELINE) or not _is_watched(manifest):
            return Known()
        made = first_window(manifest, self._first_records(model, version))
        if not made:
            return Known()
        body = orjson.dumps(baselines.to_document(made))
        with suppress(StoreConflict):  # another was first: its baseline it is
            self.documents.create(provisional_key(model, version), body)
        self.forget(model, version)
        return self.find(model, version)

    def _read(self, model: str, version: int) -> Known:
        manifest = self._manifest(model, version)
        if not manifest:
            return Known()
        try:
            files = manifest.of_role(BASELINE)
            if not files:
                return self._known(provisional_key(model, version), manifest)
            if files[0].size > LARGEST:
                raise InvalidDocument("baseline is too large", got=files[0].size, expected=LARGEST)
            return self._known(blob_key(model, files[0].sha256), manifest, files[0].sha256)
        except InvalidDocument as error:
            # Traffic is counted all the same; the publisher mends the blob, or publishes again.
            logging.getLogger(__name__).warning("%s version %s: %s", model, version, error)
            return Known()

    def _known(self, key: str, manifest: Manifest, sha256: str = "") -> Known:
        found = self.documents.read(key)
        if not isinstance(found, Document):
            return Known()
        digest = hashlib.sha256(found.body).hexdigest()
        if sha256 and digest != sha256:
            raise InvalidDocument(f"{key} is not what the manifest names", got=digest)
        baseline = baselines.from_document(parse_json(found.body, key))
        if baseline.features and baseline.names != manifest.monitoring.features:
            raise InvalidDocument(
                f"{key} is of other features than the manifest's",
                got=baseline.names,
                expected=manifest.monitoring.features,
            )
        return Known(digest, baseline)

    def _manifest(self, model: str, version: int) -> Manifest | None:
        if not version:
            return None
        key = manifest_key(model, version)
        found = self.documents.read(key)
        try:
            if isinstance(found, Document):
                return manifest_from_document(parse_json(found.body, key))
        except InvalidDocument as error:
            logging.getLogger(__name__).warning("%s", error)
        return None

    def _first_records(self, model: str, version: int) -> Iterator[list[Record]]:
        folder = f"{PREFIX}{model}/{version}/"
        for listed in self.documents.list(folder):
            if is_hour(listed.key.removeprefix(folder).partition("/")[0]):
                parsed = map(parse, read_lines(self.documents, listed.key))
                yield [record for record in parsed if record is not None]


def _is_watched(manifest: Manifest) -> bool:
    return bool(manifest.monitoring.features or manifest.monitoring.task)


def first_window(manifest: Manifest, batches: Iterator[Sequence[Record]]) -> Baseline | None:
    """Return the baseline of the first rows; None where there are not enough.

    Args:
        manifest: The version's.
        batches: Its records, the first ones first; read until there are enough.
    """
    names = manifest.monitoring.features
    rows: list[Sequence[Value]] = []
    outcomes: dict[str, list[Value]] = {}
    seen = 0
    for records in batches:
        rows += _rows_of(records, len(names)) if names else ()
        for name, column in outcomes_of(records).items():
            outcomes.setdefault(name, []).extend(column)
        seen = len(rows) if names else max(map(len, outcomes.values()))
        if seen >= FEWEST_ROWS:
            break
    else:
        return None
    columns: Mapping[str, Any] = dict(zip(names, zip(*rows, strict=True), strict=True))
    kinds = _kinds(manifest)
    return Baseline(
        rows=seen,
        features=tuple(_watched(name, columns[name], kinds[name]) for name in names),
        outputs=tuple(_output(name, column) for name, column in outcomes.items() if column),
        classes=manifest.class_labels,
        provisional=True,
    )


def _rows_of(records: Sequence[Record], width: int) -> list[Sequence[Value]]:
    given = (record.get("features") for record in records)
    rows = (row for some in given if isinstance(some, list) for row in some)
    return [row for row in rows if isinstance(row, list) and len(row) == width]


def _kinds(manifest: Manifest) -> dict[str, str]:
    """Return what each feature is: "" where its values are masked."""
    monitoring = manifest.monitoring
    texts = {spec.name for spec in manifest.signature.inputs if spec.datatype == "BYTES"}
    return {
        name: ""
        if name in monitoring.masked
        else CATEGORY
        if watched.form == COLUMNS and watched.input in texts
        else NUMERIC
        for watched in monitoring.inputs
        for name in watched.features
    }


def _watched(name: str, column: Sequence[Value], kind: str) -> Watched:
    if not kind:
        feature = Feature(name, NUMERIC, masked=True)
        return Watched(feature, nothing(feature))
    cut = binning.category if kind == CATEGORY else binning.numeric
    feature = cut(name, column)
    return Watched(feature, count(feature, column))


def _output(name: str, column: Sequence[Value]) -> Watched:
    if name == PREDICTED:
        return _watched(name, column, CATEGORY)
    shares = all(isinstance(v, float | int) and 0 <= v <= 1 for v in column)
    bounds = (0.0, 1.0) if name == SCORE and shares else None
    feature = binning.numeric(name, column, bounds)
    return Watched(feature, count(feature, column))
