"""ONNX Runtime alone: what there is to be had of it, with nothing of Hearth in between."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime as ort
from onnx import TensorProto

from nodes.cases import Case, Values
from nodes.verdict import UNSUPPORTED, Verdict, difference

# An operator that it does not have, or not in this version.
_WITHOUT = re.compile(r"([\w.]*:?\w+\(-?\d+\))(?= node| \(node| is not a registered)")


@dataclass(frozen=True)
class Alone:
    """What it answered; or why it is not up to the case.

    Both are None where its Python interface has no arrays for the case's types.
    """

    outputs: Values | None = None
    verdict: Verdict | None = None


def run(case: Case) -> Alone:
    """Return what ONNX Runtime answers to a case, compared with what ONNX expects."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # as Hearth at its usual memory size
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(case.model, options, ["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (whatever it raises)
        return Alone(verdict=_short("cannot open the model", error))
    if not case.plain:
        return Alone()
    try:
        outputs = _run(session, case)
    except Exception as error:  # noqa: BLE001 (whatever it raises)
        return Alone(verdict=_short("fails while running it", error))
    for name, want in case.outputs.items():
        wrong = difference(want, outputs[name], case.rtol, case.atol)
        if wrong:
            reason = "ONNX Runtime: answers otherwise than ONNX expects"
            return Alone(verdict=Verdict(UNSUPPORTED, reason, f"{case.name}: {wrong}"))
    return Alone(outputs)


def _short(what: str, error: Exception) -> Verdict:
    text = str(error).splitlines()[0]
    operator = _WITHOUT.search(text)
    detail = f"no {operator[1]}" if operator else "... " + text[-90:].partition(" ")[2]
    return Verdict(UNSUPPORTED, f"ONNX Runtime: {what}", detail)


def _run(session: ort.InferenceSession, case: Case) -> Values:
    names = [output.name for output in session.get_outputs()]
    if "BF16" not in case.datatypes.values():
        return dict(zip(names, session.run(names, case.inputs), strict=True))
    inputs = {name: _held(array) for name, array in case.inputs.items()}
    held = session.run_with_ort_values(names, inputs)
    return {name: _array(value) for name, value in zip(names, held, strict=True)}


def _held(array: Any) -> ort.OrtValue:
    if array.dtype != ml_dtypes.bfloat16:
        return ort.OrtValue.ortvalue_from_numpy(array)
    bits = array.copy(order="C").view(np.uint16)  # a scalar stays one
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16)


def _array(value: ort.OrtValue) -> Any:
    if value.data_type() != "tensor(bfloat16)":
        return value.numpy()
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(raw, ml_dtypes.bfloat16).reshape(value.shape())
