"""The tensors of an Open Inference request, in JSON, in binary data, or bare.

Source: open-inference-protocol `inference_rest.md`, Triton's `extension_binary_data.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.signature import DYNAMIC, Signature, TensorSpec
from hearth.serving.infer_members import member, parameters, refuse_shared_memory
from hearth.serving.numbers import MOST_DIMENSIONS, Array
from hearth.serving.session import Tensors
from hearth.serving.strings import array as strings
from hearth.serving.strings import text
from hearth.serving.tensors import from_bytes, from_json

# More elements than any request can carry.
_MOST_ELEMENTS = 1 << 31
# A tensor without elements can declare any dimensions beside its 0, which a model may turn into
# an output of their size.
_MOST_BESIDE_ZERO = 16 << 20


def decode(listed: list[Any], binary: memoryview, signature: Signature) -> Tensors:
    """Return the tensors of a request's `inputs`.

    Args:
        listed: JSON, one object a tensor.
        binary: The bytes of those that have `binary_data_size`, one after the other.
        signature: The model's.

    Raises:
        MalformedBody: If a tensor is not well described, or the bytes are too many or too few.
        SignatureMismatch: If it is none of the model's, or not as the model takes it.
    """
    tensors: Tensors = {}
    at = 0
    for item in listed:
        name = member(item, "name", str)
        if name in tensors:
            raise MalformedBody(f"input {name!r} already exists in request")
        spec = signature.input(name)
        size = parameters(item).get("binary_data_size")
        if size is None:
            tensors[name] = _decode_json(item, spec)
        else:
            tensors[name] = _decode_binary(item, spec, _blob(binary, at, size, name))
            at += size
    if at != len(binary):
        raise MalformedBody("binary data is left over", got=len(binary) - at, expected="0 bytes")
    return tensors


def decode_raw(binary: memoryview, signature: Signature) -> Tensors:
    """Return the one input whose bytes are all that a request holds."""
    if len(signature.required) != 1:
        raise SignatureMismatch(
            "a raw binary request needs a model with one input",
            got=[spec.name for spec in signature.required],
            remedy="send the JSON header before the tensors",
        )
    [spec] = signature.required
    shape = _raw_shape(spec, len(binary))
    if spec.datatype == "BYTES":
        return {spec.name: strings([text(binary, spec.name)], shape)}
    return {spec.name: from_bytes(binary, spec.type, shape, spec.name)}


def _raw_shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    shape = list(spec.shape) if spec.ranked else [DYNAMIC]
    if spec.datatype == "BYTES":
        shape = [1 if dim == DYNAMIC else dim for dim in shape]
        if math.prod(shape) != 1:
            raise SignatureMismatch(
                f"a raw binary request carries one string, input {spec.name!r} takes more",
                got=list(spec.shape),
                expected="[1] or [-1]",
            )
        return tuple(shape)
    if shape.count(DYNAMIC) > 1 and shape[0] == DYNAMIC:
        shape[0] = 1  # a batch of one, as Triton has it
    if shape.count(DYNAMIC) > 1:
        raise SignatureMismatch(
            f"the shape of input {spec.name!r} cannot be told from a raw binary request",
            got=list(spec.shape),
            expected="at most one variable dimension behind the batch",
            remedy="send the JSON header before the tensor",
        )
    one = math.prod(dim for dim in shape if dim != DYNAMIC) * spec.type.size
    return tuple((size // one if one else 0) if dim == DYNAMIC else dim for dim in shape)


def _blob(binary: memoryview, at: int, size: Any, name: str) -> memoryview:  # noqa: ANN401
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) - at:
        raise MalformedBody(
            f"binary_data_size of input {name!r} does not fit the body",
            got=size,
            expected=f"0 to {len(binary) - at}",
        )
    return binary[at : at + size]


def _declared(item: Mapping[str, Any], spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape that a request declares, checked before anything is allocated for it."""
    if member(item, "datatype", str) != spec.datatype:
        raise SignatureMismatch(
            f"input {spec.name!r} has another datatype",
            got=item["datatype"],
            expected=spec.datatype,
        )
    shape = member(item, "shape", list)
    if len(shape) > MOST_DIMENSIONS:
        raise MalformedBody(
            f"shape of input {spec.name!r} has too many dimensions",
            got=len(shape),
            expected=f"at most {MOST_DIMENSIONS}",
        )
    if not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise MalformedBody(
            f"shape of input {spec.name!r} is not valid", got=shape, expected="sizes from 0 up"
        )
    most = _MOST_BESIDE_ZERO if 0 in shape else _MOST_ELEMENTS
    if math.prod(size or 1 for size in shape) > most:
        raise MalformedBody(
            f"shape of input {spec.name!r} is larger than a request can carry",
            got=shape,
            expected=f"at most {most} elements",
        )
    if not spec.admits(shape):
        raise SignatureMismatch(
            f"input {spec.name!r} has another shape", got=shape, expected=list(spec.shape)
        )
    return tuple(shape)


def _decode_json(item: Mapping[str, Any], spec: TensorSpec) -> Array:
    shape = _declared(item, spec)
    if item.get("data") is None:
        refuse_shared_memory(f"input {spec.name!r}", parameters(item))
        raise MalformedBody(f"input {spec.name!r} has neither 'data' nor 'binary_data_size'")
    array = from_json(item["data"], spec.type, spec.name, coerce=True)
    # `data` may be nested or flat; either way its elements must fill the declared shape.
    if array.shape != shape:
        try:
            return array.reshape(shape)
        except ValueError as error:
            raise SignatureMismatch(
                f"data of input {spec.name!r} does not fill its shape",
                got=f"{array.size} elements",
                expected=list(shape),
            ) from error
    return array


def _decode_binary(item: Mapping[str, Any], spec: TensorSpec, blob: memoryview) -> Array:
    if item.get("data") is not None:
        raise MalformedBody(f"input {spec.name!r} has both 'data' and 'binary_data_size'")
    return from_bytes(blob, spec.type, _declared(item, spec), spec.name)
