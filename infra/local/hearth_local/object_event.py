"""S3 "Object Created" events as EventBridge sends them.

Source: Amazon S3 user guide, "EventBridge event message structure". moto's own leave out or fix
what programs rely on: the id, the sequencer, the spelling of `etag`, the reason.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any


def as_sent_by_aws(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as AWS would send it; those of other sources stay as they are."""
    if event.get("source") != "aws.s3":
        return dict(event)
    detail = event["detail"]
    given = detail["object"]
    etag = given.get("eTag", given.get("etag", ""))
    made = {"key": given["key"], "size": given["size"], "etag": etag}
    if given.get("version-id") not in {None, "null"}:
        made["version-id"] = given["version-id"]
    made["sequencer"] = f"{time.time_ns():018X}"
    # A multipart upload's ETag ends in the number of parts.
    reason = "CompleteMultipartUpload" if "-" in etag else "PutObject"
    return {
        **event,
        "id": str(uuid.uuid4()),
        "detail": {
            **detail,
            "object": made,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        },
    }
