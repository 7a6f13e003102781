"""Uploads in parallel parts that a rerun resumes: parts that arrived are not sent again."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hearth.domain.frozen import dataclass
from hearth.stores.ports import Progress

MULTIPART_FROM = 16 << 20
_LEAST_PART = 8 << 20
_MOST_PARTS = 1000
_PARALLEL = 6


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    offset: int
    size: int


def parts_of(size: int) -> list[Part]:
    """Return the parts of a file: the same for the same size, so that a rerun can match them.

    Example:
        >>> [part.size >> 20 for part in parts_of(20 << 20)]
        [8, 8, 4]
    """
    # S3 takes 10,000 parts; a tenth of that keeps the listing of a resumed upload to one page.
    length = max(_LEAST_PART, -(-size // _MOST_PARTS))
    return [
        Part(number, offset, min(length, size - offset))
        for number, offset in enumerate(range(0, size, length), start=1)
    ]


def checksum_of(path: Path) -> str:
    """Return the SHA-256 checksum that S3 keeps of a file uploaded here, in base64.

    Source:
        S3 user guide, checking object integrity: an object uploaded in parts has the checksum of
        its parts' checksums.
    """
    size = path.stat().st_size
    if size < MULTIPART_FROM:
        whole = path.read_bytes()
    else:
        whole = b"".join(hashlib.sha256(_read(path, part)).digest() for part in parts_of(size))
    return base64.b64encode(hashlib.sha256(whole).digest()).decode()


def _read(path: Path, part: Part) -> bytes:
    with path.open("rb") as file:
        file.seek(part.offset)
        return file.read(part.size)


def upload_in_parts(s3: Any, bucket: str, key: str, path: Path, progress: Progress) -> None:  # noqa: ANN401
    upload = _open_upload(s3, bucket, key)
    there = _uploaded(s3, bucket, key, upload)

    def send(part: Part) -> dict[str, Any]:
        body = _read(path, part)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        known = there.get(part.number)
        if known is None or not _holds(known, body, checksum):
            known = s3.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=part.number,
                Body=body,
                ChecksumSHA256=checksum,
            )
        progress(part.size)
        return {"PartNumber": part.number, "ETag": known["ETag"], "ChecksumSHA256": checksum}

    with ThreadPoolExecutor(_PARALLEL) as pool:
        done = list(pool.map(send, parts_of(path.stat().st_size)))
    s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done}
    )


def _open_upload(s3: Any, bucket: str, key: str) -> str:  # noqa: ANN401
    """Return the upload of this key that broke off, or a new one."""
    listed = s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", ())
    broken_off = [upload for upload in listed if upload["Key"] == key]
    if broken_off:
        return str(max(broken_off, key=lambda upload: upload["Initiated"])["UploadId"])
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256")
    return str(made["UploadId"])


def _uploaded(s3: Any, bucket: str, key: str, upload: str) -> dict[int, dict[str, Any]]:  # noqa: ANN401
    parts: dict[int, dict[str, Any]] = {}
    pages = s3.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload)
    for page in pages:
        for part in page.get("Parts", ()):
            parts[part["PartNumber"]] = part
    return parts


def _holds(part: dict[str, Any], body: bytes, checksum: str) -> bool:
    if "ChecksumSHA256" in part:
        return bool(part["ChecksumSHA256"] == checksum)
    # Where no checksum is listed, the ETag of a part is its MD5, or (with KMS) matches nothing.
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return bool(part["ETag"].strip('"') == md5)
