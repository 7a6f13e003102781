"""Payloads in S3: an object's bytes, its type and coding, and the length of its JSON header."""

from __future__ import annotations

from hearth.domain.errors import PayloadTooLarge, UnknownPayload
from hearth.stores.aws_client import in_hearths_words
from hearth.stores.ports import Payload
from hearth.stores.s3_objects import Answer, InBucket

# Headers of HTTP that S3 knows itself, and what its API calls them.
_KNOWN = {"content-type": "ContentType", "content-encoding": "ContentEncoding"}
_METADATA = "x-amz-meta-"


class S3Payloads(InBucket):
    def read(self, key: str, limit: int) -> Payload:
        def within(answer: Answer) -> Payload:
            if answer.length > limit:
                raise PayloadTooLarge(
                    f"object {key} is larger than a request may be",
                    got=f"{answer.length} bytes",
                    expected=f"at most {limit}",
                    remedy="send it in parts, or raise HEARTH_PAYLOAD_MB",
                )
            return Payload(answer.read(), _headers(answer))

        found = self._objects.get(f"read {key}", key, within)
        if not isinstance(found, Payload):
            raise UnknownPayload(f"there is no object {key}", remedy="upload it before the request")
        return found

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


def _headers(answer: Answer) -> dict[str, str]:
    known = {name: answer.headers[name] for name in _KNOWN if answer.headers.get(name)}
    metadata = {
        name.removeprefix(_METADATA): value
        for name, value in answer.headers.items()
        if name.startswith(_METADATA)
    }
    return {**metadata, **known}
