"""boto3's own Lambda client works against the local stack."""

import base64
import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ECHO = """
    import os
    def handler(event, context):
        print("seen", event)
        if event.get("fail"):
            raise KeyError("no")
        custom = context.client_context.custom if context.client_context else None
        return {"event": event, "custom": custom}
"""


@pytest.fixture(scope="module", params=["awslambdaric", "small"])
def stack(request, tmp_path_factory, project, run_stack):
    template = project.write(tmp_path_factory.mktemp("invoke"), {"echo": (ECHO, {})})
    with run_stack(template, client=request.param, retry_delays_s=(0.05, 0.05)) as running:
        yield running


@pytest.fixture
def client(stack):
    made = boto3.client(
        "lambda",
        endpoint_url=stack.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()


def log_of(stack):
    return (stack.state_dir / "logs" / "echo.log").read_text()


@pytest.mark.parametrize(
    "name",
    [
        "echo",
        "EchoFunction",
        "hearth-EchoFunction",
        "arn:aws:lambda:us-east-1:123456789012:function:hearth-EchoFunction:live",
    ],
)
def test_invoke_finds_a_function_by_any_of_its_names(client, name):
    """Name, logical id, folder name and ARN lead to the function."""
    answer = client.invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads(answer["Payload"].read())["event"] == {"a": 1}


def test_invoke_reports_a_function_error(client):
    """A failed call is a 200 with FunctionError and Lambda's description."""
    answer = client.invoke(FunctionName="echo", Payload=b'{"fail": true}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "KeyError"


def test_invoke_returns_the_log_tail_where_asked(client):
    """LogType Tail brings the call's own log."""
    answer = client.invoke(FunctionName="echo", Payload=b'{"b": 2}', LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "seen {'b': 2}" in log
    assert f"START RequestId: {answer['ResponseMetadata']['RequestId']} " in log


def test_invoke_passes_the_client_context(client):
    """What the caller sends beside the event reaches context.client_context."""
    context = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    answer = client.invoke(FunctionName="echo", Payload=b"{}", ClientContext=context)
    assert json.loads(answer["Payload"].read())["custom"] == {"k": "v"}


def test_event_invoke_is_accepted_at_once_and_runs(client, stack):
    """An asynchronous call answers 202 and runs in the background."""
    answer = client.invoke(FunctionName="echo", Payload=b'{"c": 3}', InvocationType="Event")
    assert answer["StatusCode"] == 202
    wait_for(lambda: "seen {'c': 3}" in log_of(stack))


def test_failed_event_is_retried_twice_under_one_id_and_then_a_dead_letter(client, stack):
    """Three attempts share the request id; then one line keeps the event."""
    event = b'{"fail": "always"}'
    answer = client.invoke(FunctionName="echo", Payload=event, InvocationType="Event")
    request_id = answer["ResponseMetadata"]["RequestId"]
    wait_for(lambda: "dead letter" in log_of(stack))
    assert log_of(stack).count(f"START RequestId: {request_id}") == 3
    letter = next(line for line in log_of(stack).splitlines() if "dead letter" in line)
    assert request_id in letter
    assert event.decode() in letter


def test_dry_run_runs_nothing(client):
    """A dry run only checks."""
    answer = client.invoke(FunctionName="echo", InvocationType="DryRun")
    assert answer["StatusCode"] == 204


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404),
        ({"Payload": b"{"}, "InvalidRequestContentException", 400),
        ({"Payload": b'"' + b"x" * 6_291_556 + b'"'}, "RequestTooLargeException", 413),
        (
            {"Payload": b'"' + b"x" * 1_100_000 + b'"', "InvocationType": "Event"},
            "RequestTooLargeException",
            413,
        ),
    ],
)
def test_call_that_lambda_would_refuse_is_refused(client, arguments, code, status):
    """Unknown functions, no JSON and payloads over 6 MB (events: 1 MB) are Lambda's errors."""
    with pytest.raises(ClientError) as caught:
        client.invoke(**{"FunctionName": "echo", **arguments})
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
