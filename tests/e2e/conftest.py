"""What the end-to-end tests stand on: SAM, Docker, moto, the built bundle and a model in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from hearth.publishing.publication import Publisher, Source
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from support import models
from support import sam as sam_support
from support.sam import BUCKET, REGION, ROOT, Api, Aws, Built, Outcome, SamLocal, event

# Read here, before a fixture clears the environment.
REQUIRED = os.environ.get("HEARTH_REQUIRE_SAM") == "1"
WANTED = REQUIRED or os.environ.get("HEARTH_SAM") == "1"


def _absent(reason: str) -> None:
    (pytest.fail if REQUIRED else pytest.skip)(reason)


@pytest.fixture(scope="session")
def sam() -> str:
    """The SAM command line; without it these tests are skipped, or fail where they are required."""
    if not WANTED:
        pytest.skip("builds the bundle and runs it in Docker: make e2e")
    own = ROOT / ".venv-sam" / "bin" / "sam"
    found = str(own) if own.exists() else shutil.which("sam")
    if found is None:
        _absent("no SAM command line: `make e2e` sets it up")
    return str(found)


@pytest.fixture(scope="session")
def docker() -> str:
    """The docker command, with an engine behind it."""
    if not WANTED:
        pytest.skip("builds the bundle and runs it in Docker: make e2e")
    found = shutil.which("docker")
    if found is None:
        _absent("no docker command")
    elif subprocess.run([found, "info"], capture_output=True, check=False).returncode != 0:
        _absent("no Docker engine answers")
    return str(found)


@pytest.fixture(scope="session")
def built(sam: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return sam_support.build(sam, tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def aws(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """S3 and EventBridge where containers reach them, with an empty model bucket."""
    host, seen_as = sam_support.reachable_by_containers(docker)
    port = sam_support.free_port(host)
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    log = tmp_path_factory.mktemp("moto") / "log"
    with sam_support.server(command, (host, port), log):
        s3 = sam_support.client("s3", f"http://{host}:{port}")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Aws(f"http://{seen_as}:{port}", s3)


@pytest.fixture(scope="session")
def published(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a model whose version 1 was published and not yet loaded."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx.save(models.model(), path)
    artefacts = Artefacts(S3Documents(BUCKET, aws.s3), S3Blobs(BUCKET, aws.s3))
    return Publisher(artefacts, SystemClock()).publish(Source("doubled", path)).manifest.model


@pytest.fixture(scope="session")
def sam_local(
    sam: str, built: Built, aws: Aws, docker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SamLocal]:
    folder = tmp_path_factory.mktemp("sam-local")
    environment = folder / "environment.json"
    values = {"HEARTH_BUCKET": BUCKET, "AWS_ENDPOINT_URL": aws.url}
    environment.write_text(json.dumps({"Parameters": values}), encoding="utf-8")
    before = sam_support.layer_images(docker)
    yield SamLocal(sam, _that_takes_an_endpoint(built.template), environment, folder)
    made = sam_support.layer_images(docker) - before
    if made:
        subprocess.run([docker, "rmi", "--force", *made], capture_output=True, check=False)


def _that_takes_an_endpoint(template: Path) -> Path:
    """SAM hands on only what the template declares, and AWS's address is none of its business."""
    text = template.read_text(encoding="utf-8")
    variables = "      Variables:\n"
    assert variables in text
    changed = template.with_name("with-endpoint.yaml")
    text = text.replace(variables, f"{variables}        AWS_ENDPOINT_URL: ''\n", 1)
    changed.write_text(text, encoding="utf-8")
    return changed


@pytest.fixture(scope="session")
def outcome(sam_local: SamLocal) -> Iterator[Callable[[str, Any], Outcome]]:
    """`outcome("PredictFunction", event)`: how the function ended, run in its container."""
    with sam_local.serve("start-lambda") as served:
        client = sam_support.client("lambda", f"http://{served.address}")

        def call(function: str, event: Any) -> Outcome:
            answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
            body = json.loads(answer["Payload"].read())
            failed = "FunctionError" in answer or (isinstance(body, dict) and "errorType" in body)
            return Outcome(body, failed, served.log)

        yield call


@pytest.fixture(scope="session")
def invoke(outcome: Callable[[str, Any], Outcome]) -> Callable[[str, Any], Any]:
    """`invoke("PredictFunction", event)`: what the function answers."""

    def call(function: str, event: Any) -> Any:
        found = outcome(function, event)
        assert not found.failed, f"{found.body}\n{found.log.read_text(errors='replace')[-4000:]}"
        return found.body

    return call


@pytest.fixture(scope="session")
def warmed(published: str, invoke: Callable[[str, Any], Any]) -> dict[str, Any]:
    """What load-and-warm answered to the event of the published manifest."""
    created = event("manifest_created")
    assert f"models/{published}/" in created["detail"]["object"]["key"]
    return dict(invoke("LoadAndWarmFunction", created))


@pytest.fixture(scope="session")
def api(sam_local: SamLocal, warmed: dict[str, Any]) -> Iterator[Api]:
    with sam_local.serve("start-api") as served:
        yield served
