"""Functions made beside a deployed stack for the time of a bench: nothing of the stack is changed.

predict's copy has its code, layers, role and settings. The stack's functions, aliases, versions and
configuration stay as they are; the role may log to the stack's own groups alone, so the copies'
calls are in no log, no metric of a model and no drift report.
"""

from __future__ import annotations

import io
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench.cases import DIGITS, digits
from botocore.exceptions import ClientError

_TESTS = Path(__file__).parents[1]
# What a contender is made of, in its zip file where Python looks for it.
_SOURCES = (
    "bench/contenders/__init__.py",
    "bench/contenders/functions/__init__.py",
    "bench/contenders/functions/fetched.py",
    "bench/contenders/functions/floor.py",
    "bench/contenders/functions/naive.py",
)
_COPIED = ("Runtime", "Role", "Handler", "Timeout", "Architectures")


class LeftOver(Exception):
    """A function of an earlier bench that was stopped before it could clean up."""


@dataclass(frozen=True, slots=True)
class Original:
    """predict as it is deployed: its configuration, and its code as a zip file."""

    configuration: Mapping[str, Any]
    code: bytes


def original(client: Any, name: str, download: Callable[[str], bytes]) -> Original:
    """Return a deployed function.

    Args:
        client: boto3's for Lambda.
        name: Name or ARN; an alias's ARN gives what the alias leads to.
        download: Returns what lies at the address that Lambda gives for code.
    """
    found = client.get_function(FunctionName=name)
    return Original(found["Configuration"], download(found["Code"]["Location"]))


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        content: bytes = response.read()
        return content


def bundled() -> bytes:
    """Return the contenders' code and the model as a zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in _SOURCES:
            archive.write(_TESTS / source, source)
        archive.write(DIGITS, "model.onnx")
        with archive.open("batch.npy", "w") as batch:
            np.save(batch, digits().batch)
    return made.getvalue()


@contextmanager
def copied(
    client: Any, name: str, like: Original, code: bytes, handler: str, variables: Mapping[str, str]
) -> Iterator[None]:
    """Have a function with another's layers, role and settings; it is deleted whatever happens.

    Raises:
        LeftOver: If there is one of that name, which another bench made.
    """
    of = like.configuration
    environment = {**of.get("Environment", {}).get("Variables", {}), **variables}
    taken = {key: of[key] for key in _COPIED if key in of}
    try:
        client.create_function(
            **{**taken, "Handler": handler or of["Handler"]},
            FunctionName=name,
            Description="Made for a bench of Hearth, and deleted after it.",
            Code={"ZipFile": code},
            Layers=[layer["Arn"] for layer in of.get("Layers", ())],
            MemorySize=of["MemorySize"],
            EphemeralStorage={"Size": of.get("EphemeralStorage", {}).get("Size", 512)},
            Environment={"Variables": environment},
            LoggingConfig={"LogFormat": "Text"},  # REPORT as a line
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceConflictException":
            raise LeftOver(
                f"{name}: it exists, expected no such function; another bench runs, or one was "
                "killed: make bench-aws ARGS=--clean deletes it"
            ) from error
        raise
    except BaseException:
        delete(client, name)  # interrupted while it was made
        raise
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        yield
    finally:
        delete(client, name)


def delete(client: Any, name: str) -> None:
    """Delete a function, where there is one."""
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=name)


def renew(client: Any, name: str, memory_mb: int, number: int) -> None:
    """Have the next call of a copy meet a new sandbox: a changed configuration ends the old ones."""
    seen = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name,
        MemorySize=memory_mb,
        Environment={"Variables": {**seen, "BENCH_ROUND": str(number)}},
    )
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


def snapshot(client: Any, name: str) -> str:
    """Return a version of a copy that starts from a snapshot, once there is one: minutes later."""
    client.update_function_configuration(
        FunctionName=name, SnapStart={"ApplyOn": "PublishedVersions"}
    )
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    version: str = client.publish_version(FunctionName=name)["Version"]
    waiter = client.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier=version, WaiterConfig={"MaxAttempts": 200})
    return version
