"""The stack that a command works on: the one running here, or a deployed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hearth_local import state_file
from hearth_local.errors import NotRunning, UnknownFunction


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's addresses. `endpoints` is empty for a deployed one: boto3 knows AWS's own.

    Args:
        url: The HTTP API.
        bucket: Where models are.
        functions: Lambda names by what people call the functions (`predict`).
        region: Its region, None for the profile's own.
        endpoints: Service name to endpoint.
    """

    url: str
    bucket: str
    functions: Mapping[str, str]
    region: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        return bool(self.endpoints)

    def client(self, service: str) -> Any:  # noqa: ANN401
        """Return a boto3 client for this stack."""
        import boto3
        from botocore.config import Config

        # A model may take a while to load or to improve; a call is never sent twice by itself.
        config = Config(read_timeout=900, retries={"total_max_attempts": 1})
        if not self.is_local:
            return boto3.client(service, region_name=self.region, config=config)
        session = boto3.Session("local", "local", region_name=self.region)
        return session.client(service, endpoint_url=self.endpoints[service], config=config)

    def function(self, name: str) -> str:
        """Return the Lambda name of a function.

        Raises:
            UnknownFunction: If the stack has none of that name.
        """
        for title, physical in self.functions.items():
            if name in {title, physical}:
                return physical
        known = ", ".join(sorted(self.functions))
        raise UnknownFunction(f"function {name}", "no such name", f"one of {known}", "correct it")


def find(state_dir: Path, stack: str | None = None) -> Target:
    """Return the named deployed stack, or the one that runs here.

    Raises:
        NotRunning: If no stack is named and none runs here, or no such stack is deployed.
    """
    if stack:
        return _deployed(stack)
    state = state_file.read(state_dir)
    endpoints = {"s3": state.s3_endpoint, "lambda": state.lambda_endpoint}
    return Target(state.url, state.bucket, state.functions, state.region, endpoints)


def _deployed(stack: str) -> Target:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        cloudformation = boto3.client("cloudformation")
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise NotRunning(
            f"stack {stack}",
            str(error),
            "a deployed stack",
            "name one: aws cloudformation list-stacks",
        ) from error
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described.get("Outputs", ())}
    return Target(
        url=outputs.get("ApiUrl", ""),
        bucket=outputs.get("BucketName", ""),
        functions={title(k): v for k, v in outputs.items() if k.endswith("Function")},
        region=cloudformation.meta.region_name,
    )


def title(logical_id: str) -> str:
    """Return what people call a function: `LoadAndWarmFunction` is `load-and-warm`."""
    bare = logical_id.removesuffix("Function")
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in bare).lstrip("-")
