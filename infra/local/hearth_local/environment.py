"""What a worker process sees of the world: Lambda's variables, and nothing of the user's own."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hearth_local import layer_view
from hearth_local.names import API_URL, REGION
from hearth_local.template import Function

CLIENTS = ("awslambdaric", "small")


@dataclass(frozen=True, slots=True)
class Host:
    """What all sandboxes of one stack share.

    Args:
        state_dir: Where sandboxes and logs live.
        views: The layers' views.
        aws_url: The stand-in for S3 and EventBridge.
        gateway_url: The HTTP API and the Lambda Invoke API.
        client: Which Runtime API client the workers run, one of CLIENTS.
    """

    state_dir: Path
    views: layer_view.Views
    aws_url: str
    gateway_url: str
    client: str


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """One worker's own things: its folder (ephemeral storage) and its log stream."""

    folder: Path
    log_stream: str

    @classmethod
    def new(cls, state_dir: Path, function: Function) -> Sandboxed:
        unique = secrets.token_hex(16)
        folder = state_dir / "sandboxes" / f"{function.title}-{unique[:8]}"
        return cls(folder, f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{unique}")

    def make(self) -> None:
        for place in (self.folder, self.folder / "files", self.folder / "home"):
            place.mkdir(parents=True, exist_ok=True)


def variables(
    function: Function, host: Host, sandboxed: Sandboxed, runtime_api: str
) -> dict[str, str]:
    """Return the environment; what Lambda reserves wins over what the template sets."""
    given = {
        name: value.replace(API_URL, host.gateway_url)
        for name, value in function.environment.items()
    }
    return (
        _system()
        | given
        | _lambda(function, sandboxed, runtime_api)
        | _local(function, host, sandboxed)
    )


def command(function: Function, client: str) -> list[str]:
    """Return the worker's command line: no site-packages, only PYTHONPATH."""
    here = Path(__file__).parent
    if client == "small":
        # -P: the folder of the client's own file must not become importable.
        tail = ["-S", "-P", str(here / "small_client.py"), function.handler]
    else:
        tail = ["-S", "-m", "awslambdaric", function.handler]
    if sys.platform.startswith("linux"):
        return [sys.executable, "-I", "-S", str(here / "launch.py"), str(os.getpid()), *tail]
    return [sys.executable, *tail]


def _system() -> dict[str, str]:
    # Without SYSTEMROOT no Python starts on Windows.
    kept = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}
    return {
        "LANG": "en_US.UTF-8",
        "PATH": os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin"]),
        "PYTHONIOENCODING": "utf-8",
        "TZ": ":UTC",
        **kept,
    }


def _lambda(function: Function, sandboxed: Sandboxed, runtime_api: str) -> dict[str, str]:
    formats = {"AWS_LAMBDA_LOG_FORMAT": "JSON"} if function.log_format == "JSON" else {}
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": sandboxed.log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "LAMBDA_TASK_ROOT": str(function.folder),
        "_HANDLER": function.handler,
        **formats,
    }


def _local(function: Function, host: Host, sandboxed: Sandboxed) -> dict[str, str]:
    path = host.views.search_path(function.folder, function.layers)
    return {
        "AWS_ENDPOINT_URL": host.aws_url,
        "AWS_ENDPOINT_URL_LAMBDA": host.gateway_url,
        "HEARTH_FILES_DIR": str(sandboxed.folder / "files"),
        "HOME": str(sandboxed.folder / "home"),
        "PYTHONPATH": layer_view.join(path),
        "TMPDIR": str(sandboxed.folder),
        "TEMP": str(sandboxed.folder),
    }
