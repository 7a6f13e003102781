"""What a handler adds to `session.run`: Hearth's beside what people would write or take instead."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from bench.cases import DIGITS, NEGATED, POOLED, Case, cases
from bench.contenders import hearth
from bench.contenders.naive import Naive
from hearth.domain.manifest import RuntimeOptions
from hearth.serving.session import _session_options
from support import events, models
from support.bundle import MEMORY_MB

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

TABLE = Path(__file__).parent / "results/handlers.md"
CONTENDERS = ("Hearth", "naive", "naive, orjson", "Powertools", "Mangum, FastAPI")
BARE = "session.run"
JSON_FORMS = ("instances", "inputs", "flat", "nested")
WARM_UP = 2  # rounds that do not count
# Rounds, and calls in each of them.
OF_ROWS, OF_IMAGES = (60, 50), (11, 1)

Call = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """A case's times in ms, one of each contender and of bare `session.run` a round."""

    case: Case
    mb: float
    times: dict[str, list[float]]

    def over(self, name: str) -> list[float]:
        """Return what a contender took beyond bare `session.run` in the same round."""
        return [took - bare for took, bare in zip(self.times[name], self.times[BARE], strict=True)]

    def median(self, name: str) -> float:
        return statistics.median(self.over(name))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Row]]:
    pytest.importorskip("fastapi", reason="one of those compared: make bench installs it")
    folder = tmp_path_factory.mktemp("handlers")
    files = {"digits": DIGITS}
    for name, text in {"pooled": POOLED, "negated": NEGATED}.items():
        files[name] = folder / f"{name}.onnx"
        onnx.save(models.model(text), files[name])
    # Lambda reads a function's output through a pipe; here it goes nowhere, by the same call.
    with (
        hearth.warm(files, folder) as handler,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        measured = {(c.model, c.form): _row(c, files[c.model], handler) for c in cases()}
    TABLE.write_text(_table(list(measured.values())), encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return measured


def _row(case: Case, file: Path, handler: Any) -> Row:
    options = _session_options(RuntimeOptions(), MEMORY_MB)
    session = ort.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    [expected] = session.run(None, {name: case.batch})
    calls = _calls(case, session, handler)
    for contender, call in calls.items():
        found = case.read(call())
        assert np.array_equal(found, expected), f"{case.title}: {contender} answers otherwise"
    calls[BARE] = lambda: session.run(None, {name: case.batch})
    event = case.event(case.path, name)
    rounds = OF_ROWS if case.batch.size < 1000 else OF_IMAGES
    return Row(case, len(event["body"]) / 1e6, time_by_turns(calls, *rounds))


def _calls(case: Case, session: ort.InferenceSession, handler: Any) -> dict[str, Call]:
    name, context = session.get_inputs()[0].name, events.Context()

    def call(handle: Any, path: str) -> Call:
        event = case.event(path, name)
        return lambda: handle(event, context)

    made = {
        "Hearth": call(handler, case.path),
        "naive": call(getattr(Naive(session), case.method), "/"),
    }
    if case.form == "binary":  # what orjson reads and pydantic describes is JSON
        return made
    made["naive, orjson"] = call(getattr(Naive.with_orjson(session), case.method), "/")
    from bench.contenders import mangum, powertools
    from bench.contenders.schemas import IMAGES, ROWS

    items = ROWS if case.batch.ndim == 2 else IMAGES
    data = list[float] if case.form == "flat" else items
    for title, module in (("Powertools", powertools), ("Mangum, FastAPI", mangum)):
        made[title] = call(module.handler(session, items, data), f"/{case.method}")
    return made


def time_by_turns(calls: dict[str, Call], rounds: int, repeats: int) -> dict[str, list[float]]:
    """Return the median of so many calls in each round, in ms: in another order each round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffle = random.Random(0).shuffle
    # What pytest and moto hold is not there on Lambda: it is not to be collected again and again.
    gc.collect()
    gc.freeze()
    for _ in range(rounds + WARM_UP):
        shuffle(order)
        for name in order:
            times[name].append(_time(calls[name], repeats))
    gc.unfreeze()
    return {name: taken[WARM_UP:] for name, taken in times.items()}


def _time(call: Call, repeats: int) -> float:
    gc.collect()  # nobody pays for what another left
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def _table(rows: list[Row]) -> str:
    head = ["request", "event's body, MB", f"`{BARE}`, ms", *CONTENDERS]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        bare = _spread(row.times[BARE])
        cells = [_spread(row.over(n)) if n in row.times else "" for n in CONTENDERS]
        size = f"{row.mb:.1f}" if row.mb > 0.1 else f"{row.mb:.4f}"
        lines.append(_line([row.case.title, size, bare, *cells]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _spread(times: list[float]) -> str:
    """Return the median and, in brackets, the tenth and ninetieth of a hundred."""
    tenths = statistics.quantiles(times, n=10)
    return f"{_figures(statistics.median(times))} ({_figures(tenths[0])} to {_figures(tenths[-1])})"


def _figures(value: float) -> str:
    return f"{value:.{3 if abs(value) < 1 else 1 if abs(value) < 100 else 0}f}"


def test_row_costs_no_more_than_a_naive_handler(rows: dict[tuple[str, str], Row]) -> None:
    """For a row, checks, routing and the record cost no more than a handler without them."""
    for form in ("instances", "flat"):
        row = rows["digits", form]
        assert row.median("Hearth") <= row.median("naive"), form


@pytest.mark.parametrize("form", JSON_FORMS)
def test_images_in_json_cost_at_most_a_part(rows: dict[tuple[str, str], Row], form: str) -> None:
    """A batch of images in JSON costs at most 1/2.5 of what it costs a naive handler."""
    row = rows["pooled", form]
    assert row.median("Hearth") * 2.5 <= row.median("naive")


def test_binary_images_cost_a_small_part_of_json(rows: dict[tuple[str, str], Row]) -> None:
    """A binary batch costs at most 1/20 of what a naive handler takes for the same in JSON."""
    naive = min(rows["pooled", form].median("naive") for form in JSON_FORMS)
    assert rows["pooled", "binary"].median("Hearth") * 20 <= naive
