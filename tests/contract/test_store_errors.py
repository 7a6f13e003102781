"""How AWS's failures reach a caller: which error of the tree, in which words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.session import get_session
from hearth.domain.errors import (
    BucketMissing,
    NoCredentials,
    StoreConflict,
    StoreError,
    StoreForbidden,
    StoreUnavailable,
)
from hearth.stores import aws_client
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from support.faults import Faults, answer


@cache
def _brief_client():
    return get_session().create_client("s3", config=Config(retries={"total_max_attempts": 1}))


def silent(_count):
    pass


@pytest.fixture
def brief(bucket) -> Iterator[Faults]:
    """Faults of a client that does not try again."""
    made = Faults(_brief_client())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        (answer(403, "AccessDenied"), StoreForbidden, "grant the role that action"),
        (answer(403, ""), StoreForbidden, "access denied"),
        (answer(400, "ExpiredToken"), NoCredentials, "renew them"),
        (answer(403, "InvalidAccessKeyId"), NoCredentials, "does not accept the credentials"),
        (answer(403, "SignatureDoesNotMatch"), NoCredentials, "does not accept the credentials"),
        (answer(404, "NoSuchBucket"), BucketMissing, "deploy the stack, or set HEARTH_BUCKET"),
        (answer(409, "ConditionalRequestConflict"), StoreConflict, "another writer was first"),
        (answer(412, "PreconditionFailed"), StoreConflict, "another writer was first"),
        (answer(500, "InternalError"), StoreUnavailable, "try again"),
        (answer(503, "SlowDown"), StoreUnavailable, "throttling"),
        (answer(503, ""), StoreUnavailable, "throttling"),
        (answer(400, "RequestTimeout"), StoreUnavailable, "try again"),
        (answer(429, "TooManyRequests"), StoreUnavailable, "try again"),
        (answer(405, "MethodNotAllowed"), StoreError, r"MethodNotAllowed \(405\)"),
        (answer(400, "InvalidRequest"), StoreError, "as the test wants"),
        (ReadTimeoutError(endpoint_url="u"), StoreUnavailable, "AWS did not answer"),
        (ConnectTimeoutError(endpoint_url="u"), StoreUnavailable, "AWS did not answer"),
        (EndpointConnectionError(endpoint_url="u"), StoreUnavailable, "AWS did not answer"),
        (
            CredentialRetrievalError(provider="p", error_msg="e"),
            NoCredentials,
            "no AWS credentials",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_store_error_names_what_was_done_and_what_to_do(brief, bucket, given, expected, words):
    """Every failure of S3 becomes one error of the tree that says what was being done."""
    brief.on("*", given)
    documents = S3Documents(bucket, brief.s3)
    with pytest.raises(expected, match=words) as caught:
        documents.create("registry/m.json", b"{}")
    assert type(caught.value) is expected
    assert str(caught.value).startswith("write registry/m.json: ")


@pytest.mark.parametrize(
    "work",
    [
        lambda on: on.documents.read("k"),
        lambda on: on.documents.create("k", b""),
        lambda on: on.documents.replace("k", b"", '"e"'),
        lambda on: list(on.documents.list("k")),
        lambda on: on.blobs.stat("k"),
        lambda on: on.blobs.download("k", on.path / "d", silent),
        lambda on: on.blobs.upload("k", on.path / "u", silent),
        lambda on: on.blobs.remove("k"),
    ],
    ids=["read", "create", "replace", "list", "stat", "download", "upload", "remove"],
)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(403, "AccessDenied"), StoreForbidden),
        (answer(404, "NoSuchBucket"), BucketMissing),
        (answer(503, "SlowDown"), StoreUnavailable),
    ],
    ids=["forbidden", "missing", "slow"],
)
def test_every_operation_speaks_hearths_words(brief, bucket, tmp_path, work, given, expected):
    """No method of either port lets a botocore error out."""
    (tmp_path / "u").write_bytes(b"1")
    brief.on("*", given)
    with pytest.raises(expected):
        work(
            SimpleNamespace(
                documents=S3Documents(bucket, brief.s3),
                blobs=S3Blobs(bucket, brief.s3),
                path=tmp_path,
            )
        )


def test_missing_bucket_is_named_by_every_way_to_read(s3):
    """A bucket that is not there is told from a key that is not there."""
    documents = S3Documents("nowhere", s3)
    with pytest.raises(BucketMissing, match="nowhere"):
        documents.read("k")
    with pytest.raises(BucketMissing):
        list(documents.list("k"))


def test_bucket_name_that_cannot_be_is_no_reason_to_try_again(s3):
    """What botocore refuses to ask is an error of the setting, not of the service."""
    with pytest.raises(StoreError, match="cannot be asked of AWS") as caught:
        S3Documents("not a bucket/name", s3).read("k")
    assert not isinstance(caught.value, StoreUnavailable)


def test_no_credentials_says_where_they_come_from(monkeypatch):
    """Without credentials nothing is sent; the message names what to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3 = get_session().create_client("s3")
    with pytest.raises(NoCredentials, match="set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        S3Documents("hearth-models", s3).read("k")


@pytest.mark.parametrize(
    ("service", "name", "value", "expected", "words"),
    [
        ("s3", "AWS_SECRET_ACCESS_KEY", None, NoCredentials, "no AWS credentials"),
        ("s3", "AWS_PROFILE", "nobody", StoreError, "nobody"),
        ("events", "AWS_DEFAULT_REGION", None, StoreError, "region"),
    ],
    ids=["half a key", "unknown profile", "no region"],
)
def test_client_that_cannot_be_made_says_why(monkeypatch, service, name, value, expected, words):
    """A machine that is not set up for AWS is told so in one line."""
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(expected, match=f"reach {service}: .*{words}"):
        aws_client.client.__wrapped__(service)


def test_client_gives_up_in_seconds(s3):
    """A service that does not answer becomes an error long before a function times out."""
    config = s3.meta.config
    assert config.connect_timeout + config.read_timeout <= 15
    assert config.retries["total_max_attempts"] == 3


@pytest.fixture
def wire() -> Iterator[Callable[[bytes], S3Documents]]:
    """`wire(answer)`: documents behind a socket that sends these bytes and hangs up, or nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads, sockets = [], []

    def serve(bytes_to_send: bytes) -> None:
        connection, _ = listening.accept()
        sockets.append(connection)
        connection.recv(65536)
        if bytes_to_send:
            connection.sendall(bytes_to_send)
            connection.close()

    def documents(bytes_to_send: bytes) -> S3Documents:
        threads.append(threading.Thread(target=serve, args=(bytes_to_send,)))
        threads[-1].start()
        config = Config(read_timeout=0.3, connect_timeout=1, retries={"total_max_attempts": 1})
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        s3 = get_session().create_client("s3", endpoint_url=url, config=config)
        return S3Documents("hearth-models", s3)

    yield documents
    for thread in threads:
        thread.join()
    for connection in (*sockets, listening):
        connection.close()


def test_answer_that_never_comes_is_store_unavailable(wire):
    """A server that takes the request and stays silent is unavailable, not hung upon."""
    with pytest.raises(StoreUnavailable, match="AWS did not answer"):
        wire(b"").read("k")


def test_answer_that_breaks_off_is_store_unavailable(wire):
    """Half a document is no document."""
    head = b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: 100\r\n\r\n"
    with pytest.raises(StoreUnavailable):
        wire(head + b"half").read("k")


def test_download_that_breaks_off_is_store_unavailable(wire, tmp_path):
    """A connection that ends early is worth another try: it says nothing of the blob."""
    head = b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: 100\r\n\r\n"
    documents = wire(head + b"half")
    blobs = S3Blobs("hearth-models", documents._s3)
    with pytest.raises(StoreUnavailable):
        blobs.download("k", tmp_path / "d", silent)


def test_server_that_is_not_there_is_store_unavailable():
    """A refused connection says which address refused."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    config = Config(retries={"total_max_attempts": 1})
    s3 = get_session().create_client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
        S3Documents("hearth-models", s3).read("k")


def test_cause_is_kept(brief, bucket):
    """The botocore error stays reachable for the log."""
    brief.on("*", answer(503, "SlowDown"))
    with pytest.raises(StoreUnavailable) as caught:
        S3Documents(bucket, brief.s3).read("k")
    assert isinstance(caught.value.__cause__, ClientError)


def test_client_is_made_once(aws):
    """Connections are pooled: one client a service and process."""
    assert aws_client.client("s3") is aws_client.client("s3")
