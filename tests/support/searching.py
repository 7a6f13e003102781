"""Reports of searches for a variant: of an encoder as it was measured, and others at the edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from hearth.optimizing.cost import MEMORY_SIZES, Assumptions, AtMemory, Costs
from hearth.optimizing.inspection import DENSE, TRANSFORMER, TREES, Inspection
from hearth.optimizing.judgement import FAILED, PASSED, Accuracy, Fidelity, Judgement
from hearth.optimizing.measurement import Duel, Figures, Latency, Ratio, further
from hearth.optimizing.report import (
    ACCEPTED,
    BEATEN,
    CHOSEN,
    DONE,
    NO_WIN,
    NOT_MADE,
    NOT_MEASURED,
    NOTHING_TO_GAIN,
    REFUSED,
    WRONG,
    Machine,
    Progress,
    Report,
    Tried,
)
from hearth.optimizing.skipped import Skipped

NOISE = {"latency": 0.02, "open": 0.03, "first_run": 0.05, "cold_start": 0.03, "memory": 0.02, "size": 0.0}  # fmt: skip
MACHINE = Machine(
    "x86_64 avx avx2 fma avx512f avx512bw avx512dq avx512vl avx512_vnni",
    2,
    3538,
    1769,
    {"python": "3.13.9", "onnxruntime": "1.32.0", "onnx": "1.23.2", "numpy": "2.4.6"},
)
ROWS = 450


def costs(p50_ms: float, open_ms: float, resident_mb: float) -> Costs:
    """Return costs as Lambda bills them, with a tenth of the model's work in parallel."""
    sizes = []
    for memory in MEMORY_SIZES:
        part = min(memory / 1769, 1.0)
        run = (p50_ms + 1.0) / part
        cold = (500 + open_ms) / part + run
        billed = math.ceil(run)
        spent = (0.99 * billed + 0.01 * cold) / 1000 * memory / 1024 * 16.6667 + 0.2
        fits = 120 + resident_mb < memory
        sizes.append(AtMemory(memory, run, billed, cold, spent, fits))
    fitting = [size for size in sizes if size.fits]
    return Costs(
        tuple(sizes),
        min(fitting, key=lambda size: size.dollars).memory_mb,
        min(fitting, key=lambda size: (size.run_ms, size.memory_mb)).memory_mb,
    )


def figures(p50_ms: float, open_ms: float, resident_mb: float, size_mb: float) -> Figures:
    p50_ms, open_ms, resident_mb = float(p50_ms), float(open_ms), float(resident_mb)
    latencies = tuple(
        Latency(batch, threads, one, one * 1.3, 4000)
        for batch, threads, one in (
            (1, 1, p50_ms),
            (8, 1, p50_ms * 6.5),
            (1, 2, p50_ms * 0.6),
        )
    )
    return Figures(int(size_mb * 1e6), open_ms, p50_ms * 1.8, resident_mb, latencies, 3)


ORIGINAL = figures(3.67, 86, 83, 42.68)


def duel(candidate: Figures, wide: float = 0.012) -> Duel:
    def ratio(ours: float, theirs: float, part: float = wide) -> Ratio:
        value = ours / theirs
        return Ratio(value, value * (1 - part), value * (1 + part))

    one = candidate.latencies[0].p50_ms / ORIGINAL.latencies[0].p50_ms
    cold = candidate.open_ms + candidate.first_run_ms
    return Duel(
        candidate,
        ORIGINAL,
        {
            "latency": ratio(one, 1),
            further(8, 1): ratio(one, 1, 0.02),
            further(1, 2): ratio(one, 1, 0.09),
            "open": ratio(candidate.open_ms, ORIGINAL.open_ms, 0.03),
            "first_run": ratio(one, 1, 0.08),
            "cold_start": ratio(cold, ORIGINAL.open_ms + ORIGINAL.first_run_ms, 0.03),
            "memory": ratio(candidate.resident_mb, ORIGINAL.resident_mb, 0.01),
            "size": ratio(candidate.size_bytes, ORIGINAL.size_bytes, 0.0),
        },
    )


def judged(agreement: float, error: float, right: float, *, passed: bool = True) -> Judgement:
    loss = (0.8978 - right) / 0.8978
    accuracy = Accuracy("accuracy", ROWS, 0.8978, right, loss, loss + 0.0067)
    fidelity = Fidelity(
        ROWS, True, error < 1e-3, float(agreement), agreement - 0.005, error, error * 1.4
    )
    why = (
        f"accuracy {right:.4f} against {0.8978:.4f}: at most {loss + 0.0067:.2%} worse (95%), "
        f"{'within' if passed else 'more than'} the 1% that the manifest allows"
    )
    return Judgement(PASSED if passed else FAILED, (why,), True, fidelity, accuracy)


def tried(
    name: str,
    outcome: str,
    why: str,
    measured: tuple[float, float, float, float] | None = None,
    judgement: Judgement | None = None,
    **more: object,
) -> Tried:
    found = figures(*measured) if measured else None
    return Tried(
        name,
        tuple(name.split("+")),
        outcome,
        (why,),
        duel(found) if found else None,
        judgement,
        costs(*measured[:3]) if measured else None,
        **more,  # type: ignore[arg-type]
    )


INSPECTION = Inspection(
    TRANSFORMER,
    42_680_000,
    {
        "MatMul": 48,
        "Add": 74,
        "LayerNormalization": 13,
        "Softmax": 6,
        "Reshape": 24,
        "Transpose": 24,
        "Erf": 6,
        "Mul": 12,
        "Div": 12,
        "Gather": 2,
        "com.microsoft.Gelu": 6,
    },
    {"FP32": 42_430_000, "INT64": 1200},
    {"MatMul": 42_000_000, "Gather": 380_000},
    ("batch",),
    opset=17,
)


@cache
def encoder() -> Report:
    """An encoder of six layers: dynamic quantisation of its MatMul wins."""
    made = (
        tried("graph", NO_WIN, "latency 3.63 ms against 3.67 ms: within the noise of 2%", (3.63, 81, 82, 42.7), judged(1, 1e-7, 0.8978)),
        tried("fusion", NO_WIN, "latency 3.61 ms against 3.67 ms: within the noise of 2%", (3.61, 79, 82, 42.6), judged(1, 2e-6, 0.8978), notes=("5 of 6 Attention were fused",)),
        tried("int8-dynamic-matmul", CHOSEN, "4.93 times as fast, and at most 0.67% less accurate (95%)", (0.744, 34, 32, 10.84), judged(1, 0.007, 0.8978), front=True),
        tried("int8-dynamic", BEATEN, "3.93 times as fast, but int8-dynamic-matmul is 4.93 times as fast", (0.933, 34, 32, 10.83), judged(1, 0.007, 0.8978)),
        tried("int8-static", NO_WIN, "0.63 times as fast: 5.83 ms against 3.67 ms", (5.83, 39, 33, 10.94), judged(0.996, 0.019, 0.9)),
        tried("int4-blocks", WRONG, "accuracy 0.8822 against 0.8978: at most 2.41% worse (95%), more than the 1% that the manifest allows", (1.9, 28, 25, 6.85), judged(0.991, 0.036, 0.8822, passed=False)),
        tried("fp16", NO_WIN, "latency 4.14 ms against 3.67 ms: 13% slower", (4.14, 91, 104, 21.4), judged(1, 3e-4, 0.8978), notes=("ONNX Runtime computes in FP32 on a processor: fp16 is for size alone",)),
        tried("int8-blocks", NOT_MADE, "int8-blocks made no node of MatMulNBits: Gemm with alpha 0.5 cannot be rewritten"),
        tried("int8-dynamic-matmul+external-data", NOT_MEASURED, "no time was left: 812 s of 840 s were used"),
    )  # fmt: skip
    return Report(
        "encoder",
        3,
        "5f" * 32,
        "latency",
        DONE,
        ACCEPTED,
        (
            "int8-dynamic-matmul answers in 0.744 ms where the original takes 3.67 ms: 4.93 times as fast (95%: 4.87 to 4.99), more than the noise of 2%",
            "its accuracy on 450 labelled rows is 0.8978, as the original's; it is at most 0.67% worse (95%), and 1% is allowed",
            "it is published as version 4, whose label and rollout the policy decides",
        ),
        "2026-11-25T08:01:12.300Z",
        "2026-11-25T08:14:40.812Z",
        "int8-dynamic-matmul",
        4,
        ORIGINAL,
        costs(3.67, 86, 83),
        made,
        (
            Skipped("pruning", "it changes neither size nor speed of an ONNX file; name it to try it"),
            Skipped("threads", "predict has one processor at 1,769 MB"),
            Skipped("saved-graph", "saving the graph ahead gains where a Conv is laid out anew; this model has none"),
        ),
        INSPECTION,
        NOISE,
        Assumptions(),
        MACHINE,
        Progress(11, 11, ""),
        {"metric": "accuracy", "max_loss": "0.01"},
        ("time ran out before 1 of 9 candidates was measured",),
    )  # fmt: skip


@cache
def running() -> Report:
    """The same search after a minute."""
    whole = encoder()
    measured = tuple(replace(item, outcome="", front=False) for item in whole.tried[:3])
    return replace(
        whole,
        state="running",
        verdict="",
        reasons=(),
        ended_at="",
        chosen="",
        published=0,
        tried=(*measured, Tried("int8-static", ("int8-static",))),
        progress=Progress(3, 9, "measuring int8-static beside the original"),
        notes=(),
    )


@cache
def begun() -> Report:
    """A search that has only been asked for."""
    return Report("encoder", 3, started_at="2026-11-25T08:01:12.300Z")


@cache
def refused() -> Report:
    """A small network of which every variant is slower, or wrong."""
    whole = encoder()
    made = tuple(
        item
        for item in whole.tried
        if item.outcome in (NO_WIN, WRONG) and item.name not in ("graph", "fusion")
    )
    return replace(
        whole,
        model="depthwise",
        version=1,
        objective="cost",
        verdict=REFUSED,
        reasons=(
            "of 3 candidates none is both better and right: 2 are not faster, 1 loses too much",
            "the nearest is int4-blocks: 1.93 times as fast, but up to 2.41% less accurate (95%)",
        ),
        chosen="",
        published=0,
        tried=made,
        notes=(),
    )


@cache
def unlabelled() -> Report:
    """The chosen one of a version without an evaluation set: fidelity decided."""
    whole = encoder()
    fidelity = Fidelity(200, True, False, 1.0, 0.985, 0.007, math.nan)
    said = ("no labelled rows: accuracy was not measured; 200 rows agree with the original",)
    chosen = replace(whole.tried[2], judgement=Judgement(PASSED, said, False, fidelity))
    return replace(whole, tried=(chosen,), limits={}, notes=("there is no evaluation set",))


@cache
def nothing() -> Report:
    """A random forest."""
    return Report(
        "forest",
        1,
        objective="latency",
        state=DONE,
        verdict=NOTHING_TO_GAIN,
        reasons=("it is a tree ensemble: no recipe makes ONNX Runtime's TreeEnsemble faster",),
        started_at="2026-11-25T08:01:12.300Z",
        ended_at="2026-11-25T08:01:13.900Z",
        skipped=(Skipped("int8-dynamic", "no operator that can be quantised"),),
        inspection=Inspection(
            TREES,
            9_248_000,
            {"ai.onnx.ml.TreeEnsembleClassifier": 1, "ai.onnx.ml.Normalizer": 1},
        ),
        machine=MACHINE,
    )


@cache
def tiny() -> Report:
    """A model whose every figure is at the edge of what can be measured; some are missing."""
    nan = math.nan
    figure = Figures(20_874, nan, 0.0, 0.0, (Latency(1, 1, 0.0062, 0.009, 90),))
    odd: Mapping[str, Ratio] = {
        "latency": Ratio(1.0, 0.9, 1.1),
        "open": Ratio(nan, nan, nan),
        "memory": Ratio(0.0, 0.0, math.inf),
        "size": Ratio(0.43, 0.43, 0.43),
    }
    one = Tried("graph", ("graph",), NO_WIN, (), Duel(figure, figure, odd), None, None, front=True)
    return Report(
        "tiny",
        1,
        state=DONE,
        verdict=REFUSED,
        original=figure,
        tried=(one,),
        inspection=Inspection(DENSE, 20_874),
    )


def wide(count: int = 300) -> Report:
    """More than fits a page: candidates, reasons, skipped recipes, operators."""
    whole = encoder()
    made = tuple(
        replace(
            whole.tried[i % len(whole.tried)],
            name=f"recipe-{i}+" + "and-another-" * 12,
            reasons=tuple(f"reason {k} " * 30 for k in range(40)),
            outcome=whole.tried[i % len(whole.tried)].outcome if i % 9 != 2 else BEATEN,
        )
        for i in range(count)
    )
    return replace(
        whole,
        tried=made,
        chosen=made[3].name,
        reasons=tuple(f"why {i}" for i in range(200)),
        skipped=tuple(Skipped(f"skipped-{i}", "because " * 60) for i in range(200)),
        inspection=replace(
            INSPECTION,
            operators={f"domain.Operator{i}": i for i in range(400)},
            dynamic=tuple(f"dim{i}" for i in range(100)),
        ),
        notes=tuple(f"note {i}" for i in range(100)),
    )
