"""Tally: new profiles become part of their hour's and of the totals, each once.

A new merged profile is written first, under a name of its own. Then one conditional write of the
ledger names it and adds what it gained to the totals. Only then go the profiles that it replaces.
Wherever a tally breaks off, the next one finds what the ledger names, and starts from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from hearth.domain.errors import StoreConflict
from hearth.monitoring.baselines import FEWEST_ROWS, Baselines
from hearth.monitoring.merging import Merged, Merging
from hearth.monitoring.profile import Known
from hearth.monitoring.records import HOUR_MS, Place, hour_of
from hearth.monitoring.totals import Ledger, add, read_ledger, write_ledger
from hearth.monitoring.windows import Found, baseline_tag, list_profiles
from hearth.stores.ports import Clock, Documents

RECENT_H = 26
"""Each tally looks at so many hours; once an hour, one looks at all that can still change."""
LISTED_H = 16 * 24
"""Records are at most 15 days late."""
NAMED_H = LISTED_H + 24

_WORKERS = 8
_ATTEMPTS = 6
_BUDGET_S = 60.0
_IDLE_MS = 300_000


@dataclass(frozen=True, slots=True)
class Tallied:
    """What a tally did.

    Args:
        requests: Newly counted.
        hours: Whose profile is a new one.
        recounted: Those of them that were counted anew from their records.
        mended: Profiles that could not be read, and were made again from records.
        left: Hours that the next tally has to look at.
    """

    requests: int = 0
    hours: int = 0
    recounted: int = 0
    mended: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Look:
    """What one attempt knows at its beginning."""

    ledger: Ledger
    now: datetime
    pool: Executor
    patient: bool

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    @property
    def sweeping(self) -> bool:
        return self.now_ms - self.ledger.swept_ms >= HOUR_MS

    def hours_ago(self, hours: int) -> str:
        return hour_of(self.now_ms - hours * HOUR_MS)


@dataclass(frozen=True)
class Tally:
    """Adds up what is new."""

    documents: Documents
    baselines: Baselines
    clock: Clock
    seconds: Callable[[], float] = time.monotonic

    def tally(self) -> Tallied:
        """Merge new profiles, and add them to the totals.

        Raises:
            StoreConflict: If other tallies were first again and again.
        """
        with ThreadPoolExecutor(_WORKERS) as pool:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._once(pool, patient=attempt > 0)
                except StoreConflict:
                    if attempt == _ATTEMPTS - 1:
                        raise
                # Full jitter: tallies that collided do not collide again in step.
                time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311
        raise AssertionError

    def _once(self, pool: Executor, *, patient: bool) -> Tallied:
        ledger, etag = read_ledger(self.documents)
        look = _Look(ledger, self.clock.now(), pool, patient)
        merged, left = self._merged(look)
        if merged or look.sweeping or look.now_ms - ledger.tallied_ms >= _IDLE_MS:
            swept_ms = look.now_ms if look.sweeping and not left else ledger.swept_ms
            write_ledger(self.documents, _after(look, merged, swept_ms), etag)
        spent = [key for item in merged.values() for key in item.spent]
        list(pool.map(self.documents.remove, spent))
        return Tallied(
            requests=sum(item.gained.requests for item in merged.values()),
            hours=sum(
                item.recounted or item.name != ledger.merged.get(place)
                for place, item in merged.items()
            ),
            recounted=sum(item.recounted for item in merged.values()),
            mended=sum(item.mended for item in merged.values()),
            left=left,
        )

    def _merged(self, look: _Look) -> tuple[dict[Place, Merged], int]:
        """Return what is to become of each hour with something new, and how many are left."""
        until = self.seconds() + _BUDGET_S
        since = look.hours_ago(LISTED_H if look.sweeping else RECENT_H)
        places = {place: Found() for place in look.ledger.merged if place.hour >= since}
        places |= list_profiles(self.documents, since)
        found: dict[Place, Merged] = {}
        left = 0
        for place, there in sorted(places.items(), key=_place, reverse=True):
            if self.seconds() > until:
                left += 1
                continue
            item = self._merging(place, there, look).merge()
            if item:
                found[place] = item
        return found, left

    def _merging(self, place: Place, there: Found, look: _Look) -> Merging:
        name = look.ledger.merged.get(place, "")
        return Merging(
            documents=self.documents,
            pool=look.pool,
            place=place,
            there=there,
            name=name,
            known=self._baseline(place, name, look.ledger),
            now=look.now,
            checking=look.sweeping and place.hour >= look.hours_ago(RECENT_H),
            patient=look.patient,
        )

    def _baseline(self, place: Place, name: str, ledger: Ledger) -> Known:
        """Return the baseline of a place's version, made now if there is enough to make it of."""
        key = (place.model, place.version)
        known = self.baselines.find(*key)
        if not known.digest and name and not name.endswith(f"-{baseline_tag('')}"):
            # Another has just made it: what this process remembers is too old.
            self.baselines.forget(*key)
            known = self.baselines.find(*key)
        traffic = ledger.totals.get(place.model, {}).get(str(place.version))
        if not known.digest and traffic and traffic.rows >= FEWEST_ROWS:
            return self.baselines.provide(*key)
        return known


def _place(item: tuple[Place, Found]) -> Place:
    return item[0]


def _after(look: _Look, merged: Mapping[Place, Merged], swept_ms: int) -> Ledger:
    ledger, since = look.ledger, look.hours_ago(NAMED_H)
    named = {**ledger.merged, **{place: item.name for place, item in merged.items()}}
    gained = {place: item.gained for place, item in merged.items() if item.gained.requests}
    return Ledger(
        totals=add(ledger.totals, gained),
        merged={place: name for place, name in named.items() if place.hour >= since},
        tallied_ms=look.now_ms,
        swept_ms=swept_ms,
    )
