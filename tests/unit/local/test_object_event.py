"""S3 events look as AWS sends them, whatever the stand-in makes."""

import pytest
from hearth_local.object_event import as_sent_by_aws


def made(**fields):
    thing = {"key": "a b", "size": 3, "eTag": "abc", "version-id": "v1", "sequencer": "fixed"}
    return {
        "id": "fixed",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "b"}, "object": {**thing, **fields}, "reason": "x"},
    }


def test_object_has_awss_fields():
    """The ETag is spelled `etag`; ids and sequencers differ and grow."""
    first, second = as_sent_by_aws(made()), as_sent_by_aws(made())
    found = first["detail"]["object"]
    assert {k: found[k] for k in ("key", "size", "etag", "version-id")} == {
        "key": "a b",
        "size": 3,
        "etag": "abc",
        "version-id": "v1",
    }
    assert first["id"] != second["id"]
    assert int(found["sequencer"], 16) < int(second["detail"]["object"]["sequencer"], 16)


@pytest.mark.parametrize(
    ("etag", "reason"), [("abc", "PutObject"), ("abc-3", "CompleteMultipartUpload")]
)
def test_reason_tells_a_multipart_upload(etag, reason):
    """An ETag of several parts comes from a multipart upload."""
    assert as_sent_by_aws(made(eTag=etag))["detail"]["reason"] == reason


def test_object_of_an_unversioned_bucket_has_no_version():
    """AWS leaves the field out."""
    assert "version-id" not in as_sent_by_aws(made(**{"version-id": None}))["detail"]["object"]


def test_event_of_another_source_stays_as_it_is():
    """Only S3's events are mended."""
    event = {"source": "hearth", "detail": {"object": {"eTag": 1}}}
    assert as_sent_by_aws(event) == event
