"""A transformer encoder of MiniLM's shape, built from a seed because 42 MB are not kept in git.

Its layers are random features: nothing in them is trained. A logistic regression on what they give
for the digits makes the head, which is enough for accuracy to mean something when the model is
quantised. The graph has the shape that exporters write: MatMul and Add for each linear layer,
LayerNormalization, and Gelu spelled with Erf.
"""

from dataclasses import dataclass, field
from pathlib import Path

import catalogue
import numpy as np
import numpy.typing as npt
import onnx
from data import Features, Split, digits
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

PIXELS = 64
CLASSES = 10
OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Shape:
    layers: int
    width: int
    heads: int
    tokens: int


def build_encoder(
    path: Path,
    *,
    layers: int = 6,
    width: int = 384,
    heads: int = 12,
    tokens: int = 16,
    seed: int = 0,
) -> Path:
    """Write the encoder, [batch, 64] pixels in [0, 1] to [batch, 10] logits, and return its path.

    Args:
        path: The file to write.
        layers: Number of transformer layers.
        width: Features of a token; `heads` divides it, its feed-forward layers are 4 times wider.
        heads: Attention heads of a layer.
        tokens: How many runs of neighbouring pixels make the sequence; divides 64.
        seed: Of the random weights; the same seed gives the same file on the same machine.
    """
    shape = Shape(layers, width, heads, tokens)
    body = Graph(np.random.default_rng(seed))
    features = _body(body, shape)
    split = digits()
    weights, bias = _head(body.model(features, width), split)
    logits = body.node(
        "Gemm",
        features,
        body.weight("classifier.weight", weights),
        body.weight("classifier.bias", bias),
        name="logits",
        transB=1,
    )
    onnx.save(body.model(logits, CLASSES), path)
    return path


@dataclass(frozen=True, slots=True)
class Graph:
    """What a graph is made of, in the order in which it was added."""

    random: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, op: str, *inputs: str, name: str, **attributes: object) -> str:
        """Add a node of one output, which bears the node's name."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, values: npt.NDArray[np.generic]) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def normal(self, name: str, *dims: int, scale: float) -> str:
        values = self.random.standard_normal(dims, dtype=np.float32) * np.float32(scale)
        return self.weight(name, values)

    def linear(self, x: str, name: str, dims: tuple[int, int], scale: float = 0.02) -> str:
        """Add x @ W + b; weights this small let a layer add to its tokens, not scramble them."""
        kernel = self.normal(f"{name}.weight", *dims, scale=scale)
        bias = self.normal(f"{name}.bias", dims[1], scale=0.02)
        product = self.node("MatMul", x, kernel, name=f"{name}/MatMul")
        return self.node("Add", bias, product, name=f"{name}/Add")

    def norm(self, x: str, name: str, width: int) -> str:
        scale = self.weight(f"{name}.weight", np.ones(width, np.float32))
        bias = self.weight(f"{name}.bias", np.zeros(width, np.float32))
        return self.node("LayerNormalization", x, scale, bias, name=name, axis=-1, epsilon=1e-5)

    def model(self, output: str, width: int) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", PIXELS])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", width])],
            self.weights,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _body(graph: Graph, shape: Shape) -> str:
    x = _embedding(graph, shape)
    for layer in range(shape.layers):
        x = _layer(graph, x, f"encoder.layer.{layer}", shape)
    return graph.node("ReduceMean", x, name="pooled", axes=[1], keepdims=0)


def _embedding(graph: Graph, shape: Shape) -> str:
    width, run = shape.width, PIXELS // shape.tokens
    dims = graph.weight("embeddings.dims", np.array([0, shape.tokens, run], np.int64))
    tokens = graph.node("Reshape", "pixels", dims, name="embeddings/Reshape")
    words = graph.linear(tokens, "embeddings.pixels", (run, width), scale=1.5)
    places = graph.normal("embeddings.position", 1, shape.tokens, width, scale=1.0)
    total = graph.node("Add", words, places, name="embeddings/Add")
    return graph.norm(total, "embeddings.LayerNorm", width)


def _layer(graph: Graph, x: str, name: str, shape: Shape) -> str:
    width = shape.width
    mixed = _attention(graph, x, f"{name}.attention", shape)
    added = graph.node("Add", mixed, x, name=f"{name}.attention.residual")
    x = graph.norm(added, f"{name}.attention.LayerNorm", width)
    inner = graph.linear(x, f"{name}.intermediate", (width, 4 * width))
    outer = graph.linear(_gelu(graph, inner, name), f"{name}.output", (4 * width, width))
    added = graph.node("Add", outer, x, name=f"{name}.output.residual")
    return graph.norm(added, f"{name}.output.LayerNorm", width)


def _attention(graph: Graph, x: str, name: str, shape: Shape) -> str:
    depth = shape.width // shape.heads
    query = _heads(graph, x, f"{name}.query", shape, order=[0, 2, 1, 3])
    key = _heads(graph, x, f"{name}.key", shape, order=[0, 2, 3, 1])
    value = _heads(graph, x, f"{name}.value", shape, order=[0, 2, 1, 3])
    scale = graph.weight(f"{name}.scale", np.array(depth**0.5, np.float32))
    raw = graph.node("MatMul", query, key, name=f"{name}.scores/MatMul")
    scores = graph.node("Div", raw, scale, name=f"{name}.scores/Div")
    shares = graph.node("Softmax", scores, name=f"{name}.scores/Softmax", axis=-1)
    mixed = graph.node("MatMul", shares, value, name=f"{name}.context/MatMul")
    rows = graph.node("Transpose", mixed, name=f"{name}.context/Transpose", perm=[0, 2, 1, 3])
    dims = graph.weight(f"{name}.context.dims", np.array([0, 0, shape.width], np.int64))
    context = graph.node("Reshape", rows, dims, name=f"{name}.context/Reshape")
    return graph.linear(context, f"{name}.output", (shape.width, shape.width))


def _heads(graph: Graph, x: str, name: str, shape: Shape, *, order: list[int]) -> str:
    """Project the tokens and give each head its own share of the width."""
    flat = graph.linear(x, name, (shape.width, shape.width))
    split = np.array([0, 0, shape.heads, shape.width // shape.heads], np.int64)
    dims = graph.weight(f"{name}.dims", split)
    heads = graph.node("Reshape", flat, dims, name=f"{name}/Reshape")
    return graph.node("Transpose", heads, name=f"{name}/Transpose", perm=order)


def _gelu(graph: Graph, x: str, name: str) -> str:
    """Add x / 2 * (1 + erf(x / sqrt 2))."""
    name = f"{name}.intermediate.gelu"
    root, one, half = (
        graph.weight(f"{name}.{word}", np.array(value, np.float32))
        for word, value in (("root", 2**0.5), ("one", 1), ("half", 0.5))
    )
    erf = graph.node("Erf", graph.node("Div", x, root, name=f"{name}/Div"), name=f"{name}/Erf")
    gate = graph.node("Add", erf, one, name=f"{name}/Add")
    scaled = graph.node("Mul", x, gate, name=f"{name}/Mul")
    return graph.node("Mul", scaled, half, name=f"{name}/Mul_1")


def _head(body: onnx.ModelProto, split: Split) -> tuple[Features, Features]:
    """Return the classes' weights [10, width] and bias [10], fitted on the training rows."""
    session = catalogue.opened(body.SerializeToString())
    (features,) = session.run(None, {"pixels": split.train_x})
    head = LogisticRegression(max_iter=5000).fit(features, split.train_y)
    return head.coef_.astype(np.float32), head.intercept_.astype(np.float32)
