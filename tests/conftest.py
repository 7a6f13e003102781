"""Fixtures for every test: dummy credentials always, a bucket of moto's where asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from hearth.edge.settings import PredictSettings
from hearth.publishing.publication import Published, Publisher, Source
from hearth.serving import memory, session
from hearth.serving.files import Files
from hearth.serving.stock import Stock
from hearth.serving.warming import Attempt, Loader, Outcome, load_and_warm
from hearth.serving.worker import Worker
from hearth.stores import aws_client
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry
from hearth.stores.s3_objects import close
from hypothesis import settings
from moto import mock_aws
from support import models
from support.faults import Faults
from support.network import mocked_aws, refuse_the_network
from support.recording import RecordingAnnouncer, SettableClock
from support.server import S3Server

REGION = "eu-central-1"
BUCKET = "hearth-models"
_MUCH_MB = 600

# The same examples on every machine; a busy one is no failure.
settings.register_profile("hearth", deadline=None, derandomize=True, database=None)
settings.load_profile("hearth")


def pytest_configure() -> None:
    """A test run in the background of a shell is started deaf to Ctrl-C, and so would be its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    refuse_the_network()


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees this machine's settings: credentials are dummies, endpoints AWS's, no proxies."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEARTH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))


@pytest.fixture(autouse=True)
def memory_given_back() -> Iterator[None]:
    """What the largest run of a test took is not counted against the next one's child processes."""
    yield
    if memory.resident_mb() > _MUCH_MB:
        session.give_back()


@pytest.fixture
def aws(aws_environment: None) -> Iterator[None]:
    """moto in this process answers every AWS call; each test begins with an empty account.

    The cached clients live on from test to test: making one takes longer than most tests do.
    Whoever hooks into one (see `faults`) unhooks again; whoever needs another endpoint or other
    credentials makes a client of its own.
    """
    with mocked_aws():
        yield


@pytest.fixture
def s3(aws: None) -> Any:
    return aws_client.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """The model bucket as template.yaml has it: versioned."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return BUCKET


@pytest.fixture
def faults(s3: Any, bucket: str) -> Iterator[Faults]:
    """Breaks S3 where the test says, from botocore's `before-send` on."""
    made = Faults(s3)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def server(_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """S3 behind a socket; what this process and its children ask of AWS goes there.

    Not to be mixed with `aws` and what rests on it: both keep their objects in the same place.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL", _server.url)
    yield _server
    close()


@pytest.fixture
def server_s3(server: S3Server) -> Iterator[Any]:
    """A client of the S3 behind the socket, beside an empty bucket of the usual name."""
    made = aws_client.client.__wrapped__("s3")
    with mock_aws():
        pass  # empties the account
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.close()


@pytest.fixture
def documents(bucket: str) -> S3Documents:
    return S3Documents(bucket)


@pytest.fixture
def blobs(bucket: str) -> S3Blobs:
    return S3Blobs(bucket)


@pytest.fixture
def artefacts(documents: S3Documents, blobs: S3Blobs) -> Artefacts:
    return Artefacts(documents, blobs)


@pytest.fixture
def registry(documents: S3Documents) -> Registry:
    return Registry(documents)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def announcer() -> RecordingAnnouncer:
    return RecordingAnnouncer()


@pytest.fixture
def tiny_model() -> Callable[..., onnx.ModelProto]:
    """`tiny_model(text)`: a model from its graph's text; without it, y = 2x + 1 for rows of four."""
    return models.model


@pytest.fixture
def onnx_file(tmp_path: Path) -> Callable[..., Path]:
    """`onnx_file(model_or_text, name)`: the path of a model file that holds it."""

    def write(model: onnx.ModelProto | str = models.DOUBLED, name: str = "model.onnx") -> Path:
        path = tmp_path / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = models.model(model) if isinstance(model, str) else model
        onnx.save(made, path)
        return path

    return write


@pytest.fixture
def publisher(artefacts: Artefacts, clock: SettableClock) -> Publisher:
    return Publisher(artefacts, clock)


@pytest.fixture
def publish(publisher: Publisher, onnx_file: Callable[..., Path]) -> Callable[..., Published]:
    """`publish(name, model, **source)`: publish a model, its text, or the file at a path."""

    def publish(
        name: str = "m", model: onnx.ModelProto | str | Path = models.DOUBLED, **source: Any
    ) -> Published:
        path = model if isinstance(model, Path) else onnx_file(model)
        return publisher.publish(Source(name, path, **source))

    return publish


@pytest.fixture
def loader(
    registry: Registry,
    artefacts: Artefacts,
    announcer: RecordingAnnouncer,
    clock: SettableClock,
    tmp_path: Path,
) -> Callable[..., Loader]:
    """`loader(**overrides)`: what load-and-warm works with."""

    def make(**overrides: Any) -> Loader:
        files = Files(tmp_path / "loading", overrides.get("artefacts", artefacts))
        made = Loader(registry, artefacts, announcer, clock, files, memory_mb=1769, attempts=3)
        return replace(made, **overrides)

    return make


@pytest.fixture
def load(loader: Callable[..., Loader]) -> Callable[..., Outcome]:
    """`load(name, version)`: load and warm a version that was published."""

    def load(name: str = "m", version: int = 1, **attempt: Any) -> Outcome:
        how = {"id": f"load-{name}-{version}", "remaining_s": lambda: 60.0, **attempt}
        return load_and_warm(name, version, Attempt(**how), loader())

    return load


@pytest.fixture
def serve(
    publish: Callable[..., Published], load: Callable[..., Outcome]
) -> Callable[..., Published]:
    """`serve(name, model, **source)`: publish a version and load it."""

    def serve(name: str = "m", model: Any = models.DOUBLED, **source: Any) -> Published:
        published = publish(name, model, **source)
        outcome = load(name, published.manifest.version)
        assert outcome.state == "AVAILABLE", outcome
        return published

    return serve


@pytest.fixture
def worker(
    registry: Registry, artefacts: Artefacts, bucket: str, tmp_path: Path
) -> Callable[..., Worker]:
    """`worker(**settings)`: a predict sandbox; it sees each change of the registry at once."""

    def make(**overrides: Any) -> Worker:
        values = {"registry_ttl_s": 0.0, "files_dir": str(tmp_path / "serving"), **overrides}
        settings = PredictSettings(bucket, **values)
        return Worker(Stock(registry, artefacts, settings), S3Payloads(bucket), settings)

    return make


@pytest.fixture
def function_environment(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., None]:
    """`function_environment(HEARTH_...=...)`: the environment that template.yaml gives a function."""

    def set_environment(**overrides: str) -> None:
        usual = {
            "HEARTH_BUCKET": bucket,
            "HEARTH_FILES_DIR": str(tmp_path / "files"),
            "HEARTH_REGISTRY_TTL_S": "0",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        }
        for name, value in {**usual, **overrides}.items():
            monkeypatch.setenv(name, value)

    return set_environment
