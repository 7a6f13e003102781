"""What the port Announcer promises; EventBridge's is the one there is."""

from __future__ import annotations

import json

import pytest
from botocore.session import get_session
from hearth.domain.errors import StoreError, StoreUnavailable
from hearth.stores.aws_events import EventBridgeAnnouncer


@pytest.fixture
def events(aws):
    return get_session().create_client("events")


@pytest.fixture
def queue(events):
    """A queue that every event of the source `hearth` reaches."""
    sqs = get_session().create_client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["hearth"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    return lambda: [
        json.loads(message["Body"])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
    ]


def test_announce_reaches_a_rule_of_the_bus(events, queue):
    """An event arrives with its source, kind and detail, which names the bucket it is about."""
    announcer = EventBridgeAnnouncer("default", "hearth-models", events)
    announcer.announce("Version Available", {"model": "m"})
    (told,) = queue()
    assert (told["source"], told["detail-type"]) == ("hearth", "Version Available")
    assert told["detail"] == {"bucket": "hearth-models", "model": "m"}


def test_announce_is_store_unavailable_when_the_bus_takes_only_part(events):
    """PutEvents answers 200 even where it did not take the event."""

    def refuse(parsed, **_kwargs):
        parsed["FailedEntryCount"] = 1
        parsed["Entries"] = [{"ErrorCode": "ThrottlingException"}]

    events.meta.events.register("after-call.events.PutEvents", refuse)
    with pytest.raises(StoreUnavailable, match=r"did not take 'Version Available'.*Throttling"):
        EventBridgeAnnouncer("default", "hearth-models", events).announce("Version Available", {})


def test_announce_speaks_hearths_words_when_the_bus_refuses(events):
    """An event that AWS refuses is an error of the tree that says what was being done."""

    def fail(**_kwargs):
        from botocore.exceptions import EndpointConnectionError

        raise EndpointConnectionError(endpoint_url="https://events.test")

    events.meta.events.register_first("before-send.events", fail)
    with pytest.raises(StoreError, match="announce Version Available: AWS did not answer"):
        EventBridgeAnnouncer("default", "hearth-models", events).announce("Version Available", {})
