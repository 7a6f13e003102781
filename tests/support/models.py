"""Tiny ONNX models as a few lines of text."""

from __future__ import annotations

import onnx
import onnx.parser

HEADER = '<ir_version: 10, opset_import: ["" : 21]>'

# y = 2x + 1, a row of four at a time: the model that most tests serve.
DOUBLED = """
doubled (float[N, 4] x) => (float[N, 4] y)
<float[4] two = {2, 2, 2, 2}, float[4] one = {1, 1, 1, 1}>
{ t = Mul(x, two)  y = Add(t, one) }
"""
# The same signature, other answers: y = 3x + 1.
TRIPLED = DOUBLED.replace("{2, 2, 2, 2}", "{3, 3, 3, 3}")


def scaled(factor: float) -> str:
    """Return the text of a model that answers factor * x + 1: one for each factor."""
    return DOUBLED.replace("{2, 2, 2, 2}", "{" + ", ".join([str(factor)] * 4) + "}")


def model(text: str = DOUBLED, header: str = HEADER) -> onnx.ModelProto:
    """Return the model of a graph's text; text that begins with `<` brings its own header."""
    whole = text if text.lstrip().startswith("<") else f"{header}\n{text}"
    return onnx.parser.parse_model(whole)


def external(
    model: onnx.ModelProto, name: str, location: str | None, **entries: int | str
) -> onnx.ModelProto:
    """Return the model with one initializer said to lie in another file."""
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    tensor.ClearField("float_data")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    found = {"location": location, **entries}
    for key, value in found.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return model
