"""Faults where botocore would send a request: chosen calls get another answer, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse

Answer = Callable[[AWSRequest], AWSResponse | None]


class _RawBody:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_args: object, **_kwargs: object) -> Iterator[bytes]:
        yield self._content

    def read(self, *_args: object, **_kwargs: object) -> bytes:
        content, self._content = self._content, b""
        return content


def answer(status: int, code: str = "") -> Answer:
    """Return what makes an answer of S3: with an error document where there is a code."""
    body = f"<Error><Code>{code}</Code><Message>as the test wants</Message></Error>" if code else ""
    return lambda request: AWSResponse(request.url, status, {}, _RawBody(body.encode()))


@dataclass
class _Strike:
    operation: str
    what: Answer | BaseException
    times: int
    after: int
    late: bool
    seen: int = 0

    def now(self, operation: str) -> bool:
        if self.operation not in ("*", operation):
            return False
        self.seen += 1
        return self.after < self.seen <= self.after + self.times


@dataclass
class Faults:
    """Chooses what S3 does, and counts what was called: each attempt of botocore's is a call.

    Example:
        faults.on("PutObject", answer(503, "SlowDown"), times=2)
        faults.on("GetObject", ReadTimeoutError(endpoint_url="https://s3.test"))
    """

    s3: Any
    calls: list[str] = field(default_factory=list)
    _strikes: list[_Strike] = field(default_factory=list)
    _lost: dict[int, BaseException] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # First and last in line: before and after the stand-in for S3 does its work.
        self.s3.meta.events.register_first("before-send.s3", self._before_send)
        self.s3.meta.events.register_last("before-send", self._after_effect)

    def on(
        self,
        operation: str,
        what: Answer | BaseException,
        *,
        times: int = 1 << 30,
        after: int = 0,
        late: bool = False,
    ) -> None:
        """Let calls of an operation fail.

        Args:
            operation: S3's name for it, or `*`.
            what: From the request to an answer (None: S3 answers), or an exception to raise.
            times: So many calls are struck.
            after: So many calls go through first.
            late: Whether S3 does its work, and only its answer is replaced.
        """
        self._strikes.append(_Strike(operation, what, times, after, late))

    def count(self, operation: str) -> int:
        return self.calls.count(operation)

    def heal(self) -> None:
        """Let S3 work again; counting goes on."""
        self._strikes.clear()

    def close(self) -> None:
        self.s3.meta.events.unregister("before-send.s3", self._before_send)
        self.s3.meta.events.unregister("before-send", self._after_effect)

    def _before_send(
        self, request: AWSRequest, event_name: str, **_kwargs: object
    ) -> AWSResponse | None:
        operation = event_name.rsplit(".", 1)[-1]
        self.calls.append(operation)
        for strike in list(self._strikes):
            if strike.now(operation):
                return self._strike(strike, request)
        return None

    def _strike(self, strike: _Strike, request: AWSRequest) -> AWSResponse | None:
        if isinstance(strike.what, BaseException):
            if not strike.late:
                raise strike.what
            self._lost[id(request)] = strike.what
            return None
        given = strike.what(request)
        if given is not None and not strike.late:
            request.url = "https://struck.invalid/"  # nothing of it reaches the stand-in
        return given

    def _after_effect(self, request: AWSRequest, **_kwargs: object) -> None:
        lost = self._lost.pop(id(request), None)
        if lost:
            raise lost
