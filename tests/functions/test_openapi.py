"""The OpenAPI document as it is served, and real answers held against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import load_and_warm
import pytest
from hearth.edge.openapi import document
from support.calling import Caller, infer_body
from support.description import component, require_asked, require_described
from support.faults import Faults, answer

ROW = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 5, 7]}
FIRST = {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2]]}
SECOND = {"name": "b", "datatype": "INT64", "shape": [1], "data": [5]}


@pytest.fixture
def loading(function_environment: Callable[..., None], aws: None) -> Iterator[Caller]:
    """load-and-warm in a fresh sandbox."""
    cached = (load_and_warm.settings, load_and_warm.assemble, load_and_warm.sweeper)
    for one in cached:
        one.cache_clear()
    function_environment()
    yield Caller(load_and_warm.handler)
    for one in cached:
        one.cache_clear()


def test_served_document_is_the_built_one(health: Caller) -> None:
    """What health-check gives is what the code builds, and the document describes that, too."""
    reply = health.get("/openapi.json")

    assert (reply.status, reply.json) == (200, document())
    require_described("GET", "/openapi.json", reply)


def test_document_asks_nobody(health: Caller, faults: Faults) -> None:
    """The document needs neither S3 nor a model."""
    faults.on("*", answer(503, "SlowDown"))

    assert health.get("/openapi.json").status == 200
    assert faults.calls == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/m:predict", {"instances": [[1, 2, 5, 7]]}),
        ("/v1/models/m/versions/1:predict", {"inputs": {"x": [[1, 2, 5, 7]]}}),
        ("/v1/models/m/labels/stable:predict", {"inputs": [[1, 2, 5, 7]]}),
        ("/v1/models/pair:predict", {"instances": [{"a": [1, 2], "b": 5}]}),
        ("/v1/models/pair:predict", {"inputs": {"a": [[1, 2]], "b": [5]}}),
        ("/v1/models/text:predict", {"instances": ["a", {"b64": "Yg=="}]}),
        ("/v1/models/scalar:predict", {"inputs": 1.5}),
        ("/v1/models/same-FP32:predict", {"instances": [float("nan"), float("inf")]}),
        ("/v1/models/same-BOOL:predict", {"instances": [True]}),
        ("/v2/models/m/infer", {"inputs": [ROW], "id": "r-1"}),
        ("/v2/models/m/versions/1/infer", {"inputs": [ROW], "outputs": [{"name": "y"}]}),
        ("/v2/models/pair/infer", {"inputs": [FIRST, SECOND]}),
        (
            "/v2/models/same-BYTES/infer",
            {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}]},
        ),
        (
            "/v2/models/scalar/infer",
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [], "data": [1.5]}]},
        ),
    ],
)
def test_prediction_and_its_answer_fit_the_document(warm: Caller, path: str, body: Any) -> None:
    """What is asked and answered in JSON is what the schemas say."""
    reply = warm.post(path, body)

    assert reply.status == 200, reply
    require_asked("POST", path, body)
    require_described("POST", path, reply)


@pytest.mark.parametrize("outputs", [[], [{"name": "next", "parameters": {"binary_data": False}}]])
def test_json_of_a_binary_answer_fits_the_document(warm: Caller, outputs: list[Any]) -> None:
    """A binary answer has its own media type, and before its bytes the JSON that the schema says."""
    first = {**FIRST, "parameters": {"binary_data_size": 8}}
    del first["data"]
    asked = {"inputs": [first, SECOND], "parameters": {"binary_data_output": True}}
    if outputs:
        asked["outputs"] = [{"name": "twice"}, *outputs]
    inputs = asked["inputs"]
    body, headers = infer_body(inputs, bytes(8), **{k: asked[k] for k in asked if k != "inputs"})

    reply = warm.post("/v2/models/pair/infer", body, headers=headers)

    assert reply.status == 200, reply
    require_asked("POST", "/v2/models/pair/infer", asked)
    require_described("POST", "/v2/models/pair/infer", reply)
    length = int(reply.headers["inference-header-content-length"])
    component("InferAnswer").validate(json.loads(reply.body[:length]))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m/metadata",
        "/v1/models/pair/versions/1/metadata",
        "/v1/models/text/labels/stable/metadata",
        "/v2/models/m",
        "/v2/models/pair/versions/1",
    ],
)
def test_metadata_fits_the_document(warm: Caller, path: str) -> None:
    """A model's description is what the schemas say."""
    reply = warm.get(path)

    assert reply.status == 200
    require_described("GET", path, reply)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/models/m:predict", {"instances": [[1]]}, 400),
        ("POST", "/v1/models/m:predict", b"{", 400),
        ("POST", "/v1/models/m/labels/none:predict", {"instances": [[1]]}, 400),
        ("POST", "/v1/models/m/versions/99999999999999999999:predict", b"{}", 400),
        ("POST", "/v1/models/m/versions/9:predict", {"instances": [[1]]}, 404),
        ("POST", "/v2/models/m/infer", {"inputs": [{**ROW, "shape": [4]}]}, 400),
        ("POST", "/v2/models/m/versions/9/infer", {"inputs": [ROW]}, 404),
        ("POST", "/v2/models/.m/infer", {"inputs": [ROW]}, 400),
        ("GET", "/v1/models/m/labels/none/metadata", b"", 400),
        ("GET", "/v2/models/m/versions/9", b"", 404),
    ],
)
def test_refusal_of_predict_fits_the_document(
    predict: Caller, serve: Callable, method: str, path: str, body: Any, status: int
) -> None:
    """An error has a status that the operation lists, and the body of every error."""
    serve("m")

    reply = predict(method, path, body)

    assert reply.status == status, reply
    require_described(method, path, reply)


HEALTH = [
    ("GET", "/v2", b"", 200),
    ("GET", "/v2/health/live", b"", 200),
    ("GET", "/v2/health/ready", b"", 200),
    ("GET", "/v2/models/m/ready", b"", 200),
    ("GET", "/v2/models/m/versions/1/ready", b"", 200),
    ("GET", "/v2/models/m/versions/2/ready", b"", 503),
    ("GET", "/v2/models/m/versions/9/ready", b"", 404),
    ("GET", "/v2/models/nothing/ready", b"", 404),
    ("GET", "/v2/models/broken/ready", b"", 500),
    ("GET", "/v1/models/m", b"", 200),
    ("GET", "/v1/models/m/versions/2", b"", 200),
    ("GET", "/v1/models/m/labels/stable", b"", 200),
    ("GET", "/v1/models/m/labels/none", b"", 400),
    ("GET", "/v1/models/nothing", b"", 404),
    ("POST", "/v2/repository/index", b"", 200),
    ("POST", "/v2/repository/index", {"ready": True}, 200),
    ("POST", "/v2/repository/index", {"ready": 1}, 400),
]


@pytest.fixture
def three(serve: Callable, publish: Callable, load: Callable, documents: Any, s3: Any) -> None:
    """Model m: version 1 serves, version 2 ended for a lost blob; the entry of `broken` is broken."""
    serve("m")
    published = publish("m", "other (float[N] x) => (float[N] y) { y = Add(x, x) }")
    [file] = published.manifest.of_role("model")
    s3.delete_object(Bucket="hearth-models", Key=f"models/m/blobs/{file.sha256}")
    assert load("m", 2).state == "END"
    documents.create("registry/broken.json", b"{")


@pytest.mark.parametrize(("method", "path", "body", "status"), HEALTH)
def test_answer_of_health_check_fits_the_document(
    health: Caller, three: None, method: str, path: str, body: Any, status: int
) -> None:
    """Health, status and index are what the schemas say, in good days and bad ones."""
    reply = health(method, path, body)

    assert reply.status == status, reply
    require_described(method, path, reply)


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/m/ready", "/v1/models/m"])
def test_answer_without_s3_fits_the_document(
    health: Caller, three: None, faults: Faults, impatient: None, path: str
) -> None:
    """An outage is a 503 that the document lists, with a body that it describes."""
    faults.on("*", answer(503, "SlowDown"))

    reply = health.get(path)

    assert reply.status == 503
    require_described("GET", path, reply)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/repository/models/m/load", {"parameters": {"version": 1}}, 200),
        ("/v2/repository/models/m/load", b"", 200),
        ("/v2/repository/models/m/load", {"parameters": {"version": 2}}, 400),
        ("/v2/repository/models/m/load", {"parameters": {"version": 9}}, 404),
        ("/v2/repository/models/m/load", {"parameters": {"config": "{}"}}, 400),
        ("/v2/repository/models/nothing/load", b"", 404),
        ("/v2/repository/models/m/unload", {"parameters": {"unload_dependents": False}}, 200),
        ("/v2/repository/models/nothing/unload", b"", 404),
    ],
)
def test_answer_of_load_and_warm_fits_the_document(
    loading: Caller, three: None, path: str, body: Any, status: int
) -> None:
    """Load and unload are what the schemas say."""
    reply = loading.post(path, body)

    assert reply.status == status, reply
    require_described("POST", path, reply)
    if body and status == 200:
        require_asked("POST", path, body)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/stats", 200),
        ("/v2/models/m/stats", 200),
        ("/v2/models/m/versions/1/stats", 200),
        ("/v2/models/m/versions/2/stats", 503),
        ("/v2/models/m/versions/9/stats", 404),
        ("/v2/models/nothing/stats", 404),
        ("/v2/models/broken/stats", 500),
        ("/metrics", 200),
        ("/monitoring/prometheus/metrics", 200),
        ("/reports/m", 200),
        ("/reports/nothing", 404),
    ],
)
def test_answer_of_metrics_fits_the_document(
    metrics: Caller, three: None, path: str, status: int
) -> None:
    """Statistics and reports are what the schemas say; metrics have a media type of their own."""
    reply = metrics.get(path)

    assert reply.status == status, reply
    require_described("GET", path, reply)
