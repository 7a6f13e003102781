"""Ingest and tally in a process of their own: what they take, and the most memory they held.

Started with a file of batches, one a line; prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from bisect import bisect_right, insort
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hearth.domain.errors import StoreConflict
from hearth.edge.events import log_batch
from hearth.monitoring.baselines import Baselines
from hearth.monitoring.ingest import Ingest
from hearth.monitoring.tally import Tally
from hearth.monitoring.totals import read_ledger
from hearth.stores.clock import SystemClock
from hearth.stores.ports import Document, Listed, Unchanged

TALLY_EVERY = 50  # batches: at a thousand records each, fifty thousand a minute


def peak_mb() -> float:
    """Not of `getrusage`: that knows what the parent held when it started this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Memory:
    """The port Documents in this process. Objects of records are listed, but their bytes let go."""

    def __init__(self) -> None:
        self.bodies: dict[str, Document] = {}
        self.keys: list[str] = []
        self.writes = 0

    def read(self, key: str, unless: str = "") -> Document | Unchanged | None:
        return self.bodies.get(key)

    def create(self, key: str, body: bytes) -> str:
        if key in self.bodies:
            raise StoreConflict(key)
        insort(self.keys, key)
        return self._put(key, body)

    def replace(self, key: str, body: bytes, etag: str) -> str:
        if key not in self.bodies or self.bodies[key].etag != etag:
            raise StoreConflict(key)
        return self._put(key, body)

    def list(self, prefix: str, after: str = "") -> Iterator[Listed]:
        at = bisect_right(self.keys, max(prefix, after))
        for key in self.keys[at:]:
            if not key.startswith(prefix):
                return
            yield Listed(key, len(self.bodies[key].body), datetime.now(UTC))

    def remove(self, key: str) -> None:
        if self.bodies.pop(key, None):
            self.keys.remove(key)

    def _put(self, key: str, body: bytes) -> str:
        self.writes += 1
        self.bodies[key] = Document(b"" if key.startswith("records/") else body, str(self.writes))
        return str(self.writes)


def main(batches: Path, baseline: Path) -> None:
    store = Memory()
    for key, text in json.loads(baseline.read_bytes()).items():
        store.create(key, text.encode())
    baselines, clock = Baselines(store), SystemClock()
    ingest = Ingest(store, baselines, clock)
    before = peak_mb()
    ingesting = tallying = 0.0
    stored = 0
    with batches.open() as lines:
        for at, line in enumerate(lines, 1):
            event = {"awslogs": {"data": line.rstrip("\n")}}
            started = time.process_time()
            stored += ingest.ingest(log_batch(event)).stored
            ingesting += time.process_time() - started
            if at % TALLY_EVERY == 0:
                started = time.process_time()
                Tally(store, baselines, clock).tally()
                tallying += time.process_time() - started
    started = time.process_time()
    Tally(store, baselines, clock).tally()
    tallying += time.process_time() - started
    totals = read_ledger(store)[0].totals
    print(
        json.dumps(
            {
                "stored": stored,
                "counted": sum(t.requests for v in totals.values() for t in v.values()),
                "ingest_s": ingesting,
                "tally_s": tallying,
                "before_mb": before,
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
