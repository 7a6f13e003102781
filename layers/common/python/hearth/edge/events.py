"""Events from AWS as frozen dataclasses. The only home of their untyped shapes."""

from __future__ import annotations

import binascii
import json
import os
import zlib
from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from hearth.domain.errors import BadRequest, MalformedBody
from hearth.domain.frozen import dataclass
from hearth.domain.percent import decoded
from hearth.edge.answers import LARGE
from hearth.edge.headers import HEADER_LENGTH, json_length

Event = Mapping[str, Any]

_LOGS_LIMIT = 64 << 20
_ALIGNMENT = 16  # at least that of any memory, and enough for a model's sums to come out the same
_HEADER_LENGTH = HEADER_LENGTH.lower()
_NOT_THAT_SHAPE = (KeyError, TypeError, ValueError, AttributeError)


_NO_QUERY: Mapping[str, list[str]] = MappingProxyType({})


class HttpRequest(NamedTuple):
    """One HTTP API request (payload format 2.0).

    A tuple, as everything is that each prediction makes: a frozen dataclass takes four times as
    long to make.

    Args:
        method: In upper case.
        path: As it was sent: still percent-encoded, without the stage.
        headers: Names in lower case; repeated ones joined by commas.
        body: The bytes that were sent; of large binary tensors behind JSON, a bytearray.
        request_id: The gateway's id of this request, or Lambda's; never empty.
        query: Decoded; the values of each key in order.
        direct: Whether it did not come over HTTP.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str = ""
    query: Mapping[str, list[str]] = _NO_QUERY
    direct: bool = False


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An S3 "Object Created" event from EventBridge."""

    bucket: str
    key: str
    sequencer: str


@dataclass(frozen=True, slots=True)
class LogBatch:
    """A CloudWatch Logs subscription batch: where it came from, and its lines.

    A sandbox writes one stream, in its own order.
    """

    group: str
    lines: tuple[str, ...]
    stream: str = ""


def is_http(event: Event) -> bool:
    return "requestContext" in event and "rawPath" in event


def http_request(event: Event) -> HttpRequest:
    """Return the request in a payload-format-2.0 event.

    Raises:
        BadRequest: If the event is no such request.
        MalformedBody: If the body is announced as base64 and is not, or is not UTF-8.
    """
    try:
        context, query = event["requestContext"], event.get("rawQueryString")
        return HttpRequest(
            context["http"]["method"].upper(),
            _path(event["rawPath"], context.get("stage", "$default")),
            headers := _in_lower_case(event.get("headers", {})),
            _body(event, headers.get(_HEADER_LENGTH, "")),
            context.get("requestId") or _unique(),
            _query(query) if query else _NO_QUERY,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRequest(
            "the event is not an HTTP request",
            got=f"{type(error).__name__}: {error}",
            expected="payload format 2.0: rawPath, headers, requestContext.http.method",
        ) from error


def _query(text: str) -> Mapping[str, list[str]]:
    from urllib.parse import parse_qs  # a prediction's request has none

    return parse_qs(text, keep_blank_values=True)


def _path(raw: str, stage: str) -> str:
    return raw.removeprefix("" if stage == "$default" else f"/{stage}") or "/"


def _in_lower_case(headers: Mapping[str, str]) -> Mapping[str, str]:
    if "".join(headers).islower():
        return headers  # as API Gateway has them
    return {name.lower(): value for name, value in headers.items()}


def _body(event: Event, header_length: str) -> bytes:
    body = event.get("body") or ""
    try:
        if not event.get("isBase64Encoded"):
            return str(body).encode()
        at = json_length(header_length) if len(body) >= LARGE else -1
        return _from_base64(body) if at < 0 else _aligned(body, at)
    except UnicodeEncodeError as error:
        raise MalformedBody("the event's body is not UTF-8", got=str(error)) from error
    except (binascii.Error, ValueError) as error:
        raise MalformedBody("the event's body is not base64", got=str(error)) from error


def _from_base64(text: str) -> bytes:
    if len(text) < LARGE:
        return binascii.a2b_base64(text, strict_mode=True)
    import pybase64  # only large bodies need it: fifty times as fast

    return pybase64.b64decode(text, validate=True)


def _aligned(text: str, at: int) -> bytes:
    """Return a large body, lying in memory so that a tensor at `at` need not be copied to be used.

    It is moved by less than one alignment, within its own memory.
    """
    import pybase64

    body = pybase64.b64decode_as_bytearray(text, validate=True)
    aside = -at % _ALIGNMENT
    body[:0] = bytes(aside)
    del body[:aside]  # moves its beginning alone
    return cast("bytes", body)  # which nobody writes to


def is_object_created(event: Event) -> bool:
    return event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created"


def object_created(event: Event) -> ObjectCreated:
    """Return what an EventBridge event says of a new object.

    Raises:
        BadRequest: If it does not name a bucket and a key.
    """
    try:
        detail = event["detail"]
        key = decoded(detail["object"]["key"])
        return ObjectCreated(detail["bucket"]["name"], key, detail["object"].get("sequencer", ""))
    except (KeyError, TypeError) as error:
        raise BadRequest(
            "not an S3 object event", got=f"no {error}", expected="detail.bucket, detail.object"
        ) from error


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a function of Hearth told the event bus. `bucket` says of which stack it is."""

    kind: str
    bucket: str
    detail: Mapping[str, Any]


def is_announcement(event: Event) -> bool:
    return event.get("source") == "hearth" and "detail-type" in event


def announcement(event: Event) -> Announcement:
    """Return what an EventBridge event of Hearth's own says.

    Raises:
        BadRequest: If it names no bucket.
    """
    try:
        detail = event["detail"]
        return Announcement(event["detail-type"], detail["bucket"], detail)
    except (KeyError, TypeError) as error:
        raise BadRequest(
            "not an event of Hearth's", got=f"no {error}", expected="detail.bucket"
        ) from error


def is_log_batch(event: Event) -> bool:
    return "awslogs" in event


def log_batch(event: Event) -> LogBatch:
    """Return the lines of a CloudWatch Logs subscription event; a control message has none.

    Raises:
        MalformedBody: If it is not gzipped JSON in base64, or more than 64 MiB of it.
    """
    try:
        packed = _from_base64(event["awslogs"]["data"])
        inflater = zlib.decompressobj(wbits=31)
        text = inflater.decompress(packed, _LOGS_LIMIT)
        if inflater.unconsumed_tail:
            raise MalformedBody("log batch is too large", expected=f"<= {_LOGS_LIMIT} bytes")
        batch = _json(text)
        if batch.get("messageType") != "DATA_MESSAGE":
            return LogBatch(batch.get("logGroup", ""), ())
        lines = tuple(map(itemgetter("message"), batch["logEvents"]))
        return LogBatch(batch["logGroup"], lines, str(batch.get("logStream", "")))
    except (*_NOT_THAT_SHAPE, RecursionError, zlib.error) as error:
        raise MalformedBody(
            "not a CloudWatch Logs batch", got=f"{type(error).__name__}: {error}"
        ) from error


def _json(text: bytes) -> Any:  # noqa: ANN401 (any JSON)
    import orjson  # only log batches are large enough for it

    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)  # half a surrogate pair in one line is no reason to lose the others


def is_direct(event: Event) -> bool:
    return "route" in event


def direct_request(event: Event, request_id: str = "") -> HttpRequest:
    """Return the request in a direct invoke: a body like HTTP's, with its `route` in a field.

    `{"route": "/v1/models/m:predict", "instances": [...]}`; a method may stand before the path,
    and `headers` beside it.

    Raises:
        BadRequest: If `route` is no path, or `headers` are no texts by name.

    Example:
        >>> request = direct_request({"route": "/v2/models/m/infer", "inputs": []})
        >>> request.method, request.path, request.body
        ('POST', '/v2/models/m/infer', b'{"inputs": []}')
    """
    route, headers = event["route"], event.get("headers", {})
    method, _, path = route.rpartition(" ") if isinstance(route, str) else ("", "", "")
    named = isinstance(headers, dict) and all(isinstance(v, str) for v in headers.values())
    if not path.startswith("/") or not named:
        raise BadRequest(
            "the event names no route",
            got={"route": route, "headers": headers},
            expected="route like 'POST /v2/models/m/infer', headers an object of texts",
        )
    body = {key: value for key, value in event.items() if key not in ("route", "headers")}
    return HttpRequest(
        method=(method or "POST").upper(),
        path=path,
        headers={name.lower(): value for name, value in headers.items()},
        body=json.dumps(body).encode(),
        request_id=request_id or _unique(),
        direct=True,
    )


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue's batch."""

    id: str
    body: str


def is_queue_batch(event: Event) -> bool:
    records = event.get("Records")
    return isinstance(records, list) and all(
        isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records
    )


def queue_batch(event: Event) -> tuple[Message, ...]:
    """Return the messages of an SQS batch, in order.

    Raises:
        BadRequest: If one has no id or no body.
    """
    try:
        return tuple(Message(record["messageId"], record["body"]) for record in event["Records"])
    except (KeyError, TypeError) as error:
        raise BadRequest("not an SQS batch", got=f"no {error}") from error


def message_event(message: Message) -> Event:
    """Return the direct invoke that a message holds as JSON.

    Raises:
        MalformedBody: If it holds none.
    """
    try:
        event = json.loads(message.body)
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedBody("the message is not JSON", got=message.body[:80]) from error
    if not isinstance(event, dict) or not is_direct(event):
        raise MalformedBody(
            "the message is no request",
            got=message.body[:80],
            expected='{"route": "POST /v2/models/m/infer", ...}',
        )
    return event


def job(event: Event) -> str:
    """Return what a direct invoke or a schedule asks to `do`.

    Raises:
        BadRequest: If the event is of no known kind.
    """
    do = event.get("do")
    if not isinstance(do, str):
        raise BadRequest(
            "the event is of no known kind",
            got=sorted(map(str, event))[:12],
            expected="an HTTP API 2.0 event, an S3 event, a log batch, or an object with 'do'",
        )
    return do


def _unique() -> str:
    return os.urandom(16).hex()
