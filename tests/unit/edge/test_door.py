"""What every function does around its flow for an HTTP request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hearth.domain.errors import HearthError, StoreUnavailable, UnknownLabel
from hearth.edge.answers import Answer, of_json
from hearth.edge.door import respond
from hearth.edge.events import HttpRequest
from support import events


def failing(error: Exception) -> Any:
    def flow(_: HttpRequest) -> Answer:
        raise error

    return flow


def test_respond_gives_the_flow_its_request_and_the_gateway_its_answer() -> None:
    """The flow sees the request, the gateway the rendered answer."""
    event = events.http("POST", "/v2/x", b"body")

    answer = respond(event, lambda request: of_json(200, request.body.decode()))

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, "body")


@pytest.mark.parametrize(
    ("path", "stage", "status"),
    [
        ("/v1/models/m", "$default", 400),
        ("/V1/models/m", "$default", 400),
        ("/prod/v1/models/m", "prod", 400),
        ("/v2/models/m", "$default", 404),
        ("/prod/v2/models/m", "prod", 404),
        ("/v1/v2/models/m", "v1", 404),
    ],
)
def test_error_has_the_status_of_its_protocol(path: str, stage: str, status: int) -> None:
    """Which protocol was spoken is seen behind the stage, in any case."""
    event = events.http("GET", path)
    event["requestContext"]["stage"] = stage

    answer = respond(event, failing(UnknownLabel("no such label")))

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == {"error": "no such label"}


@pytest.mark.parametrize("error", [HearthError("x"), StoreUnavailable("x")])
def test_hearths_errors_are_answers(error: HearthError) -> None:
    """No error of the tree leaves the handler as an exception."""
    assert respond(events.http("GET", "/v2"), failing(error))["statusCode"] >= 500


def test_unforeseen_exception_is_an_answer_and_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A worker does not die of one request: the client gets a 500, the log the traceback."""
    answer = respond(events.http("GET", "/v2"), failing(ZeroDivisionError("of ours")))

    assert answer["statusCode"] == 500
    assert "of ours" not in answer["body"]
    assert "ZeroDivisionError: of ours" in capsys.readouterr().err


@pytest.mark.parametrize("event", [{}, None, [], {"rawPath": "/v1"}])
def test_event_of_another_shape_is_an_answer(event: Any) -> None:
    """An event that is no request is refused like any other bad input."""
    answer = respond(event, lambda _: of_json(200, {}))

    assert answer["statusCode"] == 400
    assert "not an HTTP request" in answer["body"]
