"""What joining a day of predictions with its feedback takes: seconds, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

TABLE = Path(__file__).parent / "results/quality.md"
_HEAD = """\
One version, ten classes, records of 1 row in objects of 2,000, feedback in objects of 10,000 items. Seconds are of one processor;
MB is what the process grew by at its largest, over one that has judged 100,000 records without feedback.

| records | feedback, by | processor seconds | records a second | MB |
|---|---|---|---|---|
"""
_PROBE = '''
import json, pathlib, random, resource, sys, time
from datetime import UTC, datetime
import orjson
from hearth.domain.monitoring import Monitoring
from hearth.monitoring.quality import Judged, quality
from hearth.monitoring.stored import Window
from hearth.stores.ports import Document, Listed

RECORDS, FEEDBACK, BY = {records}, {feedback}, {by!r}
AT = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
EACH, ITEMS = 2000, 10000


def line(n):
    some = random.Random(n)
    scores = [some.random() for _ in range(10)]
    total = sum(scores)
    scores = [round(score / total, 7) for score in scores]
    return orjson.dumps({{
        "_aws": {{"Timestamp": 1795469952833, "CloudWatchMetrics": [
            {{"Namespace": "Hearth", "Dimensions": [["model"], ["model", "version", "route"]],
             "Metrics": [{{"Name": f"M{{m}}", "Unit": "Count"}} for m in range(11)]}}]}},
        "record": "hearth.prediction/1", "request_id": "JKJaXmPLvHcESHA-%08d=",
        "caller_id": "123e4567-e89b-12d3-a456-%012d",
        "model": "m", "version": "1", "route": "stable", "why": "label", "status": 200,
        "error": "", "Requests": 1, "Errors": 0, "Latency": 3.25, "BatchSize": 1,
        "slices": {{"region": ["eu", "us", "asia"][n % 3], "device": "phone"}},
        "features": [[round(some.random(), 6) for _ in range(8)]],
        "predicted": [str(scores.index(max(scores)))], "scores": [scores],
    }})


LINES = [line(n) for n in range(2000)]


class Generated:
    """The Documents port; objects are made where they are read."""

    def list(self, prefix, after=""):
        count, each = (RECORDS, EACH) if prefix.startswith("records") else (FEEDBACK, ITEMS)
        return iter([Listed(f"{{prefix}}2026-11-23T21/{{n:06}}", 1, AT) for n in range(count // each)])

    def read(self, key, unless=""):
        number = int(key.rpartition("/")[2])
        kind = self.records if key.startswith("records") else self.feedback
        return Document(kind(number), "")

    def records(self, number):
        ids = range(number * EACH, (number + 1) * EACH)
        return b"\\n".join([LINES[n % len(LINES)] % (n, n) for n in ids])

    def feedback(self, number):
        step = RECORDS // max(FEEDBACK, 1)
        ids = range(number * ITEMS * step, (number + 1) * ITEMS * step, step)
        name = "JKJaXmPLvHcESHA-{{:08}}=" if BY == "request" else "123e4567-e89b-12d3-a456-{{:012}}"
        return b"".join(orjson.dumps({{"request_id": name.format(n), "label": str(n % 10),
            "received": "2026-11-23T21:30:00.000Z"}}) + b"\\n" for n in ids)


def peak():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


documents, judged = Generated(), Judged(1, Monitoring(task="classification"))
window = Window("2026-11-23T21", "2026-11-23T21")
all_of_it = RECORDS, FEEDBACK
RECORDS, FEEDBACK = 100_000, 0
quality("m", [judged], window, documents)
RECORDS, FEEDBACK = all_of_it
before = peak()
# What it takes to make the objects is not what it takes to read them.
started = time.process_time()
for n in range(RECORDS // EACH):
    documents.records(n)
for n in range(FEEDBACK // ITEMS):
    documents.feedback(n)
making = time.process_time() - started
started = time.process_time()
found, aside = quality("m", [judged], window, documents)
took = time.process_time() - started - making
assert found[1].labelled == FEEDBACK, (found[1].labelled, aside)
assert found[1].predictions == RECORDS
print(json.dumps({{"s": took, "mb": peak() - before}}))
'''
# How many heaps threads share is the C library's affair, and not what is measured.
_ENVIRONMENT = {**os.environ, "MALLOC_ARENA_MAX": "2"}
CASES = (
    (500_000, 0, "request"),
    (250_000, 50_000, "request"),
    (1_000_000, 50_000, "request"),
    (1_000_000, 200_000, "request"),
    (1_000_000, 200_000, "caller"),
    (1_000_000, 500_000, "caller"),
)


def measured(records: int, feedback: int, by: str) -> dict[str, float]:
    script = _PROBE.format(records=records, feedback=feedback, by=by)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env=_ENVIRONMENT
    )
    return json.loads(done.stdout)


def test_memory_is_that_of_feedback() -> None:
    """Four times the records take no more memory; feedback takes what it takes, within bounds."""
    rows = {case: measured(*case) for case in CASES}
    text = _HEAD
    for (records, feedback, by), row in rows.items():
        name = f"{feedback:,}, {by}'s id" if feedback else "none"
        rate = f"{records / row['s']:,.0f}"
        text += f"| {records:,} | {name} | {row['s']:.1f} | {rate} | {row['mb']:.0f} |\n"
    TABLE.write_text(text)
    print("\n" + text)
    small, large = rows[250_000, 50_000, "request"], rows[1_000_000, 50_000, "request"]
    assert large["mb"] < small["mb"] + 20
    assert rows[CASES[-1]]["mb"] < 600
