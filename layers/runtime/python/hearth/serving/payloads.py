"""Bodies too large for an event: read from the bucket, and written there."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection

from hearth.domain.errors import HearthError, LocationRefused, PayloadTooLarge
from hearth.domain.frozen import dataclass
from hearth.edge.answers import Answer, of_json
from hearth.edge.compression import INFLATED_LIMIT, deflated, inflated
from hearth.edge.events import HttpRequest
from hearth.edge.headers import INPUT_LOCATION, OUTPUT_LOCATION, REQUEST_ID
from hearth.edge.problem import of_error, of_unexpected
from hearth.serving.asked import Body
from hearth.serving.numbers import Array
from hearth.stores.ports import Payload, Payloads

INPUT, OUTPUT = INPUT_LOCATION.lower(), OUTPUT_LOCATION.lower()
_REQUEST_ID = REQUEST_ID.lower()
PREFIX = "payloads/"
ERROR = ".error.json"
# What one invoke can carry: 6 MiB and the envelope, of which base64 takes a third.
ANSWER_LIMIT = 6_291_556
_ENVELOPE = 4096
_LAMBDA = "a Lambda can give"
_REMEDY = f"ask for fewer rows or outputs, for binary ones, or for an object: {OUTPUT_LOCATION}"

_KEY = r"payloads/[A-Za-z0-9!_.*'()=:@+,/-]{1,900}"


@dataclass(frozen=True, slots=True)
class Carrier:
    """Brings a request's body, and takes its answer away.

    Args:
        store: Where objects lie.
        bucket: Its name, by which a location may call it.
        limit: Bytes that an object may have, and become.
    """

    store: Payloads
    bucket: str
    limit: int

    def fetch(self, request: HttpRequest) -> Body:
        """Return the request's own body, or the one in the object that it names.

        Raises:
            LocationRefused: If it may not name that object.
            UnknownPayload, PayloadTooLarge: If the object is not there, or too large.
            MalformedBody, UnsupportedCoding: If it is compressed, and cannot be read.
        """
        location = request.headers.get(INPUT)
        if location is None:
            content = inflated(request.body, request.headers, INFLATED_LIMIT)
            return Body(content, request.headers)
        key = self.key_of(location)
        # An answer that could not be written is not computed.
        if self._output_key(request) == key:
            raise LocationRefused(
                "the answer would be written over the request", got=key, remedy="name another key"
            )
        found = self.store.read(key, self.limit)
        # The object says of itself how it is to be read; the request's own headers come second.
        headers = {**request.headers, **found.headers}
        return Body(inflated(found.content, found.headers, self.limit), headers)

    def require_room(self, outputs: Collection[Array], request: HttpRequest) -> None:
        """Refuse outputs that no answer can hold, before text is made of them.

        Raises:
            PayloadTooLarge: If they take more bytes at the least than there may be.
        """
        written = OUTPUT in request.headers
        most = self.limit if written else ANSWER_LIMIT - _ENVELOPE
        if not written and "accept-encoding" in request.headers:
            most *= 4  # compressed, it may yet fit
        if sum([array.nbytes for array in outputs]) <= most:
            return
        size = sum(min(a.nbytes, a.size * (4 if a.dtype.kind == "f" else 2)) for a in outputs)
        if size > most:
            raise PayloadTooLarge(
                f"the answer is larger than {'an object may be' if written else _LAMBDA}",
                got=f"at least {size} bytes",
                expected=f"at most {most}",
                remedy=_REMEDY,
            )

    def deliver(self, answer: Answer, request: HttpRequest) -> Answer:
        """Return the answer as the caller gets it: itself, or where it was written.

        Raises:
            PayloadTooLarge: If it must go back and is larger than a function can answer.
        """
        if OUTPUT not in request.headers:
            return bounded(answer if request.direct else deflated(answer, request), request)
        key = self.key_of(request.headers[OUTPUT])
        if len(answer.body) > self.limit:
            raise PayloadTooLarge(
                "the answer is larger than an object may be",
                got=f"{len(answer.body)} bytes",
                expected=f"at most {self.limit}",
                remedy="ask for fewer rows or outputs, or raise HEARTH_PAYLOAD_MB",
            )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        # Who finds the answer later comes back to it by this.
        headers[_REQUEST_ID] = request.request_id
        self.store.write(key, Payload(answer.body, headers))
        self.store.remove(key + ERROR)  # of an earlier attempt
        return of_json(
            200,
            {
                "output_location": f"s3://{self.bucket}/{key}",
                "status": answer.status,
                "bytes": len(answer.body),
                "headers": headers,
            },
        )

    def report(self, error: Exception, request: HttpRequest) -> None:
        """Write an error beside where the answer would be: an asynchronous caller looks there."""
        try:
            key = self._output_key(request)
            if key:
                if isinstance(error, HearthError):
                    answer = of_error(error, request.path)
                else:
                    answer = of_unexpected(error)
                document = {**json.loads(answer.body), "status": answer.status}
                headers = {"content-type": "application/json", _REQUEST_ID: request.request_id}
                self.store.write(key + ERROR, Payload(json.dumps(document).encode(), headers))
        except HearthError as second:
            print(f"the error was not written: {second}", file=sys.stderr)  # noqa: T201

    def _output_key(self, request: HttpRequest) -> str:
        location = request.headers.get(OUTPUT)
        return "" if location is None else self.key_of(location)

    def key_of(self, location: str) -> str:
        """Return the key that a location names.

        Raises:
            LocationRefused: If it lies outside the prefix that requests may name.

        Example:
            >>> Carrier(None, "models", 1).key_of("s3://models/payloads/in/1.json")
            'payloads/in/1.json'
        """
        key = location.removeprefix(f"s3://{self.bucket}/")
        parts = key.split("/")
        if not re.fullmatch(_KEY, key) or ".." in parts or "." in parts or "" in parts:
            raise LocationRefused(
                "a request may not name this object",
                got=repr(location[:200]),
                expected=f"a key under {PREFIX}, or s3://{self.bucket}/{PREFIX}...",
                remedy="letters, digits and !_.*'()=:@+,- make a key; '..' and '//' do not",
            )
        return key


def bounded(answer: Answer, request: HttpRequest) -> Answer:
    """Return an answer that a function can give.

    Raises:
        PayloadTooLarge: If it is larger.
    """
    if len(answer.body) * 2 + _ENVELOPE <= ANSWER_LIMIT:
        return answer
    # Within the invoke's JSON, bytes become base64 and each quote in a text gets a backslash.
    if request.direct and not answer.binary:
        # It goes as the JSON that Lambda's runtime makes of it, spaces and all.
        size = len(json.dumps(json.loads(answer.body)))
    elif answer.binary:
        size = len(answer.body) * 4 // 3
    else:
        size = len(answer.body) + answer.body.count(b'"') + answer.body.count(b"\\")
    if size + _ENVELOPE > ANSWER_LIMIT:
        raise PayloadTooLarge(
            f"the answer is larger than {_LAMBDA}",
            got=f"{size} bytes",
            expected=f"at most {ANSWER_LIMIT - _ENVELOPE}",
            remedy=_REMEDY,
        )
    return answer
