"""The outputs of an Open Inference answer: which are wanted, and in what form.

Source: open-inference-protocol `inference_rest.md`, Triton's `extension_binary_data.md` and
`extension_classification.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.frozen import dataclass
from hearth.domain.signature import TensorSpec
from hearth.serving import json_text
from hearth.serving.classification import classify, count_of
from hearth.serving.infer_members import flag, member, parameters, refuse_shared_memory
from hearth.serving.numbers import Array
from hearth.serving.tensors import to_bytes


@dataclass(frozen=True, slots=True)
class Form:
    """How one output is to be answered; `classes` 0 means as it is."""

    binary: bool
    classes: int = 0


def requested(document: Mapping[str, Any], default: Form) -> dict[str, Form]:
    """Return the form of each output that a request lists, by name; none means all.

    Raises:
        MalformedBody: If one is not well described, or listed twice.
    """
    listed = document.get("outputs")
    if listed is not None and not isinstance(listed, list):
        raise MalformedBody("'outputs' is not a list", got=json_text.kind(listed))
    forms: dict[str, Form] = {}
    for item in listed or ():
        name = member(item, "name", str)
        if name in forms:
            raise MalformedBody(f"output {name!r} already exists in request")
        asked = parameters(item)
        refuse_shared_memory(f"output {name!r}", asked)
        count = asked.get("classification")
        forms[name] = Form(
            binary=flag(asked, "binary_data", default=default.binary),
            classes=0 if count is None else count_of(count, name),
        )
    return forms


def encode(
    array: Array, spec: TensorSpec, form: Form, labels: Sequence[str]
) -> tuple[dict[str, Any], bytes | memoryview]:
    """Return an output's JSON and the bytes that follow it, none where it is all JSON.

    Raises:
        SignatureMismatch: If it has no such form.
    """
    datatype = spec.datatype
    if form.classes:
        array, datatype = classify(array, spec, form.classes, labels), "BYTES"
    item: dict[str, Any] = {"name": spec.name, "datatype": datatype, "shape": list(array.shape)}
    if form.binary:
        blob = to_bytes(array)
        return {**item, "parameters": {"binary_data_size": len(blob)}}, blob
    if datatype in ("FP16", "BF16"):
        raise SignatureMismatch(
            f"output {spec.name!r} is {datatype}, which has no JSON form",
            remedy="use the binary data format: binary_data_output",
        )
    return {**item, "data": json_text.array(array.ravel())}, b""
