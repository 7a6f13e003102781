"""Signature version 4, as S3 wants it of requests without a body.

Source:
    AWS General Reference, "Signature Version 4 signing process", and the S3 API's "Authenticating
    requests: using the Authorization header". tests/unit/stores/test_aws_signature.py holds it to
    botocore's signer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from hearth.domain.percent import encoded
from hearth.stores.aws_credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256(b"").hexdigest()


def path_of(key: str) -> str:
    """Return a key as it stands in an address.

    Example:
        >>> path_of("models/m 1/ü")
        'models/m%201/%C3%BC'
    """
    return encoded(key, slashes=True)


def query_of(parameters: Mapping[str, str]) -> str:
    """Return a query in the order that is signed.

    Example:
        >>> query_of({"prefix": "a/b", "list-type": "2"})
        'list-type=2&prefix=a%2Fb'
    """
    pairs = sorted((encoded(k), encoded(v)) for k, v in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    target: str,
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    at: str,
) -> dict[str, str]:
    """Return the headers of a GET with those that prove who sends it.

    Args:
        target: Path and query, escaped by `path_of` and `query_of`.
        headers: All that are sent, with `host`; names in lower case.
        credentials: Whose request it is.
        region: Where the bucket is.
        at: The time in UTC, as `20261130T120000Z`.
    """
    sent = {**headers, "x-amz-content-sha256": _NO_BODY, "x-amz-date": at}
    if credentials.token:
        sent["x-amz-security-token"] = credentials.token
    path, _, query = target.partition("?")
    names = ";".join(sorted(sent))
    lines = [f"{name}:{' '.join(sent[name].split())}\n" for name in sorted(sent)]
    request = "\n".join(["GET", path, query, "".join(lines), names, _NO_BODY])
    scope = f"{at[:8]}/{region}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    by = f"{_ALGORITHM} Credential={credentials.access_key}/{scope}"
    signature = _hmac(key, text).hex()
    return {**sent, "authorization": f"{by}, SignedHeaders={names}, Signature={signature}"}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
