"""Requests and answers that lie in the bucket: too large for an event, or to be read later."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import zoo
from support.calling import Caller, Reply, infer_body
from support.faults import Faults, answer

ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
BYTES = np.float32([1, 2, 3, 4]).tobytes()
JSON = json.dumps({"instances": [[1, 2, 3, 4]]}).encode()
IN, OUT = "X-Hearth-Input-Location", "X-Hearth-Output-Location"
V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"


@pytest.fixture
def ask(predict: Caller, serve: Callable[..., Any]) -> Callable[..., Reply]:
    """`ask(path, headers)`: a prediction whose body and answer may lie elsewhere."""
    serve()

    def call(path: str, body: bytes = b"", **headers: str) -> Reply:
        return predict.post(path, body, headers={**headers})

    return call


def put(s3: Any, bucket: str, key: str, body: bytes, **more: Any) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def got(s3: Any, bucket: str, key: str) -> Any:
    return s3.get_object(Bucket=bucket, Key=key)


def test_request_may_name_its_body(ask: Callable[..., Reply], s3: Any, bucket: str) -> None:
    """By key or by URI; the answer comes back as it would have."""
    put(s3, bucket, "payloads/a/1.json", JSON)

    put(s3, bucket, "payloads/2026-11-25T03:45:00+01:00@a,b=1.json", JSON)

    for location in (
        "payloads/a/1.json",
        f"s3://{bucket}/payloads/a/1.json",
        "payloads/2026-11-25T03:45:00+01:00@a,b=1.json",
    ):
        assert ask(V1, **{IN: location}).json == {"predictions": [[3, 5, 7, 9]]}


def test_object_says_how_it_is_to_be_read(ask: Callable[..., Reply], s3: Any, bucket: str) -> None:
    """Its coding and the length of its JSON header are its own; else the request's."""
    body, headers = infer_body([ROW], BYTES)
    put(s3, bucket, "payloads/binary", body, Metadata=headers)
    put(s3, bucket, "payloads/packed", gzip.compress(JSON), ContentEncoding="gzip")
    put(s3, bucket, "payloads/bare", body)

    assert ask(V2, **{IN: "payloads/binary"}).status == 200
    assert ask(V2, **{IN: "payloads/bare", **headers}).status == 200
    assert ask(V1, **{IN: "payloads/packed"}).status == 200


def test_answer_may_be_written(ask: Callable[..., Reply], s3: Any, bucket: str) -> None:
    """What comes back says where the answer lies; it lies there as HTTP would have given it."""
    reply = ask(V1, JSON, **{OUT: "payloads/out/1.json"})

    assert reply.json == {
        "output_location": f"s3://{bucket}/payloads/out/1.json",
        "status": 200,
        "bytes": 35,
        "headers": {
            "content-type": "application/json",
            "x-request-id": reply.headers["x-request-id"],
        },
    }
    found = got(s3, bucket, "payloads/out/1.json")
    assert found["ContentType"] == "application/json"
    assert json.loads(found["Body"].read()) == {"predictions": [[3.0, 5.0, 7.0, 9.0]]}


def test_binary_answer_keeps_the_length_of_its_header(
    ask: Callable[..., Reply], s3: Any, bucket: str
) -> None:
    """What reads a binary answer from HTTP can read it from the bucket."""
    body, headers = infer_body([ROW], BYTES, parameters={"binary_data_output": True})
    assert ask(V2, body, **headers, **{OUT: "payloads/o"}).status == 200

    found = got(s3, bucket, "payloads/o")
    content, length = (
        found["Body"].read(),
        int(found["Metadata"]["inference-header-content-length"]),
    )
    assert json.loads(content[:length])["model_name"] == "m"
    assert np.frombuffer(content[length:], "<f4").tolist() == [3, 5, 7, 9]


def test_answer_is_not_bound_by_what_an_event_carries(
    predict: Caller, serve: Callable[..., Any], s3: Any, bucket: str
) -> None:
    """Ten megabytes in and ten out."""
    serve()
    rows = np.ones((650_000, 4), np.float32)
    item = {**ROW, "shape": [650_000, 4], "parameters": {"binary_data_size": rows.nbytes}}
    body, headers = infer_body([item], rows.tobytes(), parameters={"binary_data_output": True})
    put(s3, bucket, "payloads/in", body, Metadata=headers)

    assert predict.post(V2, headers={IN: "payloads/in"}).status == 413
    reply = predict.post(V2, headers={IN: "payloads/in", OUT: "payloads/out"})
    assert reply.json["bytes"] > rows.nbytes
    content = got(s3, bucket, "payloads/out")["Body"].read()
    assert np.frombuffer(content[-rows.nbytes :], "<f4").tolist() == [3.0] * rows.size


def test_same_request_writes_the_same_answer(
    ask: Callable[..., Reply], s3: Any, bucket: str
) -> None:
    """A queue may bring a request twice: the second answer replaces the first."""
    for _ in range(2):
        assert ask(V1, JSON, **{OUT: "payloads/o"}).status == 200


@pytest.mark.parametrize(
    "location",
    [
        "",
        "payloads",
        "payloads/",
        "/payloads/a",
        "payloads/../registry/m.json",
        "payloads/a/../../models/m",
        "payloads/./a",
        "payloads//a",
        "payloads/a\n",
        "payloads/é",
        "payloads/a b",
        "payloads/" + "a" * 1000,
        "registry/m.json",
        "models/m/versions/1/manifest.json",
        "s3://other/payloads/a",
        "s3://hearth-models/registry/m.json",
        "https://hearth-models.s3.amazonaws.com/payloads/a",
    ],
)
@pytest.mark.parametrize("header", [IN, OUT])
def test_nothing_outside_the_prefix_can_be_named(
    ask: Callable[..., Reply], header: str, location: str
) -> None:
    """Neither read nor written: the registry, the models, another bucket, or a path that climbs."""
    reply = ask(V1, JSON, **{header: location})

    assert reply.status == 403
    assert "a request may not name this object" in reply.error


def test_refused_output_computes_nothing(ask: Callable[..., Reply], s3: Any, bucket: str) -> None:
    """An answer that could not be written is not asked of the model."""
    put(s3, bucket, "payloads/in", b"no JSON")
    assert ask(V1, **{IN: "payloads/in", OUT: "registry/m.json"}).status == 403


def test_object_that_is_not_there_is_named(ask: Callable[..., Reply]) -> None:
    """404 with the key."""
    reply = ask(V1, **{IN: "payloads/none"})
    assert (reply.status, "there is no object payloads/none" in reply.error) == (404, True)


def test_object_is_bounded_before_and_after_it_is_inflated(
    predict: Caller,
    serve: Callable[..., Any],
    s3: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """HEARTH_PAYLOAD_MB bounds what is read and what comes out of it."""
    monkeypatch.setenv("HEARTH_PAYLOAD_MB", "1")
    serve()
    put(s3, bucket, "payloads/large", b" " * ((1 << 20) + 1))
    put(s3, bucket, "payloads/bomb", gzip.compress(b" " * (2 << 20)), ContentEncoding="gzip")

    for key in ("payloads/large", "payloads/bomb"):
        reply = predict.post(V1, headers={IN: key})
        assert (reply.status, "at most 1048576" in reply.error) == (413, True)


def test_error_lies_beside_where_the_answer_would(
    ask: Callable[..., Reply], s3: Any, bucket: str
) -> None:
    """Who asked and went away finds what was wrong."""
    reply = ask(V1, b'{"instances": [[1]]}', **{OUT: "payloads/o"})

    assert reply.status == 400
    found = json.loads(got(s3, bucket, "payloads/o.error.json")["Body"].read())
    assert found == {"error": reply.error, "status": 400}


def test_error_of_an_earlier_attempt_goes_when_the_answer_comes(
    ask: Callable[..., Reply], s3: Any, bucket: str
) -> None:
    """A retry that succeeds leaves the answer alone."""
    assert ask(V1, b"{}", **{OUT: "payloads/o"}).status == 400
    assert ask(V1, JSON, **{OUT: "payloads/o"}).status == 200

    listed = s3.list_objects_v2(Bucket=bucket, Prefix="payloads/")["Contents"]
    assert [item["Key"] for item in listed] == ["payloads/o"]


@pytest.mark.parametrize(
    "path", ["/v1/models/m:nothing", "/v2/models/m", "/v1/models/../x:predict"]
)
def test_malformed_route_is_told_there_too(
    ask: Callable[..., Reply], s3: Any, bucket: str, path: str
) -> None:
    """Whatever is wrong, an asynchronous caller does not wait for ever."""
    reply = ask(path, JSON, **{OUT: "payloads/o"})

    found = json.loads(got(s3, bucket, "payloads/o.error.json")["Body"].read())
    assert found == {"error": reply.error, "status": reply.status}


def test_answer_is_not_written_over_its_request(
    ask: Callable[..., Reply], s3: Any, bucket: str
) -> None:
    """A queue that brings the request again must find the request."""
    put(s3, bucket, "payloads/a", JSON)
    reply = ask(V1, **{IN: "payloads/a", OUT: f"s3://{bucket}/payloads/a"})

    assert (reply.status, "over the request" in reply.error) == (403, True)
    assert got(s3, bucket, "payloads/a")["Body"].read() == JSON


def test_output_larger_than_an_object_may_be_is_refused_before_it_is_written(
    predict: Caller, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on what is read bounds what is written."""
    monkeypatch.setenv("HEARTH_PAYLOAD_MB", "1")
    serve("zeros", zoo.ZEROS)
    body = json.dumps({"inputs": [300_000]}).encode()
    reply = predict.post("/v1/models/zeros:predict", body, headers={OUT: "payloads/o"})

    assert (reply.status, "larger than an object may be" in reply.error) == (413, True)


def test_store_that_fails_is_an_answer(
    ask: Callable[..., Reply], faults: Faults, impatient: None
) -> None:
    """503 where S3 does not take the answer or give the body; the worker goes on."""
    assert ask(V1, JSON).status == 200
    faults.on("PutObject", answer(503, "SlowDown"))
    assert ask(V1, JSON, **{OUT: "payloads/o"}).status == 503
    faults.heal()
    assert ask(V1, JSON, **{OUT: "payloads/o"}).status == 200
