"""Answers that a model could have given, and the manifest that says what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hearth.domain.manifest import (
    ArtefactFile,
    GoldenCases,
    Manifest,
    Provenance,
    RuntimeOptions,
    Tolerance,
)
from hearth.domain.monitoring import Monitoring
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving.golden import GoldenCase
from hearth.serving.session import Session
from onnx import numpy_helper

CHUNK = 128
# What training found that is no tensor of its own: of linear models, and of trees.
_LEARNED = ("coefficients", "target_weights", "class_weights")
MODELS = Path(__file__).parents[1] / "models"
_FILE = ArtefactFile("model.onnx", "0" * 64, 1, "model")
_GOLDEN = ArtefactFile("golden.npz", "1" * 64, 1, "golden")
X = TensorSpec("x", "FP32", (-1, 1))
SCORES = TensorSpec("scores", "FP32", (-1, 3))
LABEL = TensorSpec("label", "BYTES", (-1,))
VALUE = TensorSpec("value", "FP32", (-1, 1))


def manifest(
    outputs: Sequence[TensorSpec] = (SCORES,),
    *,
    task: str = "classification",
    scores: str = "scores",
    label: str = "",
    classes: Sequence[str] = (),
    metric: str = "",
    max_loss: float = 0.01,
    origin: str = "generated",
    inputs: Sequence[TensorSpec] = (X,),
) -> Manifest:
    return Manifest(
        "m",
        1,
        (_FILE, _GOLDEN),
        Signature(tuple(inputs), tuple(outputs)),
        GoldenCases("golden.npz", 1, origin),
        RuntimeOptions(),
        Provenance("2026-11-25T00:00:00Z", "test", "test"),
        class_labels=tuple(classes),
        monitoring=Monitoring(task=task, scores=scores, label=label),
        tolerance=Tolerance(metric, max_loss),
    )


REGRESSION = manifest((VALUE,), task="regression", scores="value")


def cases(rows: int, chunk: int = CHUNK, **outputs: Any) -> list[GoldenCase]:
    """Return answers to so many rows, in chunks."""
    arrays = {name: np.asarray(array) for name, array in outputs.items()}
    x = np.zeros((rows, 1), np.float32)
    return [
        GoldenCase({"x": x[at : at + chunk]}, {n: a[at : at + chunk] for n, a in arrays.items()})
        for at in range(0, rows, chunk)
    ]


def scored(classes: Any, sure: Any = 0.8, width: int = 3) -> np.ndarray:
    """Return probabilities of which the given classes have the highest: so high a one."""
    made = np.zeros((len(classes), width), np.float32)
    made[:] = (1 - np.reshape(sure, (-1, 1))) / (width - 1)
    made[np.arange(len(classes)), classes] = sure
    return made


def changed(classes: Any, count: int, seed: int = 0, width: int = 3) -> np.ndarray:
    """Return the classes with so many of them, drawn at random, made others."""
    made = np.array(classes)
    drawn = np.random.default_rng(seed).choice(len(made), count, replace=False)
    made[drawn] = (made[drawn] + 1) % width
    return made


def answered(path: Path, x: np.ndarray, chunk: int = CHUNK) -> list[GoldenCase]:
    """Return a real model's answers to rows of its one input, in chunks."""
    session = Session(path, RuntimeOptions(intra_op_num_threads=1), 1769)
    (spec,) = session.signature.inputs
    rows = [{spec.name: x[at : at + chunk]} for at in range(0, len(x), chunk)]
    return [GoldenCase(some, session.run(some)) for some in rows]


def signature(path: Path) -> Signature:
    return Session(path, RuntimeOptions(intra_op_num_threads=1), 1769).signature


def altered(path: Path, folder: Path, change: Any, least: int = 64) -> Path:
    """Return the model with each of its larger weights put through a function."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.size >= least:
            tensor.CopyFrom(
                numpy_helper.from_array(change(weights).astype(np.float32), tensor.name)
            )
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in _LEARNED:
                attribute.floats[:] = change(np.array(attribute.floats, np.float32)).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / path.name)
    return folder / path.name


def scrambled(weights: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).permutation(weights.ravel()).reshape(weights.shape)


def coarse(weights: np.ndarray) -> np.ndarray:
    """Return weights on 255 steps, as int8 has them."""
    step = np.abs(weights).max() / 127
    return np.round(weights / step) * step
