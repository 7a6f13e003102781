"""The reader over real sockets: what S3, and the way to it, may do."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.session import get_session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hearth.domain.errors import (
    BucketMissing,
    NoCredentials,
    PayloadTooLarge,
    StoreError,
    StoreForbidden,
    StoreUnavailable,
    UnknownPayload,
)
from hearth.stores import aws_client, aws_connections
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.ports import Document, Unchanged
from hearth.stores.s3_objects import close, renew
from support import network
from support.wire import CLOSE, HANG, Asked, Reply, Wire, error, reply

BUCKET = "hearth-models"


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A server that plays S3; nobody waits between attempts."""
    network.no_pauses(monkeypatch)
    made = Wire()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    close()
    made.close()


@pytest.fixture
def documents(wire: Wire) -> S3Documents:
    return S3Documents(BUCKET)


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Return a script of replies, the last of which is given for ever."""
    given = itertools.chain(replies, itertools.repeat(replies[-1]))
    return lambda _asked: next(given)


def test_document_is_read_with_its_etag(wire, documents):
    """What S3 answers is the document; the request is signed and says what it wants."""
    assert documents.read("registry/m 1.json") == Document(b"body", '"e"')
    (asked,) = wire.asked
    assert asked.target == "/hearth-models/registry/m%201.json"
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert asked.headers["host"] == wire.url.removeprefix("http://")


def test_connection_is_kept(wire, documents):
    """A handshake is paid once, also by another store of the same process, and after an error."""
    wire.script = in_turn(reply(200), error(404, "NoSuchKey"), reply(304), reply(200, b"x"))
    assert [documents.read("k") for _ in range(3)] == [Document(b"", '"e"'), None, Unchanged()]
    assert S3Payloads(BUCKET).read("k", 10).content == b"x"
    assert (len(wire.asked), wire.connections) == (4, 1)


def test_nothing_is_kept_after_renew(wire, documents):
    """A restored snapshot connects anew, with clients of its own."""
    documents.read("k")
    before = aws_client.client("s3")
    renew()
    documents.read("k")
    assert wire.connections == 2
    assert aws_client.client("s3") is not before
    renew()


@pytest.mark.parametrize("first", [reply(200, b"body", CLOSE), reply(200, b"body")])
def test_stale_connection_costs_no_attempt(wire, documents, first):
    """A connection that ended while it was idle is opened again at once.

    Whether that is seen before the request, or by it: S3 took it and hung up without a word.
    """
    wire.script = in_turn(first, *([Reply(b"", CLOSE)] if first.then != CLOSE else []), reply(200))
    documents.read("k")
    wire.script = in_turn(*([Reply(b"", CLOSE)] if first.then != CLOSE else []), reply(200))
    assert documents.read("k") == Document(b"", '"e"')
    assert wire.connections == 2


def test_connection_that_was_idle_for_long_is_not_trusted(wire, documents, monkeypatch):
    """A sandbox that was frozen does not wait for an answer that will never come."""
    documents.read("k")
    monkeypatch.setattr(aws_connections, "_MOST_IDLE_S", 0.0)
    documents.read("k")
    assert wire.connections == 2


@pytest.mark.parametrize(
    "fault",
    [
        error(503, "SlowDown"),
        error(500, "InternalError"),
        error(429, "TooManyRequests"),
        error(400, "RequestTimeout"),
        reply(502, b"<html>not S3's"),
        reply(200, b"half", CLOSE, content_length="10"),
        Reply(b"", CLOSE),
        Reply(b"HTTP/1.1 200 OK\r\nContent-", CLOSE),
        Reply(b"nonsense\r\n\r\n", CLOSE),
    ],
    ids=["slow", "failing", "many", "timeout", "gateway", "half", "none", "head", "nonsense"],
)
@pytest.mark.parametrize("times", [2, 3])
def test_passing_fault_is_tried_three_times(wire, documents, fault, times):
    """Two bad answers are nobody's business, three are an outage."""
    wire.script = in_turn(*[fault] * times, reply(200, b"body"))
    if times == 2:
        assert documents.read("k") == Document(b"body", '"e"')
    else:
        with pytest.raises(StoreUnavailable, match="read k: AWS"):
            documents.read("k")
    assert len(wire.asked) == 3


def test_answer_that_never_comes_is_store_unavailable(wire, documents, monkeypatch):
    """A server that takes the request and stays silent is given up after the read timeout."""
    monkeypatch.setattr(aws_connections, "_READ_S", 0.2)
    wire.script = in_turn(Reply(b"", HANG))
    with pytest.raises(StoreUnavailable, match=r"read k: AWS did not answer.*timed out"):
        documents.read("k")
    assert len(wire.asked) == 3


def test_answer_that_stops_in_the_middle_is_store_unavailable(wire, documents, monkeypatch):
    """Silence in the middle of a body is silence."""
    monkeypatch.setattr(aws_connections, "_READ_S", 0.2)
    wire.script = in_turn(reply(200, b"half", HANG, content_length="10"))
    with pytest.raises(StoreUnavailable, match="broke off"):
        documents.read("k")


def test_server_that_is_not_there_is_store_unavailable(wire, documents):
    """A refused connection says which address refused."""
    wire.close()
    wire.close = lambda: None
    with pytest.raises(StoreUnavailable, match=wire.url):
        documents.read("k")


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        (error(403, "AccessDenied"), StoreForbidden, "grant the role that action"),
        (reply(403), StoreForbidden, r"403 \(403\)"),
        (error(403, "ExpiredToken"), NoCredentials, "renew them"),
        (error(400, "ExpiredToken"), NoCredentials, "renew them"),
        (error(404, "NoSuchBucket"), BucketMissing, "deploy the stack, or set HEARTH_BUCKET"),
        (
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
            StoreError,
            "in another region: got eu-west-1; set AWS_DEFAULT_REGION",
        ),
        (reply(307, location="http://elsewhere/"), StoreError, "another region"),
        (error(400, "InvalidRequest"), StoreError, "as the test wants"),
        (reply(400, b"<not <xml"), StoreError, r"400 \(400\)"),
        (reply(405), StoreError, r"405 \(405\)"),
    ],
)
def test_refusal_is_not_tried_again(wire, documents, given, expected, words):
    """What S3 refuses it refuses; the error says what was done and what to do."""
    wire.script = in_turn(given)
    with pytest.raises(expected, match=words) as caught:
        documents.read("k")
    assert type(caught.value) is expected
    assert str(caught.value).startswith("read k: ")
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "given",
    [
        error(403, "AccessDenied"),
        reply(403),
        error(400, "ExpiredToken"),
        error(404, "NoSuchBucket"),
        error(412, "PreconditionFailed"),
        error(503, "SlowDown"),
        reply(500),
    ],
)
def test_words_are_those_of_botocores_way(wire, documents, given):
    """Whoever reads an error need not know by which way S3 was asked."""
    wire.script = in_turn(given)
    config = Config(retries={"total_max_attempts": 1})
    s3 = get_session().create_client("s3", endpoint_url=wire.url, config=config)
    told = []
    for store in (documents, S3Documents(BUCKET, s3)):
        with pytest.raises(StoreError) as caught:
            store.read("k")
        told.append((type(caught.value), str(caught.value)))
    s3.close()
    assert told[0] == told[1]


def test_page_holds_the_first_keys(wire, documents):
    """A page is one request; its keys come escaped, since XML does not hold every character."""
    wire.script = in_turn(
        reply(
            200,
            b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult '
            b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>hearth-models</Name>'
            b"<Contents><Key>a/1+2%26%C3%BC</Key><LastModified>2026-11-30T12:00:00.000Z"
            b"</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size></Contents>"
            b"<IsTruncated>true</IsTruncated></ListBucketResult>",
        )
    )
    (listed,) = documents.page("a/", 1)
    assert (listed.key, listed.size) == ("a/1 2&ü", 5)
    assert listed.modified == datetime(2026, 11, 30, 12, tzinfo=UTC)
    (asked,) = wire.asked
    assert asked.target == ("/hearth-models?encoding-type=url&list-type=2&max-keys=1&prefix=a%2F")


@pytest.mark.parametrize(
    "body", [b"", b"<ListBucketResult", b"<a><Contents><Key>k</Key></Contents></a>"]
)
def test_page_that_is_no_listing_is_store_unavailable(wire, documents, body):
    """Half of a listing is none."""
    wire.script = in_turn(reply(200, body))
    with pytest.raises(StoreUnavailable, match=r"list a/: AWS did not answer.*no listing"):
        documents.page("a/", 10)
    assert len(wire.asked) == 3


def test_payload_that_is_too_large_is_not_read(wire):
    """Its length is in the answer's head; the connection with the rest in it is not used again."""
    wire.script = in_turn(reply(200, b"1234"), reply(200, b"123"))
    payloads = S3Payloads(BUCKET)
    with pytest.raises(PayloadTooLarge, match="got 4 bytes, expected at most 3"):
        payloads.read("k", 3)
    assert payloads.read("k", 3).content == b"123"
    assert wire.connections == 2


def test_payload_has_its_headers(wire):
    """Type, coding and what was kept beside it, in lower case and without S3's prefix."""
    headers = {"Content_Type": "application/json", "X-Amz-Meta-Inference-Header": "7"}
    wire.script = in_turn(reply(200, b"{}", **headers), error(404, "NoSuchKey"))
    found = S3Payloads(BUCKET).read("k", 3)
    assert found.headers == {"content-type": "application/json", "inference-header": "7"}
    with pytest.raises(UnknownPayload):
        S3Payloads(BUCKET).read("k", 3)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate and key of a server on localhost that no system knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("authority") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_tls_is_checked_against_the_authorities_that_are_set(monkeypatch, authority):
    """AWS_CA_BUNDLE is trusted, and nobody who is not known."""
    network.no_pauses(monkeypatch)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority)
    wire = Wire(tls=tls)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
    try:
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            S3Documents(BUCKET).read("k")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        assert S3Documents(BUCKET).read("k") == Document(b"body", '"e"')
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.with_name("missing.pem")))
        with pytest.raises(StoreUnavailable, match="No such file"):
            S3Documents(BUCKET).read("k")
    finally:
        close()
        wire.close()


@pytest.fixture
def no_client() -> Iterator[None]:
    """botocore's client is made anew, from the environment as it is."""
    aws_client.client.cache_clear()
    yield
    aws_client.client.cache_clear()


def test_no_credentials_says_where_they_come_from(monkeypatch, no_client):
    """Without credentials nothing is sent, by either way to ask; the message names what to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(NoCredentials, match="set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        S3Documents(BUCKET).read("k")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
    with pytest.raises(NoCredentials, match="set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        S3Documents(BUCKET).read("k")


def test_no_test_reaches_the_network():
    """What no stand-in answers is refused before a name is looked up."""
    with pytest.raises(AssertionError, match="no test reaches the network"):
        S3Documents(BUCKET).read("k")
