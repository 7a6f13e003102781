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
from dataclasses import dataclass, field
from datetime import datetime

from hearth.domain.errors import StoreConflict
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.merging import Merged, Merging
from hearth.monitoring.profile import Known
from hearth.monitoring.records import HOUR_MS, Place, hour_of
from hearth.monitoring.totals import Ledger, add, read_ledger, write_ledger
from hearth.monitoring.windows import baseline_tag, list_profiles
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


@dataclass(frozen=True)
class Tally:
    """Adds up what is new."""

    documents: Documents
    baselines: Baselines
    clock: Clock
    seconds: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, int], Known] = field(default_factory=dict)

    def tally(self) -> Tallied:
        """Merge new profiles, and add them to the totals.

        Raises:
            StoreConflict: If other tallies were first again and again.
        """
        with ThreadPoolExecutor(_WORKERS) as pool:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._once(pool)
                except StoreConflict:
                    if attempt == _ATTEMPTS - 1:
                        raise
                # Full jitter: tallies that collided do not collide again in step.
                time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311
        raise AssertionError

    def _once(self, pool: Executor) -> Tallied:
        now = self.clock.now()
        now_ms = int(now.timestamp() * 1000)
        ledger, etag = read_ledger(self.documents)
        sweeping = now_ms - ledger.swept_ms >= HOUR_MS
        since = hour_of(now_ms - (LISTED_H if sweeping else RECENT_H) * HOUR_MS)
        merged, left = self._merged(ledger, since, now, pool)
        if merged or sweeping or now_ms - ledger.tallied_ms >= _IDLE_MS:
            swept = now_ms if sweeping and not left else ledger.swept_ms
            write_ledger(self.documents, _after(ledger, merged, now_ms, swept), etag)
        spent = [key for item in merged.values() for key in item.spent]
        list(pool.map(self.documents.remove, spent))
        return Tallied(
            requests=sum(item.gained.requests for item in merged.values()),
            hours=sum(item.name != ledger.merged.get(place) for place, item in merged.items()),
            recounted=sum(item.recounted for item in merged.values()),
            mended=sum(item.mended for item in merged.values()),
            left=left,
        )

    def _merged(
        self, ledger: Ledger, since: str, now: datetime, pool: Executor
    ) -> tuple[dict[Place, Merged], int]:
        """Return what is to become of each hour with something new, and how many are left."""
        until = self.seconds() + _BUDGET_S
        found: dict[Place, Merged] = {}
        left = 0
        for place, there in sorted(list_profiles(self.documents, since).items(), reverse=True):
            if self.seconds() > until:
                left += 1
                continue
            name = ledger.merged.get(place, "")
            known = self._baseline(place, name)
            item = Merging(self.documents, pool, place, there, name, known, now).merge()
            if item:
                found[place] = item
        return found, left

    def _baseline(self, place: Place, name: str) -> Known:
        """Return the baseline of a place's version, made now if need be; once a tally."""
        key = (place.model, place.version)
        if key not in self._known:
            self._known[key] = self.baselines.provide(*key)
        if name and not self._known[key].digest and not name.endswith(f"-{baseline_tag('')}"):
            # Another has just made it: what this process remembers is too old.
            self.baselines.forget(*key)
            self._known[key] = self.baselines.find(*key)
        return self._known[key]


def _after(ledger: Ledger, merged: Mapping[Place, Merged], now_ms: int, swept_ms: int) -> Ledger:
    since = hour_of(now_ms - NAMED_H * HOUR_MS)
    named = {**ledger.merged, **{place: item.name for place, item in merged.items()}}
    gained = {place: item.gained for place, item in merged.items() if item.gained.requests}
    return Ledger(
        totals=add(ledger.totals, gained),
        merged={place: name for place, name in named.items() if place.hour >= since},
        tallied_ms=now_ms,
        swept_ms=swept_ms,
    )
