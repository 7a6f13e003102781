"""predict without HTTP: direct invokes, and batches of messages from a queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain.errors import (
    BadRequest,
    HearthError,
    PayloadTooLarge,
    SignatureMismatch,
    UnknownModel,
)
from support import events, zoo
from support.calling import Caller

ROWS = [[1, 2, 3, 4]]
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
GOOD = {"route": "/v1/models/m:predict", "instances": ROWS}
QUEUED = {**GOOD, "headers": {"X-Hearth-Output-Location": "payloads/answer.json"}}
Handler = Callable[..., Any]


@pytest.fixture
def invoke(predict: Caller, serve: Callable[..., Any]) -> Handler:
    """`invoke(event)`: what the function gives back for an event that is not HTTP."""
    serve()

    def call(event: Any, remaining_ms: int = 30_000) -> Any:
        answer = predict.handler(event, events.Context(remaining_ms=remaining_ms))
        return json.loads(json.dumps(answer))

    return call


def batch(*bodies: Any) -> dict[str, Any]:
    """An SQS batch as Lambda gets it."""
    return {
        "Records": [
            {
                "messageId": f"id-{number}",
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:requests",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


# ----------------------------------------------------------------------------------------- direct


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (GOOD, "predictions", [[3, 5, 7, 9]]),
        ({"route": "POST /v1/models/m:predict", "inputs": ROWS}, "outputs", [[3, 5, 7, 9]]),
        (
            {"route": "post /v1/models/m/labels/stable:predict", "inputs": ROWS},
            "outputs",
            [[3, 5, 7, 9]],
        ),
        ({"route": "/v2/models/m/versions/1/infer", "inputs": [ROW], "id": "7"}, "id", "7"),
        ({"route": "GET /v2/models/m"}, "platform", "onnx_onnxv1"),
        ({"route": "GET /v2/models/m/config"}, "backend", "onnxruntime"),
        ({**GOOD, "headers": {"X-Hearth-Routing-Key": "a"}}, "predictions", [[3, 5, 7, 9]]),
    ],
)
def test_direct_invoke_is_the_body_with_its_route_in_a_field(
    invoke: Handler, event: Any, key: str, value: Any
) -> None:
    """What HTTP takes as a body is the event, and what HTTP gives as JSON comes back as it is."""
    assert invoke(event)[key] == value


def test_binary_answer_to_a_direct_invoke_comes_as_http_has_it(invoke: Handler) -> None:
    """Bytes are no JSON: they come in base64, with the headers that say how to read them."""
    event = {
        "route": "/v2/models/m/infer",
        "inputs": [ROW],
        "parameters": {"binary_data_output": True},
    }
    answer = invoke(event)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert int(answer["headers"]["Inference-Header-Content-Length"]) > 0


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({**GOOD, "instances": [[1]]}, SignatureMismatch),
        ({**GOOD, "route": "/v1/models/none:predict"}, UnknownModel),
        ({**GOOD, "route": "/v1/models/m"}, BadRequest),
        ({**GOOD, "route": "models"}, BadRequest),
        ({**GOOD, "route": ""}, BadRequest),
        ({**GOOD, "route": None}, BadRequest),
        ({**GOOD, "headers": {"a": 1}}, BadRequest),
        ({**GOOD, "headers": []}, BadRequest),
        ({}, BadRequest),
        ({"do": "load"}, BadRequest),
        ({"Records": [{"eventSource": "aws:s3"}]}, BadRequest),
    ],
)
def test_failed_direct_invoke_is_an_error_by_its_class(
    invoke: Handler, event: Any, error: type[HearthError]
) -> None:
    """Lambda reports the class and the message: Step Functions can catch one and not another."""
    with pytest.raises(error):
        invoke(event)


def test_direct_invoke_writes_its_record(
    invoke: Handler, capfd: pytest.CaptureFixture[str]
) -> None:
    """However it came, a prediction is one line, with the invocation's request id."""
    capfd.readouterr()
    invoke(GOOD)

    [line] = capfd.readouterr().out.splitlines()
    record = json.loads(line)
    assert (record["model"], record["status"]) == ("m", 200)
    assert record["request_id"] == events.Context().aws_request_id


# ------------------------------------------------------------------------------------------ queue


def test_messages_that_were_answered_are_done(invoke: Handler) -> None:
    """A batch without failures is gone from the queue."""
    assert invoke(batch(QUEUED, QUEUED)) == {"batchItemFailures": []}
    assert invoke(batch()) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    "bad",
    [
        "no JSON",
        "[" * 100_000,
        "[]",
        {},
        {"instances": ROWS},
        {**QUEUED, "route": 5},
        {**QUEUED, "instances": "x"},
        {**QUEUED, "route": "/v1/models/none:predict"},
        GOOD,
    ],
)
def test_only_the_message_that_failed_comes_again(
    invoke: Handler, bad: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """The others are answered; why one was not stands in the log."""
    assert invoke(batch(QUEUED, bad, QUEUED)) == {"batchItemFailures": [{"itemIdentifier": "id-1"}]}

    seen = capfd.readouterr()
    assert "message id-1: " in seen.err
    assert sum('"status":200' in line for line in seen.out.splitlines()) == 2


def test_messages_that_time_does_not_suffice_for_come_again(invoke: Handler) -> None:
    """What is not begun is not lost: the queue gives it again."""
    failures = invoke(batch(GOOD, GOOD), remaining_ms=1000)["batchItemFailures"]
    assert [item["itemIdentifier"] for item in failures] == ["id-0", "id-1"]


def test_batch_that_is_none_is_an_error(invoke: Handler) -> None:
    """Without ids nothing could be reported: the whole batch comes again."""
    event = batch(GOOD)
    del event["Records"][0]["messageId"]
    with pytest.raises(BadRequest, match="not an SQS batch"):
        invoke(event)


def test_answer_that_is_no_json_comes_as_http_has_it(
    invoke: Handler, serve: Callable[..., Any]
) -> None:
    """NaN is none: whoever parses the payload must not fail on it."""
    serve("divided", zoo.DIVIDED)
    answer = invoke({"route": "/v1/models/divided:predict", "inputs": [0.0, 1.0]})

    assert answer["statusCode"] == 200
    assert answer["body"] == '{"outputs":[NaN,Infinity]}'


def test_direct_answer_is_bounded_as_lambda_will_write_it(invoke: Handler) -> None:
    """Lambda's runtime puts a space behind each comma: what would then be too large is refused."""
    rows = [[0.5] * 4] * 300_000
    with pytest.raises(PayloadTooLarge):
        invoke({"route": "/v1/models/m:predict", "instances": rows})
