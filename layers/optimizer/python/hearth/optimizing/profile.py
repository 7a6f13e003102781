"""Where a model's time goes: by operator and by node, from ONNX Runtime's own profiler."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
Key = Callable[[Event], tuple[str, str]]

_NODE, _RUN = "Node", "model_run"
_KERNEL = "_kernel_time"
_MOST_NODES = 500
_SIZES = ("activation_size", "parameter_size", "output_size")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the nodes of one kind, or one node, took of a run.

    Args:
        name: Of the node; of the operator, where it stands for all of a kind.
        operator: Its type.
        calls: In one run, on average: a node in a loop's body is called more than once.
        time_ms: Of one run, without what nodes in its subgraphs took.
        share: Of the time of all nodes.
        activation_bytes: Inputs that were computed, of one run.
        parameter_bytes: Constant inputs of one run; weights that were packed anew are not in it.
        output_bytes: Outputs of one run.
    """

    name: str
    operator: str
    calls: float
    time_ms: float
    share: float
    activation_bytes: float
    parameter_bytes: float
    output_bytes: float


@dataclass(frozen=True, slots=True)
class Profile:
    """What a number of warm runs were spent on.

    Args:
        runs: How many.
        run_ms: Median of a run, while the profiler looked on, which takes time itself.
        operators: By type, the most expensive first.
        nodes: The most expensive ones.
        left_out: How many nodes are not in `nodes`.
    """

    runs: int
    run_ms: float
    operators: tuple[Usage, ...]
    nodes: tuple[Usage, ...]
    left_out: int = 0


def of_events(events: Sequence[Event], skipped: int) -> Profile:
    """Return what a trace's runs were spent on.

    Args:
        events: Of the profiler: `ph`, `ts` and `dur` in microseconds, `cat`, `name`, `args`.
        skipped: How many runs at the beginning do not count.

    Source:
        ONNX Runtime's `profiler_common.h` and `sequential_executor.cc`: one `model_run` a run, and
        one `<node>_kernel_time` a call of a node, with the sizes of its tensors in `args`.
    """
    runs = sorted((e for e in events if e.get("name") == _RUN), key=lambda e: e["ts"])[skipped:]
    if not runs:
        return Profile(0, 0.0, (), ())
    first, last = runs[0]["ts"], runs[-1]["ts"] + runs[-1]["dur"]
    calls = [e for e in events if _is_call(e) and first <= e["ts"] <= last]
    by_node = _usages(calls, len(runs), _node)
    return Profile(
        len(runs),
        statistics.median(run["dur"] for run in runs) / 1000,
        _usages(calls, len(runs), lambda event: (_operator(event), _operator(event))),
        by_node[:_MOST_NODES],
        max(len(by_node) - _MOST_NODES, 0),
    )


def _is_call(event: Event) -> bool:
    return event.get("cat") == _NODE and str(event.get("name", "")).endswith(_KERNEL)


def _operator(event: Event) -> str:
    return str(event["args"].get("op_name", "")) or "unknown"


def _node(event: Event) -> tuple[str, str]:
    """Return a node's name and its operator; a node without a name has its number."""
    operator = _operator(event)
    name = str(event["name"]).removesuffix(_KERNEL)
    return name or f"{operator} {event['args'].get('node_index', '')}".strip(), operator


def _usages(calls: Sequence[Event], runs: int, key: Key) -> tuple[Usage, ...]:
    """Return what each group of calls took of a run, the most expensive group first."""
    taken: dict[tuple[str, str], float] = defaultdict(float)
    sizes: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for event, own in _own_times(calls):
        group = key(event)
        taken[group] += own
        counts[group] += 1
        for i, size in enumerate(_SIZES):
            sizes[group][i] += _number(event["args"].get(size))
    whole = sum(taken.values()) or 1.0
    found = [
        Usage(
            *group,
            counts[group] / runs,
            taken[group] / runs / 1000,
            taken[group] / whole,
            *(size / runs for size in sizes[group]),
        )
        for group in taken
    ]
    return tuple(sorted(found, key=lambda usage: (-usage.time_ms, usage.name)))


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return 0.0


def _own_times(calls: Iterable[Event]) -> Iterator[tuple[Event, float]]:
    """Yield each call with its time, without that of the calls inside it (of a loop's body)."""
    threads: dict[object, list[list[Any]]] = defaultdict(list)
    for event in sorted(calls, key=lambda e: (e["ts"], -e["dur"])):
        open_ = threads[event.get("tid")]
        while open_ and open_[-1][0]["ts"] + open_[-1][0]["dur"] <= event["ts"]:
            yield _ended(open_.pop())
        if open_:
            open_[-1][1] -= event["dur"]
        open_.append([event, float(event["dur"])])
    for open_ in threads.values():
        yield from map(_ended, open_)


def _ended(call: list[Any]) -> tuple[Event, float]:
    return call[0], max(call[1], 0.0)
