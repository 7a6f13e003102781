"""The process that plays S3, EventBridge and SQS: moto's server, set up as the template says.

Usage: python -m hearth_local.aws_child, with a plan (one JSON line) on standard input. Prints one
JSON line when it serves, and ends when its standard input does: it cannot outlive the stack.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from hearth_local import launch
from hearth_local.events import DEFAULT_BUS


def main() -> None:
    launch.tie_to_parent(os.getppid())
    plan = json.loads(sys.stdin.readline())
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    print(json.dumps({"url": url, "queues": _set_up(plan, url)}), flush=True)  # noqa: T201
    sys.stdin.read()
    # Threads of the server may be in the middle of anything, and nothing of it is kept.
    os._exit(0)


def _set_up(plan: Mapping[str, Any], url: str) -> dict[str, str]:
    """Make buckets, buses and rules; return the queue of each rule."""
    session = boto3.Session("local", "local", region_name=plan["region"])
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    clients = {
        name: session.client(name, endpoint_url=url, config=config)
        for name in ("s3", "events", "sqs")
    }
    for bucket in plan["buckets"]:
        _make_bucket(clients["s3"], bucket, plan["region"])
    for bus in plan["buses"]:
        clients["events"].create_event_bus(Name=bus)
    return {rule["name"]: _make_rule(clients, rule) for rule in plan["rules"]}


def _make_bucket(s3: Any, bucket: Mapping[str, Any], region: str) -> None:  # noqa: ANN401
    name = bucket["name"]
    # S3 refuses to be told its own default region.
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    if bucket["versioned"]:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if bucket["announces"]:
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )


def _make_rule(clients: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    events, sqs = clients["events"], clients["sqs"]
    queue: str = sqs.create_queue(QueueName=rule["name"])["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    place = {} if rule["bus"] == DEFAULT_BUS else {"EventBusName": rule["bus"]}
    events.put_rule(Name=rule["name"], EventPattern=json.dumps(rule["pattern"]), **place)
    target = {"Id": "queue", "Arn": found["Attributes"]["QueueArn"]}
    events.put_targets(Rule=rule["name"], Targets=[target], **place)
    return queue


if __name__ == "__main__":
    main()
