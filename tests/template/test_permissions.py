"""Who may do what: read from the template as CloudFormation sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

FUNCTIONS = ["Predict", "LoadAndWarm", "HealthCheck", "Metrics", "Optimize"]
# SAM attaches these two; the boundary takes back what they allow beyond Hearth.
AWS_POLICIES = [
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
]
QUEUE_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
# Besides writing failed events to their queue and using the key: what each function does with what.
GRANTED = {
    "Predict": {
        "s3:GetObject": ["models/*", "payloads/*", "registry/*"],
        "s3:ListBucket": [""],
        "s3:PutObject": ["payloads/*"],
        "s3:DeleteObject": ["payloads/*"],
    },
    "LoadAndWarm": {
        "s3:GetObject": ["models/*", "registry/*"],
        "s3:ListBucket": [""],
        "s3:PutObject": ["registry/*"],
        "s3:DeleteObject": ["models/*/blobs/*"],
        "events:PutEvents": ["event-bus/default"],
    },
    "HealthCheck": {
        "s3:GetObject": [
            "models/*/versions/*",
            "profiles/totals.json",
            "registry/*",
            "reports/summary.json",
        ],
        "s3:ListBucket": [""],
        "s3:PutObject": ["registry/*"],
        "events:PutEvents": ["event-bus/default"],
    },
    "Metrics": {
        "s3:GetObject": [
            "feedback/*",
            "models/*/blobs/*",
            "models/*/versions/*",
            "profiles/*",
            "records/*",
            "registry/*",
            "reports/*",
        ],
        "s3:ListBucket": [""],
        "s3:PutObject": ["feedback/*", "profiles/*", "records/*", "reports/*"],
        "s3:DeleteObject": ["profiles/*"],
        "events:PutEvents": ["event-bus/default"],
    },
    "Optimize": {
        "s3:GetObject": ["models/*", "registry/*", "reports/*"],
        "s3:ListBucket": [""],
        "s3:ListBucketMultipartUploads": [""],
        "s3:ListMultipartUploadParts": ["models/*/blobs/*"],
        "s3:PutObject": ["models/*/blobs/*", "models/*/versions/*", "reports/*"],
        "events:PutEvents": ["event-bus/default"],
    },
}
# What a function lists of the bucket, where it is less than models and registry.
LISTED = {
    "Metrics": ["registry/*", "records/*", "profiles/*", "feedback/*", "reports/*", "models/*"],
    "Optimize": ["models/*", "registry/*", "reports/*"],
    "Predict": ["models/*", "registry/*", "payloads/*"],
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Properties"]["Policies"]:
        yield from listed(policy["PolicyDocument"]["Statement"])


def place(resource: Any) -> str:
    """Return what of a bucket, or of the account, an ARN leaves open."""
    text = (
        resource["Fn::Sub"]
        if "Fn::Sub" in resource
        else "${" + ".".join(resource["Fn::GetAtt"]) + "}"
    )
    return re.sub(r"\$\{ModelBucket\.Arn\}/?|.*\$\{AWS::AccountId\}:", "", text)


def granted(role: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for statement in statements(role):
        for action in listed(statement["Action"]):
            found.setdefault(action, []).extend(place(r) for r in listed(statement["Resource"]))
    return {action: sorted(places) for action, places in found.items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_may_do_what_its_job_takes_and_no_more(
    expanded: dict[str, Any], name: str
) -> None:
    """A role lists single actions on single places of the bucket."""
    found = granted(expanded[f"{name}FunctionRole"])
    always = {
        "kms:Decrypt": ["${Key.Arn}"],
        "kms:GenerateDataKey": ["${Key.Arn}"],
        "sqs:SendMessage": ["${FailedInvocations.Arn}"],
    }
    assert found == GRANTED[name] | always


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_lists_only_what_it_reads(expanded: dict[str, Any], name: str) -> None:
    """A listing is bound to its prefixes; the reading of a missing key, which has none, may be 404."""
    prefixes = LISTED.get(name, ["models/*", "registry/*"])
    for statement in statements(expanded[f"{name}FunctionRole"]):
        if statement["Action"] == "s3:ListBucket":
            assert statement["Condition"] == {"StringLikeIfExists": {"s3:prefix": prefixes}}


def test_no_role_has_a_wildcard_for_action_or_resource(expanded: dict[str, Any]) -> None:
    """No statement of any role, those that SAM writes included, is open at either end."""
    for resource in expanded.values():
        if resource["Type"] == "AWS::IAM::Role":
            for statement in statements(resource):
                assert not [a for a in listed(statement["Action"]) if "*" in a]
                assert "*" not in listed(statement["Resource"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boundary_caps_the_policies_that_aws_wrote(expanded: dict[str, Any], name: str) -> None:
    """AWS's own policies reach every log group; the boundary holds each role to Hearth's."""
    properties = expanded[f"{name}FunctionRole"]["Properties"]
    queue = [QUEUE_POLICY] if name == "Predict" else []
    assert properties["ManagedPolicyArns"] == [*AWS_POLICIES, *queue]
    assert properties["PermissionsBoundary"] == {"Ref": "Boundary"}


def test_boundary_leaves_room_for_every_action_that_a_role_lists(expanded: dict[str, Any]) -> None:
    """What a role allows and its boundary does not would be denied: nothing is listed in vain."""
    document = expanded["Boundary"]["Properties"]["PolicyDocument"]
    room = {action for statement in document["Statement"] for action in listed(statement["Action"])}
    assert not [action for action in room if "*" in action]
    asked = {action for name in FUNCTIONS for action in granted(expanded[f"{name}FunctionRole"])}
    assert asked <= room
    assert {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments"} <= room
    assert "logs:CreateLogGroup" not in room  # a group that was not declared would be kept for ever


def test_each_caller_of_a_function_is_named(expanded: dict[str, Any]) -> None:
    """A function lets one API, one rule or one log group of this account call it, never a service."""
    permissions = [
        r["Properties"] for r in expanded.values() if r["Type"] == "AWS::Lambda::Permission"
    ]
    assert permissions
    for permission in permissions:
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"].endswith(".amazonaws.com")
        assert permission["SourceArn"]


def bucket_policy(expanded: dict[str, Any]) -> dict[str, dict[str, Any]]:
    document = expanded["ModelBucketPolicy"]["Properties"]["PolicyDocument"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_bucket_refuses_to_overwrite_a_manifest(expanded: dict[str, Any]) -> None:
    """A version never changes, even for a writer with every right: S3 itself asks for the condition.

    Source:
        Amazon S3 User Guide, "Enforce conditional writes": parts of a multipart upload carry no
        condition, and have `s3:ObjectCreationOperation` false.
    """
    statement = bucket_policy(expanded)["ManifestsAreWrittenOnce"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert place(statement["Resource"]) == "models/*/versions/*/manifest.json"
    assert statement["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_bucket_refuses_to_overwrite_what_is_shared_unread(expanded: dict[str, Any]) -> None:
    """An entry or the totals are created, or replaced by somebody who names what they read; nothing between."""
    statement = bucket_policy(expanded)["WhatIsSharedIsComparedAndSet"]
    assert statement["Effect"] == "Deny"
    assert [place(one) for one in statement["Resource"]] == ["registry/*", "profiles/totals.json"]
    assert set(statement["Condition"]["Null"]) == {"s3:if-none-match", "s3:if-match"}


@pytest.mark.parametrize("name", ["ModelBucketPolicy", "LogBucketPolicy"])
def test_bucket_is_reached_over_tls_alone(expanded: dict[str, Any], name: str) -> None:
    """Whoever asks without TLS is denied, whatever else allows it."""
    (first, *_) = expanded[name]["Properties"]["PolicyDocument"]["Statement"]
    assert (first["Effect"], first["Action"]) == ("Deny", "s3:*")
    assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", ["ModelBucket", "LogBucket", "Key"])
def test_data_and_its_key_outlive_the_stack(expanded: dict[str, Any], name: str) -> None:
    """Deleting the stack deletes no model, and not the key without which none could be read."""
    kept = (expanded[name]["DeletionPolicy"], expanded[name]["UpdateReplacePolicy"])
    assert kept == ("Retain", "Retain")


def test_key_serves_log_groups_of_this_stack(expanded: dict[str, Any]) -> None:
    """CloudWatch Logs may use the key, and only for the groups that the stack declares."""
    document = expanded["Key"]["Properties"]["KeyPolicy"]
    (logs,) = [s for s in document["Statement"] if s["Sid"] == "LogGroups"]
    assert logs["Principal"] == {"Service": {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}}
    patterns = [
        a["Fn::Sub"] for a in logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    ]
    groups = [
        resource["Properties"]["LogGroupName"]["Fn::Sub"]
        for resource in expanded.values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]
    wanted = [pattern.split(":log-group:")[1].rstrip("*") for pattern in patterns]
    assert all(group.startswith(tuple(wanted)) for group in groups)


def test_queue_of_requests_is_read_by_predict_when_asked_for(expanded: dict[str, Any]) -> None:
    """Off by default: a queue that is polled costs money. Failures are reported one by one."""
    (mapping,) = [
        resource["Properties"]
        for resource in expanded.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    assert mapping["Enabled"] == {"Fn::If": ["QueueIsRead", True, False]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["FunctionName"] == {"Ref": "PredictFunctionAliaslive"}
    queue = expanded["Requests"]["Properties"]
    timeout = expanded["PredictFunction"]["Properties"]["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 1


def test_queue_for_undelivered_events_takes_them_from_the_rules(expanded: dict[str, Any]) -> None:
    """EventBridge may write to its dead-letter queue, on behalf of the rules alone."""
    (statement,) = expanded["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    rules = {source["Fn::GetAtt"][0] for source in sources}
    assert rules == {
        name for name, resource in expanded.items() if resource["Type"] == "AWS::Events::Rule"
    }
