"""TensorFlow Serving's REST API as its documentation shows it, by `requests`.

curl sends a body as a form unless it is told otherwise, and so do these tests.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import requests

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AVAILABLE = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
HALF = "half_plus_three"
# The two instances of three tensors that the documentation shows, and what the model makes of them.
ROWS = [
    {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]},
    {"tag": "bar", "signal": [3, 4, 1, 2, 6], "sensor": [[4, 5], [6, 8]]},
]
ROWS_OUT = [
    {"label": "foo", "strength": 15.0, "doubled": [[2.0, 4.0], [6.0, 8.0]]},
    {"label": "bar", "strength": 16.0, "doubled": [[8.0, 10.0], [12.0, 16.0]]},
]


@pytest.fixture
def get(url: str) -> Callable[[str], requests.Response]:
    """`get(path)` under /v1/models."""
    return lambda path: requests.get(f"{url}/v1/models{path}", timeout=30)


@pytest.fixture
def post(url: str) -> Callable[..., requests.Response]:
    """`post(path, body)` under /v1/models; a body that is no text goes as JSON, as curl sends it."""

    def send(path: str, body: Any, **headers: str) -> requests.Response:
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = FORM | {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{url}/v1/models/{path}", raw, headers=headers, timeout=30)

    return send


def error(answer: requests.Response, status: int) -> str:
    """Return the text of an error; its body has nothing else in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"error"}
    return answer.json()["error"]


def by_column(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


# ---- status and metadata ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/versions/1", "/labels/stable"])
def test_status(get: Callable[..., requests.Response], path: str) -> None:
    """Status is exactly the documented object: by model, by version, by label."""
    answer = get(f"/{HALF}{path}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"model_version_status": [{"version": "1", **AVAILABLE}]}


def test_status_lists_versions_newest_first(get: Callable[..., requests.Response]) -> None:
    """Without a version, every version is listed, the newest first."""
    listed = get("/versioned").json()["model_version_status"]
    assert [item["version"] for item in listed] == ["2", "1"]


def test_status_of_an_unloaded_model_is_end(
    get: Callable[..., requests.Response], unloaded: str
) -> None:
    """A version that was taken out of service ended without an error; status is still a 200."""
    assert get(f"/{unloaded}").json() == {
        "model_version_status": [{"version": "1", **AVAILABLE, "state": "END"}]
    }


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/half", 404, "Could not find any versions of model half"),
        ("/versioned/versions/9", 404, "Could not find version 9 of model versioned"),
        ("/versioned/labels/beta", 400, "Unrecognized servable version label: beta"),
        ("", 400, "Missing model name in request."),
        (
            "/half_plus_three:predict",
            400,
            "Malformed request: GET /v1/models/half_plus_three:predict",
        ),
    ],
)
def test_status_of_what_does_not_exist(
    get: Callable[..., requests.Response], path: str, status: int, says: str
) -> None:
    """An unknown model, version or label is refused in TensorFlow Serving's words."""
    assert error(get(path), status).startswith(says)


@pytest.mark.parametrize("path", ["", "/versions/1", "/labels/stable"])
def test_metadata(get: Callable[..., requests.Response], path: str) -> None:
    """Metadata has the signature twice nested, sizes as strings, TensorFlow's names of types."""
    answer = get(f"/{HALF}{path}/metadata").json()
    assert answer["model_spec"] == {"name": HALF, "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    for side, name in (("inputs", "x"), ("outputs", "y")):
        tensor = signature[side][name]
        assert tensor["dtype"] == "DT_FLOAT"
        assert [dim["size"] for dim in tensor["tensor_shape"]["dim"]] == ["-1"]
        assert tensor["tensor_shape"]["unknown_rank"] is False


# ---- predict ------------------------------------------------------------------------------------


def test_predict_of_the_documented_example(post: Callable[..., requests.Response]) -> None:
    """The toy model answers as the documentation prints it."""
    answer = post(f"{HALF}:predict", {"instances": [1.0, 2.0, 5.0]})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"predictions": [3.5, 4.0, 5.5]}


def test_predict_names_a_signature(post: Callable[..., requests.Response]) -> None:
    """`serving_default` may be named."""
    body = {"signature_name": "serving_default", "instances": [1.0]}
    assert post(f"{HALF}:predict", body).json() == {"predictions": [3.5]}


def test_predict_without_content_type(url: str) -> None:
    """A body without a content type is read as JSON too."""
    path = f"{url}/v1/models/{HALF}:predict"
    answer = requests.post(path, b'{"instances": [1.0]}', timeout=30)
    assert "Content-Type" not in answer.request.headers
    assert answer.json() == {"predictions": [3.5]}


def test_predict_by_rows_of_named_tensors(post: Callable[..., requests.Response]) -> None:
    """Rows of several tensors are answered by a list of objects."""
    assert post("tagged:predict", {"instances": ROWS}).json() == {"predictions": ROWS_OUT}


def test_predict_by_columns_of_named_tensors(post: Callable[..., requests.Response]) -> None:
    """Columns of several tensors are answered by an object of columns."""
    answer = post("tagged:predict", {"inputs": by_column(ROWS)})
    assert answer.json() == {"outputs": by_column(ROWS_OUT)}


def test_predict_by_columns_of_one_tensor(post: Callable[..., requests.Response]) -> None:
    """A model of one input takes it bare or by its name; its one output comes bare."""
    for inputs in ([1.0, 2.0], {"x": [1.0, 2.0]}):
        assert post(f"{HALF}:predict", {"inputs": inputs}).json() == {"outputs": [3.5, 4.0]}


def test_predict_of_a_scalar(post: Callable[..., requests.Response]) -> None:
    """A column may be a single number, and is answered by one."""
    assert post("scalar:predict", {"inputs": 2.5}).json() == {"outputs": 5.0}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("versioned", 4.0),
        ("versioned/versions/1", 3.0),
        ("versioned/versions/2", 4.0),
        ("versioned/labels/stable", 4.0),
    ],
)
def test_predict_by_version_and_label(
    post: Callable[..., requests.Response], path: str, answer: float
) -> None:
    """The address says which version answers."""
    got = post(f"{path}:predict", {"instances": [[1, 1, 1, 1]]})
    assert got.json() == {"predictions": [[answer] * 4]}


def test_predict_of_strings(post: Callable[..., requests.Response]) -> None:
    """Strings come back plain, or as b64 where the output's name ends in `_bytes`."""
    answer = post("text:predict", {"inputs": ["foo", "größe"]}).json()["outputs"]
    assert answer["plain"] == ["foo", "größe"]
    encoded = [base64.b64encode(text.encode()).decode() for text in ("foo", "größe")]
    assert answer["raw_bytes"] == [{"b64": text} for text in encoded]


def test_predict_of_b64(post: Callable[..., requests.Response]) -> None:
    """`{"b64": ...}` stands for a string among others."""
    body = {"instances": ["foo", {"b64": "aW1hZ2UgYnl0ZXM="}]}
    rows = post("text:predict", body).json()["predictions"]
    assert [row["plain"] for row in rows] == ["foo", "image bytes"]


def test_predict_of_bytes_that_are_no_text(post: Callable[..., requests.Response]) -> None:
    """ONNX Runtime's strings are UTF-8: other bytes are refused, not mangled."""
    assert "not UTF-8" in error(post("text:predict", {"inputs": [{"b64": "//4="}]}), 400)


def test_predict_of_tokens_that_are_no_numbers(post: Callable[..., requests.Response]) -> None:
    """The tokens NaN and Infinity go in and come out bare."""
    answer = post("same-FP32:predict", '{"instances": [1.0, -3.14, NaN, Infinity, -Infinity]}')
    assert answer.json()["predictions"][3:] == [math.inf, -math.inf]
    assert "NaN" in answer.text
    assert "null" not in answer.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "JSON Parse error: The document is empty"),
        ('{"instances"', "JSON Parse error: Invalid value"),
        ("[]", "Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        (
            {"instances": [1.0], "inputs": [1.0]},
            "Not formatted correctly expecting only one of",
        ),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": 1.0}, "No values in 'instances' array"),
        ({"instances": ["a"]}, "not of expected type: float"),
        ({"instances": [[1], [1, 2]]}, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [1.0, {"x": 1.0}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": 1.0}, 1.0]}, "Expecting object but got list at item 1"),
        ({"instances": [{"z": 1.0}]}, "JSON object: does not have named input: z"),
        ({"inputs": {"z": [1.0]}}, "Missing named input: x in 'inputs' object."),
        ({"signature_name": 1, "instances": [1.0]}, "'signature_name' key must be a string value."),
        (
            {"signature_name": "no", "instances": [1.0]},
            'Serving signature name: "no" not found in signature def',
        ),
    ],
)
def test_predict_refuses_what_is_malformed(
    post: Callable[..., requests.Response], body: Any, says: str
) -> None:
    """Each way of getting it wrong is a 400 in TensorFlow Serving's words."""
    assert says in error(post(f"{HALF}:predict", body), 400)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("half:predict", 404, "Servable not found for request: Latest(half)"),
        ("versioned/versions/9:predict", 404, "version 9 of model versioned"),
        ("versioned/labels/beta:predict", 400, "Unrecognized servable version label: beta"),
        (f"{HALF}:explain", 400, f"Malformed request: POST /v1/models/{HALF}:explain"),
        (HALF, 400, f"Malformed request: POST /v1/models/{HALF}"),
    ],
)
def test_predict_of_what_does_not_exist(
    post: Callable[..., requests.Response], path: str, status: int, says: str
) -> None:
    """An unknown model, version, label or verb is refused in TensorFlow Serving's words."""
    assert says in error(post(path, {"instances": [1.0, 5.0]}), status)


def test_predict_of_outputs_that_have_no_rows(post: Callable[..., requests.Response]) -> None:
    """A single number for a whole batch cannot be told by rows, but by columns."""
    rows = [[1, 2, 3, 4]]
    assert "no shape information" in error(post("total:predict", {"instances": rows}), 400)
    assert post("total:predict", {"inputs": rows}).json() == {"outputs": 10.0}


def test_predict_of_more_than_a_lambda_can_answer(post: Callable[..., requests.Response]) -> None:
    """An answer beyond Lambda's 6 MB is a 413 that says what to do."""
    body = {"inputs": [3_000_000]}
    says = error(post("zeros:predict", body, accept_encoding="identity"), 413)
    assert "larger than a Lambda can give" in says


# ---- classify and regress -----------------------------------------------------------------------

EXAMPLES = {"examples": [{"x": [0.25, 0.5, 0.125]}, {"x": [3, -1, 2]}]}


@pytest.mark.parametrize("path", ["animals", "animals/versions/1", "animals/labels/stable"])
def test_classify(post: Callable[..., requests.Response], path: str) -> None:
    """Each example is answered by a label and a score for each class."""
    assert post(f"{path}:classify", EXAMPLES).json() == {
        "results": [
            [["cat", 0.25], ["dog", 0.5], ["bird", 0.125]],
            [["cat", 3.0], ["dog", -1.0], ["bird", 2.0]],
        ]
    }


def test_classify_without_labels(post: Callable[..., requests.Response]) -> None:
    """A class without a label has an empty one."""
    [first, _] = post("scores:classify", EXAMPLES).json()["results"]
    assert first == [["", 0.25], ["", 0.5], ["", 0.125]]


def test_classify_takes_a_common_context(post: Callable[..., requests.Response]) -> None:
    """A feature that all examples share stands once, in the context."""
    body = {"context": {"x": [0.25, 0.5, 0.125]}, "examples": [{}, {}]}
    [first, second] = post("animals:classify", body).json()["results"]
    assert first == second == [["cat", 0.25], ["dog", 0.5], ["bird", 0.125]]


@pytest.mark.parametrize("signature", [{}, {"signature_name": "tensorflow/serving/regress"}])
def test_regress_of_the_documented_example(
    post: Callable[..., requests.Response], signature: dict[str, str]
) -> None:
    """The toy model answers as the documentation prints it."""
    body = {**signature, "examples": [{"x": 1.0}, {"x": 2.0}]}
    assert post(f"{HALF}:regress", body).json() == {"results": [3.5, 4.0]}


@pytest.mark.parametrize(
    "body", [{}, {"examples": []}, {"examples": [{"z": 1}]}, {"examples": [{"x": None}]}]
)
def test_classify_refuses_what_is_malformed(
    post: Callable[..., requests.Response], body: Any
) -> None:
    """Examples that are missing, none, of another name or of no value are a 400."""
    assert error(post("animals:classify", body), 400)


@pytest.mark.parametrize(
    "verb",
    [
        "classify",
        "regress",
    ],
)
def test_examples_of_an_unknown_model(post: Callable[..., requests.Response], verb: str) -> None:
    """An unknown model is a 404 for every verb."""
    answer = post(f"half:{verb}", EXAMPLES)
    assert "Servable not found for request: Latest(half)" in error(answer, 404)


# ---- compression --------------------------------------------------------------------------------

ONE = json.dumps({"instances": [1.0]}).encode()


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_request_is_read(
    post: Callable[..., requests.Response], encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """A request may be compressed."""
    answer = post(f"{HALF}:predict", pack(ONE), Content_Encoding=encoding)
    assert answer.json() == {"predictions": [3.5]}


@pytest.mark.parametrize(
    ("encoding", "body", "status"), [("br", ONE, 415), ("gzip", ONE, 400), ("deflate", ONE, 400)]
)
def test_compression_that_is_unknown_or_broken(
    post: Callable[..., requests.Response], encoding: str, body: bytes, status: int
) -> None:
    """Another encoding is a 415; bytes that are not what the header says are a 400."""
    assert error(post(f"{HALF}:predict", body, Content_Encoding=encoding), status)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_large_answer_is_compressed(post: Callable[..., requests.Response], encoding: str) -> None:
    """A large answer comes compressed as `Accept-Encoding` says."""
    answer = post("zeros:predict", {"inputs": [20_000]}, Accept_Encoding=encoding)
    assert answer.headers["Content-Encoding"] == encoding
    assert int(answer.headers["Content-Length"]) < 20_000
    assert answer.json() == {"outputs": [0.0] * 20_000}


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0"])
def test_answer_is_plain_where_nothing_else_is_accepted(
    post: Callable[..., requests.Response], accepted: str
) -> None:
    """Who accepts neither gzip nor deflate gets plain JSON."""
    answer = post("zeros:predict", {"inputs": [20_000]}, Accept_Encoding=accepted)
    assert "Content-Encoding" not in answer.headers
    assert answer.json() == {"outputs": [0.0] * 20_000}
