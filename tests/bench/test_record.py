"""What a prediction's record costs: the line before it held tensors, and the one of today."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from bench.cases import DIGITS, POOLED, Case
from bench.contenders import hearth, record_before
from bench.contenders.naive import Naive
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.monitoring import Monitoring, WatchedInput
from hearth.domain.signature import TensorSpec
from hearth.edge.events import http_request
from hearth.serving import record
from hearth.serving.capture import TENSOR_FIGURES, Watch
from hearth.serving.session import _session_options
from sklearn.datasets import load_digits
from support import emf, events, models, watching
from support.bundle import MEMORY_MB

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

TABLE = Path(__file__).parent / "results/record.md"
HEAD = """\
What the record adds to a request. All times of a row are of one run and by turns; each figure is a
ratio of medians over rounds of the fastest call in each, so that it says the same on any machine.

- *line now* and *line and rows* are over the line as it was before it held sizes, times, features
  and outcomes, written by the same call to the same place.
- *request, watched* is the whole handler with features and outcomes in its record over the same
  handler for the same model without monitoring.
- *over naive* is what a handler takes beyond `session.run`, over what the naive one does
  (`contenders/naive.py`): without monitoring, and with it.

| request | captured | line, KB | line now | line and rows | request, watched | over naive |
| --- | --- | --- | --- | --- | --- | --- |
"""
WEIGHTS = ", ".join(f"{number / 7:.3f}" for number in range(-30, 30))
MIXED = f"""
mixed (float[N, 20] x) => (float[N, 3] y)
<float[20, 3] w = {{{WEIGHTS}}}>
{{ z = MatMul(x, w)  y = Softmax(z) }}
"""
WARM_UP = 2


@dataclass(frozen=True)
class Watched:
    """A case, the same model watched, and how many rounds of how many calls tell its cost."""

    case: Case
    input: str
    outputs: tuple[TensorSpec, ...]
    monitoring: Monitoring
    captured: str
    rounds: tuple[int, int]


def _columns(name: str, width: int) -> WatchedInput:
    return WatchedInput(name, "columns", tuple(f"{name}[{at}]" for at in range(width)))


def _watched() -> list[Watched]:
    rng = np.random.default_rng(3)
    row = (load_digits().data[:1] / 16).astype(np.float32)
    images = rng.standard_normal((8, 3, 224, 224), np.float32)
    figures = WatchedInput("x", "tensor", tuple(f"x.{name}" for name in TENSOR_FIGURES))
    classes = {"task": "classification", "scores": "y"}
    return [
        Watched(
            Case("row of 64", "digits", "instances", row),
            "x",
            (TensorSpec("y", "FP32", (-1, 10)),),
            Monitoring(capture="all", inputs=(_columns("x", 64),), **classes),
            "all",
            (60, 50),
        ),
        Watched(
            Case("8 images, binary", "pooled", "binary", images),
            "x",
            (TensorSpec("y", "FP32", (-1, 3, 1, 1)),),
            Monitoring(capture="summaries", inputs=(figures,), task="regression", scores="y"),
            "summaries",
            (20, 8),
        ),
        Watched(
            Case("batch of 256 x 20", "mixed", "instances", rng.random((256, 20), np.float32)),
            "x",
            (TensorSpec("y", "FP32", (-1, 3)),),
            Monitoring(capture="all", inputs=(_columns("x", 20),), **classes),
            "all",
            (30, 10),
        ),
    ]


@dataclass(frozen=True)
class Row:
    watched: Watched
    line: int
    times: dict[str, list[float]]

    def ratio(self, over: str, under: str, less: str = "") -> float:
        """Return the ratio of two medians, each without what another takes in the same round."""
        zeros = [0.0] * len(self.times[over])
        bare = self.times[less] if less else zeros
        a, b = (
            statistics.median(t - z for t, z in zip(self.times[name], bare, strict=True))
            for name in (over, under)
        )
        return a / b


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder = tmp_path_factory.mktemp("record")
    files = {"digits": _digits(folder)}
    for name, text in {"pooled": POOLED, "mixed": MIXED}.items():
        files[name] = folder / f"{name}.onnx"
        onnx.save(models.model(text), files[name])
    cases = _watched()
    both = files | {f"{name}-watched": path for name, path in files.items()}
    monitoring = {f"{watched.case.model}-watched": watched.monitoring for watched in cases}
    with hearth.warm(both, folder, monitoring) as handler:
        measured = {w.case.title: _row(w, files[w.case.model], handler) for w in cases}
    TABLE.write_text(HEAD + "".join(map(_text, measured.values())), encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return measured


def _digits(folder: Path) -> Path:
    """The digits' classifier with its input and output named as the other models' are."""
    model = onnx.load(DIGITS)
    graph = model.graph
    names = {graph.input[0].name: "x", graph.output[0].name: "y"}
    for node in graph.node:
        for listed in (node.input, node.output):
            listed[:] = [names.get(name, name) for name in listed]
    graph.input[0].name, graph.output[0].name = "x", "y"
    onnx.save(model, folder / "digits.onnx")
    return folder / "digits.onnx"


def _row(watched: Watched, file: Path, handler: Any) -> Row:
    case = watched.case
    options = _session_options(RuntimeOptions(), MEMORY_MB)
    session = ort.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    outputs = dict(zip(["y"], session.run(None, {"x": case.batch}), strict=True))
    path = case.path.replace(case.model, f"{case.model}-watched")
    plain, full = (case.event(path, watched.input) for path in (case.path, path))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for event in (plain, full):
            assert np.allclose(case.read(handler(event, events.Context())), outputs["y"])
    line = out.getvalue().split("\n")[1]
    assert "capture_error" not in emf.read(line)
    calls = {
        **_lines(watched, outputs),
        "request": lambda: handler(plain, events.Context()),
        "watched": lambda: handler(full, events.Context()),
        "naive": lambda: getattr(Naive(session), case.method)(plain, None),
        "session.run": lambda: session.run(None, {"x": case.batch}),
    }
    # Lambda reads a function's output through a pipe; here it goes nowhere, by the same call.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return Row(watched, len(line), _measure(calls, *watched.rounds))


def _lines(watched: Watched, outputs: dict[str, np.ndarray]) -> dict[str, Callable[[], None]]:
    """The three lines: as it was, as it is, and with rows in it."""
    case = watched.case
    shape = (-1, *case.batch.shape[1:])
    spec = (TensorSpec("x", "FP32", shape),)
    made = {
        monitoring: Watch(watching.manifest(m, inputs=spec, outputs=watched.outputs))
        for monitoring, m in (("without", Monitoring()), ("with", watched.monitoring))
    }
    request = http_request(events.http("POST", case.path, b"{}"))

    def before() -> None:
        found = record_before.Record(request.request_id, "m", 1, "stable", "label", 200)
        found.latency_ms = found.model_ms = 0.123456
        record_before.write(found)

    def now(watch: Watch) -> None:
        found = record.of_request(request, "m")
        found.version, found.route, found.why, found.status = 1, "stable", "label", 200
        found.latency_ms = found.model_ms = found.decode_ms = found.encode_ms = 0.123456
        found.batch = watch.batch_size({"x": case.batch})
        found.captured = watch.capture(request.request_id, {"x": case.batch}, outputs)
        record.write(found)

    return {
        "line before": before,
        "line now": lambda: now(made["without"]),
        "line and rows": lambda: now(made["with"]),
    }


def _measure(
    calls: dict[str, Callable[[], Any]], rounds: int, repeats: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffle = random.Random(0).shuffle
    gc.collect()
    gc.freeze()
    for _ in range(rounds + WARM_UP):
        shuffle(order)
        for name in order:
            times[name].append(_time(calls[name], repeats))
    gc.unfreeze()
    return {name: taken[WARM_UP:] for name, taken in times.items()}


def _time(call: Callable[[], Any], repeats: int) -> float:
    gc.collect()
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return min(took)  # what else runs on the machine only adds


def _text(row: Row) -> str:
    naive = [row.ratio(name, "naive", "session.run") for name in ("request", "watched")]
    cells = [
        row.watched.case.title,
        row.watched.captured,
        f"{row.line / 1000:.1f}",
        f"{row.ratio('line now', 'line before'):.2f}",
        f"{row.ratio('line and rows', 'line before'):.1f}",
        f"{row.ratio('watched', 'request'):.2f}",
        " and ".join(f"{ratio:.2f}" for ratio in naive),
    ]
    return "| " + " | ".join(cells) + " |\n"


def test_line_without_rows_costs_little_more_than_it_did(rows: dict[str, Row]) -> None:
    """The line of a version that is not watched costs at most twice what it did."""
    assert rows["row of 64"].ratio("line now", "line before") < 2


@pytest.mark.parametrize(
    ("title", "most"), [("row of 64", 1.6), ("8 images, binary", 3), ("batch of 256 x 20", 1.6)]
)
def test_watching_is_a_part_of_a_request(rows: dict[str, Row], title: str, most: float) -> None:
    """A watched request costs at most so many times what the same one costs unwatched."""
    assert rows[title].ratio("watched", "request") < most


def test_watched_row_stays_near_a_naive_handler(rows: dict[str, Row]) -> None:
    """With 64 values and their outcome in the record, a row costs at most 1.4 naive handlers."""
    assert rows["row of 64"].ratio("watched", "naive", "session.run") < 1.4


def test_line_of_each_case_holds_what_was_asked(rows: dict[str, Row]) -> None:
    """Every line keeps the bound of its manifest."""
    for row in rows.values():
        assert row.line < row.watched.monitoring.max_bytes + 4096, json.dumps(row.watched.captured)
