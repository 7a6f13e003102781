"""SnapStart: what is in the snapshot, and what a restored process finds out anew."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hearth.publishing.publication import Publisher, Source
from hearth.serving import start
from hearth.serving.warming import Attempt, load_and_warm
from hearth.serving.worker import Worker
from hearth.stores import s3_objects
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from snapshot_restore_py import get_after_restore, get_before_snapshot
from support import bundle, events, models, snapshots
from support.bundle import Bundle
from support.server import S3Server
from support.snapshots import Snapshotted

BUCKET = "hearth-models"
ROWS = {"instances": [[1, 2, 3, 4]]}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="awslambdaric and /proc are Linux's alone"
)


@pytest.fixture
def made(server_s3: Any, tmp_path: Path) -> Bundle:
    return bundle.around(S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3), tmp_path)


@pytest.fixture
def publish(made: Bundle, tmp_path: Path) -> Callable[..., None]:
    """`publish(name, text)`: the next version of a model, proven and promoted."""

    def next_version(name: str, text: str = models.DOUBLED) -> None:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(models.model(text).SerializeToString())
        published = Publisher(made.artefacts, made.loader.clock).publish(Source(name, path))
        number = published.manifest.version
        attempt = Attempt(f"{name}-{number}", lambda: 60.0)
        outcome = load_and_warm(name, number, attempt, made.loader)
        assert outcome.state == "AVAILABLE", outcome

    return next_version


@pytest.fixture
def environment(server: S3Server, tmp_path: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "HEARTH_BUCKET": BUCKET,
        "HEARTH_FILES_DIR": str(tmp_path / "files"),
        "HEARTH_REGISTRY_TTL_S": "3600",
    }


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    return tmp_path / "printed.log"


@pytest.fixture
def taken(
    publish: Callable[..., None], environment: dict[str, str], printed: Path
) -> Iterator[Snapshotted]:
    """predict where its snapshot is taken, in front of a bucket with two models."""
    publish("m")
    publish("other")
    with snapshots.predict(environment, printed) as process:
        process.wait_for_snapshot()
        yield process


def predicted(process: Snapshotted, model: str = "m") -> Any:
    event = events.http("POST", f"/v1/models/{model}:predict", json.dumps(ROWS))
    answer = process.call(event)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])["predictions"]


def records(printed: Path) -> list[dict[str, Any]]:
    lines = (line for line in printed.read_text().splitlines() if line.startswith("{"))
    return [found for line in lines if "record" in (found := json.loads(line))]


def test_snapshot_holds_open_models(taken: Snapshotted, server: S3Server, printed: Path) -> None:
    """Every model was fetched before the snapshot, and run once without a word in the log."""
    for model in ("m", "other"):
        assert sum(f"/models/{model}/blobs/" in asked for asked in server.asked) >= 1
    assert records(printed) == []


def test_restored_process_asks_for_entries_alone(
    taken: Snapshotted, server: S3Server, printed: Path
) -> None:
    """After a restore the entries are read again, and the first request opens nothing."""
    server.asked.clear()
    taken.restore()

    assert predicted(taken) == [[3, 5, 7, 9]]
    assert predicted(taken, "other") == [[3, 5, 7, 9]]
    assert sorted(server.asked) == [
        f"GET /{BUCKET}/registry/m.json?",
        f"GET /{BUCKET}/registry/other.json?",
    ]
    assert [record.get("ColdStarts", 0) for record in records(printed)] == [0, 0]


def test_version_promoted_since_the_snapshot_answers(
    taken: Snapshotted, publish: Callable[..., None]
) -> None:
    """What was promoted after the snapshot answers the first request, however long an entry is
    trusted otherwise."""
    publish("m", models.TRIPLED)
    taken.restore()

    assert predicted(taken) == [[4, 7, 10, 13]]


def test_model_removed_since_the_snapshot_is_unknown(taken: Snapshotted, server_s3: Any) -> None:
    """A model whose entry went after the snapshot is not served from it, and keeps no other."""
    server_s3.delete_object(Bucket=BUCKET, Key="registry/m.json")
    taken.restore()

    assert predicted(taken, "other") == [[3, 5, 7, 9]]
    answer = taken.call(events.http("POST", "/v1/models/m:predict", json.dumps(ROWS)))
    assert answer["statusCode"] == 404


def test_bucket_that_fails_at_restore_fails_no_restore(
    taken: Snapshotted, server: S3Server
) -> None:
    """While S3 does not answer, a restored process serves what the snapshot holds."""
    with server.failing(503):
        taken.restore()
        assert predicted(taken) == [[3, 5, 7, 9]]


class Keeping(BaseHTTPRequestHandler):
    """Hands requests on to S3, over connections that are kept."""

    protocol_version = "HTTP/1.1"
    address: str

    def do_GET(self) -> None:
        asked = HTTPConnection(self.address)
        asked.request("GET", self.path, headers=dict(self.headers))
        with asked.getresponse() as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("ETag", answer.headers.get("ETag", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keep the test's output for the test."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Give the port at which a handler answers."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads, listener.block_on_close = True, False
    Thread(target=listener.serve_forever, args=(0.05,)).start()
    try:
        yield listener.server_port
    finally:
        listener.shutdown()
        listener.server_close()


def test_no_connection_goes_into_the_snapshot(
    publish: Callable[..., None], environment: dict[str, str], printed: Path, server: S3Server
) -> None:
    """Connections are closed before the snapshot and opened again after it."""
    publish("m")
    keeping = type("", (Keeping,), {"address": server.url.removeprefix("http://")})
    with listening(keeping) as port:
        url = f"http://127.0.0.1:{port}"
        with snapshots.predict(environment | {"AWS_ENDPOINT_URL": url}, printed) as process:
            process.wait_for_snapshot()
            assert process.connections(port) == 0
            process.restore()
            assert predicted(process) == [[3, 5, 7, 9]]
            assert process.connections(port) == 1


class Lender(BaseHTTPRequestHandler):
    """Lends credentials, as Lambda does to functions with SnapStart."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers["Authorization"])
        body = json.dumps(
            {
                "AccessKeyId": f"key-{len(self.asked)}",
                "SecretAccessKey": "secret",
                "Token": "token",
                "Expiration": "2099-01-01T00:00:00Z",
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keep the test's output for the test."""


def test_credentials_are_asked_for_again_after_a_restore(
    publish: Callable[..., None], environment: dict[str, str], printed: Path
) -> None:
    """Credentials of before the snapshot sign nothing after it, however long they are good for."""
    publish("m")
    asked: list[str] = []
    with listening(type("", (Lender,), {"asked": asked})) as port:
        lent = {name: value for name, value in environment.items() if "KEY" not in name} | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "lent",
        }
        with snapshots.predict(lent, printed) as process:
            process.wait_for_snapshot()
            assert asked == ["lent"]
            process.restore()
            assert predicted(process) == [[3, 5, 7, 9]]
    assert asked == ["lent", "lent"]


def test_restored_processes_do_not_draw_the_same_numbers(worker: Callable[..., Worker]) -> None:
    """Whatever was seeded before the snapshot is seeded anew after it."""
    before, after = get_before_snapshot(), get_after_restore()
    kept = list(before), list(after)
    start._be_restorable(worker(), s3_objects.renew)
    [(hook, _, _)] = [registered for registered in after if registered not in kept[1]]
    before[:], after[:] = kept
    drawn = set()
    for _ in range(3):
        random.seed(1)
        hook()
        drawn.add(random.random())

    assert len(drawn) == 3
