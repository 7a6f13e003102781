"""botocore's clients, and its errors in Hearth's words. botocore is imported with the first one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from hearth.domain.errors import HearthError
from hearth.stores import aws_errors


@cache
def client(service: str) -> Any:  # noqa: ANN401 (botocore makes its clients' classes at run time)
    """Return a client that gives up in seconds, so that a slow service becomes a clear answer."""
    from botocore.config import Config
    from botocore.session import get_session

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
    except HearthError:
        raise
    except Exception as error:
        told = _told(what, error)
        if told is None:
            raise
        raise told from error


def _told(what: str, error: Exception) -> HearthError | None:
    from botocore import exceptions as aws

    if isinstance(error, aws.ClientError):
        refusal = aws_errors.refusal_in(error.response, str(error))
        return aws_errors.refused(what, refusal)
    if isinstance(
        error,
        aws.CredentialRetrievalError
        | aws.NoCredentialsError
        | aws.PartialCredentialsError
        | aws.TokenRetrievalError,
    ):
        return aws_errors.unsigned(what)
    if isinstance(error, aws.NoRegionError | aws.ParamValidationError | aws.ProfileNotFound):
        return aws_errors.unaskable(what, error)
    if isinstance(error, aws.BotoCoreError):
        return aws_errors.unanswered(what, error)
    return None
