"""The library's flows, pointed at the stack that a command works on."""

from __future__ import annotations

import getpass
from typing import Any

from hearth.domain.registry_entry import Actor
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock, stamp
from hearth.stores.registry import Registry

from hearth_local.target import Target


def documents(target: Target) -> S3Documents:
    return S3Documents(target.bucket, _s3(target))


def registry(target: Target) -> Registry:
    return Registry(documents(target))


def artefacts(target: Target) -> Artefacts:
    s3 = _s3(target)
    return Artefacts(S3Documents(target.bucket, s3), S3Blobs(target.bucket, s3))


def actor(why: str) -> Actor:
    """Return who sits at this terminal, for a model's history."""
    return Actor(who(), stamp(SystemClock().now()), why)


def who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _s3(target: Target) -> Any:  # noqa: ANN401 (boto3 makes its clients' classes at run time)
    return target.client("s3")
