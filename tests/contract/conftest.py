"""Every promise twice: S3 is moto's in this process, and behind a socket with the reader as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hearth.stores import aws_client
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from support.faults import Faults

IN_PROCESS, SOCKET = "in process", "over a socket"


@pytest.fixture(params=[IN_PROCESS, SOCKET])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def s3(way: str, request: pytest.FixtureRequest) -> Any:
    if way == SOCKET:
        return request.getfixturevalue("server_s3")
    request.getfixturevalue("aws")
    return aws_client.client("s3")


@pytest.fixture
def bucket(s3: Any, way: str) -> str:
    name = "hearth-models"
    if way == IN_PROCESS:
        place = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
        enabled = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
    return name


@pytest.fixture
def documents(bucket: str, s3: Any) -> S3Documents:
    """Reads by the environment alone, past botocore; writes through the client of this test."""

    class Documents(S3Documents):
        _s3 = s3

    return Documents(bucket)


@pytest.fixture
def blobs(bucket: str, s3: Any) -> S3Blobs:
    class Blobs(S3Blobs):
        _s3 = s3

    return Blobs(bucket)


@pytest.fixture
def faults(s3: Any, bucket: str) -> Iterator[Faults]:
    """Faults of whatever goes through botocore, and in process of the reader as well."""
    made = Faults(s3)
    yield made
    made.close()
