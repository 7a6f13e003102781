"""One hour of a version: its new profiles merged into the one that stands for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hearth.domain.errors import InvalidDocument, StoreConflict
from hearth.monitoring.profile import Known, Profile, profile_of, to_body
from hearth.monitoring.records import Place, Source, read_fresh, source_of, sources_in
from hearth.monitoring.traffic import Traffic
from hearth.monitoring.windows import (
    Found,
    baseline_tag,
    create_profile,
    merged_name,
    name_in,
    profile_key,
    read_profile,
)
from hearth.stores.ports import Document, Documents

AT_WORK = timedelta(minutes=15)
"""A merged profile that the ledger does not name is another tally's work, for so long."""

_CHUNK = 64
_RECORDS_AT_ONCE = 4  # each may be some megabytes


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to become of an hour.

    Args:
        name: Of the profile that stands for it from now on.
        gained: Traffic that was not counted before.
        spent: Keys of the profiles that it replaces.
        recounted: Whether the hour was counted anew from its records.
        mended: Profiles that could not be read, and were made again from their records.
    """

    name: str
    gained: Traffic
    spent: tuple[str, ...]
    recounted: bool = False
    mended: int = 0


@dataclass
class Merging:
    """Merges one place.

    Args:
        documents: Where profiles and records lie.
        pool: Reads in parallel.
        place: The version's hour.
        there: What lies in it.
        name: The profile that the ledger names; "" for none.
        known: The version's baseline.
        now: In UTC.
        checking: Whether the profile is to be read though nothing is new.
        patient: Whether a profile that is gone was looked for before: another tally has put a
            new one in its place, or it is lost.
    """

    documents: Documents
    pool: Executor
    place: Place
    there: Found
    name: str
    known: Known
    now: datetime
    checking: bool = False
    patient: bool = False
    _broken: bool = False
    _mended: list[str] = field(default_factory=list)

    def merge(self) -> Merged | None:
        """Return what is to become of the hour, its new profile written; None for nothing.

        Raises:
            StoreConflict: If another tally is faster.
        """
        stale = bool(self.name) and not self.name.endswith(f"-{baseline_tag(self.known.digest)}")
        orphans = self._orphans()
        if not (self.there.small or stale or orphans or self._is_broken()):
            return None
        whole, recounted = self._base()
        gained = Traffic()
        for profile in self._adopted(whole, orphans):
            whole, gained = whole + profile, gained + profile.traffic
        for profile in self._unseen(whole):
            whole, gained = whole + profile, gained + profile.traffic
        name = merged_name(whole, to_body(whole))
        if name != self.name or self._broken:
            self._write(name, whole)
        names = (*self.there.small, *orphans, self.name)
        spent = tuple(profile_key(self.place, n) for n in names if n and n != name)
        return Merged(name, gained, spent, recounted, len(self._mended))

    def _write(self, name: str, profile: Profile) -> None:
        if create_profile(self.documents, self.place, name, profile) or not self._broken:
            return
        key = profile_key(self.place, name)
        found = self.documents.read(key)
        if isinstance(found, Document):
            self.documents.replace(key, to_body(profile), found.etag)

    def _is_broken(self) -> bool:
        if not (self.checking and self.name):
            return False
        try:
            return read_profile(self.documents, self.place, self.name) is None
        except InvalidDocument:
            return True

    def _orphans(self) -> list[str]:
        """Return merged profiles of tallies that broke off, or of a ledger that was lost."""
        old = (item for item in self.there.merged if self.now - item.modified > AT_WORK)
        return [name for name in (name_in(item.key) for item in old) if name != self.name]

    def _base(self) -> tuple[Profile, bool]:
        """Return the profile that stands for the hour, and whether it was counted anew."""
        if not self.name:
            return Profile(self.place, baseline=self.known.digest), False
        try:
            whole = read_profile(self.documents, self.place, self.name)
            if whole is None and not self.patient:
                raise StoreConflict(f"profile {self.name} of {self.place.hour} is gone")
        except InvalidDocument:
            whole = None
        if whole is None:
            self._broken = True
            self._mended.append(self.name)
            return self._from_records(), True
        if whole.baseline == self.known.digest:
            return whole, False
        again = self._counted(whole.sources)
        kept = {"traffic": whole.traffic, "sources": whole.sources, "slices": whole.slices}
        return replace(again, **kept), True  # type: ignore[arg-type]

    def _from_records(self) -> Profile:
        """Return the hour as its records have it, without those whose profile is still to come."""
        waiting = set(self.there.small)
        on_record = (source.name for source in sources_in(self.documents, self.place))
        return self._counted([name for name in on_record if name not in waiting])

    def _counted(self, names: Sequence[str]) -> Profile:
        pairs: list[tuple[str, list[Source]]] = []
        before: dict[str, list[Source]] = defaultdict(list)
        for source in sorted(filter(None, map(source_of, names))):
            near = [other for other in before[source.stream] if other.overlaps(source)]
            before[source.stream].append(source)
            pairs.append((source.name, near))
        whole = Profile(self.place, baseline=self.known.digest)
        for start in range(0, len(pairs), _RECORDS_AT_ONCE):
            chunk = pairs[start : start + _RECORDS_AT_ONCE]
            for profile in self.pool.map(self._of_records, *zip(*chunk, strict=True)):
                whole += profile
        return whole

    def _of_records(self, name: str, others: Sequence[Source] = ()) -> Profile:
        records = list(read_fresh(self.documents, self.place, name, others).values())
        return profile_of(records, self.known, self.place, (name,))

    def _adopted(self, whole: Profile, orphans: Sequence[str]) -> Iterator[Profile]:
        """Yield what the ledger does not have of merged profiles that it does not name."""
        seen = set(whole.sources)
        for name in orphans:
            try:
                orphan = read_profile(self.documents, self.place, name)
            except InvalidDocument:
                continue
            unseen = set(orphan.sources) - seen if orphan else set()
            # Those whose own profile is still there are counted from it.
            unseen -= set(self.there.small)
            seen |= unseen
            if unseen:
                yield self._counted(sorted(unseen))

    def _unseen(self, whole: Profile) -> Iterator[Profile]:
        """Yield the profiles that the hour's does not hold yet, each without what others hold."""
        seen = set(whole.sources)
        small = map(source_of, self.there.small)
        unseen = sorted(source for source in small if source and source.name not in seen)
        streams = {source.stream for source in unseen}
        before: dict[str, list[Source]] = defaultdict(list)
        for source in filter(None, map(source_of, whole.sources)):
            if source.stream in streams:
                before[source.stream].append(source)
        for start in range(0, len(unseen), _CHUNK):
            chunk = unseen[start : start + _CHUNK]
            together = Profile(self.place, baseline=self.known.digest)
            for source, profile in zip(chunk, self.pool.map(self._read, chunk), strict=True):
                near = [other for other in before[source.stream] if other.overlaps(source)]
                before[source.stream].append(source)
                together += self._without(profile, near) if near else profile
            yield together  # added to the hour some at a time: its sources may be thousands

    def _without(self, profile: Profile, others: Sequence[Source]) -> Profile:
        """Return the profile without records that were delivered twice, cut differently."""
        again = self._of_records(profile.sources[0], others)
        return again if again.traffic.requests < profile.traffic.requests else profile

    def _read(self, source: Source) -> Profile:
        try:
            profile = read_profile(self.documents, self.place, source.name)
        except InvalidDocument:
            self._mended.append(source.name)
            return self._of_records(source.name)
        if profile is None:
            raise StoreConflict(f"profile {source.name} of {self.place.hour} is gone")
        if profile.baseline == self.known.digest:
            return profile
        again = self._of_records(source.name)
        return replace(again, traffic=profile.traffic, slices=profile.slices)
