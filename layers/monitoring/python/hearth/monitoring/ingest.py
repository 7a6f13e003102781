"""Log lines to records and their profiles: append-only, named by content: a replay adds nothing.

A record is its line. An object of records is written first, its profile after it and from it, so
that a replay completes whatever broke off.
"""

from __future__ import annotations

import gc
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hearth.domain.errors import StoreConflict
from hearth.edge.events import LogBatch
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.profile import profile_of
from hearth.monitoring.records import (
    HOUR_MS,
    MISDATED,
    PREFIX,
    Place,
    Record,
    parse,
    place_of,
    read_fresh,
    source_named,
    sources_in,
    stamps_of,
    to_body,
)
from hearth.monitoring.windows import create_profile
from hearth.stores.ports import Clock, Documents

AHEAD = timedelta(hours=1)
BEHIND = timedelta(days=15)
"""A record's time may differ from the clock so much; a clock that jumps writes no history."""

_FEW, _WORKERS = 4, 8

_Group = dict[str, Record]
_Pairs = list[tuple[str, Record]]
_Places = dict[Place, _Pairs]
_Key = tuple[Any, Any, int]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch's lines.

    Args:
        stored: New records.
        repeated: Records that an earlier delivery stored, or that came twice.
        foreign: Lines that are no records.
        misdated: Records of a time that cannot be; they are kept apart, and not counted.
    """

    stored: int = 0
    repeated: int = 0
    foreign: int = 0
    misdated: int = 0


@dataclass(frozen=True, slots=True)
class Ingest:
    """Stores batches of log lines."""

    documents: Documents
    baselines: Baselines
    clock: Clock

    def ingest(self, batch: LogBatch) -> Ingested:
        """Store a batch's records and their profiles, by model, version and hour."""
        with _uncollected():
            return self._ingest(batch)

    def _ingest(self, batch: LogBatch) -> Ingested:
        dated, misdated = self._grouped(batch.lines)
        stream = hashlib.sha256(f"{batch.group}\n{batch.stream}".encode()).hexdigest()[:8]
        for place, pairs in misdated.items():
            self._set_aside(place, _group(pairs))
        stored = self._store_all(dated, stream)
        apart = sum(map(len, misdated.values()))
        records = sum(map(len, dated.values()))
        return Ingested(
            stored=stored,
            repeated=records - stored,
            foreign=len(batch.lines) - records - apart,
            misdated=apart,
        )

    def _store_all(self, dated: _Places, stream: str) -> int:
        def store(place: Place) -> int:
            return self._store(place, stream, _group(dated[place]))

        if len(dated) <= _FEW:
            return sum(map(store, dated))
        # Callers who make up models' names must not make a batch take longer than there is time.
        with ThreadPoolExecutor(_WORKERS) as pool:
            return sum(pool.map(store, dated))

    def _grouped(self, lines: Sequence[str]) -> tuple[_Places, _Places]:
        """Return the records of each place, and those whose time cannot be."""
        now = self.clock.now()
        early = (now - BEHIND).timestamp() * 1000
        late = (now + AHEAD).timestamp() * 1000
        dated: dict[_Key, _Pairs] = defaultdict(list)
        misdated: dict[_Key, _Pairs] = defaultdict(list)
        for line, record in zip(lines, map(parse, lines), strict=True):
            if record is None:
                continue
            at = record["_aws"]["Timestamp"]
            with suppress(KeyError, TypeError):  # no model, no version, or none that could be one
                key = record["model"], record["version"]
                if early <= at <= late:
                    dated[*key, at // HOUR_MS].append((line, record))
                else:
                    misdated[*key, 0].append((line, record))
        return _placed(dated), _placed(misdated)

    def _store(self, place: Place, stream: str, group: _Group) -> int:
        """Store what is new of a group, and complete what is not; return how many are new."""
        body = to_body(group)
        source = source_named(stream, stamps_of(group.values()), body)
        near = [s for s in sources_in(self.documents, place, stream) if s.overlaps(source)]
        if source not in near:
            for other in near:  # of another delivery, which cut the stream elsewhere
                recorded = read_fresh(self.documents, place, other.name)
                self._profile(place, other.name, list(recorded.values()))
                group = {line: record for line, record in group.items() if line not in recorded}
            if not group:
                return 0
            if near:
                body = to_body(group)
                source = source_named(stream, stamps_of(group.values()), body)
            if self._create(place.record_key(source.name), body):
                self._profile(place, source.name, list(group.values()))
                return len(group)
        # Not from the batch: what is on record counts.
        recorded = read_fresh(self.documents, place, source.name)
        self._profile(place, source.name, list(recorded.values()))
        return 0

    def _create(self, key: str, body: bytes) -> bool:
        try:
            self.documents.create(key, body)
        except StoreConflict:
            return False
        return True

    def _profile(self, place: Place, name: str, records: list[Record]) -> None:
        known = self.baselines.find(place.model, place.version)
        create_profile(self.documents, place, name, profile_of(records, known, place, (name,)))

    def _set_aside(self, place: Place, group: _Group) -> None:
        body = to_body(group)
        name = hashlib.sha256(body).hexdigest()
        self._create(f"{PREFIX}{place.model}/{place.version}/{MISDATED}/{name}.jsonl", body)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the collector of cycles rest: JSON has none, and looking takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _placed(found: dict[_Key, _Pairs]) -> _Places:
    placed: _Places = defaultdict(list)
    for key, pairs in found.items():
        place = place_of(*key)
        if place:
            placed[place] += pairs
    return placed


def _group(pairs: _Pairs) -> _Group:
    """Return records by line: what came twice stands once. White space in JSON is no line's end."""
    return {line.strip().replace("\n", " "): record for line, record in pairs}
