"""Real sessions: how they are opened, what they say of themselves, how they fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.domain.errors import (
    ModelFailed,
    NotOnnx,
    ResourceExhausted,
    SignatureMismatch,
    UnsupportedModel,
)
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import TensorSpec
from hearth.serving.session import Session, processors
from hearth.serving.tensors import from_bytes
from support import models, zoo

OnnxFile = Callable[..., Path]


@pytest.fixture
def session(onnx_file: OnnxFile) -> Callable[..., Session]:
    """`session(text, **options)`: the model of a text, opened."""

    def make(text: str | onnx.ModelProto = models.DOUBLED, **options: object) -> Session:
        return Session(onnx_file(text), RuntimeOptions(**options), 1769)

    return make


@pytest.mark.parametrize(
    ("memory_mb", "threads"), [(128, 1), (1769, 1), (2653, 1), (2654, 2), (3538, 2), (10240, 6)]
)
def test_processors_follow_the_memory_size(
    memory_mb: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each 1,769 MB, at least one, at most six and never more than there are."""
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processors(memory_mb) == threads
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert processors(memory_mb) == 1


def test_session_describes_its_model(session: Callable[..., Session]) -> None:
    """Names, datatypes, shapes and symbolic dimensions are the graph's."""
    signature = session(zoo.PAIR).signature

    assert signature.inputs == (
        TensorSpec("a", "FP32", (-1, 2), ("N", "")),
        TensorSpec("b", "INT64", (-1,), ("N",)),
    )
    assert signature.outputs == (
        TensorSpec("twice", "FP32", (-1, 2), ("N", "")),
        TensorSpec("next", "INT64", (-1,), ("N",)),
    )


@pytest.mark.parametrize("datatype", list(zoo.ELEMENTS))
def test_session_knows_every_datatype(session: Callable[..., Session], datatype: str) -> None:
    """Each element type has its Open Inference name."""
    [spec] = session(zoo.same(datatype)).signature.inputs

    assert spec == TensorSpec("x", datatype, (-1,), ("N",))


def test_session_gives_the_wanted_outputs(session: Callable[..., Session]) -> None:
    """All outputs in the graph's order, or those that are named in the order of the names."""
    inputs = {"a": np.ones((1, 2), np.float32), "b": np.zeros(1, np.int64)}
    opened = session(zoo.PAIR)

    assert list(opened.run(inputs)) == ["twice", "next"]
    assert list(opened.run(inputs, ("next", "twice"))) == ["next", "twice"]
    assert list(opened.run(inputs, ("next",))) == ["next"]


@pytest.mark.parametrize("level", ["disabled", "basic", "extended", "all"])
@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_session_options_change_no_answer(
    session: Callable[..., Session], level: str, mode: str
) -> None:
    """However the runtime is told to work, a model answers the same."""
    opened = session(
        graph_optimization_level=level,
        execution_mode=mode,
        intra_op_num_threads=2,
        inter_op_num_threads=2,
        session_config={"session.intra_op.allow_spinning": "0"},
    )

    [y] = opened.run({"x": np.ones((1, 4), np.float32)}).values()
    assert y.tolist() == [[3, 3, 3, 3]]


@pytest.mark.parametrize(
    "options", [{"graph_optimization_level": "most"}, {"execution_mode": "random"}]
)
def test_session_option_that_is_unknown_is_refused(
    session: Callable[..., Session], options: dict[str, str]
) -> None:
    """A choice that this Hearth does not know is named, with those that it knows."""
    with pytest.raises(UnsupportedModel, match=r"unknown runtime option: got .* expected one of"):
        session(**options)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a model", b"PK\3\4"])
def test_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """What ONNX Runtime cannot read is no ONNX file."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises((NotOnnx, UnsupportedModel), match=r"model\.onnx"):
        Session(path, RuntimeOptions(), 1769)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(NotOnnx, match=r"none\.onnx"):
        Session(tmp_path / "none.onnx", RuntimeOptions(), 1769)


@pytest.mark.parametrize(
    "text",
    [
        '<ir_version: 10, opset_import: ["" : 99]>\n' + models.DOUBLED,
        '<ir_version: 99, opset_import: ["" : 21]>\n' + models.DOUBLED,
        """<ir_version: 10, opset_import: ["" : 21, "mine" : 1]>
        g (float[N] x) => (float[N] y) { y = mine.Own(x) }""",
        "g (float[N] x) => (float[N] y) { y = NoSuchOperator(x) }",
    ],
)
def test_model_beyond_this_runtime_is_refused(session: Callable[..., Session], text: str) -> None:
    """An opset, format or operator that the packed runtime lacks is named, with a remedy."""
    with pytest.raises(UnsupportedModel, match=r"ONNX Runtime 1\..* cannot open .*export it"):
        session(text)


def test_model_with_outputs_that_no_protocol_carries_is_refused(
    session: Callable[..., Session],
) -> None:
    """Sequences and maps are no tensors: the message says how to export without them."""
    text = "g (float[N] x) => (seq(float[N]) y) { y = SequenceConstruct(x) }"
    with pytest.raises(UnsupportedModel, match="neither protocol can carry: got seq"):
        session(text)


def test_values_that_the_graph_refuses_are_a_mismatch(session: Callable[..., Session]) -> None:
    """An index out of range is the caller's, and shows the runtime's reason."""
    with pytest.raises(SignatureMismatch, match="out of data bounds"):
        session(zoo.PICKED).run({"x": np.array([7])})


def test_graph_that_fails_is_a_failure(session: Callable[..., Session]) -> None:
    """What the graph cannot compute is the model's, and shows the runtime's reason."""
    with pytest.raises(ModelFailed, match="while running Reshape node"):
        session(zoo.PAIRED).run({"x": np.ones(3, np.float32)})


def test_allocation_that_fails_is_a_lack_of_memory(session: Callable[..., Session]) -> None:
    """Memory that cannot be had is neither the caller's nor the model's error."""
    with pytest.raises(ResourceExhausted, match="no memory left to run the model"):
        session(zoo.ZEROS).run({"x": np.array([2**48])})


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize("datatype", ["FP32", "FP64", "INT64"])
def test_views_at_any_address_are_read_right(
    session: Callable[..., Session], datatype: str, offset: int
) -> None:
    """Binary data begins wherever its JSON ended: a model reads it right from any address."""
    element = zoo.ELEMENTS[datatype]
    opened = session(f"g ({element}[N, M] x) => ({element}[N, M] y) {{ y = Add(x, x) }}")
    [spec] = opened.signature.inputs
    array = np.arange(33 * 65).reshape(33, 65).astype(spec.type.numpy)
    raw = memoryview(b"{" * offset + array.tobytes())[offset:]

    [y] = opened.run({"x": from_bytes(raw, spec.type, array.shape, "x")}).values()

    np.testing.assert_array_equal(y, array * 2)


def test_bound_arrays_are_run_again_and_again(session: Callable[..., Session]) -> None:
    """What stands in the input at each run is what the output says after it."""
    made, x, y = session(), np.zeros((2, 4), np.float32), np.empty((2, 4), np.float32)
    run = made.bound({"x": x}, {"y": y})

    for value in (1, -2.5, np.nan):
        x[:] = value
        run()
        np.testing.assert_array_equal(y, made.run({"x": x})["y"])


def test_bound_output_of_another_shape_is_a_failure(session: Callable[..., Session]) -> None:
    """An output that does not fit where it is to be written is told, and nothing else is."""
    made = session(zoo.FIRST)
    x, y = np.ones((2, 3), np.float32), np.empty((2, 3), np.float32)

    with pytest.raises(ModelFailed):
        made.bound({"x": x}, {"scores": y})()
