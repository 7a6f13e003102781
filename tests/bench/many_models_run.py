"""A program: one predict sandbox among many models; prints what its requests cost and what it held.

Its argument is a JSON object: `bucket`, `folder`, `budget_mb`, `names` (the mixture), and `large`,
two models of tens of megabytes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hearth.domain.routing import Target
from hearth.edge.door import respond
from hearth.edge.settings import PredictSettings
from hearth.serving.prediction import predict
from hearth.serving.session import give_back
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Read, Registry
from support import events

FOREVER_S = 1e9
MB = 1 << 20


def anonymous_mb() -> float:
    return _status("RssAnon")


def peak_mb() -> float:
    """Return the most anonymous memory since `forget_peak`: what is mapped of files hardly changes."""
    return _status("VmHWM") - _status("RssFile") - _status("RssShmem")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{key}:")[1].split()[0]) / 1024


class Counted(Registry):
    """A registry that says how often it was read."""

    reads = 0

    def read(self, model: str, known: Read | None = None) -> Read:
        self.reads += 1
        return super().read(model, known)


class Sandbox:
    """A worker with a budget, and what became of the requests that it was sent."""

    def __init__(self, asked: dict[str, Any], budget_mb: float, ttl_s: float, place: str) -> None:
        self._rows: dict[str, Any] = {}
        bucket = asked["bucket"]
        folder = str(Path(asked["folder"]) / place)
        settings = PredictSettings(
            bucket, cache_mb=int(budget_mb), files_dir=folder, registry_ttl_s=ttl_s
        )
        documents = S3Documents(bucket)
        self.registry = Counted(documents)
        artefacts = Artefacts(documents, S3Blobs(bucket))
        self.worker = Worker(self.registry, artefacts, S3Payloads(bucket), settings)
        self.folder = Path(folder)
        self.closed = 0
        self._close = self.worker._sessions._close
        self.worker._sessions._close = self._count_and_close

    def _count_and_close(self, sha256: str) -> None:
        self.closed += 1
        self._close(sha256)

    def ask(self, name: str) -> tuple[str, float]:
        """Return what the request was (`warm`, `opens`, `evicts`), and its milliseconds."""
        if name not in self._rows:
            self._rows[name] = self._request(name)
        before, closed = len(self.worker._sessions._open), self.closed
        started = time.perf_counter()
        answer = respond(self._rows[name], lambda r: predict(r, self.worker), identified=True)
        took = (time.perf_counter() - started) * 1000
        assert answer["statusCode"] == 200, answer
        if self.closed > closed:
            return "evicts", took
        return ("opens" if len(self.worker._sessions._open) > before else "warm"), took

    def _request(self, name: str) -> dict[str, Any]:
        """One row of the model's own shape; the model is not opened to know it."""
        route = self.worker.catalogue.route(Target(name), "")
        [spec] = self.worker._proven_manifest(route).manifest.signature.inputs
        row = np.full([max(size, 1) for size in spec.shape[1:]], 0.5).tolist()
        return events.http("POST", f"/v1/models/{name}:predict", json.dumps({"instances": [row]}))

    def files(self) -> int:
        """Return how many versions lie on the disk."""
        return len(list(self.folder.glob("versions/*")))


@dataclass
class Traffic:
    """What a sequence of requests cost, and what memory it took, above where it began."""

    took: dict[str, list[float]] = field(default_factory=dict)
    peak_mb: float = 0
    held_mb: float = 0

    def told(self, sandbox: Sandbox) -> dict[str, Any]:
        return {
            "requests": {kind: len(took) for kind, took in self.took.items()},
            "ms": {kind: statistics.median(took) for kind, took in self.took.items()},
            "peak_mb": self.peak_mb,
            "held_mb": self.held_mb,
            "weighed_mb": sandbox.worker._sessions.size / MB,
            "open": len(sandbox.worker._sessions._open),
            "files": sandbox.files(),
        }


def run(sandbox: Sandbox, names: Iterable[str], base_mb: float) -> dict[str, Any]:
    made = Traffic()
    forget_peak()
    for name in names:
        kind, took = sandbox.ask(name)
        made.took.setdefault(kind, []).append(took)
    made.peak_mb = peak_mb() - base_mb
    gc.collect()
    made.held_mb = anonymous_mb() - base_mb
    return made.told(sandbox)


def by_turns(calls: dict[str, Callable[[], Any]], rounds: int = 40) -> dict[str, float]:
    """Return each call's median of the fastest in rounds, in microseconds."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            fastest = []
            for _ in range(20):
                started = time.perf_counter()
                call()
                fastest.append(time.perf_counter() - started)
            took[name].append(min(fastest) * 1e6)
    return {name: statistics.median(times) for name, times in took.items()}


def zipf(names: list[str], count: int) -> list[str]:
    shares = 1 / np.arange(1, len(names) + 1)
    return list(np.random.default_rng(3).choice(names, count, p=shares / shares.sum()))


def main(asked: dict[str, Any]) -> dict[str, Any]:
    names, large = asked["names"], asked["large"]
    alone = Sandbox(asked, asked["budget_mb"], FOREVER_S, "alone")
    for name in [names[0], *large]:  # whatever is loaded once only is loaded
        alone.ask(name)
    alone.worker._sessions.close_others("")
    alone.ask(names[0])
    forget()
    base_mb = anonymous_mb()
    found: dict[str, Any] = {}
    for phase in (fifty_models, all_models, two_models, refreshed):
        found |= phase(asked, alone, base_mb)
        forget()
    return found


def fifty_models(asked: dict[str, Any], alone: Sandbox, base_mb: float) -> dict[str, Any]:
    fifty = asked["names"][:50]
    sandbox = Sandbox(asked, asked["budget_mb"], FOREVER_S, "fifty")
    return {
        "50 in turn": run(sandbox, fifty * 20, base_mb),
        "50, Zipf": run(sandbox, zipf(fifty, 1000), base_mb),
        "warm": by_turns({"1": lambda: alone.ask(fifty[0]), "50": lambda: sandbox.ask(fifty[0])}),
    }


def all_models(asked: dict[str, Any], alone: Sandbox, base_mb: float) -> dict[str, Any]:
    names, large = asked["names"], asked["large"]
    sandbox = Sandbox(asked, asked["budget_mb"], FOREVER_S, "all")
    mixed = [large[turn % 2] if turn % 41 == 0 else name for turn, name in enumerate(names)]
    found = {
        "all, Zipf": run(sandbox, zipf(names, 2000), base_mb),
        "all in turn": run(sandbox, names, base_mb),
        "all and large ones": run(sandbox, mixed, base_mb),
    }
    target = Target(names[0])
    calls = {
        str(len(one.worker.catalogue._seen)): lambda c=one.worker.catalogue: c.route(target, "key")
        for one in (alone, sandbox)
    }
    return {**found, "resolve": by_turns(calls)}


def two_models(asked: dict[str, Any], alone: Sandbox, base_mb: float) -> dict[str, Any]:
    """Give them exactly the room that they take, in whole MB."""
    large = asked["large"]
    size = sum(
        alone.worker.open(alone.worker.catalogue.route(Target(name), ""))[0].size for name in large
    )
    alone.worker._sessions.close_others("")
    forget()
    pair = Sandbox(asked, size / MB + 1, FOREVER_S, "pair")
    return {"two that fit": run(pair, large * 30, base_mb)}


def refreshed(asked: dict[str, Any], alone: Sandbox, base_mb: float) -> dict[str, Any]:
    sandbox = Sandbox(asked, asked["budget_mb"], asked["ttl_s"], "refreshed")
    fifty = asked["names"][:50]
    for name in fifty:
        sandbox.ask(name)
    reads, started = sandbox.registry.reads, time.monotonic()
    while (passed := time.monotonic() - started) < 3 * asked["ttl_s"]:
        for name in fifty:
            sandbox.ask(name)
    return {"reads a second": (sandbox.registry.reads - reads) / passed}


def forget() -> None:
    """Let go of what no sandbox holds any more."""
    gc.collect()
    give_back()


if __name__ == "__main__":
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        result = main(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(result))
