"""Models with every shape of signature that the protocols treat differently."""

from __future__ import annotations

# Open Inference datatype: ONNX's name for it in a graph's text.
ELEMENTS = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float",
    "FP64": "double",
    "BYTES": "string",
}


def same(datatype: str, dims: str = "[N]") -> str:
    """Return a model that gives back what it is given."""
    element = ELEMENTS[datatype]
    return f"same ({element}{dims} x) => ({element}{dims} y) {{ y = Identity(x) }}"


PAIR = """
pair (float[N, 2] a, int64[N] b) => (float[N, 2] twice, int64[N] next)
<int64 one = {1}>
{ twice = Add(a, a)  next = Add(b, one) }
"""
# One output for a whole batch.
TOTAL = "total (float[N, 4] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }"
# Outputs that disagree on the batch.
UNEVEN = """
uneven (float[N, 2] x) => (float[N, 2] y, float[1, 2] z)
<int64[1] rows = {0}>
{ y = Identity(x)  z = ReduceSum (x, rows) }
"""
TEXT = """
text (string[N] x) => (string[N] plain, string[N] raw_bytes)
{ plain = Identity(x)  raw_bytes = Identity(x) }
"""
SCALAR = "scalar (float x) => (float y) { y = Add(x, x) }"
# An input whose name could be taken for a base64 value.
B64 = "b64 (float[N] b64) => (float[N] y) { y = Identity(b64) }"
# Two inputs of one symbolic dimension.
JOINED = "joined (float[N] a, float[N] b) => (float[N] y) { y = Add(a, b) }"
# Refuses values that its signature admits: indices from 0 to 2.
PICKED = """
picked (int64[N] x) => (float[N] y)
<float[3] table = {10, 20, 30}>
{ y = Gather(table, x) }
"""
# Fails on an odd number of values.
PAIRED = """
paired (float[N] x) => (float[M, 2] y)
<int64[2] shape = {-1, 2}>
{ y = Reshape(x, shape) }
"""
# As many zeros as it is asked for.
ZEROS = "zeros (int64[1] x) => (float[M] y) { y = ConstantOfShape(x) }"
# float16 out of float: an output that JSON has no number for.
HALVED = "halved (float[N] x) => (float16[N] y) { y = Cast <to = 10> (x) }"
# 1/x and its like: values that are no numbers.
DIVIDED = """
divided (float[N] x) => (float[N] y)
<float zero = {0}>
{ y = Div(x, zero) }
"""
# TensorFlow Serving's toy model, and the three inputs that its documentation of rows and columns shows.
HALF_PLUS_THREE = """
half_plus_three (float[N] x) => (float[N] y)
<float half = {0.5}, float three = {3}>
{ t = Mul(x, half)  y = Add(t, three) }
"""
TAGGED = """
tagged (string[N] tag, float[N, 5] signal, float[N, 2, 2] sensor)
=> (string[N] label, float[N] strength, float[N, 2, 2] doubled)
<int64[1] columns = {1}>
{
  label = Identity(tag)
  strength = ReduceSum <keepdims = 0> (signal, columns)
  doubled = Add(sensor, sensor)
}
"""
# Scores of three classes, in a batch and alone.
SCORES = "scores (float[N, 3] x) => (float[N, 3] scores) { scores = Identity(x) }"
SCORE_ROW = "row (float[3] x) => (float[3] scores) { scores = Identity(x) }"
BF16 = "same (bfloat16[N] x) => (bfloat16[N] y) { y = Identity(x) }"
