"""S3 read over connections of our own: botocore's import and client cost more than a model's open.

GET of an object or a page of a listing, signed, with the retries and the timeouts of Hearth's
botocore client (`aws_client.client`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from hearth.domain.frozen import dataclass
from hearth.domain.percent import decoded
from hearth.stores import aws_errors
from hearth.stores.aws_connections import Connections
from hearth.stores.aws_credentials import Credentials
from hearth.stores.aws_endpoint import Endpoint
from hearth.stores.aws_errors import Refused, Unanswered
from hearth.stores.aws_signature import path_of, query_of, signed
from hearth.stores.http_connection import BadAnswer, Connection, Response
from hearth.stores.ports import Listed, Unchanged
from hearth.stores.s3_objects import Answer, Span, T, Use
from hearth.stores.s3_xml import rows

_ATTEMPTS = 3
# Seconds before the second attempt; twice that before the third.
_PAUSE_S, _THROTTLED_PAUSE_S = 0.05, 1.0
_ERROR_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class S3Reader:
    """Implements `Objects`."""

    endpoint: Endpoint
    credentials: Credentials
    connections: Connections

    def get(
        self, what: str, key: str, use: Use[T], *, unless: str = "", span: Span | None = None
    ) -> T | Unchanged | None:
        target = self.endpoint.prefix + path_of(key)
        try:
            return self._ask(target, use, {"if-none-match": unless} if unless else {}, span)
        except Unanswered as error:
            raise aws_errors.unanswered(what, error) from error
        except Refused as refusal:
            if refusal.status == 304:
                return Unchanged()
            if refusal.absent:
                return None
            raise aws_errors.refused(what, refusal) from refusal

    def page(self, what: str, prefix: str, most: int) -> Sequence[Listed]:
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(most), "prefix": prefix}
        # Without the slash that stands before a key.
        target = f"{self.endpoint.prefix.removesuffix('/') or '/'}?{query_of(query)}"
        try:
            return self._ask(target, _listed, {})
        except Unanswered as error:
            raise aws_errors.unanswered(what, error) from error
        except Refused as refusal:
            raise aws_errors.refused(what, refusal) from refusal

    def _ask(
        self, target: str, use: Use[T], headers: Mapping[str, str], span: Span | None = None
    ) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._ask_once(target, use, headers, span)
            except (Unanswered, Refused) as error:
                if not error.passing:
                    raise
                time.sleep(pause_s(attempt, error.throttled))
        return self._ask_once(target, use, headers, span)

    def _ask_once(
        self, target: str, use: Use[T], headers: Mapping[str, str], span: Span | None
    ) -> T:
        if span is not None:
            headers = {**headers, "range": "bytes={}-{}".format(*span())}
        connection, response = self._send(target, headers)
        answer = _HttpAnswer(response)
        try:
            if response.status not in (200, 206):
                raise _refusal(answer)
            if not response.bounded:
                raise Unanswered("the answer does not say how long it is")
            return use(answer)
        finally:
            # What was not read to its end would be taken for the next answer's beginning.
            if response.ended and response.keeps:
                self.connections.give_back(self.endpoint.address, connection)
            else:
                connection.close()

    def _send(self, target: str, headers: Mapping[str, str]) -> tuple[Connection, Response]:
        address = self.endpoint.address
        connection, used = self.connections.take(address)
        try:
            return connection, self._exchange(connection, target, headers)
        except (ConnectionError, BadAnswer) as error:
            if not used:
                raise Unanswered(f"{address}: {error!r}") from error
        except OSError as error:
            raise Unanswered(f"{address}: {error}") from error
        # It had ended while it was idle: that says nothing of S3.
        self.connections.forget(address)
        connection = self.connections.open(address)
        try:
            return connection, self._exchange(connection, target, headers)
        except (OSError, BadAnswer) as error:
            raise Unanswered(f"{address}: {error!r}") from error

    def _exchange(
        self, connection: Connection, target: str, headers: Mapping[str, str]
    ) -> Response:
        sent = signed(
            target,
            {**headers, "host": self.endpoint.address.authority},
            self.credentials,
            self.endpoint.region,
            time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        )
        try:
            connection.request(target, sent)
            return connection.response()
        except BaseException:
            connection.close()
            raise


class _HttpAnswer:
    """Implements `Answer`."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.etag = response.headers.get("etag", "")
        self.length = response.length

    def read(self) -> bytes:
        try:
            return self._response.read()
        except (OSError, BadAnswer) as error:
            raise Unanswered(f"the answer broke off: {error!r}") from error

    def readinto(self, buffer: memoryview) -> int:
        try:
            return self._response.readinto(buffer)
        except (OSError, BadAnswer) as error:
            raise Unanswered(f"the answer broke off: {error!r}") from error


def _refusal(answer: _HttpAnswer) -> Refused:
    said: dict[str, str] = {}
    if answer.length <= _ERROR_BYTES:
        with suppress(ValueError):  # no document of S3's: the status says enough
            said = next(iter(rows(answer.read(), "Error")), {})
    elsewhere = answer.headers.get("x-amz-bucket-region", "")
    return Refused(
        answer.status,
        said.get("Code") or str(answer.status),
        said.get("Message", ""),
        said.get("BucketName") or said.get("Region") or elsewhere,
    )


def _listed(answer: Answer) -> list[Listed]:
    try:
        return [
            Listed(
                decoded(row["Key"].replace("+", " ")),
                int(row["Size"]),
                datetime.fromisoformat(row["LastModified"]),
            )
            for row in rows(answer.read(), "Contents")
        ]
    except (ValueError, KeyError) as error:
        raise Unanswered(f"what came is no listing: {error!r}") from error


def pause_s(attempt: int, throttled: bool) -> float:
    """Return how long to wait after an attempt, at random: many may have failed at once."""
    from random import random

    longest: float = (_THROTTLED_PAUSE_S if throttled else _PAUSE_S) * 2 ** (attempt - 1)
    return random() * longest  # noqa: S311 (nobody gains by guessing it)
