"""What a large request takes of memory beside its event: what is necessary, once."""

from __future__ import annotations

import contextlib
import io
import json
import tracemalloc
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bench.cases import NEGATED, POOLED, Case
from bench.contenders import hearth
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving import json_text, tf_payload
from hearth.serving.figures import of_tensors
from support import events, models

IMAGES = np.random.default_rng(3).standard_normal((12, 3, 224, 224), np.float32)
# A bytearray that grows takes an eighth more than it needs.
DECODED = 1.125
# The record and its figures, and what a handler makes of any request.
OTHER = 0.2


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("allocations")
    files: dict[str, Path] = {}
    for name, text in {"pooled": POOLED, "negated": NEGATED}.items():
        files[name] = folder / f"{name}.onnx"
        onnx.save(models.model(text), files[name])
    with hearth.warm(files, folder) as made, contextlib.redirect_stdout(io.StringIO()):
        yield made


def peak(call: Callable[[], Any], tensor: np.ndarray = IMAGES) -> float:
    """Return the most memory that a call holds at once, in sizes of a tensor."""
    call()  # what is made once is made
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return (tracemalloc.get_traced_memory()[1] - before) / tensor.nbytes
    finally:
        tracemalloc.stop()


def padded(event: dict[str, Any], spaces: int) -> dict[str, Any]:
    """Return a binary request whose JSON is so much longer: its tensor begins elsewhere."""
    length = int(event["headers"]["inference-header-content-length"])
    body = b64decode(event["body"])
    longer = body[:length] + b" " * spaces + body[length:]
    headers = {**event["headers"], "inference-header-content-length": str(length + spaces)}
    return {**event, "headers": headers, "body": b64encode(longer).decode()}


@pytest.mark.parametrize("spaces", [0, 1, 7, 15])
def test_binary_tensor_is_decoded_once_and_viewed(handler: Any, spaces: int) -> None:
    """Out of base64 comes all that is made of a binary tensor, wherever in the body it begins."""
    case = Case("", "pooled", "binary", IMAGES)
    event = padded(case.event(case.path, "x"), spaces)

    assert peak(lambda: handler(event, events.Context())) < DECODED + OTHER


def test_binary_answer_is_put_together_once(handler: Any) -> None:
    """Of an output come one body and its base64; what the model made is gone by then."""
    case = Case("", "negated", "binary", IMAGES)
    event = case.event(case.path, "x")

    body, base64 = 1, 4 / 3
    assert peak(lambda: handler(event, events.Context())) < DECODED + body + base64 + OTHER


@pytest.mark.parametrize("name", ["instances", "inputs"])
def test_large_json_becomes_one_array(name: str) -> None:
    """Numbers in JSON become the model's array, and no other of numpy's on the way."""
    few = IMAGES[:6]
    text = json.dumps({name: few.tolist()}).encode()
    signature = Signature((TensorSpec("x", "FP32", (-1, 3, 224, 224)),), ())
    document = json_text.loads(text, lenient=True)

    def decode() -> np.ndarray:
        return tf_payload.decode(document, signature)["x"]

    # Beside it stands a comma for each number, and once more while the nesting is read.
    assert peak(decode, few) < 1 + 3 / few.itemsize
    assert np.array_equal(decode(), few)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "int64"])
def test_figures_take_no_more_memory_for_a_larger_tensor(dtype: str) -> None:
    """An image of any size is looked at piece by piece."""
    rng = np.random.default_rng(0)
    small, large = (
        rng.integers(0, 255, (1, 3, side, 1024), np.uint8).astype(dtype) for side in (1024, 4096)
    )
    if small.dtype.kind == "f":
        small[0, 0, 0, 0] = large[0, 0, 0, 0] = np.nan

    assert peak(lambda: of_tensors(large)) < 1.2 * peak(lambda: of_tensors(small))
