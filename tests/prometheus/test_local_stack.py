"""A real Prometheus scrapes the local stack: predictions that were made are what PromQL gives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hearth_local import demo_models
from hearth_local.http_call import Call, require
from hearth_local.stack import LocalStack
from hearth_local.target import Target
from prometheus.conftest import Served, scraping

pytestmark = pytest.mark.prometheus

ROOT = Path(__file__).resolve().parents[2]
REQUESTS, ROWS = 12, 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "template.yaml").symlink_to(ROOT / "template.yaml")
    with LocalStack(folder / "template.yaml", folder / ".hearth", schedules=False) as running:
        demo_models.publish(running)
        yield demo_models.target_of(running)


def job(stack: Target, **event: str) -> dict[str, object]:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.function("metrics"), Payload=json.dumps(event).encode()
    )
    said = answer["Payload"].read()
    assert "FunctionError" not in answer, said
    found: dict[str, object] = json.loads(said)
    return found


def test_prometheus_reads_what_the_stack_counted_and_judged(stack: Target, tmp_path: Path) -> None:
    """Sent so many, counted so many, from predict's log to PromQL; the verdict beside them."""
    rows = demo_models.digits().train[: REQUESTS * ROWS]
    for part in np.split(rows, REQUESTS):
        body = json.dumps({"instances": part.tolist()}).encode()
        require(stack, Call("POST", "/v1/models/digits:predict", body))
    counted, ends = 0, time.monotonic() + 30
    while counted < REQUESTS and time.monotonic() < ends:
        time.sleep(0.5)  # log lines go out about once a second
        counted += int(str(job(stack, do="tally")["requests"]))
    assert job(stack, do="judge")["judged"] == {"digits": "well"}

    with scraping(Served(stack.url, own=False), tmp_path) as prometheus:
        prometheus.wait('up{job="hearth"} == 1')
        asked = 'sum(hearth_requests_total{model="digits",version="2",status="200"})'
        prometheus.wait(asked)
        assert prometheus.value(asked) == REQUESTS
        assert prometheus.value('hearth_rows_total{model="digits",version="2"}') == REQUESTS * ROWS
        assert prometheus.value('hearth_model_verdict{model="digits",verdict="well"}') == 1
        assert prometheus.value('hearth_drift{version="2",verdict="stable"}') == 1
        inside = 'histogram_quantile(0.5, hearth_model_duration_seconds_bucket{version="2"})'
        assert 0 < prometheus.value(inside) < 1
