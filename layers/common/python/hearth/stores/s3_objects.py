"""How objects of a bucket are read: what both ways to ask S3 have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from hearth.stores import aws_credentials, aws_endpoint, aws_errors
from hearth.stores.aws_client import client
from hearth.stores.aws_connections import connections
from hearth.stores.ports import Listed, Unchanged

T = TypeVar("T")


class Answer(Protocol):
    """An object on its way.

    Attributes:
        status: 200 for the whole object, 206 for a part of it.
        etag: The object's.
        length: Bytes of what comes, -1 if that is not known.
        headers: All of the answer's, names in lower case.
    """

    status: int
    etag: str
    length: int
    headers: Mapping[str, str]

    def read(self) -> bytes:
        """Return all of it.

        Raises:
            Unanswered: If it breaks off.
        """

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as bytes come; 0 at the end.

        Raises:
            Unanswered: If it breaks off.
        """


Use = Callable[[Answer], T]
# First and last byte of what is asked for, said anew each time that it is asked.
Span = Callable[[], tuple[int, int]]


class Objects(Protocol):
    def get(
        self, what: str, key: str, use: Use[T], *, unless: str = "", span: Span | None = None
    ) -> T | Unchanged | None:
        """Return what `use` makes of an object: `Unchanged` under this ETag, None if there is none.

        `use` may be called again where an answer broke off. `what` is for the error's words.

        Raises:
            StoreError: If S3 does not give it.
        """

    def page(self, what: str, prefix: str, most: int) -> Sequence[Listed]:
        """Return the first keys under a prefix, in key order: at most 1000."""


def objects(bucket: str, s3: Any = None) -> Objects:  # noqa: ANN401 (botocore's client)
    """Return how a bucket's objects are read: through a client that is given, else past botocore.

    The environment is read each time: a function's credentials may have been renewed in it. Where
    it says what only botocore follows (profiles, proxies, FIPS), botocore is asked after all.
    """
    if s3 is None:
        endpoint = aws_endpoint.find(os.environ, bucket)
        if endpoint is not None:
            try:
                credentials = aws_credentials.find(os.environ)
            except aws_errors.Unsigned as error:
                raise aws_errors.unsigned(f"reach bucket {bucket}") from error
            if credentials is not None:
                from hearth.stores.s3_reader import S3Reader

                return S3Reader(endpoint, credentials, connections())
    from hearth.stores.s3_client_reader import ClientReader

    return ClientReader(bucket, s3 or client("s3"))


class InBucket:
    """What reads and writes objects of one bucket.

    Args:
        bucket: Its name.
        s3: A client of botocore's that everything is asked through; None for the usual ways.
    """

    def __init__(self, bucket: str, s3: Any = None) -> None:  # noqa: ANN401
        self._bucket = bucket
        self._given = s3

    @property
    def _s3(self) -> Any:  # noqa: ANN401
        # Made with the first write: a function that only reads never imports botocore.
        return self._given or client("s3")

    @property
    def _objects(self) -> Objects:
        return objects(self._bucket, self._given)


def close() -> None:
    """Drop every connection past botocore, and the credentials that were lent."""
    connections().close()
    connections.cache_clear()
    aws_credentials.container.cache_clear()


def renew() -> None:
    """Drop what a restored snapshot holds of AWS, botocore's clients too: none of it is good."""
    close()
    client.cache_clear()
