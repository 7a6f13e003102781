"""What a model takes and gives: names, datatypes and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearth.domain.datatype import BY_NAME, Datatype
from hearth.domain.errors import InvalidDocument, SignatureMismatch

DYNAMIC = -1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    Args:
        name: The graph's name for it.
        datatype: Open Inference name (`FP32`, ...).
        shape: One number a dimension, -1 where it is dynamic.
        dims: The symbolic name of each dimension, or "" where it has none. Two dimensions of
            one name must agree in a request.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    dims: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.datatype not in BY_NAME:
            raise InvalidDocument(
                f"tensor {self.name!r} has an unknown datatype",
                got=self.datatype,
                expected="one of " + ", ".join(BY_NAME),
            )
        if not self.dims:
            object.__setattr__(self, "dims", ("",) * len(self.shape))

    @property
    def type(self) -> Datatype:
        return BY_NAME[self.datatype]

    def admits(self, shape: Sequence[int]) -> bool:
        return len(shape) == len(self.shape) and all(
            want in (DYNAMIC, got) for want, got in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def input(self, name: str) -> TensorSpec:
        return _named(self.inputs, name, "input")

    def output(self, name: str) -> TensorSpec:
        return _named(self.outputs, name, "output")


def _named(specs: tuple[TensorSpec, ...], name: str, kind: str) -> TensorSpec:
    for spec in specs:
        if spec.name == name:
            return spec
    raise SignatureMismatch(
        f"the model does not have named {kind}: {name}",
        expected=[spec.name for spec in specs],
        remedy=f"name one of the model's {kind}s",
    )
