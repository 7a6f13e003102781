"""Golden cases: as a publisher gives them, or made by running the model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hearth.domain.errors import InvalidDocument, SignatureMismatch
from hearth.domain.signature import DYNAMIC, Signature, TensorSpec
from hearth.publishing.rows import Rows, batch_size
from hearth.serving.check import conform
from hearth.serving.golden import GoldenCase, load
from hearth.serving.session import Session, Tensors
from hearth.serving.tensors import from_json

_GENERATED_CASES = 3
_SEED = 20


def read_golden(path: Path, session: Session) -> list[GoldenCase]:
    """Return the golden cases in a .npz or .json file; outputs that are not given are computed.

    JSON: `{"cases": [{"inputs": {name: values}, "outputs": {name: values}}]}`.

    Raises:
        InvalidDocument: If the file is neither.
        SignatureMismatch: If a case does not fit the signature.
    """
    cases = _json_cases(path, session.signature) if path.suffix == ".json" else load(path)
    if not cases:
        raise InvalidDocument(f"{path.name} holds no golden case", expected="at least one")
    for case in cases:
        conform(case.inputs, session.signature)
        for name in case.outputs:
            session.signature.output(name)
    return [
        case if case.outputs else GoldenCase(case.inputs, session.run(case.inputs))
        for case in cases
    ]


def _json_cases(path: Path, signature: Signature) -> list[GoldenCase]:
    try:
        listed = json.loads(path.read_bytes())["cases"]
        return [
            GoldenCase(
                {name: _array(signature.input(name), v) for name, v in case["inputs"].items()},
                {
                    name: _array(signature.output(name), v)
                    for name, v in case.get("outputs", {}).items()
                },
            )
            for case in listed
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidDocument(
            f"golden file {path.name} cannot be read",
            got=f"{type(error).__name__}: {error}",
            expected='{"cases": [{"inputs": {name: values}, "outputs": {name: values}}]}',
        ) from error


def _array(spec: TensorSpec, value: Any) -> Any:  # noqa: ANN401 (any JSON to any array)
    return from_json(value, spec.type, spec.name)


def generate_golden(session: Session, rows: Rows | None) -> list[GoldenCase]:
    """Return cases made by running the model, on given rows or on made-up inputs.

    Raises:
        SignatureMismatch: If the model takes none of the made-up inputs.
    """
    if rows is not None:
        return [_run(session, chunk.inputs) for chunk in _first(rows, session.signature)]
    cases: list[GoldenCase] = []
    refused: Exception | None = None
    for batch in range(1, _GENERATED_CASES + 1):
        try:
            cases.append(_run(session, _made_up(session.signature, batch)))
        except Exception as error:  # noqa: BLE001 (a made-up shape may be one that the graph cannot take)
            refused = error
    if not cases:
        raise SignatureMismatch(
            "the model takes none of the made-up inputs",
            got=refused,
            remedy="give golden cases, an evaluation set or a baseline",
        )
    return cases


def _run(session: Session, inputs: Tensors) -> GoldenCase:
    return GoldenCase(inputs, session.run(inputs))


def _first(rows: Rows, signature: Signature) -> Iterable[Rows]:
    """Return the first rows, each by itself unless the model takes several at once."""
    if not signature.batched:
        return [rows]
    size = batch_size(signature, rows.inputs) or 1
    starts = range(0, len(rows), size)[:_GENERATED_CASES]
    return [rows[at : at + size] for at in starts]


def _made_up(signature: Signature, batch: int) -> Tensors:
    random = np.random.default_rng(_SEED + batch)
    return {spec.name: _random(spec, batch, random) for spec in signature.required}


def _random(spec: TensorSpec, batch: int, random: np.random.Generator) -> Any:  # noqa: ANN401
    # The first dimension is a batch wherever it is dynamic; other dynamic ones stay small.
    shape = [
        (batch if at == 0 else 2) if size == DYNAMIC else size
        for at, size in enumerate(spec.shape if spec.ranked else (DYNAMIC,))
    ]
    if spec.datatype == "BYTES":
        return np.full(shape, "a", object)
    dtype = np.dtype(spec.type.numpy)
    if spec.datatype == "BF16":  # the upper half of a float
        return (random.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16).astype(
            dtype
        )
    if dtype.kind == "f":
        return random.standard_normal(shape).astype(dtype)
    # Small non-negative integers are valid indices, lengths and categories almost everywhere.
    return random.integers(0, 2, shape).astype(dtype)
