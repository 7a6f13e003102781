"""What every adapter of the port Blobs promises; S3's is the one there is."""

from __future__ import annotations

import hashlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ReadTimeoutError
from hearth.domain.errors import (
    ArtefactCorrupt,
    BucketMissing,
    ResourceExhausted,
    StoreError,
    StoreUnavailable,
)
from hearth.stores.aws_s3 import S3Blobs, require_bucket
from hearth.stores.multipart import MULTIPART_FROM, parts_of
from support.faults import Faults, answer

KEY = "models/m/blobs/abc"
SMALL = b"weights" * 100
LARGE = MULTIPART_FROM + 12345  # two whole parts and a short one


def silent(_count):
    pass


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(SMALL)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of three parts that differ."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        for number in range(-(-LARGE // 4096)):
            file.write(number.to_bytes(8, "big") * 512)
        file.truncate(LARGE)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stored(blobs, tmp_path: Path, key: str = KEY) -> str:
    return blobs.download(key, tmp_path / "downloaded", silent)


def test_stat_gives_none_where_nothing_lies(blobs):
    """A blob that does not exist is an answer, not an error."""
    assert blobs.stat(KEY) is None


def test_stat_names_the_bucket_when_that_is_what_is_missing(s3):
    """HEAD answers 404 to both; a missing bucket must not look like a missing blob."""
    with pytest.raises(BucketMissing, match="nowhere"):
        S3Blobs("nowhere", s3).stat(KEY)


def test_require_bucket_accepts_the_bucket_that_is_there(s3, bucket):
    """A bucket that answers is fine; another is named as missing."""
    require_bucket(bucket, s3)
    with pytest.raises(BucketMissing, match="deploy the stack first"):
        require_bucket("nowhere", s3)


def test_download_gives_back_what_upload_took(blobs, small, tmp_path):
    """A blob is read back byte for byte; the digest is that of the bytes on disk."""
    blobs.upload(KEY, small, silent)
    assert blobs.stat(KEY).size == len(SMALL)
    assert stored(blobs, tmp_path) == sha256(small)
    assert (tmp_path / "downloaded").read_bytes() == SMALL


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, (1 << 20) + 1, 8 << 20, (8 << 20) + 1])
def test_download_gives_back_blobs_of_every_size(blobs, tmp_path, size):
    """Empty blobs and those at the edge of a chunk or of a range come back whole."""
    path = tmp_path / "sized"
    path.write_bytes(random.Random(size).randbytes(size))
    blobs.upload(KEY, path, silent)
    assert stored(blobs, tmp_path) == sha256(path)
    told = []
    digest = blobs.download(KEY, tmp_path / "again", told.append, size)
    assert (digest, sum(told)) == (sha256(path), size)
    assert sha256(tmp_path / "again") == digest


def test_download_of_a_given_client_goes_where_the_client_goes(s3, bucket, large, tmp_path):
    """A client that is given may have another endpoint, a profile: it alone is asked."""
    blobs = S3Blobs(bucket, s3)
    blobs.upload(KEY, large, silent)
    told = []
    asked = Faults(s3)
    digest = blobs.download(KEY, tmp_path / "downloaded", told.append, LARGE)
    asked.close()
    assert (digest, sum(told)) == (sha256(large), LARGE)
    assert asked.calls == ["GetObject"] * len(range(0, LARGE, -(-LARGE // 4)))


def test_progress_adds_up_to_the_blob(blobs, small, tmp_path):
    """Progress is told in bytes that were done, of the upload as of the download."""
    up, down = [], []
    blobs.upload(KEY, small, up.append)
    blobs.download(KEY, tmp_path / "downloaded", down.append)
    assert sum(up) == sum(down) == len(SMALL)


def test_download_is_artefact_corrupt_where_nothing_lies(blobs, tmp_path):
    """A manifest that names a blob which is not there is a damaged artefact, not a failing store."""
    with pytest.raises(ArtefactCorrupt, match="is not in the bucket"):
        stored(blobs, tmp_path)


def test_download_names_the_bucket_when_that_is_what_is_missing(s3, tmp_path):
    """A missing bucket is not a damaged artefact."""
    with pytest.raises(BucketMissing):
        stored(S3Blobs("nowhere", s3), tmp_path)


def test_download_is_resource_exhausted_when_the_disk_is_full(blobs, small):
    """ENOSPC says how much was written of how much, and what to raise."""
    blobs.upload(KEY, small, silent)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ResourceExhausted, match=r"expected 700 bytes; give .* ephemeral storage"):
        blobs.download(KEY, full, silent)


def test_remove_takes_a_blob_away_and_accepts_one_that_is_gone(blobs, small):
    """Removing twice is removing once."""
    blobs.upload(KEY, small, silent)
    blobs.remove(KEY)
    assert blobs.stat(KEY) is None
    blobs.remove(KEY)


def test_upload_of_a_large_file_comes_back_whole(blobs, large, tmp_path, faults):
    """A file of several parts is one blob in the end, and its progress adds up."""
    done = []
    blobs.upload(KEY, large, done.append)
    assert faults.count("UploadPart") == len(parts_of(LARGE)) == 3
    assert sum(done) == LARGE
    assert stored(blobs, tmp_path) == sha256(large)


def test_upload_leaves_nothing_visible_until_every_part_is_there(blobs, large, faults, s3, bucket):
    """An upload that breaks off shows no blob, not even a short one."""
    faults.on("UploadPart", answer(403, "AccessDenied"), after=2)
    with pytest.raises(StoreError):
        blobs.upload(KEY, large, silent)
    assert blobs.stat(KEY) is None
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_upload_sends_only_what_is_missing_when_it_is_run_again(blobs, large, faults, tmp_path):
    """Parts that arrived before the upload broke off are not sent again."""
    faults.on("CompleteMultipartUpload", answer(403, "AccessDenied"))
    with pytest.raises(StoreError):
        blobs.upload(KEY, large, silent)
    sent = faults.count("UploadPart")
    faults.heal()
    done = []
    blobs.upload(KEY, large, done.append)
    assert sent == 3
    assert faults.count("UploadPart") == sent
    assert faults.count("CreateMultipartUpload") == 1
    assert sum(done) == LARGE
    assert stored(blobs, tmp_path) == sha256(large)


@pytest.mark.parametrize("arrived", [1, 2])
def test_upload_resumes_after_any_part(blobs, large, faults, tmp_path, arrived):
    """Wherever it broke off, the rerun sends the rest and completes."""
    faults.on("UploadPart", answer(403, "AccessDenied"), after=arrived)
    with pytest.raises(StoreError):
        blobs.upload(KEY, large, silent)
    faults.heal()
    before = faults.count("UploadPart")
    blobs.upload(KEY, large, silent)
    assert faults.count("UploadPart") - before == 3 - arrived
    assert stored(blobs, tmp_path) == sha256(large)


def test_upload_sends_a_part_again_that_holds_other_bytes(blobs, large, s3, bucket, tmp_path):
    """A part of an earlier upload is trusted by its checksum alone, not by its number."""
    made = s3.create_multipart_upload(Bucket=bucket, Key=KEY, ChecksumAlgorithm="SHA256")
    first = parts_of(LARGE)[0]
    s3.upload_part(
        Bucket=bucket, Key=KEY, UploadId=made["UploadId"], PartNumber=1, Body=b"z" * first.size
    )
    blobs.upload(KEY, large, silent)
    assert stored(blobs, tmp_path) == sha256(large)


def test_upload_trusts_a_parts_sha256_where_s3_lists_it(blobs, large, s3, bucket, faults):
    """S3 lists each part's SHA-256; with one that differs, the part is sent again."""
    faults.on("CompleteMultipartUpload", answer(403, "AccessDenied"))
    with pytest.raises(StoreError):
        blobs.upload(KEY, large, silent)
    faults.heal()

    def with_checksums(http_response, parsed, model, **_kwargs):
        for part in parsed["Parts"]:
            part["ChecksumSHA256"] = "another"

    s3.meta.events.register("after-call.s3.ListParts", with_checksums)
    try:
        blobs.upload(KEY, large, silent)
    finally:
        s3.meta.events.unregister("after-call.s3.ListParts", with_checksums)
    assert faults.count("UploadPart") == 6


def test_two_uploads_of_one_blob_at_once_both_succeed(server_s3, large, tmp_path):
    """Two publishers of the same bytes may share an upload, or race for its end: no harm done."""
    blobs = S3Blobs("hearth-models", server_s3)
    barrier = threading.Barrier(2)

    def upload(_):
        barrier.wait()
        blobs.upload(KEY, large, silent)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, range(2)))
    assert stored(blobs, tmp_path) == sha256(large)


@pytest.mark.parametrize("operation", ["ListParts", "CompleteMultipartUpload"])
def test_upload_succeeds_when_another_uploader_ended_the_shared_upload(
    blobs, large, faults, tmp_path, operation
):
    """NoSuchUpload with the whole blob in place means that the other one was faster."""
    other_done = threading.Event()

    def other_is_faster(request):
        if not other_done.is_set():
            other_done.set()
            blobs.upload(KEY, large, silent)
        return answer(404, "NoSuchUpload")(request)

    faults.on(operation, other_is_faster, times=1)
    blobs.upload(KEY, large, silent)
    assert stored(blobs, tmp_path) == sha256(large)


def test_upload_begins_anew_when_its_upload_was_aborted(blobs, large, faults, tmp_path):
    """NoSuchUpload with no blob in place: a lifecycle rule tidied up, so it starts again."""
    faults.on("ListParts", answer(404, "NoSuchUpload"), times=1)
    blobs.upload(KEY, large, silent)
    assert stored(blobs, tmp_path) == sha256(large)


def test_upload_is_store_unavailable_when_completing_answers_200_with_an_error(
    blobs, large, faults
):
    """S3 may answer 200 and an error document to the last step: that is no success."""
    faults.on("CompleteMultipartUpload", answer(200, "InternalError"))
    with pytest.raises(StoreUnavailable):
        blobs.upload(KEY, large, silent)
    assert blobs.stat(KEY) is None


def test_upload_is_store_unavailable_when_s3_is_slow(blobs, small, faults):
    """A read timeout is S3's, and is tried again before it is told."""
    faults.on("PutObject", ReadTimeoutError(endpoint_url="https://s3.test"))
    with pytest.raises(StoreUnavailable, match="did not answer"):
        blobs.upload(KEY, small, silent)
    assert faults.count("PutObject") == 3
