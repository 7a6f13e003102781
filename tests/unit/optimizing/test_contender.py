"""The process that holds one candidate open: what it does, and what becomes of it."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.answering import answer
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.contender import Contender, growing, of_rows
from hearth.optimizing.contender_process import ContenderFailed, ContenderProcess, OutOfTime
from hearth.serving import child, golden
from hearth.serving.session import Session
from support import contending, models

MODELS = Path(__file__).parents[2] / "models"

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors wrap around")


def process(candidate: Candidate, memory_mb: int = 1769) -> ContenderProcess:
    return ContenderProcess("candidate", candidate, memory_mb)


def load(asked: ContenderProcess, case: Path, limit_s: float = 60) -> None:
    asked.ask("open", 60, case=str(case), threads=1)
    asked.ask("first", limit_s)


def opened(folder: Path, text: str, case: Any) -> Contender:
    """A contender in this process, after its first run."""
    made = Contender(contending.candidate(folder, text).path, RuntimeOptions(), 1769)
    made.open(str(contending.cases(folder, case)), 1)
    return made


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_contender_opens_runs_and_times_as_it_is_asked(tmp_path: Path) -> None:
    """Each answer has what was measured: opening, the first run, single runs of a block."""
    case = contending.cases(tmp_path)
    with process(contending.candidate(tmp_path)) as asked:
        assert asked.ask("open", 60, case=str(case), threads=1)["open_ms"] > 0
        first = asked.ask("first", 60)
        assert (first["rows"], first["grows"]) == (1, True)
        assert first["first_run_ms"] > 0
        assert first["resident_mb"] > 0
        assert asked.ask("batch", 60, rows=8)["run_ms"] > 0
        taken = asked.ask("block", 60, block_ms=1.0, warm=1)["ns"]
        assert len(taken) > 1
        assert all(ns > 0 for ns in taken)


def test_block_is_one_run_at_least_and_ends_with_the_first_run_after_its_time(
    tmp_path: Path,
) -> None:
    """However short a block is, it times a run; runs of a block take its length, more or less."""
    made = opened(tmp_path, models.DOUBLED, contending.ROW)
    assert len(made.block(0.0, 0)["ns"]) == 1
    taken = made.block(2.0, 0)["ns"]
    assert sum(taken[:-1]) < 2e6


@pytest.mark.parametrize(
    ("text", "case", "rows", "grows"),
    [
        (models.DOUBLED, contending.ROW, 1, True),
        (contending.FIXED, np.ones((2, 4), np.float32), 2, False),
        (contending.VECTOR, np.ones(4, np.float32), 1, False),
        (contending.STRINGS, np.array(["a"], object), 1, True),
        (contending.BF16, np.full((1, 4), 0x3F80, np.uint16), 1, True),
    ],
    ids=["batched", "fixed batch", "no batch", "strings", "bf16"],
)
def test_contender_says_how_many_rows_a_request_has_and_whether_it_takes_more(
    tmp_path: Path, text: str, case: Any, rows: int, grows: bool
) -> None:
    """A fixed batch has its rows, a model without batches one; neither takes another number."""
    made = opened(tmp_path, text, case)
    first = made.first()
    assert (first["rows"], first["grows"]) == (rows, grows)
    assert made.batch(8)["run_ms"] > 0
    assert made.block(1.0, 1)["ns"]


def test_larger_batches_repeat_the_rows_of_inputs_that_grow(tmp_path: Path) -> None:
    """Rows come over and over; an input without a dynamic first dimension stays as it is."""
    text = "two (float[N,2] x, float[1,2] y) => (float[N,2] z) { z = Add (x, y) }"
    session = Session(contending.candidate(tmp_path, text).path, RuntimeOptions(), 1769)
    case = {"x": np.float32([[1, 2], [3, 4]]), "y": np.float32([[5, 6]])}
    grown = growing(session.signature, case)
    made = of_rows(case, grown, 3)
    assert grown == {"x"}
    assert made["x"].tolist() == [[1, 2], [3, 4], [1, 2]]
    assert made["y"].tolist() == [[5, 6]]


def test_contender_imports_what_a_prediction_needs() -> None:
    """It measures a process that holds nothing but ONNX Runtime, numpy and the serving code."""
    code = (
        "import sys, hearth.optimizing.contender; print(sorted({name.partition('.')[0] for name in"
        " sys.modules} & {'onnx', 'pydantic', 'boto3', 'botocore', 'aws_lambda_powertools',"
        " 'ml_dtypes', 'sympy'}), 'onnxruntime.quantization' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=child.surroundings(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[] False"


@linux
def test_contender_with_several_threads_is_idle_between_runs(tmp_path: Path) -> None:
    """Its workers do not spin once a block is over: the other one has the processors."""

    def ticks(pid: int) -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    dense = contending.layers(tmp_path, 4)
    case = contending.cases(tmp_path, np.ones((64, 256), np.float32), name="t0")
    with process(dense) as asked:
        asked.ask("open", 60, case=str(case), threads=2)
        asked.ask("first", 60)
        asked.ask("batch", 60, rows=64)
        spent = 0
        for _ in range(20):  # spinning on, it would take at least 30 ms after each
            asked.ask("block", 60, block_ms=1.0, warm=1)
            before = ticks(asked.pid)
            time.sleep(0.05)
            spent += ticks(asked.pid) - before
    assert spent <= 20


@pytest.mark.parametrize(
    ("text", "do", "says"),
    [
        (contending.UNKNOWN, "opened", "cannot open model.onnx"),
        (contending.WIDER, "run", "does not accept these inputs"),
    ],
)
def test_candidate_that_cannot_be_opened_or_run_is_named_with_the_reason(
    tmp_path: Path, text: str, do: str, says: str
) -> None:
    """The error says whose it is, what it could not do, and what ONNX Runtime said."""
    case = contending.cases(tmp_path)
    made = contending.candidate(tmp_path, text, "int8-static")
    with process(made) as asked, pytest.raises(ContenderFailed) as caught:
        load(asked, case)
    assert str(caught.value).startswith(f"candidate int8-static cannot be {do}: got ")
    assert says in str(caught.value)
    assert (caught.value.whose, caught.value.alive) == ("candidate", True)


@x86
def test_candidate_that_crashes_is_an_error_with_its_exit_status(tmp_path: Path) -> None:
    """A process that dies while it is asked says by which signal; later questions say the same."""
    case = contending.cases(tmp_path)
    with process(contending.candidate(tmp_path, contending.CRASHING)) as asked:
        asked.ask("open", 60, case=str(case), threads=1)
        for _ in range(2):
            with pytest.raises(
                ContenderFailed, match="cannot be run: got crashed with exit status -8"
            ) as caught:
                asked.ask("first", 60)
            assert not caught.value.alive


def test_candidate_that_does_not_fit_in_memory_says_so(tmp_path: Path) -> None:
    """What would take more memory than it may fails with the memory that it was given."""
    case = contending.cases(tmp_path)
    hungry = contending.candidate(tmp_path, contending.HUNGRY)
    says = pytest.raises(ContenderFailed, match="with 500 MB of memory")
    with process(hungry, memory_mb=500) as asked, says as caught:
        load(asked, case)
    assert caught.value.remedy == "raise the memory size"


@linux
def test_candidate_that_hangs_is_stopped_at_the_limit(tmp_path: Path) -> None:
    """A run that does not end in time ends with its process."""
    case = contending.cases(tmp_path)
    with process(contending.candidate(tmp_path, contending.SLOW)) as asked:
        asked.ask("open", 60, case=str(case), threads=1)
        started = time.monotonic()
        with pytest.raises(
            OutOfTime, match="candidate original cannot be run in the time that is left"
        ):
            asked.ask("first", 1)
        assert time.monotonic() - started < 30
        assert not alive(asked.pid)


def test_question_without_time_is_not_asked(tmp_path: Path) -> None:
    """Where no time is left, there is nothing to wait for."""
    with process(contending.candidate(tmp_path)) as asked, pytest.raises(OutOfTime):
        asked.ask("ready", 0)


@linux
def test_child_ends_with_what_started_it(tmp_path: Path) -> None:
    """A contender at work dies with its parent, even if that one is killed."""
    made, case = contending.candidate(tmp_path, contending.SLOW), contending.cases(tmp_path)
    code = f"""
from pathlib import Path
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.contender_process import ContenderProcess
asked = ContenderProcess("candidate", Candidate("original", Path({str(made.path)!r})), 1769)
asked.ask("open", 60, case={str(case)!r}, threads=1)
print(asked.pid, flush=True)
asked.ask("first", 60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=child.surroundings(), stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)


@pytest.mark.parametrize(
    ("text", "case"),
    [
        (models.DOUBLED, contending.ROW),
        (contending.FIXED, np.ones((2, 4), np.float32)),
        (contending.STRINGS, np.array(["a", "ü"], object)),
        (contending.BF16, np.full((1, 4), 0x3F80, np.uint16)),
    ],
    ids=["floats", "fixed batch", "strings", "bf16"],
)
def test_answers_are_what_the_model_gives_here(tmp_path: Path, text: str, case: Any) -> None:
    """What a child writes reads back as the outputs of a session in this process."""
    made, cases = contending.candidate(tmp_path, text), contending.cases(tmp_path, case, case)
    answer(made, cases, tmp_path / "answers.npz", 1769, 60)
    (first, second) = golden.load(tmp_path / "answers.npz")
    expected = Session(made.path, RuntimeOptions(), 1769).run({"x": case})
    for given in (first, second):
        assert given.inputs == {}
        assert given.outputs["y"].dtype == expected["y"].dtype
        assert given.outputs["y"].tolist() == expected["y"].tolist()


def test_answers_are_those_of_the_saved_graph_where_there_is_one(tmp_path: Path) -> None:
    """What would be opened on this processor is what is asked."""
    portable = contending.candidate(tmp_path)
    other = contending.candidate(tmp_path, models.TRIPLED, "saved")
    made = Candidate("saved-graph", portable.path, saved=other.path, saved_runtime=RuntimeOptions())
    answer(made, contending.cases(tmp_path), tmp_path / "answers.npz", 1769, 60)
    (case,) = golden.load(tmp_path / "answers.npz")
    assert case.outputs["y"].tolist() == [[4, 7, 10, 13]]


def test_model_that_fails_on_a_case_leaves_no_answers(tmp_path: Path) -> None:
    """Answers are whole or not there."""
    made = contending.candidate(tmp_path, contending.ONE_ROW, "broken")
    cases = contending.cases(tmp_path, contending.ROW, np.ones((3, 4), np.float32))
    with pytest.raises(ContenderFailed, match="candidate broken gives no answers"):
        answer(made, cases, tmp_path / "answers.npz", 1769, 60)
    assert list(tmp_path.glob("answers*")) == []


def test_answers_that_take_too_long_are_not_waited_for(tmp_path: Path) -> None:
    """The time limit holds for opening and all cases together."""
    made = contending.candidate(tmp_path, contending.SLOW)
    with pytest.raises(OutOfTime):
        answer(made, contending.cases(tmp_path), tmp_path / "answers.npz", 1769, 2)
    assert list(tmp_path.glob("answers*")) == []
