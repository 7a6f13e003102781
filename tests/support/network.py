"""What stands where the network is: moto for S3 as Hearth's own reader asks it, or nobody at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError, ReadTimeoutError
from botocore.hooks import first_non_none_response
from hearth.stores import aws_client, aws_connections, s3_objects
from hearth.stores.aws_connections import Address
from hearth.stores.http_connection import Connection, Response
from moto import mock_aws

_LOOPBACK = ("127.", "localhost", "::1")


@contextmanager
def mocked_aws() -> Iterator[None]:
    """moto in this process answers every AWS call: botocore's, and those of the reader."""
    with mock_aws(), patch.object(aws_connections, "open_connection", _StandIn):
        try:
            yield
        finally:
            s3_objects.close()


def refuse_the_network() -> None:
    """From here on, a connection past botocore is opened on loopback alone."""
    opened: Callable[[Address], Connection] = aws_connections.open_connection

    def open_on_loopback(address: Address) -> Connection:
        if not address.host.startswith(_LOOPBACK):
            raise AssertionError(f"no test reaches the network: {address} was asked for")
        return opened(address)

    aws_connections.open_connection = open_on_loopback


class _StandIn:
    """A connection whose requests go where botocore's would: through its client's events.

    So moto answers, faults strike, and calls are counted, whoever asks.
    """

    sock = None  # such a connection is never kept

    def __init__(self, address: Address) -> None:
        self._address = address

    def request(self, target: str, headers: Mapping[str, str]) -> None:
        # S3 knows a request by its address and what it asks for.
        name = "ListObjectsV2" if "list-type" in parse_qs(urlsplit(target).query) else "GetObject"
        request = AWSRequest("GET", f"{self._address}{target}", headers=dict(headers)).prepare()
        events = aws_client.client("s3").meta.events
        try:
            answers = events.emit(f"before-send.s3.{name}", request=request)
        except ReadTimeoutError as error:
            raise TimeoutError(str(error)) from error
        except (HTTPClientError, BotoConnectionError) as error:
            raise OSError(str(error)) from error
        answer = first_non_none_response(answers)
        assert answer is not None, f"nobody stands in for {request.url}"
        self._answer = answer

    def response(self) -> Response:
        return Response(io.BufferedReader(io.BytesIO(_as_sent(self._answer))))

    def close(self) -> None:
        pass


def _as_sent(answer: AWSResponse) -> bytes:
    content = answer.content
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "connection")
    }
    lines = [f"HTTP/1.1 {answer.status_code} X", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {_text(value)}" for name, value in kept.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def no_pauses(patcher: Any) -> None:
    """Let whoever asks S3 again do so at once; `patcher` is pytest's."""
    backoff = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    patcher.setattr(backoff, lambda _self, _context: 0)
    patcher.setattr("hearth.stores.s3_reader.pause_s", lambda _attempt, _throttled: 0)
