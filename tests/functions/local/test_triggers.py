"""Objects, events, timers and log lines reach functions in AWS's shapes."""

import base64
import gzip
import json
import time

import boto3
import pytest

NOTE = """
    import json
    def handler(event, context):
        print("NOTE " + json.dumps(event))
        return event
"""
TALK = """
    import json
    def handler(event, context):
        for line in event["lines"]:
            print(line)
"""
PATTERN = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {
        "bucket": {"name": [{"Ref": "ModelBucket"}]},
        "object": {"key": [{"wildcard": "models/*/versions/*/manifest.json"}]},
    },
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, project, run_stack):
    group = {"TalkGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/h/t"}}}
    bus = {"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "models"}}}
    events = {
        "Made": {"Type": "EventBridgeRule", "Properties": {"Pattern": PATTERN}},
        "Announced": {
            "Type": "EventBridgeRule",
            "Properties": {"Pattern": {"source": ["hearth"]}, "EventBusName": {"Ref": "Bus"}},
        },
    }
    timer = {
        "Tick": {
            "Type": "ScheduleV2",
            "Properties": {
                "ScheduleExpression": "rate(1 minute)",
                "Input": '{"do": "tick", "at": "<aws.scheduler.scheduled-time>"}',
            },
        }
    }
    lines = {
        "Lines": {
            "Type": "CloudWatchLogs",
            "Properties": {
                "LogGroupName": {"Ref": "TalkGroup"},
                "FilterPattern": '{ $.record = "hearth.prediction/1" }',
            },
        }
    }
    template = project.write(
        tmp_path_factory.mktemp("triggers"),
        {
            "note": (NOTE, {"Events": events}),
            "timed": (NOTE, {"Events": timer}),
            "talk": (TALK, {"LoggingConfig": {"LogGroup": {"Ref": "TalkGroup"}}}),
            "listen": (NOTE, {"Events": lines}),
        },
        resources={**project.bucket, **group, **bus},
    )
    with run_stack(template, schedule_speed=60) as running:
        yield running


@pytest.fixture
def aws(stack):
    made = {
        name: boto3.client(
            name,
            endpoint_url=stack.s3_endpoint,
            region_name=stack.region,
            aws_access_key_id="x",
            aws_secret_access_key="y",
        )
        for name in ("s3", "events")
    }
    yield made
    for client in made.values():
        client.close()


def notes(stack, name, wanted, seconds=8):
    """Return the events that a function noted, once there are as many as wanted."""
    path = stack.state_dir / "logs" / f"{name}.log"
    end = time.monotonic() + seconds
    while True:
        lines = path.read_text().splitlines() if path.is_file() else []
        seen = [json.loads(line.split("NOTE ", 1)[1]) for line in lines if "\tNOTE " in line]
        if len(seen) >= wanted or time.monotonic() > end:
            return seen
        time.sleep(0.05)


def test_object_that_matches_starts_the_function_in_awss_shape(stack, aws):
    """A manifest starts the function once; other objects do not."""
    aws["s3"].put_object(Bucket=stack.bucket, Key="models/a/versions/1/x.json", Body=b"1")
    key = "models/a b/versions/1/manifest.json"
    put = aws["s3"].put_object(Bucket=stack.bucket, Key=key, Body=b"{}")
    events = [e for e in notes(stack, "note", 1) if e["source"] == "aws.s3"]
    assert len(events) == 1
    event = events[0]
    assert event["detail-type"] == "Object Created"
    assert event["region"] == "us-east-1"
    assert event["resources"] == [f"arn:aws:s3:::{stack.bucket}"]
    detail = event["detail"]
    assert detail["bucket"] == {"name": stack.bucket}
    assert detail["object"]["key"] == key
    assert detail["object"]["etag"] == put["ETag"].strip('"')
    assert detail["object"]["version-id"] == put["VersionId"]
    assert int(detail["object"]["sequencer"], 16) > 0
    assert detail["reason"] == "PutObject"


def test_event_on_an_own_bus_starts_the_function(stack, aws):
    """A rule on the template's own bus delivers what programs put there."""
    entry = {"Source": "hearth", "DetailType": "version available", "Detail": '{"version": 2}'}
    aws["events"].put_events(Entries=[{**entry, "EventBusName": "models"}])
    wanted = [e for e in notes(stack, "note", 2, 5) if e["source"] == "hearth"]
    assert [event["detail"] for event in wanted] == [{"version": 2}]
    assert wanted[0]["detail-type"] == "version available"


def test_bucket_is_versioned_as_the_template_says(stack, aws):
    """The bucket's switches are the template's."""
    assert aws["s3"].get_bucket_versioning(Bucket=stack.bucket)["Status"] == "Enabled"


def test_schedule_fires_with_its_input(stack):
    """A timer sends the declared input, the scheduler's attributes filled in."""
    event = notes(stack, "timed", 1)[0]
    assert event["do"] == "tick"
    assert event["at"].endswith("Z")
    assert "<" not in event["at"]


def test_matching_log_lines_reach_the_subscriber_as_cloudwatch_sends_them(stack):
    """Only lines that match arrive, packed as CloudWatch Logs packs them."""
    record = json.dumps({"record": "hearth.prediction/1", "n": 1})
    other = json.dumps({"record": "else"})
    stack.invoke("talk", {"lines": [record, other, "no json", record]})
    (event,) = notes(stack, "listen", 1)
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    assert data["messageType"] == "DATA_MESSAGE"
    assert data["owner"] == "123456789012"
    assert data["logGroup"] == "/h/t"
    assert "[$LATEST]" in data["logStream"]
    assert data["subscriptionFilters"] == ["ListenFunction-Lines"]
    assert [line["message"] for line in data["logEvents"]] == [record, record]
    assert len({line["id"] for line in data["logEvents"]}) == 2
    assert abs(data["logEvents"][0]["timestamp"] / 1000 - time.time()) < 60
