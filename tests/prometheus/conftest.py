"""A real Prometheus, on loopback with a folder of its own, that scrapes Hearth.

Environment: `HEARTH_URL` names a running stack; without it the example of `support.scraped` is
served, each scrape finding more requests than the one before.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hearth.edge.events import HttpRequest
from hearth.monitoring.prometheus import metrics_answer
from support import scraped

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "infra/prometheus/prometheus.yml"
PATIENCE_S = 40


@dataclass
class Served:
    """What is scraped, and how it was asked for; `accepts` is empty for another's stack."""

    url: str
    own: bool
    accepts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Prometheus:
    url: str

    def get(self, path: str, **query: str) -> Any:
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{query}: {error.read().decode()}")

    def query(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return an instant vector: values by labels, without where they were scraped."""
        found = {}
        for series in self.get("query", query=expression)["result"]:
            drop = ("__name__", "instance", "job")
            labels = {n: v for n, v in series["metric"].items() if n not in drop}
            found[frozenset(labels.items())] = float(series["value"][1])
        return found

    def value(self, expression: str) -> float:
        [value] = self.query(expression).values()
        return value

    def wait(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return what an expression gives as soon as it gives anything."""
        ends = time.monotonic() + PATIENCE_S
        while not (found := self.query(expression)):
            assert time.monotonic() < ends, f"nothing within {PATIENCE_S} s: {expression}"
            time.sleep(0.3)
        return found


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not installed; on Debian: apt-get install prometheus"
    return path


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    if url := os.environ.get("HEARTH_URL"):
        yield Served(url.rstrip("/"), own=False)
        return
    target = Served("", own=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(target))
    target.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()


def _handler(target: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target.accepts.append(self.headers.get("Accept", ""))
            headers = {name.lower(): value for name, value in self.headers.items()}
            used = scraped.totals()
            for _ in range(len(target.accepts)):
                used["digits"]["1"] += scraped.traffic()
            answer = metrics_answer(
                HttpRequest("GET", self.path, headers, b""),
                used,
                scraped.summary(),
                scraped.TALLIED_MS,
            )
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
            pass

    return Handler


@pytest.fixture(scope="session")
def prometheus(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(served, tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@contextmanager
def scraping(served: Served, folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes what is served, until left."""
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(served)), encoding="utf-8")
    port = _free_port()
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            found = Prometheus(f"http://127.0.0.1:{port}")
            _wait_until_ready(found, process, folder / "log")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _config(served: Served) -> dict[str, Any]:
    """Return the example's configuration, pointed at what is served and faster."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(CONFIG.parent / name) for name in config["rule_files"]]
    [job] = config["scrape_configs"]
    job["scrape_timeout"] = "1s" if served.own else "10s"
    if not served.own:
        config["global"]["scrape_interval"] = "10s"
    job["static_configs"] = [{"targets": [served.url.removeprefix("http://")]}]
    tensorflow = {"job_name": "tensorflow", "metrics_path": "/monitoring/prometheus/metrics"}
    config["scrape_configs"].append({**job, **tensorflow})
    return config


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
    return port


def _wait_until_ready(found: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{found.url}/-/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"prometheus does not answer: {log.read_text()[-2000:]}")
