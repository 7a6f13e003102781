"""The built bundle under SAM local: commands, servers and addresses."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "tests" / "events"
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
BUCKET = "hearth-models"  # as the events have it
REGION = "eu-central-1"
LAYERS = {
    "common": "CommonLayer",
    "runtime": "RuntimeLayer",
    "monitoring": "MonitoringLayer",
    "optimizer": "OptimizerLayer",
}
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
# Of the process as it starts: tests clear what they see of AWS and Hearth in it.
ENVIRONMENT = {
    **os.environ,
    **_CREDENTIALS,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHON": sys.executable,  # has pip, as infra/bundle/Makefile wants it
    "SAM_CLI_TELEMETRY": "0",
}
_PATIENCE_S = 90


@dataclass(frozen=True, slots=True)
class Built:
    """What `sam build` made of the template: one folder a function and a layer."""

    template: Path

    def folder(self, logical_id: str) -> Path:
        return self.template.parent / logical_id


@dataclass(frozen=True, slots=True)
class Aws:
    """moto as this process sees it (`s3`), and as containers do (`url`)."""

    url: str
    s3: Any


@dataclass(frozen=True, slots=True)
class Api:
    """The HTTP API under SAM local, and the file that its functions log to."""

    address: str
    log: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a function answered, or Lambda's description of the error that it ended with."""

    body: Any
    failed: bool
    log: Path


@dataclass(frozen=True, slots=True)
class SamLocal:
    """`sam local` over the built bundle, whose functions are told where AWS is."""

    sam: str
    template: Path
    environment: Path
    logs: Path

    @contextmanager
    def serve(self, what: str) -> Iterator[Api]:
        """Yield where `start-api` or `start-lambda` answers; its containers go when it does."""
        port, log = free_port("127.0.0.1"), self.logs / f"{what}.log"
        command = [self.sam, "local", what, "--template", str(self.template), "--port", str(port)]
        command += ["--env-vars", str(self.environment), "--skip-pull-image"]
        with server([*command, "--warm-containers", "LAZY"], ("127.0.0.1", port), log):
            yield Api(f"127.0.0.1:{port}", log)


def event(name: str) -> Any:
    """Return a ready-made event, in the shape that AWS sends."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def build(sam: str, folder: Path) -> Built:
    """Build the bundle as it would be deployed."""
    command = [sam, "build", "--no-cached", "--build-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Built(folder / "template.yaml")


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(read_timeout=300, retries={"total_max_attempts": 1}),
    )


def python_in_image(docker: str, opt: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script under Lambda's Python, with a folder as /opt and no network."""
    command = [docker, "run", "--rm", "--network", "none", "--volume", f"{opt}:/opt:ro"]
    command += ["--env", "PYTHONPATH=/opt/python", "--entrypoint", "/var/lang/bin/python3.13"]
    return subprocess.run(
        [*command, IMAGE, "-c", script], capture_output=True, text=True, check=False
    )


def reachable_by_containers(docker: str) -> tuple[str, str]:
    """Return an address of this machine that containers reach, and what they call it."""
    wanted = "{{(index .IPAM.Config 0).Subnet}}"
    command = [docker, "network", "inspect", "bridge", "--format", wanted]
    subnet = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    gateway = str(ip_network(subnet)[1])  # Docker gives itself the first address
    try:
        free_port(gateway)
    except OSError:  # the engine runs in a machine of its own, and forwards
        return "127.0.0.1", "host.docker.internal"
    return gateway, gateway


def free_port(host: str) -> int:
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


@contextmanager
def server(command: Sequence[str], address: tuple[str, int], log: Path) -> Iterator[None]:
    """Run a server from when it answers to the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _await(process, address, log)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _await(process: subprocess.Popen[bytes], address: tuple[str, int], log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(
        f"{command_line(process)} does not answer: {log.read_text(errors='replace')[-4000:]}"
    )


def command_line(process: subprocess.Popen[bytes]) -> str:
    return " ".join(map(str, process.args)) if isinstance(process.args, list) else str(process.args)


def layer_images(docker: str) -> set[str]:
    """Return the images that SAM made of the base image and layers.

    By name, not by id: one may be made of another, and a name can always be taken back.
    """
    named = "{{.Repository}}:{{.Tag}}"
    command = [docker, "images", "--format", named, "samcli/lambda-python"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
