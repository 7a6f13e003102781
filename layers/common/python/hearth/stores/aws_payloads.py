"""Payloads in S3: an object's bytes, its type and coding, and the length of its JSON header."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from hearth.domain.errors import PayloadTooLarge, UnknownPayload
from hearth.stores.aws_client import client, error_code, in_hearths_words
from hearth.stores.ports import Payload

# Headers of HTTP that S3 knows itself, and what its API calls them.
_KNOWN = {"content-type": "ContentType", "content-encoding": "ContentEncoding"}


class S3Payloads:
    def __init__(self, bucket: str, s3: Any = None) -> None:  # noqa: ANN401
        self._bucket = bucket
        self._s3 = s3 or client("s3")

    def read(self, key: str, limit: int) -> Payload:
        with in_hearths_words(f"read {key}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) not in ("NoSuchKey", "404"):
                    raise
                raise UnknownPayload(
                    f"there is no object {key}", remedy="upload it before the request"
                ) from error
            with answer["Body"] as body:
                if answer["ContentLength"] > limit:
                    raise PayloadTooLarge(
                        f"object {key} is larger than a request may be",
                        got=f"{answer['ContentLength']} bytes",
                        expected=f"at most {limit}",
                        remedy="send it in parts, or raise HEARTH_PAYLOAD_MB",
                    )
                return Payload(body.read(), _headers(answer))

    def write(self, key: str, payload: Payload) -> None:
        known = {_KNOWN[name]: value for name, value in payload.headers.items() if name in _KNOWN}
        metadata = {name: value for name, value in payload.headers.items() if name not in _KNOWN}
        with in_hearths_words(f"write {key}"):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=payload.content, Metadata=metadata, **known
            )

    def remove(self, key: str) -> None:
        with in_hearths_words(f"remove {key}"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)


def _headers(answer: dict[str, Any]) -> dict[str, str]:
    known = {name: answer[field] for name, field in _KNOWN.items() if answer.get(field)}
    return {**answer.get("Metadata", {}), **known}
