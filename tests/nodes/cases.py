"""ONNX's backend tests as they come with the `onnx` package: a model, inputs, expected outputs.

The package holds the node tests as the code that makes them (with a fixed seed), and the others as
files; tests whose models would have to be downloaded are not among these kinds.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")

# ONNX's element types by the names that the protocols have for them.
_NAMES = {
    "FLOAT16": "FP16",
    "FLOAT": "FP32",
    "DOUBLE": "FP64",
    "BFLOAT16": "BF16",
    "STRING": "BYTES",
}
# Those that the protocols know, in the order of every table; others follow by ONNX's names.
DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "BF16", "FP32", "FP64", "BYTES"),
)

# A tensor as an array (text as an object array); what is no tensor as lists of them, or None.
Values = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One set of inputs and expected outputs of one model.

    Args:
        name: ONNX's name for it.
        kind: Which of ONNX's suites it belongs to.
        model: The model file's bytes.
        inputs: By name, those that are given.
        outputs: By name.
        datatypes: Of inputs and outputs: each datatype at the model's edges, by its name.
        rtol: Relative tolerance of ONNX's own test runner.
        atol: Absolute tolerance of ONNX's own test runner.
    """

    name: str
    kind: str
    model: bytes
    inputs: Values
    outputs: Values
    datatypes: Mapping[str, str]
    rtol: float
    atol: float

    @property
    def plain(self) -> bool:
        """Whether the protocols have a datatype for everything at the model's edges."""
        return all(datatype in DATATYPES for datatype in self.datatypes.values())


@cache
def load() -> tuple[Case, ...]:
    """Return every case of every kind, in ONNX's order; takes some seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX computes infinities on purpose
        return tuple(
            case for kind in KINDS for test in load_model_tests(kind=kind) for case in _cases(test)
        )


def matching(pattern: str) -> tuple[Case, ...]:
    """Return the cases whose name holds a regular expression."""
    return tuple(case for case in load() if re.search(pattern, case.name))


def _cases(test: TestCase) -> Iterator[Case]:
    model = test.model or onnx.load(Path(test.model_dir) / "model.onnx")
    sets = test.data_sets or list(_stored(Path(test.model_dir), model))
    for number, (inputs, outputs) in enumerate(sets):
        graph = model.graph
        given = graph.input[: len(inputs)]
        yield Case(
            name=test.name if len(sets) == 1 else f"{test.name}-{number}",
            kind=test.kind,
            model=model.SerializeToString(),
            inputs={info.name: _value(v) for info, v in zip(given, inputs, strict=True)},
            outputs={info.name: _value(v) for info, v in zip(graph.output, outputs, strict=True)},
            datatypes={info.name: _datatype(info.type) for info in (*given, *graph.output)},
            rtol=test.rtol,
            atol=test.atol,
        )


def _stored(folder: Path, model: onnx.ModelProto) -> Iterator[tuple[list[Any], list[Any]]]:
    for data in sorted(folder.glob("test_data_set_*")):
        yield (
            [_read(path, info) for path, info in _files(data, "input", model.graph.input)],
            [_read(path, info) for path, info in _files(data, "output", model.graph.output)],
        )


def _files(data: Path, side: str, infos: Any) -> list[tuple[Path, onnx.ValueInfoProto]]:
    paths = [data / f"{side}_{at}.pb" for at in range(len(list(data.glob(f"{side}_*.pb"))))]
    return list(zip(paths, infos[: len(paths)], strict=True))


def _read(path: Path, info: onnx.ValueInfoProto) -> Any:
    raw = path.read_bytes()
    if info.type.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(raw))
    return onnx.TensorProto.FromString(raw)


def _value(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    if value is None:
        return None
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "US" else array


def _datatype(type_: onnx.TypeProto) -> str:
    if not type_.HasField("tensor_type"):
        return str(type_.WhichOneof("value")).removesuffix("_type")
    name = onnx.TensorProto.DataType.Name(type_.tensor_type.elem_type)
    return _NAMES.get(name, name)
