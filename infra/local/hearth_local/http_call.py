"""HTTP calls of a stack's API: plain to the local one, signed to a deployed one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hearth_local.errors import LocalError, NotRunning
from hearth_local.target import Target


class CallFailed(LocalError):
    """The API answered with an error."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (any JSON)
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def send(target: Target, call: Call) -> Reply:
    """Send a request.

    Raises:
        NotRunning: If nothing listens at the stack's address.
    """
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import ConnectionError as Unreachable
    from botocore.exceptions import HTTPClientError
    from botocore.httpsession import URLLib3Session

    request = AWSRequest(
        call.method, target.url + call.path, headers=dict(call.headers), data=call.body
    )
    if not target.is_local:
        _sign(request, target)
    try:
        answer = URLLib3Session(timeout=60).send(request.prepare())
    except (HTTPClientError, Unreachable) as error:
        raise NotRunning(
            target.url, str(error), "an API that answers", "start it: hearth up"
        ) from error
    return Reply(answer.status_code, dict(answer.headers), answer.content)


def require(target: Target, call: Call) -> Reply:
    """Send a request that must succeed.

    Raises:
        CallFailed: If it does not; it carries the API's own words.
    """
    reply = send(target, call)
    if reply.status >= 400:
        text = reply.body.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["error"]
        raise CallFailed(f"{call.method} {call.path}", f"{reply.status}", "an answer", text)
    return reply


def _sign(request: Any, target: Target) -> None:  # noqa: ANN401
    import boto3
    from botocore.auth import SigV4Auth

    session = boto3.Session(region_name=target.region)
    SigV4Auth(session.get_credentials(), "execute-api", session.region_name).add_auth(request)
