"""S3 read through a botocore client: where it goes is where the client goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hearth.domain.errors import StoreError
from hearth.stores.aws_client import in_hearths_words
from hearth.stores.aws_errors import refusal_of
from hearth.stores.ports import Listed, Unchanged
from hearth.stores.s3_objects import Span, T, Use


class ClientReader:
    """Implements `Objects`."""

    def __init__(self, bucket: str, s3: Any) -> None:  # noqa: ANN401
        self._bucket = bucket
        self._s3 = s3

    def get(
        self, what: str, key: str, use: Use[T], *, unless: str = "", span: Span | None = None
    ) -> T | Unchanged | None:
        wanted = {"IfNoneMatch": unless} if unless else {}
        if span is not None:
            wanted["Range"] = "bytes={}-{}".format(*span())
        try:
            with in_hearths_words(what):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, **wanted)
                with answer["Body"]:
                    return use(_ClientAnswer(answer))
        except StoreError as error:
            refusal = refusal_of(error)
            if refusal.status == 304:
                return Unchanged()
            if refusal.absent:
                return None
            raise

    def page(self, what: str, prefix: str, most: int) -> Sequence[Listed]:
        with in_hearths_words(what):
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=most)
        return [
            Listed(item["Key"], item["Size"], item["LastModified"])
            for item in page.get("Contents", ())
        ]


class _ClientAnswer:
    """Implements `Answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._body = answer["Body"]
        self.etag: str = answer["ETag"]
        self.length: int = answer["ContentLength"]
        self.status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
        self.headers: Mapping[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]

    def read(self) -> bytes:
        return bytes(self._body.read())

    def readinto(self, buffer: memoryview) -> int:
        return int(self._body.readinto(buffer))
