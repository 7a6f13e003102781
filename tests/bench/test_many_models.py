"""A thousand models in one bucket, and one worker with a budget: what requests cost, what is held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from moto import mock_aws
from onnx import numpy_helper
from support import many, models
from support.server import S3Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
TABLE = HERE / "results/many_models.md"
BUCKET, REGION = "hearth-models", "eu-central-1"
COUNT = 1000
BUDGET_MB = 128
TTL_S = 2.0
LARGE_MB = 36
# Beyond what sessions are counted for: the arena, what Python holds of each, what lies unused.
CONSTANT_MB = 32
# Opening holds a file's bytes, its weights, and the weights as they are laid out, for a moment.
OPENING = 3


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("many")
    names = many.mixture(COUNT)
    large = {f"large-{number}": _large(folder / f"{number}.onnx", number) for number in (1, 2)}
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in environment.items():
            patch.setenv(name, value)
        documents, blobs = S3Documents(BUCKET), S3Blobs(BUCKET)
        documents._s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        many.Bucket.at(documents, blobs, folder).fill({**names, **large})
        # What mock_aws keeps, the server serves.
        server = S3Server()
        try:
            told = _run(folder, [*names], [*large], environment | {"AWS_ENDPOINT_URL": server.url})
        finally:
            server.close()
    TABLE.write_text(_table(told), encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return told


def _run(
    folder: Path, names: list[str], large: list[str], environment: dict[str, str]
) -> dict[str, Any]:
    asked = {
        "bucket": BUCKET,
        "folder": str(folder),
        "budget_mb": BUDGET_MB,
        "ttl_s": TTL_S,
        "names": names,
        "large": large,
    }
    command = [sys.executable, str(HERE / "many_models_run.py"), json.dumps(asked)]
    search = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        env={**os.environ, **environment, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def _large(path: Path, seed: int) -> Path:
    width = 3072
    model = models.model(f"""
        large (float[N, {width}] x) => (float[N, {width}] y) {{ y = MatMul(x, w) }}
    """)
    weights = np.random.default_rng(seed).standard_normal((width, width), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    onnx.save(model, path)
    assert path.stat().st_size >> 20 == LARGE_MB
    return path


TRAFFIC = (
    "50 in turn",
    "50, Zipf",
    "all, Zipf",
    "all in turn",
    "all and large ones",
    "two that fit",
)
HEAD = f"""\
One worker and a bucket of {COUNT} models (logistic regression, trees, forests, dense, recurrent and
convolutional nets of 1 KB to 4 MB, and two of {LARGE_MB} MB) on moto's server, `HEARTH_CACHE_MB` {BUDGET_MB}.
Memory is anonymous resident memory above that of a worker that has one small model open; *peak*
includes what opening takes for a moment. *in turn* is round-robin; Zipf's exponent is 1.

| traffic | warm | opens | opens and evicts | counted, MB | held, MB | peak, MB | open | on disk |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def _table(found: dict[str, Any]) -> str:
    lines = [_line(name, found[name]) for name in TRAFFIC]
    ms = {kind: [found[name]["ms"].get(kind) for name in TRAFFIC] for kind in ("opens", "evicts")}
    warm, resolve = found["warm"], found["resolve"]
    opens, evicts = ([f"{t:.1f}" for t in ms[kind] if t] for kind in ("opens", "evicts"))
    (few, many_known) = sorted(resolve, key=int)
    return (
        HEAD
        + "\n".join(lines)
        + f"""

- A warm request beside 49 other open models takes {warm["50"] / warm["1"]:.2f} times what it takes alone.
- Requests that open: {", ".join(opens)} ms; that open and evict: {", ".join(evicts)} ms (medians of the
  rows above; moto's server shares the processors).
- A version is resolved in {resolve[few]:.1f} µs with {few} models known, in {resolve[many_known]:.1f} µs with {many_known}.
- With a TTL of {TTL_S:.0f} s and 50 models in steady use, S3 is asked {found["reads a second"]:.1f} times a second: once for
  each model in its time.
"""
    )


def _line(name: str, row: dict[str, Any]) -> str:
    counts = [str(row["requests"].get(kind, 0)) for kind in ("warm", "opens", "evicts")]
    memory = [f"{row[key]:.0f}" for key in ("weighed_mb", "held_mb", "peak_mb")]
    return "| " + " | ".join([name, *counts, *memory, str(row["open"]), str(row["files"])]) + " |"


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_memory_stays_within_the_budget(traffic: str, found: dict[str, Any]) -> None:
    """What is held is the budget and a constant at most; opening adds the file three times, shortly."""
    row = found[traffic]
    budget = max(BUDGET_MB, row["weighed_mb"])
    assert row["weighed_mb"] <= BUDGET_MB
    assert row["held_mb"] <= budget + CONSTANT_MB
    assert row["peak_mb"] <= budget + CONSTANT_MB + OPENING * LARGE_MB


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_disk_holds_what_is_open(traffic: str, found: dict[str, Any]) -> None:
    """Files of a session that was closed are gone."""
    assert found[traffic]["files"] == found[traffic]["open"]


@pytest.mark.parametrize(("traffic", "models"), [("50 in turn", 50), ("two that fit", 2)])
def test_what_fits_is_opened_once(traffic: str, models: int, found: dict[str, Any]) -> None:
    """Fifty models within the budget are opened once each, and two that just fit do not alternate."""
    requests = found[traffic]["requests"]
    assert requests["opens"] == models
    assert "evicts" not in requests


def test_open_models_stay_open_for_other_traffic(found: dict[str, Any]) -> None:
    """The same fifty, asked in another order, are not opened again."""
    assert set(found["50, Zipf"]["requests"]) == {"warm"}


def test_most_requests_are_warm_though_a_fifth_fits(found: dict[str, Any]) -> None:
    """Of Zipf-distributed requests to all models, most find theirs open."""
    requests = found["all, Zipf"]["requests"]
    assert requests["warm"] > 0.6 * sum(requests.values())


def test_other_open_models_cost_a_warm_request_nothing(found: dict[str, Any]) -> None:
    """A request is as fast beside 49 others as it is alone."""
    assert found["warm"]["50"] < 1.25 * found["warm"]["1"]


def test_resolving_does_not_grow_with_the_number_of_models(found: dict[str, Any]) -> None:
    """A version is found as fast among a thousand models as among three."""
    few, many_known = sorted(found["resolve"], key=int)
    assert int(many_known) >= COUNT
    assert found["resolve"][many_known] < 1.5 * found["resolve"][few]


def test_each_model_in_use_is_read_once_in_its_time(found: dict[str, Any]) -> None:
    """S3 is asked for an entry once in `HEARTH_REGISTRY_TTL_S`, however many requests there are."""
    assert found["reads a second"] <= 1.1 * 50 / TTL_S
