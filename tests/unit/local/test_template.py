"""template.yaml is read as SAM would deploy it."""

import pytest
from hearth_local import template
from hearth_local.errors import TemplateError, UnknownFunction
from hearth_local.events import NotRunLocally, Route, Rule, Schedule, Subscription

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Told: {Type: String, Default: ""}
Conditions:
  SomebodyIsTold: !Not [!Equals [!Ref Told, ""]]
Globals:
  Function:
    Timeout: 20
    Layers: [!Ref CommonLayer]
    Environment: {Variables: {BUCKET: !Ref Models, BOTH: global}}
    EventInvokeConfig: {MaximumRetryAttempts: 1}
Resources:
  CommonLayer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/common}}
  RuntimeLayer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/runtime/}}
  Logs: {Type: AWS::S3::Bucket}
  Models:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {Status: Enabled}
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: words}}
  PredictGroup: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/lambda/p}}
  LoadAndWarmFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-load"
      CodeUri: functions/load-and-warm/
      Handler: load_and_warm.handler
      Layers: [!Ref RuntimeLayer]
      MemorySize: 512
      LoggingConfig: {LogFormat: JSON, LogGroup: !Ref PredictGroup}
      Environment: {Variables: {BOTH: own, FLAG: true, N: 3}}
      Events:
        Route: {Type: HttpApi, Properties: {Path: "/v2/{m}/load", Method: post}}
        Any: {Type: HttpApi}
        Made: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.s3]}, Input: '{"a": 1}'}}
        Own: {Type: EventBridgeRule, Properties: {Pattern: {source: [x]}, EventBusName: !GetAtt Bus.Arn}}
        Minute: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(5 minutes), Input: '{"b": 2}'}}
        Hour: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}
        Cron: {Type: ScheduleV2, Properties: {ScheduleExpression: "cron(0 * * * ? *)"}}
        Paused: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), State: DISABLED}}
        Changed: {Type: EventBridgeRule, Properties: {Pattern: {source: [x]}, InputPath: $.detail}}
        Lines: {Type: CloudWatchLogs, Properties: {LogGroupName: !Ref PredictGroup, FilterPattern: x}}
        Queue: {Type: SQS, Properties: {Queue: q}}
  Gone:
    Type: AWS::Serverless::Function
    Condition: SomebodyIsTold
    Properties: {CodeUri: functions/gone, Handler: gone.handler}
"""


@pytest.fixture
def read(tmp_path):
    def load(text=TEMPLATE):
        path = tmp_path / "template.yaml"
        path.write_text(text)
        return template.load(path)

    return load


def test_function_has_globals_under_its_own_properties(read, tmp_path):
    """Maps are merged, lists joined global first, the rest is the function's own."""
    (function,) = read().functions
    assert function.name == "hearth-load"
    assert function.title == "load-and-warm"
    assert function.folder == tmp_path / "functions" / "load-and-warm"
    assert [layer.name for layer in function.layers] == ["common", "runtime"]
    assert (function.memory_mb, function.timeout_s, function.retries) == (512, 20.0, 1)
    assert function.environment == {
        "BUCKET": "hearth-models",
        "BOTH": "own",
        "FLAG": "true",
        "N": "3",
    }
    assert (function.log_group, function.log_format) == ("/aws/lambda/p", "JSON")
    assert function.arn == "arn:aws:lambda:us-east-1:123456789012:function:hearth-load"


def test_function_under_a_false_condition_is_left_out(read):
    """What would not be deployed does not run."""
    assert [function.logical_id for function in read().functions] == ["LoadAndWarmFunction"]


def test_events_are_those_of_the_template(read):
    """Each event is read with its own kind's properties."""
    own = "LoadAndWarmFunction"
    assert [event for event in read().events if not isinstance(event, NotRunLocally)] == [
        Route("POST", "/v2/{m}/load", own),
        Route("ANY", "$default", own),
        Rule(f"{own}-Made", {"source": ["aws.s3"]}, "default", '{"a": 1}', own),
        Rule(f"{own}-Own", {"source": ["x"]}, "words", None, own),
        Schedule(f"{own}-Minute", 300, '{"b": 2}', own),
        Schedule(f"{own}-Hour", 3600, "{}", own),
        Subscription(f"{own}-Lines", "/aws/lambda/p", "x", own),
    ]


def test_event_without_a_stand_in_is_named_with_the_reason(read):
    """Nothing is left out silently."""
    left = {e.name: e.reason for e in read().events if isinstance(e, NotRunLocally)}
    assert set(left) == {"Cron", "Paused", "Changed", "Queue"}
    assert "cron(0 * * * ? *)" in left["Cron"]
    assert "SQS" in left["Queue"]


def test_bucket_is_the_one_that_announces_its_objects(read):
    """Of several buckets the one whose objects start functions is the models' own."""
    found = read()
    assert found.bucket == "hearth-models"
    assert {b.name: (b.versioned, b.announces) for b in found.buckets} == {
        "hearth-logs": (False, False),
        "hearth-models": (True, True),
    }


@pytest.mark.parametrize(
    "name",
    ["load-and-warm", "LoadAndWarmFunction", "hearth-load", "x:function:hearth-load:live"],
)
def test_function_is_found_by_each_of_its_names(read, name):
    """Folder, logical id, Lambda name and ARN all lead to it."""
    assert read().function(name).logical_id == "LoadAndWarmFunction"


def test_function_that_is_not_there_is_an_error_that_names_those_that_are(read):
    """The message lists what could have been meant."""
    with pytest.raises(UnknownFunction, match="load-and-warm"):
        read().function("predict")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Layers: [!Ref RuntimeLayer]", "Layers: [arn:aws:lambda:x]", "arn:aws:lambda:x"),
        ("Handler: load_and_warm.handler", "", "no Handler"),
        ("""Input: '{"b": 2}'""", "Input: '{'", "JSON"),
        ("Resources:", "Things:", "no Resources"),
    ],
)
def test_template_that_cannot_run_says_what_and_where(read, old, new, words):
    """A mistake is reported with the place and the remedy."""
    with pytest.raises(TemplateError, match=words):
        read(TEMPLATE.replace(old, new))


def test_missing_template_is_named(tmp_path):
    """The path that was looked for is in the message."""
    with pytest.raises(TemplateError, match=r"nowhere\.yaml"):
        template.load(tmp_path / "nowhere.yaml")
