"""Models with every shape of signature that the protocols treat differently."""

from __future__ import annotations

import onnx

from support import models

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
# Those above have a JSON form; this one, like FP16, has none.
BINARY_ELEMENTS = {**ELEMENTS, "BF16": "bfloat16"}


def same(datatype: str, dims: str = "[N]") -> str:
    """Return a model that gives back what it is given."""
    element = BINARY_ELEMENTS[datatype]
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
# Two outputs of three dimensions.
TABLE = """
table (float[N, 2, 2] x) => (float[N, 2, 2] y, float[N, 2, 2] z)
{ y = Identity(x)  z = Add(x, x) }
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
# bfloat16 out of float.
ROUNDED = "rounded (float[N] x) => (bfloat16[N] y) { y = Cast <to = 16> (x) }"
# 1/x and its like: values that are no numbers.
DIVIDED = """
divided (float[N] x) => (float[N] y)
<float zero = {0}>
{ y = Div(x, zero) }
"""
# Three classes, their scores the inputs themselves, and a sum: what classify and regress need.
SCORED = "scored (float[N, 3] x) => (float[N, 3] scores) { scores = Identity(x) }"
# Only the first row of scores, whatever the batch.
FIRST = """
first (float[N, 3] x) => (float[1, 3] scores)
<int64[1] zero = {0}>
{ scores = Gather(x, zero) }
"""
SUMMED = """
summed (float[N, 4] x) => (float[N, 1] y)
<int64[1] axis = {1}>
{ y = ReduceSum <keepdims = 1> (x, axis) }
"""
# The graph itself says the labels, as scikit-learn's classifiers do.
LABELLED = """
labelled (float[N, 2] x) => (string[N, 2] labels, float[N, 2] scores)
<string[2] names = {"no", "yes"}>
{
  scores = Identity(x)
  shape = Shape(x)
  labels = Expand(names, shape)
}
"""
# Features of several kinds.
FEATURES = """
features (float[N, 2] ratings, int64[N] age, string[N] name, bool[N, 1] member)
  => (float[N] y, string[N] who)
<int64[1] axis = {1}>
{
  first = ReduceSum <keepdims = 0> (ratings, axis)
  years = Cast <to = 1> (age)
  joined = Cast <to = 1> (member)
  flat = Squeeze(joined, axis)
  sum = Add(first, years)
  y = Add(sum, flat)
  who = Identity(name)
}
"""
# A tensor of any shape behind a batch, and two dynamic ones.
GRID = "grid (float[N, 2, 3] x) => (float[N, 2, 3] y) { y = Identity(x) }"
FREE = "free (float[N, M, 2] x) => (float[N, M, 2] y) { y = Identity(x) }"
# A factor that is 2 unless the request says otherwise.
OPTIONAL = """
optional (float[N] x, float[1] factor = {2}) => (float[N] y) { y = Mul(x, factor) }
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
# Scores of one row alone.
SCORE_ROW = "row (float[3] x) => (float[3] scores) { scores = Identity(x) }"


def unranked(text: str) -> onnx.ModelProto:
    """Return a model that says nothing of the shapes of its inputs and outputs."""
    model = models.model(text)
    for edge in (*model.graph.input, *model.graph.output):
        edge.type.tensor_type.ClearField("shape")
    return model
