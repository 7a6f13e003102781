"""What recipes work on, from a model's file: the original, its rows, what it is made of."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import Signature
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.inspection import OTHER, Inspection
from hearth.optimizing.recipe import Work
from hearth.serving.session import Session

MODELS = Path(__file__).parents[1] / "models"
MEMORY_MB = 1769
_BYTES = {onnx.TensorProto.FLOAT: "FP32", onnx.TensorProto.INT8: "INT8"}


def signature(path: Path) -> Signature:
    return Session(path, RuntimeOptions(), MEMORY_MB).signature


def random_rows(path: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Return rows in [0, 1) for a model's inputs."""
    random = np.random.default_rng(seed)
    return {
        spec.name: random.random((count, *spec.shape[1:]), dtype=np.float32)
        for spec in signature(path).inputs
    }


def work(path: Path, folder: Path, rows: dict[str, Any] | None = None, **given: Any) -> Work:
    """Return the work of a recipe that starts from a model's file."""
    folder.mkdir(parents=True)
    calibration = None
    if rows is not None:
        calibration = folder.with_name(f"{folder.name}.npz")
        np.savez(calibration, **rows)
    before = given.pop("before", Candidate(ORIGINAL, path))
    return Work(before, folder, signature(path), calibration, **given)


def inspected(path: Path, family: str = OTHER) -> Inspection:
    """Return what a model is made of; its graph has no subgraphs."""
    model = onnx.load(path)
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    weights, weighted = Counter(), Counter()
    for tensor in held.values():
        if tensor.data_type in _BYTES:
            size = 4 if tensor.data_type == onnx.TensorProto.FLOAT else 1
            weights[_BYTES[tensor.data_type]] += size * math.prod(tensor.dims)
    for node in model.graph.node:
        for name in node.input:
            if name in held and held[name].data_type == onnx.TensorProto.FLOAT:
                weighted[node.op_type] += 4 * math.prod(held[name].dims)
    operators = Counter(
        node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        for node in model.graph.node
    )
    return Inspection(
        family,
        path.stat().st_size,
        dict(operators),
        dict(weights),
        dict(weighted),
        quantized="DequantizeLinear" in operators,
        opset=next(entry.version for entry in model.opset_import if not entry.domain),
    )


def answers(candidate: Candidate, rows: dict[str, Any]) -> dict[str, Any]:
    """Return what a candidate answers, opened as it is to be opened."""
    path, runtime = candidate.opened
    return Session(path, runtime, MEMORY_MB).run(rows)


def relative_error(wanted: Any, got: Any) -> float:
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
