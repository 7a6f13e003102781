"""What every adapter of the port Documents promises; S3's is the one there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ReadTimeoutError
from hearth.domain.errors import StoreConflict, StoreUnavailable
from hearth.stores.ports import Document, Unchanged
from support.faults import answer

KEY = "registry/m.json"


def test_read_gives_none_where_nothing_was_written(documents):
    """A document that does not exist is an answer, not an error."""
    assert documents.read(KEY) is None


def test_read_gives_what_create_wrote_with_its_etag(documents):
    """A document is read back byte for byte, under the ETag that writing it returned."""
    etag = documents.create(KEY, b'{"a": 1}')
    assert documents.read(KEY) == Document(b'{"a": 1}', etag)


def test_read_is_unchanged_under_the_etag_that_the_reader_knows(documents):
    """A conditional read costs no body while nothing changed."""
    etag = documents.create(KEY, b"1")
    assert documents.read(KEY, unless=etag) == Unchanged()


def test_read_gives_the_new_document_when_the_etag_is_an_old_one(documents):
    """A conditional read sees a change."""
    old = documents.create(KEY, b"1")
    new = documents.replace(KEY, b"2", old)
    assert documents.read(KEY, unless=old) == Document(b"2", new)


def test_conditional_read_gives_none_when_the_document_is_gone(documents, s3, bucket):
    """A deleted document reads as none, whatever ETag the reader knew."""
    etag = documents.create(KEY, b"1")
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert documents.read(KEY, unless=etag) is None


def test_create_conflicts_when_the_document_exists(documents):
    """What exists is not created again, and stays as it was."""
    etag = documents.create(KEY, b"first")
    with pytest.raises(StoreConflict, match="another writer was first"):
        documents.create(KEY, b"second")
    assert documents.read(KEY) == Document(b"first", etag)


def test_create_conflicts_even_with_the_same_bytes(documents):
    """Equal content is no excuse: the second writer is told that it was not the first."""
    documents.create(KEY, b"same")
    with pytest.raises(StoreConflict):
        documents.create(KEY, b"same")


def test_replace_conflicts_when_another_writer_was_first(documents):
    """Compare-and-set: a writer that read an old document writes nothing."""
    read = documents.create(KEY, b"1")
    documents.replace(KEY, b"2", read)
    with pytest.raises(StoreConflict):
        documents.replace(KEY, b"3", read)
    assert documents.read(KEY).body == b"2"


def test_replace_conflicts_when_the_document_is_gone(documents, s3, bucket):
    """S3 answers 404 to If-Match on nothing: to the writer that is a lost race."""
    etag = documents.create(KEY, b"1")
    s3.delete_object(Bucket=bucket, Key=KEY)
    with pytest.raises(StoreConflict, match="gone"):
        documents.replace(KEY, b"2", etag)


def test_create_succeeds_again_after_a_deletion(documents, s3, bucket):
    """A delete marker is no document."""
    documents.create(KEY, b"1")
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert documents.create(KEY, b"2")


def test_list_yields_exactly_the_prefix_in_key_order(documents):
    """A listing holds every key under the prefix, ordered, with sizes and times, nothing else."""
    for key in ("a/2", "a/10", "a/1", "b/1", "aa"):
        documents.create(key, b"12345")
    listed = list(documents.list("a/"))
    assert [item.key for item in listed] == ["a/1", "a/10", "a/2"]
    assert {item.size for item in listed} == {5}
    assert all(datetime.now(UTC) - item.modified < timedelta(minutes=5) for item in listed)


def test_list_goes_on_past_one_page(documents, faults, s3):
    """S3 lists some keys a page; the listing has them all."""

    def small_pages(params, **_kwargs):
        return {**params, "MaxKeys": 2}

    for number in range(5):
        documents.create(f"p/{number}", b"")
    s3.meta.events.register("provide-client-params.s3.ListObjectsV2", small_pages)
    try:
        assert [item.key[-1] for item in documents.list("p/")] == list("01234")
    finally:
        s3.meta.events.unregister("provide-client-params.s3.ListObjectsV2", small_pages)
    assert faults.count("ListObjectsV2") == 3


@pytest.mark.parametrize(
    ("after", "found"), [("", "abc"), ("p/a", "bc"), ("p/aa", "bc"), ("p/c", ""), ("a", "abc")]
)
def test_list_begins_after_the_key_that_it_is_told(documents, after, found):
    """A listing of what is new skips what comes first, whether or not that key exists."""
    for name in "abc":
        documents.create(f"p/{name}", b"")
    assert "".join(item.key[-1] for item in documents.list("p/", after)) == found


def test_list_goes_on_past_one_page_after_a_key(documents, s3):
    """Where it begins holds for the first page; the next ones go on from there."""

    def small_pages(params, **_kwargs):
        return {**params, "MaxKeys": 2}

    for number in range(6):
        documents.create(f"p/{number}", b"")
    s3.meta.events.register("provide-client-params.s3.ListObjectsV2", small_pages)
    try:
        assert [item.key[-1] for item in documents.list("p/", "p/0")] == list("12345")
    finally:
        s3.meta.events.unregister("provide-client-params.s3.ListObjectsV2", small_pages)


def test_page_holds_the_first_keys_in_one_request(documents, faults):
    """Who needs a few keys asks once, however many there are."""
    for key in ("a/2", "a/1", "b/1", "a/3 ü+&"):
        documents.create(key, b"12345")
    for most, found in ((2, ["a/1", "a/2"]), (1000, ["a/1", "a/2", "a/3 ü+&"])):
        page = documents.page("a/", most)
        assert [item.key for item in page] == found
        assert page == list(documents.list("a/"))[:most]
    assert documents.page("none/", 10) == []


def test_removed_document_is_gone_and_may_be_removed_again(documents):
    """Removing is idempotent; afterwards the key can be created."""
    documents.create(KEY, b"1")
    documents.remove(KEY)
    documents.remove(KEY)
    assert documents.read(KEY) is None
    assert documents.create(KEY, b"2")


def test_list_is_empty_where_nothing_lies(documents):
    """An empty prefix is an empty listing."""
    assert list(documents.list("none/")) == []


@pytest.mark.parametrize("lost", [answer(500, "InternalError"), ReadTimeoutError(endpoint_url="")])
def test_write_is_its_own_when_only_its_answer_was_lost(documents, faults, lost):
    """S3 took the write and the answer got lost: the retry's 412 is no other writer's doing."""
    etag = documents.create(KEY, b"1")
    faults.on("PutObject", lost, times=1, late=True)
    new = documents.replace(KEY, b"2", etag)
    assert documents.read(KEY) == Document(b"2", new)


def test_write_conflicts_when_a_retry_meets_another_writers_work(documents, faults, s3, bucket):
    """A retry that finds other bytes than its own lost the race."""
    etag = documents.create(KEY, b"1")

    def another_writes(request):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"another's")
        return answer(500, "InternalError")(request)

    faults.on("PutObject", another_writes, times=1)
    with pytest.raises(StoreConflict):
        documents.replace(KEY, b"2", etag)


@pytest.mark.parametrize("way", ["in process"], indirect=True)
def test_read_is_store_unavailable_when_s3_goes_on_failing(documents, faults):
    """S3's client tries three times; then the caller hears that S3 is failing."""
    faults.on("GetObject", answer(503, "SlowDown"))
    with pytest.raises(StoreUnavailable, match=r"read registry/m\.json: AWS is failing"):
        documents.read(KEY)
    assert faults.count("GetObject") == 3


@pytest.mark.parametrize("way", ["in process"], indirect=True)
def test_read_succeeds_when_s3_fails_once(documents, faults):
    """One bad answer of S3 is nobody's business."""
    documents.create(KEY, b"1")
    faults.on("GetObject", answer(500, "InternalError"), times=1)
    assert documents.read(KEY).body == b"1"
