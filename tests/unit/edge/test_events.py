"""Events from AWS as domain values."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import BadRequest, MalformedBody
from hearth.edge.events import (
    HttpRequest,
    ObjectCreated,
    http_request,
    is_http,
    is_log_batch,
    is_object_created,
    job,
    log_batch,
    object_created,
)
from support import events

# --------------------------------------------------------------------------------------------- HTTP


def test_http_request_is_read_from_payload_format_2() -> None:
    """Method, path, headers, body and id are taken from where API Gateway puts them."""
    event = events.http("post", "/v2/models/m/infer", b"\xff\0", {"X-Request-Id": "a"})

    request = http_request(event)

    assert request == HttpRequest(
        method="POST",
        path="/v2/models/m/infer",
        headers={"content-length": "2", "host": "api.test", "x-request-id": "a"},
        body=b"\xff\0",
        request_id="JKJaXmPLvHcESHA=",
        query={},
    )


@pytest.mark.parametrize(
    ("stage", "raw", "path"),
    [
        ("$default", "/v1/models/m", "/v1/models/m"),
        ("prod", "/prod/v1/models/m", "/v1/models/m"),
        ("prod", "/v1/models/prod", "/v1/models/prod"),
        ("prod", "/prod", "/"),
        ("v1", "/v1/v1/models/m", "/v1/models/m"),
        ("$default", "/$default/v1", "/$default/v1"),
        ("$default", "", "/"),
    ],
)
def test_http_path_is_without_its_stage(stage: str, raw: str, path: str) -> None:
    """A stage other than the default one stands before the path, once."""
    event = events.http("GET", raw)
    event["requestContext"]["stage"] = stage

    assert http_request(event).path == path


def test_http_path_stays_percent_encoded() -> None:
    """A path is decoded where its parts are known, not before."""
    assert http_request(events.http("GET", "/v1/models/a%2Fb")).path == "/v1/models/a%2Fb"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {}),
        ("a=1&b=&a=2", {"a": ["1", "2"], "b": [""]}),
        ("name=gr%C3%B6%C3%9Fe+x", {"name": ["größe x"]}),
    ],
)
def test_http_query_is_decoded(text: str, query: Any) -> None:
    """Every value of a key is kept, in order; empty ones too."""
    assert http_request({**events.http("GET", "/"), "rawQueryString": text}).query == query


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, b""),
        ({"body": None}, b""),
        ({"body": ""}, b""),
        ({"body": "größe"}, "größe".encode()),
        ({"body": "größe", "isBase64Encoded": False}, "größe".encode()),
        ({"body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}, b"\xff"),
        ({"body": "", "isBase64Encoded": True}, b""),
    ],
)
def test_http_body_is_text_or_base64(fields: dict[str, Any], body: bytes) -> None:
    """The body is the bytes that were sent, however the event carries them."""
    assert (
        http_request({**events.http("POST", "/"), "isBase64Encoded": False, **fields}).body == body
    )


@pytest.mark.parametrize("length", ["0", "1", "15", "16", "99999999999999", "x", "-1", "²"])
def test_large_tensor_behind_its_header_is_aligned(length: str) -> None:
    """The body is the bytes that were sent, and what the header says begins lies at 16 bytes."""
    sent = bytes(range(256)) * 400
    event = events.http("POST", "/", sent, {"inference-header-content-length": length})

    body = http_request(event).body

    assert body == sent
    if length.isdecimal() and int(length) < len(sent):
        tensor = np.frombuffer(memoryview(body)[int(length) :], np.uint8)
        assert tensor.ctypes.data % 16 == 0


def test_large_tensor_that_is_not_base64_is_refused() -> None:
    """A large body is checked as strictly as a small one."""
    event = events.http("POST", "/", bytes(100_000), {"inference-header-content-length": "7"})
    with pytest.raises(MalformedBody, match="not base64"):
        http_request({**event, "body": event["body"][:-4] + "Y Q="})


@pytest.mark.parametrize("body", ["!", "YQ", "Y Q==", "größe", "YQ==YQ=="])
def test_http_body_that_is_not_base64_is_refused(body: str) -> None:
    """Base64 is checked strictly: what decodes to something else is not guessed at."""
    with pytest.raises(MalformedBody, match="not base64"):
        http_request({**events.http("POST", "/"), "body": body, "isBase64Encoded": True})


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        None,
        {"requestContext": {}, "rawPath": "/"},
        {"requestContext": {"http": {"method": "GET"}}},
        {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/", "headers": None},
        {"requestContext": {"http": {"method": "GET"}}, "rawPath": 7},
    ],
)
def test_http_event_of_another_shape_is_refused(event: Any) -> None:
    """What is missing is named, and what was expected."""
    with pytest.raises(BadRequest, match=r"not an HTTP request.*payload format 2\.0"):
        http_request(event)


# ----------------------------------------------------------------------------------- kinds of events


def test_each_event_is_of_one_kind() -> None:
    """HTTP, object, log and job events are told apart by what only they have."""
    kinds = {
        "http": events.http("GET", "/v2"),
        "object": events.object_created("b", "k"),
        "log": {"awslogs": {"data": ""}},
        "job": {"do": "sweep"},
    }
    for name, event in kinds.items():
        assert is_http(event) == (name == "http")
        assert is_object_created(event) == (name == "object")
        assert is_log_batch(event) == (name == "log")


@pytest.mark.parametrize("other", [{"source": "aws.ec2"}, {"detail-type": "Object Deleted"}])
def test_other_events_of_the_bus_are_no_new_objects(other: dict[str, str]) -> None:
    """Only S3's word on a created object counts."""
    assert not is_object_created({**events.object_created("b", "k"), **other})


@pytest.mark.parametrize(
    ("key", "decoded"),
    [
        ("models/m/versions/1/manifest.json", "models/m/versions/1/manifest.json"),
        ("models/gr%C3%B6%C3%9Fe/a%20b", "models/größe/a b"),
        ("models/a+b", "models/a+b"),
    ],
)
def test_object_created_names_bucket_and_decoded_key(key: str, decoded: str) -> None:
    """Percent signs are decoded; a plus stays one."""
    created = object_created(events.object_created("b", key))

    assert created == ObjectCreated("b", decoded, "00617F08299329D189")


@pytest.mark.parametrize(
    "detail",
    [None, {}, {"bucket": {"name": "b"}}, {"object": {"key": "k"}}, {"object": {}}, "text", []],
)
def test_object_created_without_bucket_or_key_is_refused(detail: Any) -> None:
    """An event that does not say which object is refused in words."""
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    with pytest.raises(BadRequest, match=r"expected detail\.bucket, detail\.object"):
        object_created(event)


def test_job_is_what_a_direct_invoke_asks_to_do() -> None:
    """`do` names the job."""
    assert job({"do": "sweep", "more": 1}) == "sweep"


@pytest.mark.parametrize("event", [{}, {"do": 1}, {"do": None}, {"Do": "sweep"}])
def test_event_of_no_known_kind_is_refused(event: Any) -> None:
    """The message lists the kinds that are known, and the keys that came."""
    with pytest.raises(BadRequest, match=r"of no known kind: got .* an object with 'do'"):
        job(event)


# ------------------------------------------------------------------------------------------ log batches


def packed(body: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(gzip.compress(body)).decode()}}


def message(**fields: Any) -> bytes:
    usual = {
        "messageType": "DATA_MESSAGE",
        "logGroup": "/hearth/predict",
        "logStream": "2026/11/23/[7]abc",
        "logEvents": [{"id": "1", "timestamp": 1, "message": "größe\n"}, {"message": "b"}],
    }
    return json.dumps({**usual, **fields}).encode()


def test_log_batch_names_its_group_stream_and_lines() -> None:
    """Lines come as they were written, in order."""
    batch = log_batch(packed(message()))

    assert (batch.group, batch.stream) == ("/hearth/predict", "2026/11/23/[7]abc")
    assert batch.lines == ("größe\n", "b")


def test_log_batch_with_half_a_character_loses_no_line() -> None:
    """Half a surrogate pair, which strict JSON does not have, stands in one line alone."""
    lines = message(logEvents=[{"message": "\ud800"}, {"message": "b"}])

    assert log_batch(packed(lines)).lines == ("\ud800", "b")


def test_log_batch_of_a_control_message_has_no_lines() -> None:
    """CloudWatch's trial of a subscription carries a message that is no line."""
    assert log_batch(packed(message(messageType="CONTROL_MESSAGE"))).lines == ()


@pytest.mark.parametrize(
    "event",
    [
        {"awslogs": {"data": "!"}},
        {"awslogs": {"data": base64.b64encode(b"text").decode()}},
        packed(b"{"),
        packed(b"[]"),
        packed(b"[" * 500_000),
        packed(message(logEvents=None)),
        packed(message(logEvents=[{}])),
    ],
)
def test_log_batch_that_cannot_be_read_is_refused(event: Any) -> None:
    """Whatever is wrong with a batch, it is one error in words."""
    with pytest.raises(MalformedBody, match="not a CloudWatch Logs batch"):
        log_batch(event)


def test_log_batch_is_bounded_while_it_unpacks() -> None:
    """A batch that would unpack to more than 64 MiB is refused before it has."""
    with pytest.raises(MalformedBody, match="too large"):
        log_batch(packed(b" " * ((64 << 20) + 1)))
