"""Our signature is botocore's, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hearth.stores.aws_credentials import Credentials
from hearth.stores.aws_signature import path_of, query_of, signed
from hypothesis import example, given
from hypothesis import strategies as st

AT = "20261130T120000Z"
KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
PLAIN = st.text("abcXYZ019/+=", min_size=1, max_size=40)
QUERIES = st.dictionaries(
    st.sampled_from(["list-type", "prefix", "max-keys", "encoding-type", "start-after"]), KEYS
)
EXTRA = st.dictionaries(
    st.sampled_from(["range", "if-none-match", "if-match"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20),
)


def botocores(url: str, headers: dict[str, str], credentials: Credentials, region: str) -> dict:
    """Return the headers that botocore sends, names in lower case."""
    request = AWSRequest("GET", url, headers=headers)
    keys = (credentials.access_key, credentials.secret_key, credentials.token or None)
    signer = auth.S3SigV4Auth(BotoCredentials(*keys), "s3", region)
    with patch.object(auth, "get_current_datetime", lambda: datetime(2026, 11, 30, 12, tzinfo=UTC)):
        signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    key=KEYS,
    query=QUERIES,
    extra=EXTRA,
    host=st.sampled_from(["m.s3.eu-central-1.amazonaws.com", "127.0.0.1:9000", "[::1]:9000"]),
    credentials=st.builds(Credentials, PLAIN, PLAIN, st.just("") | PLAIN),
    region=st.sampled_from(["eu-central-1", "us-east-1", "cn-north-1"]),
)
@example(
    key="a//b/../c d+e&f?g#h%20",
    query={"prefix": "a b/+&=~*"},
    extra={"range": "bytes=0-1"},
    host="h",
    credentials=Credentials("a", "b", "c"),
    region="eu-central-1",
)
def test_headers_are_those_that_botocore_signs(key, query, extra, host, credentials, region):
    """Whatever the key, the query, the headers and the credentials: both sign alike."""
    target = f"/{path_of(key)}" + (f"?{query_of(query)}" if query else "")
    ours = signed(target, {**extra, "host": host}, credentials, region, AT)
    theirs = botocores(f"https://{host}{target}", {**extra, "host": host}, credentials, region)
    assert ours == theirs


def test_credentials_do_not_show_their_secret():
    """A log line that has them in it gives nothing away."""
    assert "hidden" not in repr(Credentials("name", "hidden-key", "hidden-token"))
