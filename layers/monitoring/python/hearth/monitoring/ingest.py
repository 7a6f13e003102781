"""Log lines to records and their profiles: append-only, named by content: a replay adds nothing.

A record is its line. An object of records is written first, its profile after it and from it, so
that a replay completes whatever broke off.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
    stamp_of,
    to_body,
)
from hearth.monitoring.windows import create_profile
from hearth.stores.ports import Clock, Documents

AHEAD = timedelta(hours=1)
BEHIND = timedelta(days=15)
"""A record's time may differ from the clock so much; a clock that jumps writes no history."""

_Group = dict[str, Record]


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
        groups, misdated, repeated, known = self._grouped(batch.lines)
        stream = hashlib.sha256(f"{batch.group}\n{batch.stream}".encode()).hexdigest()[:8]
        for place, lines in misdated.items():
            self._set_aside(place, lines)
        stored = sum(self._store(place, stream, group) for place, group in groups.items())
        apart = sum(map(len, misdated.values()))
        dated = sum(map(len, groups.values()))
        return Ingested(
            stored=stored,
            repeated=repeated + dated - stored,
            foreign=len(batch.lines) - known,
            misdated=apart,
        )

    def _grouped(
        self, lines: Sequence[str]
    ) -> tuple[dict[Place, _Group], dict[str, list[str]], int, int]:
        """Return records by place, misdated lines by folder, how many came twice, and how many."""
        now = self.clock.now()
        early = (now - BEHIND).timestamp() * 1000
        late = (now + AHEAD).timestamp() * 1000
        groups: dict[Place, _Group] = defaultdict(dict)
        misdated: dict[str, list[str]] = defaultdict(list)
        records = kept = 0
        for text, record in zip(lines, map(parse, lines), strict=True):
            if record is None:
                continue
            at = record["_aws"]["Timestamp"]
            dated = early <= at <= late
            place = _place(record, at // HOUR_MS if dated else 0)
            if place is None:
                continue
            line = text.strip()
            if "\n" in line:  # white space in JSON; a line holds none
                line = line.replace("\n", " ")
            records += 1
            if dated:
                groups[place][line] = record
            else:
                misdated[f"{PREFIX}{place.model}/{place.version}/{MISDATED}/"].append(line)
                kept += 1
        twice = records - kept - sum(map(len, groups.values()))
        return groups, misdated, twice, records

    def _store(self, place: Place, stream: str, group: _Group) -> int:
        """Store what is new of a group, and complete what is not; return how many are new."""
        body = to_body(group)
        source = source_named(stream, list(map(stamp_of, group.values())), body)
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
                source = source_named(stream, list(map(stamp_of, group.values())), body)
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

    def _set_aside(self, folder: str, lines: list[str]) -> None:
        body = to_body(lines)
        self._create(f"{folder}{hashlib.sha256(body).hexdigest()}.jsonl", body)


def _place(record: Record, hour: int) -> Place | None:
    try:
        return place_of(record["model"], record["version"], hour)
    except (KeyError, TypeError):
        return None
