"""Credentials where they are plainly given; whatever takes more is left to botocore's chain."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hearth.domain.frozen import dataclass
from hearth.stores.aws_connections import Address, connections
from hearth.stores.aws_errors import Unanswered, Unsigned
from hearth.stores.http_connection import BadAnswer

_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 (the variable's name)
# These come before a container's credentials in botocore's chain.
_EARLIER = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_FILE", "BOTO_CONFIG")
# The agents of ECS and EKS speak without TLS; credentials are fetched so from nobody else.
_AGENT = "169.254.170.2"
_AGENTS = {_AGENT, "169.254.170.23", "fd00:ec2::23", "localhost"}
_RENEWED_BEFORE = timedelta(minutes=10)
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


def find(environ: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that an environment gives, or None if only botocore can tell.

    Raises:
        Unsigned: If the endpoint that it names gives none.
    """
    if "AWS_ACCESS_KEY_ID" in environ or "AWS_SECRET_ACCESS_KEY" in environ:
        return _in_variables(environ)
    if (_URI in environ or _RELATIVE in environ) and not any(map(environ.get, _EARLIER)):
        return container().credentials(environ)
    return None


def _in_variables(environ: Mapping[str, str]) -> Credentials | None:
    keys = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN", "")
    return Credentials(keys[0], keys[1], token) if keys[0] and keys[1] else None


class Container:
    """Credentials that an endpoint lends, kept until shortly before they expire.

    Source:
        AWS SDKs and Tools Reference Guide, "Container credential provider". Lambda gives a
        function with SnapStart these variables instead of keys, which a snapshot would outlive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Credentials | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def credentials(self, environ: Mapping[str, str]) -> Credentials:
        with self._lock:
            now = datetime.now(UTC)
            if self._kept is None or now > self._until - _RENEWED_BEFORE:
                try:
                    self._kept, self._until = _fetch(environ)
                except Unsigned:
                    # What has not expired yet still signs.
                    if self._kept is None or now > self._until:
                        raise
            return self._kept


@cache
def container() -> Container:
    """Return the one of this process."""
    return Container()


def _fetch(environ: Mapping[str, str]) -> tuple[Credentials, datetime]:
    """Return new credentials and when they expire."""
    uri = environ.get(_URI, "")
    if _RELATIVE in environ:
        uri = f"http://{_AGENT}{environ[_RELATIVE]}"
    body = _read(uri, _headers(environ))
    try:
        given = json.loads(body)
        made = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
        return made, datetime.fromisoformat(given["Expiration"])
    except (ValueError, TypeError, KeyError) as error:
        raise Unsigned(f"{uri} gives no credentials") from error


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        file = environ.get(f"{_TOKEN}_FILE")
        token = Path(file).read_text(encoding="utf-8") if file else environ.get(_TOKEN, "")
    except OSError as error:
        raise Unsigned("the token for the credentials' endpoint cannot be read") from error
    return {"Accept": "application/json", **({"Authorization": token} if token else {})}


def _read(uri: str, headers: Mapping[str, str]) -> bytes:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _read_once(uri, headers)
        except (Unanswered, OSError, BadAnswer, ValueError) as error:
            if attempt == _ATTEMPTS or isinstance(error, ValueError):
                raise Unsigned(f"{uri} gives no credentials: {error}") from error
    raise AssertionError


def _read_once(uri: str, headers: Mapping[str, str]) -> bytes:
    from urllib.parse import urlsplit

    parts = urlsplit(uri)
    host = parts.hostname or ""
    if parts.scheme != "https" and (parts.scheme != "http" or not _is_agent(host)):
        raise ValueError(f"credentials are not fetched from {host!r} without TLS")
    address = Address(parts.scheme == "https", host, parts.port)
    connection = connections().open(address)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(target, {"host": address.authority, **headers})
        answer = connection.response()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"status {answer.status}")
    return body


def _is_agent(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host in _AGENTS or ip_address(host).is_loopback
    except ValueError:
        return False
