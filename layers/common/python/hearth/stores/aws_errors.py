"""What AWS refuses, and what it leaves unanswered, in Hearth's words: with botocore or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearth.domain.errors import (
    BucketMissing,
    NoCredentials,
    StoreConflict,
    StoreError,
    StoreForbidden,
    StoreUnavailable,
)

_ABSENT = {"NoSuchKey", "404"}
_CONFLICT = {"409", "412", "PreconditionFailed", "ConditionalRequestConflict"}
_FORBIDDEN = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled"}
_UNSIGNED = {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
_ELSEWHERE = {"PermanentRedirect", "TemporaryRedirect", "301", "307"}
_THROTTLED = {"SlowDown", "Throttling"}


class Refused(Exception):
    """AWS answered, and not with what was asked for.

    Args:
        status: HTTP's.
        code: AWS's own, or the status in figures where the answer has no document.
        message: What AWS says beside it.
        place: The bucket that is missing, or the region that the bucket is in.
        retries: How often the request had been sent before.
    """

    def __init__(
        self, status: int, code: str, message: str = "", place: str = "", retries: int = 0
    ) -> None:
        super().__init__(status, code, message, place, retries)
        self.status, self.code, self.message = status, code, message
        self.place, self.retries = place, retries

    def __str__(self) -> str:
        return self.message

    @property
    def absent(self) -> bool:
        return self.code in _ABSENT

    @property
    def throttled(self) -> bool:
        return self.status == 429 or self.code in _THROTTLED

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status >= 500 or self.throttled or self.code == "RequestTimeout"


class Unanswered(Exception):
    """No answer came, or not the whole of it."""

    passing = True
    throttled = False


class Unsigned(Exception):
    """There is nothing to sign with."""


def refusal_of(error: StoreError) -> Refused:
    """Return what AWS answered when an error of the store was raised; status 0 if nothing."""
    cause = error.__cause__
    if isinstance(cause, Refused):
        return cause
    # botocore's ClientError; others of its errors have a response that is none.
    response = getattr(cause, "response", None)
    return refusal_in(response if isinstance(response, dict) else {}, str(cause))


def refusal_in(response: Mapping[str, Any], message: str) -> Refused:
    """Return the refusal in an answer as botocore reads it."""
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    return Refused(
        status=int(about.get("HTTPStatusCode", 0)),
        code=str(error.get("Code", "")),
        message=message,
        place=error.get("BucketName", ""),
        retries=int(about.get("RetryAttempts", 0)),
    )


def unsigned(what: str) -> NoCredentials:
    return NoCredentials(
        f"{what}: there are no AWS credentials to sign with",
        remedy="give the function a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
    )


def unaskable(what: str, why: object) -> StoreError:
    return StoreError(f"{what}: that cannot be asked of AWS", got=str(why))


def unanswered(what: str, why: object) -> StoreUnavailable:
    return StoreUnavailable(f"{what}: AWS did not answer", got=str(why), remedy="try again")


def refused(what: str, refusal: Refused) -> StoreError:
    """Return the error of the tree that a refusal is; `what` says what was being done."""
    code, got = refusal.code, f"{refusal.code} ({refusal.status})"
    if code == "NoSuchBucket":
        return BucketMissing(
            f"{what}: the bucket does not exist",
            got=refusal.place or code,
            remedy="deploy the stack, or set HEARTH_BUCKET to its bucket",
        )
    if code in _UNSIGNED:
        return NoCredentials(
            f"{what}: AWS does not accept the credentials", got=got, remedy="renew them"
        )
    if code in _FORBIDDEN or refusal.status == 403:
        return StoreForbidden(
            f"{what}: access denied", got=got, remedy="grant the role that action on that key"
        )
    if code in _CONFLICT or refusal.status in (409, 412):
        return StoreConflict(f"{what}: another writer was first", got=got)
    if refusal.passing:
        return StoreUnavailable(
            f"{what}: AWS is failing or throttling", got=got, remedy="try again"
        )
    return _other(what, refusal, got)


def _other(what: str, refusal: Refused, got: str) -> StoreError:
    if refusal.code in _ELSEWHERE or refusal.status in (301, 307):
        return StoreError(
            f"{what}: the bucket is in another region",
            got=refusal.place or got,
            remedy="set AWS_DEFAULT_REGION to the bucket's region",
        )
    return StoreError(f"{what}: AWS refused", got=f"{got} {refusal}")
