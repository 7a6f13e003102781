"""The local stack: what is sent goes through its socket to real workers."""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from hearth.publishing.publication import Publisher, Source
from hearth.stores.clock import SystemClock
from hearth_local import library, target
from hearth_local.stack import LocalStack
from hearth_local.waiting import wait_until_loaded

from fuzz.corpus import Request
from fuzz.resident import of_processes
from fuzz.sandbox import ROOT, write_models
from fuzz.verdict import Answer

# What the stack logs of a worker that ended in a call.
_LOST = re.compile(r"Status: (?:error|timeout)|hearth: killed|Runtime exited|Task timed out")
_SAFE = "/:%?=&+*~;.,!$'()@-_"
_PATIENCE_S = 40.0


@dataclass
class Local:
    """A running stack with the corpus's models in it.

    Args:
        stack: The stack.
        started: The workers' process ids when it was ready.
    """

    stack: LocalStack
    started: frozenset[int] = field(default_factory=frozenset)

    def send(self, request: Request) -> Answer:
        place = urlsplit(self.stack.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=_PATIENCE_S)
        try:
            connection.putrequest(request.method, _path(request), skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name != "content-length":
                    connection.putheader(name, value.encode("utf-8", "surrogatepass"))
            if request.body or request.method == "POST":
                connection.putheader("content-length", str(len(request.body)))
            connection.endheaders(request.body)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            body = response.read()
        finally:
            connection.close()
        return Answer(response.status, headers, body, gateway=_is_gateways(headers, body))

    def workers(self) -> frozenset[int]:
        pools = self.stack._parts._functions._pools.values()
        return frozenset(sandbox._process.pid for pool in pools for sandbox in pool._all)

    def memory_mb(self) -> float:
        """Return what the first workers hold; those that came later have grown from nothing."""
        return of_processes(self.started & self.workers())

    def lost(self) -> list[str]:
        """Return what became of workers that are no longer there."""
        gone = [f"worker {pid} is gone" for pid in sorted(self.started - self.workers())]
        for path in sorted((self.stack.state_dir / "logs").glob("*.log*")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            gone += [f"{path.name}: {line[-300:]}" for line in lines if _LOST.search(line)]
        return gone


def _path(request: Request) -> str:
    return quote(request.path.encode("utf-8", "surrogatepass"), safe=_SAFE)


def _is_gateways(headers: Mapping[str, str], body: bytes) -> bool:
    if headers.get("content-type", "").startswith("text/"):
        return "apigw-requestid" not in headers
    try:
        return json.loads(body).keys() == {"message"}
    except (ValueError, AttributeError):
        return False


@contextmanager
def up(folder: Path) -> Iterator[Local]:
    # What is no HTTP is refused, which is enough; its traceback is noise.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    (folder / "template.yaml").symlink_to(ROOT / "template.yaml")
    with LocalStack(folder / "template.yaml", folder / ".hearth", schedules=False) as stack:
        _publish(stack, folder)
        running = Local(stack)
        running.started = running.workers()
        yield running


def _publish(stack: LocalStack, folder: Path) -> None:
    found = target.find(stack.state_dir)
    publisher, registry = (
        Publisher(library.artefacts(found), SystemClock()),
        library.registry(found),
    )
    versions = {
        name: publisher.publish(Source(name, path)).manifest.version
        for name, path in write_models(folder).items()
    }
    for name, version in versions.items():
        status = wait_until_loaded(registry, name, version, timeout_s=120)
        assert status.state == "AVAILABLE", (name, status)
