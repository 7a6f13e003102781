"""How long it takes to count a million records, and how much memory: as much as ten thousand."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hearth.domain import binning
from hearth.domain.baseline import Baseline, Watched
from hearth.domain.distribution import count
from support import watched

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

TABLE = Path(__file__).parent / "results/ingest.md"
SIZES = (10_000, 100_000, 1_000_000)
FEATURES = [f"x[{at}]" for at in range(20)]
A_BATCH = 1_000
STREAMS = 20
MOST_S = 20.0
MOST_GROWTH_MB = 48.0


def rows(seed: int, n: int) -> list[list[float]]:
    """Return rows as predict writes them: seven digits, one column in four of whole numbers."""
    draw = random.Random(seed)
    return [
        [
            draw.randrange(30) if at % 4 == 3 else float(f"{draw.gauss(at, 1 + at):.7g}")
            for at in range(len(FEATURES))
        ]
        for _ in range(n)
    ]


def record(at_ms: int, n: int, row: list[float]) -> str:
    score = round(0.5 + (n * 7919 % 5000) / 10_000, 7)
    return watched.record(
        at=at_ms,
        request_id=f"JKJaX{n:010d}PHA=",
        features=[row],
        predicted=[str(n % 2)],
        scores=[[round(1 - score, 7), score]],
        Latency=round(0.8 + n * 37 % 1009 / 400, 3),
        ModelLatency=round(0.2 + n * 41 % 1013 / 2000, 3),
        slices={"region": ("eu", "us", "ap")[n % 3]},
    )


def batches(total: int) -> Iterator[str]:
    """Yield batches as CloudWatch sends them: each of one stream, gzipped, in base64."""
    now = int(time.time() * 1000)
    some = rows(1, 2_000)
    for start in range(0, total, A_BATCH):
        stream = start // A_BATCH % STREAMS
        begin = now - 900_000 + start * 800_000 // total
        lines = [
            record(begin + n // 8, start + n, some[(start * 7 + n) % 2_000]) for n in range(A_BATCH)
        ]
        yield watched.packed(lines, stream=f"2026/11/23/[7]{stream:032x}")["awslogs"]["data"]


def documents() -> dict[str, str]:
    """Return a manifest with a baseline of 5000 rows."""
    columns = list(zip(*rows(2, 5_000), strict=True))
    features = [
        binning.numeric(name, column) for name, column in zip(FEATURES, columns, strict=True)
    ]
    scores = [random.Random(3).uniform(0.5, 1) for _ in range(5_000)]
    outputs = [binning.category("predicted", ["0", "1"]), binning.numeric("score", scores, (0, 1))]
    made = Baseline(
        rows=5_000,
        features=tuple(Watched(f, count(f, c)) for f, c in zip(features, columns, strict=True)),
        outputs=tuple(Watched(f, count(f, ())) for f in outputs),
    )
    return watched.published("m", 1, FEATURES, made)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ingest")
    (folder / "bucket.json").write_text(json.dumps(documents()))
    found = []
    for size in SIZES:
        with (folder / "batches").open("w") as file:
            file.writelines(f"{batch}\n" for batch in batches(size))
        command = [
            sys.executable,
            "-m",
            "bench.ingest_run",
            str(folder / "batches"),
            str(folder / "bucket.json"),
        ]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        found.append(
            {
                "records": size,
                "mb": (folder / "batches").stat().st_size / 1e6,
                **json.loads(answer.stdout),
            }
        )
    TABLE.write_text(_table(found), encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return found


def _table(found: list[dict[str, Any]]) -> str:
    head = "records | batches of 1000, MB as sent | ingest, s | tally, s | records a second | memory before, MB | peak, MB"
    lines = [f"| {head} |", "|" + " --- |" * 7]
    lines += [
        f"| {run['records']:,} | {run['mb']:.1f} | {run['ingest_s']:.2f} | {run['tally_s']:.2f} | "
        f"{run['records'] / (run['ingest_s'] + run['tally_s']):,.0f} | {run['before_mb']:.0f} | {run['peak_mb']:.0f} |"
        for run in found
    ]
    return "\n".join(lines) + "\n"


def test_every_record_is_counted(runs: list[dict[str, Any]]) -> None:
    """What was sent is what the totals say."""
    assert [(run["stored"], run["counted"]) for run in runs] == [(n, n) for n in SIZES]


def test_a_million_records_take_seconds(runs: list[dict[str, Any]]) -> None:
    """On one core, unpacking, parsing, counting and merging together."""
    assert runs[-1]["ingest_s"] + runs[-1]["tally_s"] < MOST_S


def test_memory_does_not_grow_with_the_records(runs: list[dict[str, Any]]) -> None:
    """A hundred times the records need no more memory: totals are counts."""
    assert runs[-1]["peak_mb"] - runs[0]["peak_mb"] < MOST_GROWTH_MB
