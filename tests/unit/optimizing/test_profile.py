"""What a trace says: times without those of what runs inside, shares, calls, sizes."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.optimizing.profile import Profile, of_events


def run(ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "tid": 1, "args": {}}


def node(name: str, operator: str, ts: int, dur: int, tid: int = 1, **args: str) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "tid": tid, "args": {"op_name": operator, **args}}  # fmt: skip


def times(found: Profile) -> dict[str, float]:
    return {usage.name: usage.time_ms for usage in found.nodes}


def test_trace_without_runs_says_nothing() -> None:
    """Nothing is divided by zero."""
    assert of_events([node("a", "Add", 1, 2)], 0) == Profile(0, 0.0, (), ())
    assert of_events([run(0, 9)], 1) == Profile(0, 0.0, (), ())


def test_figures_are_of_one_run() -> None:
    """Times, calls and sizes are means over the runs; a run's own time is their median."""
    events = [
        run(0, 10), node("a", "Add", 1, 4, output_size="100"),
        run(20, 30), node("a", "Add", 21, 8, output_size="100"),
        run(60, 20), node("a", "Add", 61, 6, output_size="100"), node("b", "Mul", 70, 6),
    ]  # fmt: skip
    found = of_events(events, 0)
    assert (found.runs, found.run_ms) == (3, 0.02)
    (add, mul) = found.operators
    assert (add.time_ms, add.calls, add.output_bytes) == (0.006, 1, 100)
    assert (mul.time_ms, mul.calls) == (0.002, pytest.approx(1 / 3))
    assert (add.share, mul.share) == (0.75, 0.25)


def test_first_runs_do_not_count() -> None:
    """What warms a session is in the trace, and in no figure."""
    events = [run(0, 50), node("a", "Add", 1, 40), run(60, 10), node("a", "Add", 61, 4)]
    assert times(of_events(events, 1)) == {"a": 0.004}


def test_time_of_what_runs_inside_is_taken_off() -> None:
    """A loop keeps what its body did not take; what runs on another thread is not inside."""
    events = [
        run(0, 100),
        node("loop", "Loop", 0, 60), node("x", "Sin", 5, 20), node("y", "If", 30, 25),
        node("z", "Neg", 35, 10), node("other", "Cos", 10, 30, tid=2), node("after", "Abs", 60, 7),
    ]  # fmt: skip
    expected = {"loop": 15, "x": 20, "y": 15, "z": 10, "other": 30, "after": 7}
    assert times(of_events(events, 0)) == pytest.approx({k: v / 1000 for k, v in expected.items()})


def test_most_expensive_comes_first_and_the_rest_is_counted() -> None:
    """An answer of a function has an end: 500 nodes, and how many more there are."""
    events = [run(0, 10_000), *(node(f"n{i}", "Add", i * 10, i % 7 + 1) for i in range(600))]
    found = of_events(events, 0)
    assert (len(found.nodes), found.left_out) == (500, 100)
    taken = [usage.time_ms for usage in found.nodes]
    assert taken == sorted(taken, reverse=True)
    assert found.operators[0].calls == 600


def test_node_without_a_name_has_its_number() -> None:
    """Two nodes that nobody named are two."""
    events = [run(0, 9), node("", "Add", 1, 1, node_index="3"), node("", "Add", 3, 1, node_index="4")]  # fmt: skip
    assert {usage.name for usage in of_events(events, 0).nodes} == {"Add 3", "Add 4"}


def test_size_that_is_no_number_counts_as_nothing() -> None:
    """Another ONNX Runtime may leave a size out, or write it otherwise."""
    events = [run(0, 9), node("a", "Add", 1, 1, output_size="many")]
    assert of_events(events, 0).nodes[0].output_bytes == 0
