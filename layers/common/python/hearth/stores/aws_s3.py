"""The bucket: documents and blobs in S3."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from hearth.domain.errors import (
    ArtefactCorrupt,
    BucketMissing,
    ResourceExhausted,
    StoreConflict,
    StoreUnavailable,
)
from hearth.stores.aws_client import client, error_code, http_status, in_hearths_words
from hearth.stores.multipart import MULTIPART_FROM, checksum_of, upload_in_parts
from hearth.stores.ports import Document, Listed, Progress, Unchanged

_CHUNK = 1 << 20


class S3Documents:
    def __init__(self, bucket: str, s3: Any = None) -> None:  # noqa: ANN401
        self._bucket = bucket
        self._s3 = s3 or client("s3")

    def read(self, key: str, unless: str = "") -> Document | Unchanged | None:
        wanted = {"IfNoneMatch": unless} if unless else {}
        with in_hearths_words(f"read {key}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, **wanted)
                return Document(answer["Body"].read(), answer["ETag"])
            except ClientError as error:
                if http_status(error) == 304:
                    return Unchanged()
                if error_code(error) in ("NoSuchKey", "404"):
                    return None
                raise

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

    def remove(self, key: str) -> None:
        with in_hearths_words(f"remove {key}"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _put(self, key: str, body: bytes, **condition: str) -> str:
        with in_hearths_words(f"write {key}"):
            try:
                answer = self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    **condition,
                )
            except ClientError as error:
                # A replaced document that is gone answers 404: to its writer that is a lost race.
                if error_code(error) in ("NoSuchKey", "404"):
                    raise StoreConflict(f"write {key}: the document is gone") from error
                etag = self._own_etag(error, key, body)
                if not etag:
                    raise
                return etag
        return str(answer["ETag"])

    def _own_etag(self, error: ClientError, key: str, body: bytes) -> str:
        """Return the ETag of a write whose answer was lost: its retry met its own work."""
        retried = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        if http_status(error) not in (409, 412) or not retried:
            return ""
        found = self.read(key)
        return found.etag if isinstance(found, Document) and found.body == body else ""


class S3Blobs:
    def __init__(self, bucket: str, s3: Any = None) -> None:  # noqa: ANN401
        self._bucket = bucket
        self._s3 = s3 or client("s3")

    def stat(self, key: str, like: Path | None = None) -> Listed | None:
        with in_hearths_words(f"look at {key}"):
            try:
                head = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            except ClientError as error:
                if http_status(error) != 404:
                    raise
                # HEAD answers a bare 404 for a missing key and for a missing bucket alike.
                require_bucket(self._bucket, self._s3)
                return None
        if like and not _is_like(head, like):
            return None
        return Listed(key, head["ContentLength"], head["LastModified"])

    def download(self, key: str, path: Path, progress: Progress) -> str:
        with in_hearths_words(f"fetch {key}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise
                raise ArtefactCorrupt(
                    f"blob {key} is not in the bucket",
                    remedy="publish the model again: only what is missing is uploaded",
                ) from error
            return _write(answer, key, path, progress)

    def upload(self, key: str, path: Path, progress: Progress) -> None:
        with in_hearths_words(f"upload {key}"):
            if path.stat().st_size >= MULTIPART_FROM:
                self._upload_in_parts(key, path, progress)
                return
            body = path.read_bytes()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
            progress(len(body))

    def _upload_in_parts(self, key: str, path: Path, progress: Progress) -> None:
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
    # S3 writes the number of parts behind a checksum of checksums; moto does not.
    known = head.get("ChecksumSHA256", "").partition("-")[0]
    # Every upload here has such a checksum: an object without one came from elsewhere.
    return bool(head["ContentLength"] == path.stat().st_size and known == checksum_of(path))


def _write(answer: dict[str, Any], key: str, path: Path, progress: Progress) -> str:
    sha256 = hashlib.sha256()
    written = 0
    try:
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                sha256.update(chunk)
                file.write(chunk)
                written += len(chunk)
                progress(len(chunk))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ResourceExhausted(
            f"no space left for blob {key}",
            got=f"{written} bytes written",
            expected=f"{answer['ContentLength']} bytes",
            remedy="give the function more ephemeral storage",
        ) from error
    except BotoCoreError as error:
        raise StoreUnavailable(
            f"blob {key} broke off", got=f"{written} of {answer['ContentLength']} bytes"
        ) from error
    if written != answer["ContentLength"]:
        raise ArtefactCorrupt(
            f"blob {key} ended early", got=written, expected=answer["ContentLength"]
        )
    return sha256.hexdigest()


def require_bucket(bucket: str, s3: Any = None) -> None:  # noqa: ANN401
    """Raise `BucketMissing` unless the bucket can be reached."""
    with in_hearths_words(f"reach bucket {bucket}"):
        try:
            (s3 or client("s3")).head_bucket(Bucket=bucket)
        except ClientError as error:
            if http_status(error) == 404:
                raise BucketMissing(
                    f"bucket {bucket} does not exist", remedy="deploy the stack first"
                ) from error
            raise
