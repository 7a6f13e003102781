"""Open Inference requests that no client library sends: raw tensors, and bodies that are wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
import requests

LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def post(url: str) -> Callable[..., requests.Response]:
    """`post(model, body, **headers)`: to `infer`, with nothing that was not named."""

    def send(model: str, body: bytes, length: str | None = None) -> requests.Response:
        headers = {} if length is None else {LENGTH: length}
        return requests.post(f"{url}/v2/models/{model}/infer", body, headers=headers, timeout=30)

    return send


def test_raw_tensor_is_a_batch_of_one(post: Callable[..., requests.Response]) -> None:
    """A length of 0 says that the body is the one input, bare; outputs come in binary."""
    answer = post("doubled", struct.pack("<4f", 1, 2, 3, 4), "0")
    assert answer.status_code == 200, answer.text
    head = int(answer.headers[LENGTH])
    assert struct.unpack("<4f", answer.content[head:]) == (3, 5, 7, 9)


def test_raw_text_has_no_length(post: Callable[..., requests.Response]) -> None:
    """A raw string is the body as it is; it comes back with its length, as every BYTES element."""
    answer = post("same-BYTES", "größe".encode(), "0")
    assert answer.status_code == 200, answer.text
    head = int(answer.headers[LENGTH])
    assert answer.content[head:] == struct.pack("<I", 7) + "größe".encode()


def test_raw_tensor_wants_a_model_of_one_input(post: Callable[..., requests.Response]) -> None:
    """Which input is meant is not guessed."""
    answer = post("pair", bytes(8), "0")
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize(
    ("body", "length", "says"),
    [
        (b"", None, "empty"),
        (b'{"inputs"', None, "JSON Parse error"),
        (b"[]", None, "no list of inputs"),
        (b'{"inputs": {}}', None, "no list of inputs"),
        (b'{"inputs": [1]}', None, "'name'"),
        (b'{"inputs":' + b"[" * 100_000, None, "nests too deeply"),
        (b'{"inputs": []}', "99", "inference header size should be in range"),
        (b'{"inputs": []}', "-1", "inference header size should be in range"),
        (b'{"inputs": []}', "many", "inference header size should be in range"),
        (b'{"inputs": []}\0\0', "14", "left over"),
        (b"\xff\xfe", None, "JSON Parse error"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_malformed_body_is_a_bad_request(
    post: Callable[..., requests.Response], body: bytes, length: str | None, says: str
) -> None:
    """Whatever is wrong with a body is a 400 that says what, never a 500."""
    answer = post("doubled", body, length)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"error"}
    assert says in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_wrong_verb_is_not_found(url: str, method: str) -> None:
    """API Gateway has no route for another verb: its own 404."""
    answer = requests.request(method, f"{url}/v2/models/doubled/infer", timeout=30)
    assert answer.status_code == 404
