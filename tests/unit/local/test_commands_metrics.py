"""`hearth metrics --listen` passes scrapes on to a deployed stack, signed, and nothing else."""

from __future__ import annotations

import gzip
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hearth_local.commands_metrics import AddressUnusable, server
from hearth_local.target import Target

PAGE = b"hearth_build_info 1\n"


class Api(BaseHTTPRequestHandler):
    """A deployed API: it wants a signature, and keeps what it was asked."""

    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        self.send_response(200 if "Authorization" in self.headers else 403)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("X-Other", "stays here")
        self.end_headers()
        self.wfile.write(gzip.compress(PAGE))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def running(serving: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


@pytest.fixture
def api() -> Iterator[str]:
    Api.asked = []
    with running(ThreadingHTTPServer(("127.0.0.1", 0), Api)) as url:
        yield url


@pytest.fixture
def scraped(api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where Prometheus scrapes: the command's own server in front of the deployed API."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    target = Target(url=api, bucket="b", functions={}, region="eu-west-1")
    with running(server(target, "127.0.0.1:0")) as url:
        yield url


@pytest.mark.parametrize("path", ["/metrics", "/monitoring/prometheus/metrics"])
def test_a_scrape_is_signed_and_its_answer_comes_back_as_it_is(scraped: str, path: str) -> None:
    """Format and compression are between Prometheus and the stack."""
    headers = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    with urllib.request.urlopen(urllib.request.Request(scraped + path, headers=headers)) as answer:
        assert gzip.decompress(answer.read()) == PAGE
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["X-Other"] is None
    [(asked, found)] = Api.asked
    assert asked == path
    assert headers.items() <= found.items()
    assert re.match(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/execute-api/aws4_request, ",
        found["Authorization"],
    )


@pytest.mark.parametrize(
    "path", ["/", "/v1/models/digits", "/metrics/", "/metrics?x=1", "/reports/digits"]
)
def test_nothing_else_is_passed_on(scraped: str, path: str) -> None:
    """Who reaches the port does not reach the API by another's signature."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(scraped + path)
    refused.value.close()
    assert refused.value.code == 404
    assert not Api.asked


def test_a_stack_that_does_not_answer_is_a_bad_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus sees a target that is down, with the reason."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    target = Target(url="http://127.0.0.1:9", bucket="b", functions={}, region="eu-west-1")
    with (
        running(server(target, ":0")) as url,
        pytest.raises(urllib.error.HTTPError) as refused,
    ):
        urllib.request.urlopen(f"{url}/metrics")
    assert refused.value.code == 502
    assert b"127.0.0.1:9" in refused.value.read()
    refused.value.close()


def test_no_credentials_is_a_bad_gateway(
    api: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next scrape finds those that have come since."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    target = Target(url=api, bucket="b", functions={}, region="eu-west-1")
    with (
        running(server(target, ":0")) as url,
        pytest.raises(urllib.error.HTTPError) as refused,
    ):
        urllib.request.urlopen(f"{url}/metrics")
    assert refused.value.code == 502
    assert b"credentials" in refused.value.read()
    refused.value.close()
    assert not Api.asked


@pytest.mark.parametrize("listen", ["", "9464x", "127.0.0.1:70000", "192.0.2.1:0"])
def test_an_address_that_cannot_be_used_is_named(listen: str) -> None:
    """A port that is none, or of another machine."""
    target = Target(url="", bucket="", functions={})
    with pytest.raises(AddressUnusable, match="HOST:PORT"):
        server(target, listen)
