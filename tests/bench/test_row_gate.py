"""The gate of what a handler adds to `session.run`: ratios to a naive one, with room for noise.

`test_handlers.py` is the whole comparison; this one needs nothing that is not here for the tests.
"""

from __future__ import annotations

import contextlib
import os
import statistics
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from bench.cases import DIGITS, POOLED, Case, cases
from bench.contenders import hearth
from bench.contenders.naive import Naive
from bench.test_handlers import BARE, Call, time_by_turns
from hearth.domain.manifest import RuntimeOptions
from hearth.serving.session import _session_options
from support import events, models
from support.bundle import MEMORY_MB

pytestmark = pytest.mark.bench

# Case: what Hearth may add, over what a naive handler does. Measured: 0.95, 0.85, 1.2, 0.13 and 0.17.
LIMITS = {
    ("digits", "instances"): 1.25,
    ("digits", "flat"): 1.25,
    ("digits", "binary"): 1.6,
    ("pooled", "instances"): 0.4,
    ("pooled", "binary"): 0.5,
}
ROUNDS = {"digits": (60, 50), "pooled": (7, 1)}


@pytest.fixture(scope="module")
def ratios(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], float]:
    folder = tmp_path_factory.mktemp("gate")
    files = {"digits": DIGITS, "pooled": folder / "pooled.onnx"}
    onnx.save(models.model(POOLED), files["pooled"])
    asked = [case for case in cases() if (case.model, case.form) in LIMITS]
    with (
        hearth.warm(files, folder) as handler,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        return {(c.model, c.form): _ratio(c, files[c.model], handler) for c in asked}


def _ratio(case: Case, file: Path, handler: Call) -> float:
    options = _session_options(RuntimeOptions(), MEMORY_MB)
    session = ort.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    event, context = case.event(case.path, name), events.Context()
    naive = getattr(Naive(session), case.method)
    calls = {
        BARE: lambda: session.run(None, {name: case.batch}),
        "Hearth": lambda: handler(event, context),
        "naive": lambda: naive(event, context),
    }
    for contender in ("Hearth", "naive"):
        assert np.array_equal(case.read(calls[contender]()), calls[BARE]()[0])
    times = time_by_turns(calls, *ROUNDS[case.model])
    over = {
        contender: statistics.median(
            took - bare for took, bare in zip(times[contender], times[BARE], strict=True)
        )
        for contender in ("Hearth", "naive")
    }
    return over["Hearth"] / over["naive"]


@pytest.mark.parametrize("case", LIMITS, ids=" ".join)
def test_handler_adds_at_most_its_part(
    ratios: dict[tuple[str, str], float], case: tuple[str, str]
) -> None:
    """What Hearth adds to the model's own time is at most so many times what a naive handler does."""
    assert ratios[case] <= LIMITS[case]
