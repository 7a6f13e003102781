"""The one table of element types and the names that each protocol gives them."""

from __future__ import annotations

from hearth.domain.errors import UnsupportedModel
from hearth.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Datatype:
    """One element type.

    Args:
        name: Open Inference Protocol v2 name.
        tf: TensorFlow's DataType name, as in TF Serving's metadata.
        onnx: The type string that ONNX Runtime reports for an input or output.
        numpy: numpy's name for the array that carries it; BF16 travels as its 16 bits.
        size: Bytes an element, 0 for BYTES, whose elements have their own lengths.
    """

    name: str
    tf: str
    onnx: str
    numpy: str
    size: int


DATATYPES: tuple[Datatype, ...] = (
    Datatype("BOOL", "DT_BOOL", "tensor(bool)", "bool", 1),
    Datatype("UINT8", "DT_UINT8", "tensor(uint8)", "uint8", 1),
    Datatype("UINT16", "DT_UINT16", "tensor(uint16)", "uint16", 2),
    Datatype("UINT32", "DT_UINT32", "tensor(uint32)", "uint32", 4),
    Datatype("UINT64", "DT_UINT64", "tensor(uint64)", "uint64", 8),
    Datatype("INT8", "DT_INT8", "tensor(int8)", "int8", 1),
    Datatype("INT16", "DT_INT16", "tensor(int16)", "int16", 2),
    Datatype("INT32", "DT_INT32", "tensor(int32)", "int32", 4),
    Datatype("INT64", "DT_INT64", "tensor(int64)", "int64", 8),
    Datatype("FP16", "DT_HALF", "tensor(float16)", "float16", 2),
    Datatype("FP32", "DT_FLOAT", "tensor(float)", "float32", 4),
    Datatype("FP64", "DT_DOUBLE", "tensor(double)", "float64", 8),
    Datatype("BF16", "DT_BFLOAT16", "tensor(bfloat16)", "uint16", 2),
    Datatype("BYTES", "DT_STRING", "tensor(string)", "object", 0),
)

BY_NAME = {datatype.name: datatype for datatype in DATATYPES}
BY_ONNX = {datatype.onnx: datatype for datatype in DATATYPES}


def from_onnx(onnx_type: str, tensor: str) -> Datatype:
    """Return the datatype that ONNX Runtime calls `onnx_type`.

    Raises:
        UnsupportedModel: If it is not a plain tensor that the protocols can carry.
    """
    try:
        return BY_ONNX[onnx_type]
    except KeyError:
        raise UnsupportedModel(
            f"tensor {tensor!r} has a type that neither protocol can carry",
            got=onnx_type,
            expected="one of " + ", ".join(sorted(BY_ONNX)),
            remedy="export without ZipMap, sequences, maps or complex numbers",
        ) from None
