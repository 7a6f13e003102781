"""What the committed models are and what they were measured to do: catalogue.json.

The training scripts write it, tests hold the files to it.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from data import SETS, Targets
from onnx import numpy_helper
from sklearn.metrics import accuracy_score, r2_score

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER / "catalogue.json"
METRICS = {"classification": accuracy_score, "regression": r2_score}
TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(string)": "BYTES"}


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    datatype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One model; `metric` is taken on the held-out rows of `data`, from the file that is served."""

    name: str
    file: str
    data: str
    task: str
    input: Tensor
    outputs: tuple[Tensor, ...]
    metric: Metric
    parameters: int
    bytes: int
    sha256: str
    script: str


def entries() -> tuple[Entry, ...]:
    documents = json.loads(DOCUMENT.read_text()) if DOCUMENT.exists() else []
    return tuple(_entry(document) for document in documents)


def opened(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Return a session of one thread, so that test processes do not fight over the cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options)


def describe(path: Path, data: str, task: str, script: str) -> Entry:
    """Return the entry of a model file, its metric measured now."""
    session = opened(path)
    (tensor,) = session.get_inputs()
    content = path.read_bytes()
    return Entry(
        name=path.stem,
        file=path.name,
        data=data,
        task=task,
        input=_tensor(tensor),
        outputs=tuple(_tensor(output) for output in session.get_outputs()),
        metric=measure(session, data, task),
        parameters=_parameters(onnx.load_from_string(content)),
        bytes=len(content),
        sha256=sha256(content).hexdigest(),
        script=script,
    )


def record(entry: Entry) -> None:
    """Put the entry in the catalogue, in place of the one that had its name."""
    by_name = {known.name: known for known in entries()} | {entry.name: entry}
    documents = [asdict(by_name[name]) for name in sorted(by_name)]
    DOCUMENT.write_text(json.dumps(documents, indent=2) + "\n")


def measure(session: onnxruntime.InferenceSession, data: str, task: str) -> Metric:
    """Return the accuracy or the R2 of a model on the held-out rows of its data set."""
    (tensor,) = session.get_inputs()
    split = SETS[data]().shaped(*tensor.shape[1:])
    answers = _answers(session, {tensor.name: split.held_out_x}, task)
    score = METRICS[task]
    return Metric(
        score.__name__.removesuffix("_score"), round(float(score(split.held_out_y, answers)), 4)
    )


def _answers(
    session: onnxruntime.InferenceSession, feed: dict[str, npt.NDArray[Any]], task: str
) -> Targets:
    first = session.run(None, feed)[0]
    if task == "regression":
        return first.ravel()
    return first.argmax(axis=1) if first.ndim == 2 else first


def _tensor(node: onnxruntime.NodeArg) -> Tensor:
    return Tensor(node.name, TYPES[node.type], tuple(node.shape))


def _parameters(model: onnx.ModelProto) -> int:
    """Count the numbers that training found: initialisers, and what trees and linear nodes hold."""
    learned = sum(len(a.floats) for node in model.graph.node for a in node.attribute)
    tensors = (numpy_helper.to_array(tensor) for tensor in model.graph.initializer)
    return learned + sum(t.size for t in tensors if np.issubdtype(t.dtype, np.floating))


def _entry(document: dict[str, Any]) -> Entry:
    outputs = tuple(_read_tensor(output) for output in document["outputs"])
    known = {"input": _read_tensor(document["input"]), "outputs": outputs}
    return Entry(**document | known | {"metric": Metric(**document["metric"])})


def _read_tensor(document: dict[str, Any]) -> Tensor:
    return Tensor(document["name"], document["datatype"], tuple(document["shape"]))
