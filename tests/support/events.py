"""Events in the shapes that AWS sends, and the context beside them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any


@dataclass
class Context:
    """What a handler is told beside its event."""

    aws_request_id: str = "11111111-2222-3333-4444-555555555555"
    remaining_ms: int = 60_000
    function_version: str = "7"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def http(
    method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return an HTTP API request, payload format 2.0: as API Gateway hands it on."""
    raw = body.encode() if isinstance(body, str) else body
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-length": str(len(raw)), "host": "api.test", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "api.test",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:20:00:00 +0000",
            "timeEpoch": 1795464000000,
        },
        "isBase64Encoded": bool(raw),
    }
    if raw:
        event["body"] = base64.b64encode(raw).decode()
    return event


def object_created(bucket: str, key: str) -> dict[str, Any]:
    """Return S3's "Object Created" event as EventBridge hands it on."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-23T20:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "192.0.2.1",
            "reason": "PutObject",
        },
    }
