"""The bucket: documents and blobs in S3.

Reads go past botocore (`s3_objects.objects`); all else goes through it, and imports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hearth.domain.errors import ArtefactCorrupt, BucketMissing, StoreConflict, StoreError
from hearth.stores.aws_client import client, in_hearths_words
from hearth.stores.aws_errors import Refused, refusal_of
from hearth.stores.ports import Document, Listed, Progress, Unchanged
from hearth.stores.s3_download import download
from hearth.stores.s3_objects import Answer, InBucket


class S3Documents(InBucket):
    def read(self, key: str, unless: str = "") -> Document | Unchanged | None:
        return self._objects.get(f"read {key}", key, _document, unless=unless)

    def create(self, key: str, body: bytes) -> str:
        return self._put(key, body, IfNoneMatch="*")

    def replace(self, key: str, body: bytes, etag: str) -> str:
        return self._put(key, body, IfMatch=etag)

    def list(self, prefix: str, after: str = "") -> Iterator[Listed]:
        token: dict[str, str] = {"StartAfter": after} if after else {}
        while True:
            with in_hearths_words(f"list {prefix}"):
                page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **token)
            for item in page.get("Contents", ()):
                yield Listed(item["Key"], item["Size"], item["LastModified"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def page(self, prefix: str, most: int) -> Sequence[Listed]:
        return self._objects.page(f"list {prefix}", prefix, most)

    def remove(self, key: str) -> None:
        with in_hearths_words(f"remove {key}"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _put(self, key: str, body: bytes, **condition: str) -> str:
        try:
            with in_hearths_words(f"write {key}"):
                answer = self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    **condition,
                )
        except StoreError as error:
            refusal = refusal_of(error)
            # A replaced document that is gone answers 404: to its writer that is a lost race.
            if refusal.absent:
                raise StoreConflict(f"write {key}: the document is gone") from error
            etag = self._own_etag(refusal, key, body)
            if not etag:
                raise
            return etag
        return str(answer["ETag"])

    def _own_etag(self, refusal: Refused, key: str, body: bytes) -> str:
        """Return the ETag of a write whose answer was lost: its retry met its own work."""
        if refusal.status not in (409, 412) or not refusal.retries:
            return ""
        found = self.read(key)
        return found.etag if isinstance(found, Document) and found.body == body else ""


def _document(answer: Answer) -> Document:
    return Document(answer.read(), answer.etag)


class S3Blobs(InBucket):
    def stat(self, key: str, like: Path | None = None) -> Listed | None:
        try:
            with in_hearths_words(f"look at {key}"):
                head = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except StoreError as error:
            if refusal_of(error).status != 404:
                raise
            # HEAD answers a bare 404 for a missing key and for a missing bucket alike.
            require_bucket(self._bucket, self._s3)
            return None
        if like and not _is_like(head, like):
            return None
        return Listed(key, head["ContentLength"], head["LastModified"])

    def download(self, key: str, path: Path, progress: Progress, size: int = 0) -> str:
        digest = download(self._objects, key, path, progress, size)
        if digest is None:
            raise ArtefactCorrupt(
                f"blob {key} is not in the bucket",
                remedy="publish the model again: only what is missing is uploaded",
            )
        return digest

    def upload(self, key: str, path: Path, progress: Progress) -> None:
        from hearth.stores.multipart import MULTIPART_FROM

        with in_hearths_words(f"upload {key}"):
            if path.stat().st_size >= MULTIPART_FROM:
                self._upload_in_parts(key, path, progress)
                return
            body = path.read_bytes()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
            progress(len(body))

    def _upload_in_parts(self, key: str, path: Path, progress: Progress) -> None:
        from hearth.stores.multipart import upload_in_parts

        try:
            upload_in_parts(self._s3, self._bucket, key, path, progress)
        except self._s3.exceptions.NoSuchUpload:
            # Another uploader of the same bytes ended the upload that both had joined.
            there = self.stat(key)
            if there is None or there.size != path.stat().st_size:
                upload_in_parts(self._s3, self._bucket, key, path, progress)

    def remove(self, key: str) -> None:
        with in_hearths_words(f"remove {key}"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)


def _is_like(head: dict[str, Any], path: Path) -> bool:
    from hearth.stores.multipart import checksum_of

    # S3 writes the number of parts behind a checksum of checksums; moto does not.
    known = head.get("ChecksumSHA256", "").partition("-")[0]
    # Every upload here has such a checksum: an object without one came from elsewhere.
    return bool(head["ContentLength"] == path.stat().st_size and known == checksum_of(path))


def require_bucket(bucket: str, s3: Any = None) -> None:  # noqa: ANN401
    """Raise `BucketMissing` unless the bucket can be reached."""
    try:
        with in_hearths_words(f"reach bucket {bucket}"):
            (s3 or client("s3")).head_bucket(Bucket=bucket)
    except StoreError as error:
        if refusal_of(error).status == 404:
            raise BucketMissing(
                f"bucket {bucket} does not exist", remedy="deploy the stack first"
            ) from error
        raise
