"""botocore clients, and its errors in Hearth's words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
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

_FORBIDDEN = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled"}
_UNSIGNED = {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
_NOTHING_TO_SIGN_WITH = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
_CONFLICT = {"409", "412", "PreconditionFailed", "ConditionalRequestConflict"}


@cache
def client(service: str) -> Any:  # noqa: ANN401 (botocore makes its clients' classes at run time)
    """Return a client that gives up in seconds, so that a slow service becomes a clear answer."""
    # At INFO it tells at each start where its credentials come from.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
        # A checksum is checked where Hearth verifies digests itself; asking for more costs time.
        response_checksum_validation="when_required",
        request_checksum_calculation="when_required",
    )
    with in_hearths_words(f"reach {service}"):
        return get_session().create_client(service, config=config)


@contextmanager
def in_hearths_words(what: str) -> Iterator[None]:
    """Turn botocore's errors into the exception tree; `what` says what was being done."""
    try:
        yield
    except ClientError as error:
        _raise_client_error(what, error)
    except _NOTHING_TO_SIGN_WITH as error:
        raise NoCredentials(
            f"{what}: there are no AWS credentials to sign with",
            remedy="give the function a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
        ) from error
    except (NoRegionError, ParamValidationError, ProfileNotFound) as error:
        raise StoreError(f"{what}: that cannot be asked of AWS", got=str(error)) from error
    except BotoCoreError as error:
        raise StoreUnavailable(
            f"{what}: AWS did not answer", got=str(error), remedy="try again"
        ) from error


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _raise_client_error(what: str, error: ClientError) -> NoReturn:
    code, status = error_code(error), http_status(error)
    got = f"{code} ({status})"
    if code == "NoSuchBucket":
        raise BucketMissing(
            f"{what}: the bucket does not exist",
            got=error.response["Error"].get("BucketName", code),
            remedy="deploy the stack, or set HEARTH_BUCKET to its bucket",
        ) from error
    if code in _UNSIGNED:
        raise NoCredentials(
            f"{what}: AWS does not accept the credentials", got=got, remedy="renew them"
        ) from error
    if code in _FORBIDDEN or status == 403:
        raise StoreForbidden(
            f"{what}: access denied", got=got, remedy="grant the role that action on that key"
        ) from error
    if code in _CONFLICT or status in (409, 412):
        raise StoreConflict(f"{what}: another writer was first", got=got) from error
    if status >= 500 or status == 429 or code in ("SlowDown", "Throttling", "RequestTimeout"):
        raise StoreUnavailable(
            f"{what}: AWS is failing or throttling", got=got, remedy="try again"
        ) from error
    raise StoreError(f"{what}: AWS refused", got=f"{got} {error}") from error
