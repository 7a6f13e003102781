"""TensorFlow Serving's classify and regress: examples of named features, and their results.

Source: tensorflow_serving `util/json_tensor.cc` (`FillClassificationRequestFromJson` and its
like), `apis/classification.proto`, `apis/regression.proto`; messages keep its wording where
clients look for it. The key of an answer is `results`, as in the code, not `result` as in the
documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.frozen import dataclass
from hearth.domain.signature import DYNAMIC, Signature, TensorSpec
from hearth.serving import json_text
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors
from hearth.serving.strings import from_base64, is_base64, text
from hearth.serving.tensors import from_json

BYTES, FLOAT, INT64 = "bytes", "float", "int64"
_KINDS = {str: BYTES, float: FLOAT, int: INT64, bool: INT64}
_JSON_TYPES = {type(None): "Null", list: "Array", dict: "Object"}


@dataclass(frozen=True, slots=True)
class Feature:
    """The values of one feature of one example; all are of one kind, bytes, float or int64."""

    kind: str
    values: Sequence[Any]


Example = Mapping[str, Feature]


@dataclass(frozen=True, slots=True)
class Examples:
    """What a classify or regress request holds.

    Args:
        examples: One mapping from feature to values an example.
        context: Features that stand for every example that does not have them itself.
    """

    examples: Sequence[Example]
    context: Example


def read(document: Mapping[str, Any]) -> Examples:
    """Return the examples of a request.

    Raises:
        MalformedBody: Naming the feature, and what it may not hold.

    Example:
        >>> read({"examples": [{"age": 20, "name": ["a", "b"]}]}).examples[0]["name"]
        Feature(kind='bytes', values=[b'a', b'b'])
    """
    context = _example(document.get("context", {}))
    if "examples" not in document:
        raise MalformedBody("key 'examples' is expected and was not found", got=list(document)[:8])
    listed = json_text.plain(document["examples"])
    if not isinstance(listed, list):
        raise MalformedBody("'examples' is not a list/array", got=json_text.kind(listed))
    if not listed:
        raise MalformedBody("Input is empty", expected="at least one example")
    return Examples([_example(item) for item in listed], context)


def _example(value: Any) -> Example:  # noqa: ANN401
    if not isinstance(value, dict):
        raise MalformedBody("Example must be JSON object", got=json_text.kind(value))
    return {name: _feature(name, json_text.plain(item)) for name, item in value.items()}


def _feature(name: str, value: Any) -> Feature:  # noqa: ANN401
    values = value if isinstance(value, list) else [value]
    kind = _kind(name, values[0]) if values else ""
    for item in values:
        if _kind(name, item) != kind:
            raise MalformedBody(
                f"Unexpected element type in feature: {name} expecting type: {kind}"
            )
    return Feature(kind, [_element(name, item) for item in values])


def _kind(name: str, value: Any) -> str:  # noqa: ANN401
    if is_base64(value):
        return BYTES
    if type(value) not in _KINDS:
        raise MalformedBody(
            f"Feature: {name} has element with unexpected JSON type: "
            f"{_JSON_TYPES.get(type(value), type(value).__name__)}"
        )
    return _KINDS[type(value)]


def _element(name: str, value: Any) -> bytes | float | int:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return from_base64(value, name)
    if isinstance(value, float):
        return value
    if value >= 2**63:
        raise MalformedBody(
            f"Feature: {name} has uint64_t element. Only int64_t is supported.", got=value
        )
    return int(value)


def to_tensors(asked: Examples, signature: Signature) -> Tensors:
    """Return one tensor an input: a row an example.

    Features that are no input of the model are left aside, as TensorFlow's parser leaves them.

    Raises:
        SignatureMismatch: If a required feature is missing, or its values do not fill an input.
    """
    tensors: Tensors = {}
    for spec in signature.inputs:
        rows = [example.get(spec.name, asked.context.get(spec.name)) for example in asked.examples]
        if spec.optional and not any(rows):
            continue
        for at, row in enumerate(rows):
            if row is None or not row.values:
                raise SignatureMismatch(
                    f"Feature: {spec.name} (data type: {spec.type.tf}) is required but could not "
                    f"be found in example {at}"
                )
        tensors[spec.name] = _tensor([row.values for row in rows if row], spec)
    return tensors


def _tensor(rows: list[Sequence[Any]], spec: TensorSpec) -> Array:
    size = len(rows[0])
    for at, row in enumerate(rows):
        if len(row) != size:
            raise SignatureMismatch(
                f"Feature: {spec.name} of example {at} has another number of values",
                got=len(row),
                expected=size,
            )
    values: list[Any] = [[_plain(value, spec) for value in row] for row in rows]
    return from_json(values, spec.type, spec.name).reshape(_row_shape(len(rows), size, spec))


def _plain(value: Any, spec: TensorSpec) -> Any:  # noqa: ANN401
    if isinstance(value, bytes):
        return text(value, spec.name)
    # true and false came as 1 and 0, which is how an Example holds them.
    return bool(value) if spec.datatype == "BOOL" and value in (0, 1) else value


def _row_shape(rows: int, size: int, spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape in which `rows` examples of `size` values are the input of this spec."""
    row = spec.shape[1:] if spec.ranked else (() if size == 1 else (size,))
    fixed = math.prod(dim for dim in row if dim != DYNAMIC)
    dynamic = row.count(DYNAMIC)
    fits = size % fixed == 0 if dynamic == 1 and fixed else size == fixed and not dynamic
    if (spec.ranked and not spec.shape) or not fits:
        raise SignatureMismatch(
            f"Feature: {spec.name} does not fill a row of the input",
            got=f"{size} values",
            expected=list(row),
            remedy="use :predict for inputs with several dynamic dimensions",
        )
    return (rows, *(size // fixed if dim == DYNAMIC else dim for dim in row))


def classifications(
    scores: Array, classes: Array | None, labels: Sequence[str], examples: int
) -> list[orjson.Fragment]:
    """Return each example's classes as JSON: `[[label, score], ...]`.

    Args:
        scores: Floats of shape [examples, classes] or [examples].
        classes: The labels that the graph gave, shaped as the scores; or None.
        labels: The manifest's class labels. Where they are not as many as the scores, a label is
            empty, as TensorFlow Serving has it.
        examples: How many were asked.

    Raises:
        SignatureMismatch: If there is nothing to answer, not one row an example, or labels and
            scores differ in shape.

    Example:
        >>> import numpy as np
        >>> scores = np.float32([[0.25, 0.75]])
        >>> json_text.dumps(classifications(scores, None, ["no", "yes"], 1))
        b'[[["no",0.25],["yes",0.75]]]'
    """
    if scores.ndim not in (1, 2) or not scores.size:
        raise SignatureMismatch(
            "Cannot convert empty ClassificationResults to JSON", got=list(scores.shape)
        )
    if len(scores) != examples:
        raise SignatureMismatch(
            "the model did not give one row of scores an example",
            got=list(scores.shape),
            expected=[examples, -1],
            remedy="name another output with --signatures, or use :predict",
        )
    rows = scores.reshape(len(scores), -1)
    names = _labels(rows.shape, classes, labels)
    return [_classes(row, name) for row, name in zip(rows, names, strict=True)]


def _labels(
    shape: tuple[int, ...], classes: Array | None, labels: Sequence[str]
) -> list[Sequence[str]]:
    if classes is None:
        known = len(labels) == shape[1]
        return [labels if known else [""] * shape[1]] * shape[0]
    if classes.size != math.prod(shape):
        raise SignatureMismatch(
            "the model's class labels are not shaped as its scores",
            got=list(classes.shape),
            expected=list(shape),
        )
    return [[str(label) for label in row] for row in classes.reshape(shape)]


def _classes(scores: Array, labels: Sequence[str]) -> orjson.Fragment:
    texts = json_text.dumps(json_text.array(scores))[1:-1].split(b",")
    pairs = [
        b"[%b,%b]" % (orjson.dumps(label), score)
        for label, score in zip(labels, texts, strict=True)
    ]
    return orjson.Fragment(b"[%b]" % b",".join(pairs))


def regressions(values: Array, examples: int) -> Any:  # noqa: ANN401 (what `dumps` is given)
    """Return one value an example as JSON.

    Raises:
        SignatureMismatch: If the model did not give one value an example.
    """
    if not values.size:
        raise SignatureMismatch("Cannot convert empty RegressionResults to JSON")
    if values.size != examples:
        raise SignatureMismatch(
            "the model did not give one value an example",
            got=list(values.shape),
            expected=[examples],
            remedy="name another output with --signatures, or use :predict",
        )
    return json_text.array(values.reshape(-1))
