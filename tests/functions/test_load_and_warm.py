"""load-and-warm as AWS calls it: a manifest's event, HTTP, a direct invoke."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import load_and_warm
import pytest
from botocore.session import get_session
from hearth.domain.errors import BadRequest, InvalidName, UnknownModel, UnknownVersion
from hearth.domain.registry_entry import Actor, assign
from hearth.edge.settings import SettingsInvalid
from hearth.stores import aws_client
from hearth.stores.artefacts import blob_key, manifest_key
from support import models
from support.calling import Caller
from support.events import Context, object_created

WHO = Actor("test", "2026-11-23T20:00:00.000Z")


@pytest.fixture
def forgetting() -> Iterator[None]:
    """A fresh sandbox before and after: what the function assembled is forgotten."""
    cached = (load_and_warm.settings, load_and_warm.assemble, load_and_warm.sweeper)
    for one in cached:
        one.cache_clear()
    yield
    for one in cached:
        one.cache_clear()


@pytest.fixture
def handler(forgetting: None, function_environment: Callable[..., None], aws: None) -> Callable:
    function_environment()
    return load_and_warm.handler


@pytest.fixture
def http(handler: Callable) -> Caller:
    return Caller(handler)


@pytest.fixture
def told(aws: None) -> Callable[[], list[dict]]:
    """`told()`: what reached the event bus since the last time."""
    sqs = get_session().create_client("sqs")
    events = aws_client.client("events")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["hearth"]}))
    events.put_targets(
        Rule="all", Targets=[{"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}]
    )

    def receive() -> list[dict]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in messages]

    return receive


def test_manifest_event_loads_the_version_and_tells_the_bus(
    publish, handler, bucket, registry, told
):
    """S3's event through EventBridge makes the version servable, and the bus hears of it once."""
    publish("m")
    event = object_created(bucket, manifest_key("m", 1))
    answer = handler(event, Context())
    assert (answer["state"], answer["changed"]) == ("AVAILABLE", True)
    json.dumps(answer)
    assert registry.read("m").entry.labels == {"stable": {1: 1}}
    assert [(detail["model"], detail["version"]) for detail in told()] == [("m", 1)]
    again = handler(event, Context("another-request"))
    assert (again["state"], again["changed"]) == ("AVAILABLE", False)
    assert told() == []


@pytest.mark.parametrize(
    ("bucket_name", "key"),
    [
        ("hearth-models", "models/m/blobs/abc"),
        ("hearth-models", "registry/m.json"),
        ("hearth-models", "models/m/versions/x/manifest.json"),
        ("hearth-models", "models/m/versions/99999999999999999999/manifest.json"),
        ("another-bucket", "models/m/versions/1/manifest.json"),
    ],
)
def test_event_of_another_object_is_ignored_aloud(publish, handler, registry, bucket_name, key):
    """Whatever the rule lets through: only a manifest of this bucket is loaded."""
    publish("m")
    answer = handler(object_created(bucket_name, key), Context())
    assert answer == {"ignored": f"{bucket_name}/{key} is not a manifest of this bucket"}
    assert registry.find("m") is None


def test_event_of_a_broken_version_answers_with_its_end(publish, handler, s3, bucket, told):
    """A version that cannot be served is an outcome, not a failed invocation that AWS repeats."""
    file = publish("m").manifest.model_file
    s3.put_object(Bucket=bucket, Key=blob_key("m", file.sha256), Body=b"x")
    answer = handler(object_created(bucket, manifest_key("m", 1)), Context())
    assert (answer["state"], answer["error_code"]) == ("END", "DATA_LOSS")
    assert told() == []


def test_event_of_a_manifest_that_is_gone_fails_the_invocation(publish, handler, bucket):
    """AWS repeats it, and keeps it where somebody looks, rather than lose it."""
    with pytest.raises(UnknownVersion):
        handler(object_created(bucket, manifest_key("m", 1)), Context())


def test_event_without_an_object_is_refused(handler):
    """An event of that name and another shape says what it lacks."""
    event = {**object_created("b", "k"), "detail": {"bucket": {"name": "b"}}}
    with pytest.raises(BadRequest, match="not an S3 object event: got no 'object'"):
        handler(event, Context())


def test_http_load_brings_the_newest_version_of_a_new_model(publish, http, registry):
    """Without labels, the newest version is meant."""
    publish("m")
    publish("m", models.TRIPLED)
    reply = http.post("/v2/repository/models/m/load")
    assert reply.status == 200
    assert (reply.json["name"], reply.json["load"]) == ("m", True)
    assert [(v["version"], v["state"]) for v in reply.json["versions"]] == [(2, "AVAILABLE")]
    assert registry.read("m").entry.available() == [2]


def test_http_load_takes_the_version_that_is_named(publish, http):
    """`parameters.version` names one."""
    publish("m")
    publish("m", models.TRIPLED)
    body = {"parameters": {"version": "1"}}
    reply = http.post("/v2/repository/models/m/load", body)
    assert [v["version"] for v in reply.json["versions"]] == [1]


def test_http_unload_and_load_come_back_to_the_labelled_versions(serve, http, registry):
    """What labels point at is what a load without a version brings back."""
    serve("m")
    serve("m", models.TRIPLED)
    registry.change("m", lambda entry: assign(entry, "stable", {1: 1}, WHO))
    reply = http.post("/v2/repository/models/m/unload")
    assert (reply.status, reply.json) == (200, {})
    assert registry.read("m").entry.available() == []
    reply = http.post("/v2/repository/models/m/load")
    assert [(v["version"], v["state"]) for v in reply.json["versions"]] == [(1, "AVAILABLE")]
    assert registry.read("m").entry.available() == [1]
    assert registry.read("m").entry.labels == {"stable": {1: 1}}


def test_http_load_that_fails_answers_400_with_the_reason(
    serve, publish, http, s3, bucket, registry
):
    """The caller hears which version ended and why; the old one serves."""
    serve("m")
    file = publish("m", models.TRIPLED).manifest.model_file
    s3.put_object(Bucket=bucket, Key=blob_key("m", file.sha256), Body=b"x")
    reply = http.post("/v2/repository/models/m/load", {"parameters": {"version": 2}})
    assert reply.status == 400
    assert reply.error.startswith("failed to load 'm' version 2: DATA_LOSS: ArtefactCorrupt")
    assert registry.read("m").entry.available() == [1]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v2/repository/models/nothing/load", b"", 404, "it has no version; publish it first"),
        ("/v2/repository/models/nothing/unload", b"", 404, "Servable not found"),
        (
            "/v2/repository/models/m/load",
            {"parameters": {"version": 9}},
            404,
            "version 9 of model m",
        ),
        ("/v2/repository/models/m/load", {"parameters": {"version": "x"}}, 400, "to numeric"),
        ("/v2/repository/models/m/load", {"parameters": {"version": None}}, 400, "to numeric"),
        ("/v2/repository/models/m/load", {"parameters": 5}, 400, "no object 'parameters'"),
        ("/v2/repository/models/m/load", [], 400, "no object 'parameters'"),
        ("/v2/repository/models/m/load", b"{", 400, ""),
        ("/v2/repository/models/m/load", {"parameters": {"config": "{}"}}, 400, "cannot override"),
        (
            "/v2/repository/models/m/load",
            {"parameters": {"file:1/model.onnx": "AAAA"}},
            400,
            "publish a new version",
        ),
        ("/v2/repository/models/-m/load", b"", 400, "model name is not valid"),
        ("/v2/repository/models/m", b"", 404, "Not Found"),
    ],
)
def test_http_request_that_cannot_be_answered_says_why(publish, http, path, body, status, words):
    """Every refusal is `{"error": ...}` with its status."""
    publish("m")
    reply = http.post(path, body)
    assert reply.status == status, reply
    assert words in reply.error


def test_direct_invoke_loads_and_unloads(publish, handler, registry):
    """`{"do": ...}` is what the command line and schedules send."""
    publish("m")
    answer = handler({"do": "load", "model": "m", "version": 1}, Context())
    assert [(v["version"], v["state"]) for v in answer["versions"]] == [(1, "AVAILABLE")]
    assert registry.read("m").entry.history[0].why == "asked by a direct invoke"
    answer = handler({"do": "unload", "model": "m"}, Context())
    assert [(v["version"], v["state"]) for v in answer["versions"]] == [(1, "END")]


def test_direct_invoke_sweeps(publish, handler, s3, bucket, function_environment, forgetting):
    """The schedule's event removes what is older than the grace that the environment gives."""
    publish("m")
    s3.put_object(Bucket=bucket, Key=blob_key("m", "f" * 64), Body=b"12345")
    assert handler({"do": "sweep"}, Context()) == {"removed": 0, "bytes": 0, "left_alone": {}}
    function_environment(HEARTH_SWEEP_GRACE_H="-1")
    for cached in (load_and_warm.settings, load_and_warm.sweeper):
        cached.cache_clear()
    assert handler({"do": "sweep"}, Context()) == {"removed": 1, "bytes": 5, "left_alone": {}}


@pytest.mark.parametrize(
    ("event", "error", "words"),
    [
        ({}, BadRequest, "of no known kind"),
        ({"do": "dance"}, BadRequest, "no such job: got dance, expected load or unload or sweep"),
        ({"do": "load", "model": "../m"}, InvalidName, "model name is not valid"),
        ({"do": "load"}, InvalidName, "model name is not valid"),
        ({"do": "load", "model": "m", "version": "x"}, InvalidName, "to numeric"),
        ({"do": "load", "model": "nothing"}, UnknownModel, "it has no version"),
        ({"do": "unload", "model": "nothing"}, UnknownModel, "Servable not found"),
    ],
)
def test_direct_invoke_that_cannot_be_answered_fails_with_its_reason(
    handler, bucket, event, error, words
):
    """A mistake in an event is the invocation's error."""
    with pytest.raises(error, match=words):
        handler(event, Context())


def test_environment_that_lacks_the_bucket_is_named(forgetting, aws):
    """The setting that is missing is named, and where to set it."""
    with pytest.raises(SettingsInvalid, match=r"HEARTH_BUCKET is missing.*template\.yaml"):
        load_and_warm.handler({"do": "sweep"}, Context())


def test_settings_come_from_the_environment(forgetting, function_environment, aws, tmp_path):
    """What template.yaml sets is what the loader works with."""
    function_environment(
        HEARTH_LOAD_ATTEMPTS="5",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="3008",
        HEARTH_EVENT_BUS="mine",
        HEARTH_SWEEP_GRACE_H="1.5",
    )
    loader = load_and_warm.assemble()
    assert (loader.attempts, loader.memory_mb) == (5, 3008)
    assert load_and_warm.settings().event_bus == "mine"
    assert load_and_warm.sweeper().grace.total_seconds() == 5400


def test_retries_of_one_request_are_one_attempt(publish, handler, bucket, registry):
    """AWS's request id, which its retries keep, is the attempt's."""
    publish("m")
    handler(object_created(bucket, manifest_key("m", 1)), Context("request-1", remaining_ms=1000))
    entry = registry.read("m").entry
    assert (entry.status(1).state, entry.status(1).error_code) == ("END", "DEADLINE_EXCEEDED")
    assert entry.history[0].why == "manifest created"
