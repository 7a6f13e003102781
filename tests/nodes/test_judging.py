"""The judge himself: what he calls equal, refused, failed, and that he loses no case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx.backend.test.runner import Runner
from support import models

from nodes.__main__ import main
from nodes.cases import Case
from nodes.judging import compared, judge
from nodes.lanes import Lane
from nodes.report import failed, report, summary
from nodes.runtime import Alone
from nodes.sandbox import Sandbox, opened
from nodes.verdict import FAILED, PASSED, UNSUPPORTED, Result, Verdict, difference, refused

PAIRS = [
    (np.float32([1, np.nan, -np.inf]), np.float32([1.0009, np.nan, -np.inf])),
    (np.float32([1]), np.float32([1.0011])),
    (np.float32([0]), np.float32([2e-7])),
    (np.float32([np.nan]), np.float32([0])),
    (np.float16([1]), np.float16([1.001])),
    (np.float64([1]), np.float32([1])),
    (np.float32([[1]]), np.float32([1])),
    (np.array(["a"], object), np.array(["b"], object)),
    (np.array([1], ml_dtypes.bfloat16), np.array([1.0156], ml_dtypes.bfloat16)),
    (np.array([1], ml_dtypes.bfloat16), np.array([1.03], ml_dtypes.bfloat16)),
]


@pytest.fixture
def case() -> Case:
    """The model that most tests serve, and what it answers."""
    x = np.float32([[1, 2, 3, 4]])
    model, types = models.model().SerializeToString(), {"x": "FP32", "y": "FP32"}
    return Case("doubled", "node", model, {"x": x}, {"y": 2 * x + 1}, types, 1e-3, 1e-7)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("want", "have"), PAIRS)
def test_outputs_are_as_close_as_onnx_asks(want: Any, have: Any) -> None:
    """Where ONNX's own runner sees no difference, there is none; where it does, there is."""
    try:
        Runner.assert_similar_outputs([want], [have], 1e-3, 1e-7)
        same = True
    except AssertionError:
        same = False
    assert (difference(want, have, 1e-3, 1e-7) == "") is same


@pytest.mark.parametrize("value", [np.int64(1000), np.uint8(200), np.bool_(True)])
def test_integers_must_be_equal(value: Any) -> None:
    """A tolerance is for floats alone."""
    want = np.asarray(value)
    assert difference(want, want.copy(), 1e-2, 1) == ""
    assert difference(want, want ^ want.dtype.type(1), 1e-2, 1)


def test_without_a_tolerance_every_bit_counts() -> None:
    """A float's next neighbour is another float; NaN is NaN."""
    want = np.float32([1, np.nan])
    assert difference(want, want.copy()) == ""
    assert difference(want, np.nextafter(want, np.float32(2)))


def test_refusal_that_is_no_known_limit_is_a_failure() -> None:
    """Only what Hearth says it does not do is unsupported."""
    assert refused("400: input 'x' has another shape: got [1]").status == FAILED
    known = refused("400: tensor 'x' is FP16, which has no JSON form; use the binary data format")
    assert (known.status, known.detail) == (UNSUPPORTED, "FP16")


def test_answer_that_is_not_the_runtimes_is_a_failure(case: Case) -> None:
    """What differs from ONNX Runtime alone has failed, even within ONNX's tolerance."""
    [(name, right)] = case.outputs.items()
    near = {name: np.nextafter(right, np.float32(np.inf))}
    assert compared(case, Alone(case.outputs), case.outputs).status == PASSED
    assert compared(case, Alone(case.outputs), near).status == FAILED


def test_model_that_answers_otherwise_is_not_served(case: Case, sandbox: Sandbox) -> None:
    """Where ONNX Runtime itself is wrong, that is its fault: as long as Hearth refuses it."""
    [(name, right)] = case.outputs.items()
    wrong = replace(case, outputs={name: right + np.float32(1)})
    result = judge(wrong, sandbox)
    [verdict] = set(result.verdicts.values())
    assert verdict.status == UNSUPPORTED
    assert verdict.reason == "ONNX Runtime: answers otherwise than ONNX expects"


class Deadly:
    """Ends the process that receives it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os._exit, (3,))


def test_case_that_kills_its_process_takes_no_other_with_it(case: Case, tmp_path: Path) -> None:
    """It has failed, and the next one is judged as ever."""
    lane = Lane(tmp_path)
    try:
        dead = lane.judge(replace(case, model=Deadly()))
        alive = lane.judge(case)
    finally:
        lane.close()
    assert {verdict.status for verdict in dead.verdicts.values()} == {FAILED}
    assert {verdict.status for verdict in alive.verdicts.values()} == {PASSED}


def test_report_counts_every_case() -> None:
    """Each case is in the totals, under each of its datatypes, and by name if it failed."""
    right, wrong = Verdict(PASSED), Verdict(FAILED, "of its own")
    names = ("JSON v2", "binary v2", "TF Serving")
    results = [
        Result("test_a", "node", ("FP32", "INT64"), dict.fromkeys(names, right)),
        Result("test_b", "node", ("FP32",), {**dict.fromkeys(names, right), "JSON v2": wrong}),
    ]
    text = report(results)
    assert "| FP32      | 2     | 1 / 1 / 0 | 2 / 0 / 0 | 2 / 0 / 0  |" in text
    assert "| INT64     | 1     | 1 / 0 / 0 |" in text
    assert "| all cases | 2     | 1 / 1 / 0 |" in text
    assert "| test_b | JSON v2 | of its own |" in text
    assert summary(results) == "JSON v2: 1 / 1 / 0; binary v2: 2 / 0 / 0; TF Serving: 2 / 0 / 0"
    assert failed(results)
    assert not failed(results[:1])


def test_command_runs_the_cases_that_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the report, writes it where it is told to, and gives 0 where nothing failed."""
    written = tmp_path / "report.md"
    assert main(["^test_add$", "--processes", "1", "--output", str(written)]) == 0
    printed = capsys.readouterr().out
    assert written.read_text() in printed
    assert printed.splitlines()[-1].startswith("1 cases in ")


def test_command_refuses_a_pattern_that_nothing_matches() -> None:
    """No case is not a success."""
    with pytest.raises(SystemExit, match="2"):
        main(["test_of_nothing"])
