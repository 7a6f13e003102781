"""Answers of two models to the same inputs, one beside the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hearth.domain.errors import HearthError
from hearth.domain.manifest import Manifest
from hearth.domain.signature import TensorSpec
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors


class AnswersDiffer(HearthError):
    """A candidate's answers have another form than the original's."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Answers of both to one case, of the outputs that matter."""

    rows: int
    original: Tensors
    candidate: Tensors


def pairs(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    specs: Sequence[TensorSpec],
    manifest: Manifest,
) -> Iterable[Pair]:
    if len(original) != len(candidate):
        raise AnswersDiffer(
            "the candidate answers another number of cases",
            got=len(candidate),
            expected=len(original),
        )
    for one, other in zip(original, candidate, strict=True):
        wanted = {s.name: one.outputs[s.name] for s in specs if s.name in one.outputs}
        for name, array in wanted.items():
            _require_form(name, other.outputs.get(name), array)
        yield Pair(count(one, manifest), wanted, {name: other.outputs[name] for name in wanted})


def _require_form(name: str, got: Array | None, expected: Array) -> None:
    if got is None or (got.shape, got.dtype) != (expected.shape, expected.dtype):
        raise AnswersDiffer(
            f"the candidate's output {name!r} has another form",
            got="none" if got is None else f"{got.dtype.name} {list(got.shape)}",
            expected=f"{expected.dtype.name} {list(expected.shape)}",
        )


def count(case: GoldenCase, manifest: Manifest) -> int:
    """Return how many rows a case holds; 1 of a model that takes one example at a time."""
    if not manifest.signature.batched:
        return 1
    inputs = [case.inputs.get(spec.name) for spec in manifest.signature.required]
    sizes = [
        len(array)
        for array in (*inputs, *case.outputs.values())
        if array is not None and array.ndim
    ]
    return sizes[0] if sizes else 1
