"""Arrays against a signature: names, datatypes, ranks, dimensions, in that order."""

from __future__ import annotations

from hearth.domain.errors import SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving.session import Tensors


def conform(tensors: Tensors, signature: Signature) -> None:
    """Check that a model of this signature can be run on these inputs.

    Raises:
        SignatureMismatch: Naming the input, what it is, and what it should be.
    """
    names = {spec.name for spec in signature.inputs}
    if tensors.keys() != names:
        raise SignatureMismatch(
            "the inputs are not those of the model",
            got=sorted(tensors),
            expected=sorted(names),
            remedy="send every input by its name, and no other",
        )
    symbols: dict[str, tuple[str, int]] = {}
    for spec in signature.inputs:
        _conform_one(spec, tensors[spec.name].dtype.name, tensors[spec.name].shape, symbols)


def _conform_one(
    spec: TensorSpec, dtype: str, shape: tuple[int, ...], symbols: dict[str, tuple[str, int]]
) -> None:
    if dtype != spec.type.numpy:
        raise SignatureMismatch(
            f"input {spec.name!r} has another datatype", got=dtype, expected=spec.datatype
        )
    if not spec.admits(shape):
        raise SignatureMismatch(
            f"input {spec.name!r} has another shape",
            got=list(shape),
            expected=list(spec.shape),
            remedy="-1 takes any size",
        )
    for name, size in zip(spec.dims, shape, strict=True):
        first, known = symbols.setdefault(name, (spec.name, size)) if name else ("", size)
        if known != size:
            raise SignatureMismatch(
                f"inputs {first!r} and {spec.name!r} disagree on dimension {name!r}",
                got=size,
                expected=known,
            )
