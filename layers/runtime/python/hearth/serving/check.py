"""Arrays against a signature: names, datatypes, ranks, dimensions, in that order."""

from __future__ import annotations

from hearth.domain.errors import SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving.numbers import DTYPES, Array
from hearth.serving.session import Tensors


def conform(tensors: Tensors, signature: Signature) -> None:
    """Check that a model of this signature can be run on these inputs.

    Raises:
        SignatureMismatch: Naming the input, what it is, and what it should be.
    """
    _conform_names(tensors, signature)
    symbols: dict[str, tuple[str, int]] = {}
    for spec in signature.inputs:
        array = tensors.get(spec.name)
        if array is not None:
            _conform_one(spec, array, symbols)


def _conform_names(tensors: Tensors, signature: Signature) -> None:
    if list(tensors) == [spec.name for spec in signature.inputs]:
        return  # as nearly every request has it
    required = {spec.name for spec in signature.required}
    known = {spec.name for spec in signature.inputs}
    if not required <= tensors.keys() <= known:
        raise SignatureMismatch(
            "the inputs are not those of the model",
            got=sorted(tensors),
            expected=sorted(known),
            remedy="send every input by its name, and no other"
            + ("; those that may be left out: " if known - required else "")
            + ", ".join(sorted(known - required)),
        )


def _conform_one(spec: TensorSpec, array: Array, symbols: dict[str, tuple[str, int]]) -> None:
    shape = array.shape
    if array.dtype != DTYPES[spec.datatype]:
        raise SignatureMismatch(
            f"input {spec.name!r} has another datatype",
            got=array.dtype.name,
            expected=spec.datatype,
        )
    if not spec.admits(shape):
        raise SignatureMismatch(
            f"input {spec.name!r} has another shape",
            got=list(shape),
            expected=list(spec.shape),
            remedy="-1 takes any size",
        )
    for name, size in zip(spec.dims, shape if spec.ranked else (), strict=True):
        if not name:
            continue
        first, known = symbols.setdefault(name, (spec.name, size))
        if known != size:
            raise SignatureMismatch(
                f"inputs {first!r} and {spec.name!r} disagree on dimension {name!r}",
                got=size,
                expected=known,
            )
