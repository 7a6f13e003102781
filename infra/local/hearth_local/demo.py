"""`make demo`: a real model through its whole life on this machine, a line and a figure a step."""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hearth.domain import registry_entry as entries
from hearth.domain.errors import GoldenMismatch
from hearth.domain.registry_entry import OFF, Policy, VersionStatus
from hearth.domain.state import State
from hearth.publishing.publication import Publisher
from hearth.stores.clock import SystemClock
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hearth_local import demo_metrics, demo_models, demo_optimize, library, project
from hearth_local.demo_models import Digits, Trained
from hearth_local.errors import LocalError
from hearth_local.http_call import Call, Reply, require
from hearth_local.stack import LocalStack
from hearth_local.target import Target
from hearth_local.waiting import wait_until_loaded

MODEL = demo_models.MODEL
# A promote reaches a warm worker within HEARTH_REGISTRY_TTL_S of template.yaml.
_REGISTRY_TTL_S = 5.0


class DemoFailed(LocalError):
    """A step did not do what it should."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What every step works with."""

    target: Target
    console: Console
    data: Digits
    folder: Path

    @property
    def publisher(self) -> Publisher:
        return Publisher(library.artefacts(self.target), SystemClock())

    def say(self, step: str, what: str, where: str = "") -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=8, style="bold")
        line.add_column(overflow="fold")
        line.add_row(step, Text(what))
        if where:
            line.add_row("", Text(where, style="dim"))
        self.console.print(line)

    def predict(self, rows: npt.NDArray[np.float32], headers: dict[str, str]) -> Reply:
        body = json.dumps({"instances": rows.tolist()}).encode()
        return require(self.target, Call("POST", f"/v1/models/{MODEL}:predict", body, headers))


def main() -> None:
    console = Console(highlight=False)
    started = time.monotonic()
    found = project.find()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="hearth-demo-") as folder,
            LocalStack(found.template, found.state_dir) as stack,
        ):
            console.print(f"local stack on {stack.url}, S3 on {stack.s3_endpoint}")
            target = demo_models.target_of(stack)
            run(Demo(target, console, demo_models.digits(), Path(folder)))
    except LocalError as error:
        sys.exit(f"demo failed: {error}")
    console.print(f"done in {time.monotonic() - started:.0f} s; the stack has stopped")


def run(demo: Demo) -> None:
    """Go through the life of a model, in order."""
    registry, actor = library.registry(demo.target), library.actor("demo")
    # What happens here is to happen in this order, not by itself.
    by_hand = Policy(optimize=OFF)
    registry.change(MODEL, lambda now: entries.set_policy(now, by_hand, actor))
    linear = _train(demo, "linear")
    _publish(demo, linear, "linear")
    _predict_rows(demo, linear)
    _predict_binary(demo)
    _classify(demo)
    _health(demo)
    network = _train(demo, "network")
    _canary(demo, network)
    _promote(demo, network)
    _refuse(demo, network)
    demo_metrics.run(demo, MODEL)
    demo_optimize.run(demo, MODEL, max(registry.read(MODEL).entry.versions))


def _train(demo: Demo, kind: str) -> Trained:
    trained = demo_models.train(kind, demo.data, demo.folder / kind)
    demo.say(
        "train",
        f"{kind} classifier on {len(demo.data.train)} handwritten digits: {trained.parameters:,} "
        f"parameters, {trained.accuracy:.2%} right on {len(demo.data.held_out)} held-out ones",
    )
    return trained


def _publish(demo: Demo, trained: Trained, note: str) -> tuple[int, VersionStatus]:
    started = time.perf_counter()
    published = demo.publisher.publish(demo_models.source(trained, note))
    number = published.manifest.version
    demo.say(
        "publish",
        f"version {number}: {published.uploaded_bytes:,} bytes in {len(published.manifest.files)} "
        f"files, {published.skipped_bytes:,} already there, "
        f"{published.manifest.golden.count} golden cases",
        f"models/{MODEL}/versions/{number}/manifest.json",
    )
    status = wait_until_loaded(library.registry(demo.target), MODEL, number, timeout_s=60)
    if status.state is not State.AVAILABLE or status.figures is None:
        raise DemoFailed(f"version {number}", status.error_message, "AVAILABLE", "see the log")
    demo.say(
        "warm",
        f"version {number} verified, opened in {status.figures.cold_open_ms:.1f} ms and proven on "
        f"its golden cases {time.perf_counter() - started:.1f} s after publishing began; "
        f"warm run {status.figures.warm_run_ms:.3f} ms",
        "hearth logs load-and-warm",
    )
    return number, status


def _predict_rows(demo: Demo, trained: Trained) -> None:
    started = time.perf_counter()
    answers = demo.predict(demo.data.held_out, {}).json()["predictions"]
    took = time.perf_counter() - started
    right = np.mean([a["label"] for a in answers] == demo.data.held_out_labels)
    if abs(float(right) - trained.accuracy) > 1e-9:
        raise DemoFailed("served accuracy", f"{right}", f"{trained.accuracy}", "see hearth logs")
    demo.say(
        "predict",
        f"TensorFlow Serving REST: {len(answers)} rows in {took * 1000:.0f} ms, {right:.2%} right: "
        "what the trainer measured",
        f"POST /v1/models/{MODEL}:predict",
    )


def _predict_binary(demo: Demo) -> None:
    tensor = {"name": "X", "datatype": "FP32", "shape": [1, 64]}
    size = {"parameters": {"binary_data_size": 64 * 4}}
    header = json.dumps({"inputs": [{**tensor, **size}], "outputs": [{"name": "label"}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    took: list[float] = []
    found: list[int] = []
    for row in demo.data.held_out[:20]:
        call = Call("POST", f"/v2/models/{MODEL}/infer", header + row.tobytes(), headers)
        started = time.perf_counter()
        answer = require(demo.target, call).json()
        took.append((time.perf_counter() - started) * 1000)
        found += answer["outputs"][0]["data"]
    right = sum(np.array(found) == demo.data.held_out_labels[:20])
    demo.say(
        "predict",
        f"Open Inference v2, binary: {right} of 20 rows right, one a call, median "
        f"{statistics.median(took):.1f} ms through the local gateway",
        f"POST /v2/models/{MODEL}/infer",
    )


def _classify(demo: Demo) -> None:
    row = demo.data.held_out[:1]
    examples = json.dumps({"examples": [{"X": row[0].tolist()}]}).encode()
    route = f"/v1/models/{MODEL}:classify"
    [scores] = require(demo.target, Call("POST", route, examples)).json()["results"]
    tensor = {"name": "X", "datatype": "FP32", "shape": [1, 64], "data": row.ravel().tolist()}
    best = [{"name": "probabilities", "parameters": {"classification": 2}}]
    asked = json.dumps({"inputs": [tensor], "outputs": best}).encode()
    answer = require(demo.target, Call("POST", f"/v2/models/{MODEL}/infer", asked)).json()
    label, score = max(scores, key=lambda pair: float(pair[1]))
    demo.say(
        "classify",
        f"TensorFlow Serving: {len(scores)} classes, most likely a {label} ({score:.4f}); Triton's "
        f"classification, best two as value:index:label: {', '.join(answer['outputs'][0]['data'])}",
        f"POST {route}",
    )


def _health(demo: Demo) -> None:
    ready = require(demo.target, Call("GET", "/v2/health/ready")).json()["ready"]
    index = require(demo.target, Call("POST", "/v2/repository/index")).json()
    listed = ", ".join(f"{item['name']} {item['version']} {item['state']}" for item in index)
    demo.say("health", f"ready: {ready}; {listed}", "GET /v2/health/ready, /v2/repository/index")


def _canary(demo: Demo, network: Trained) -> None:
    registry = library.registry(demo.target)
    actor = library.actor("demo")
    registry.change(MODEL, lambda now: entries.set_policy(now, Policy("manual", OFF), actor))
    number, _ = _publish(demo, network, "network")
    split = {number - 1: 80, number: 20}
    registry.change(MODEL, lambda now: entries.assign(now, "stable", split, actor))
    time.sleep(_REGISTRY_TTL_S)
    answered = Counter(_version_of(demo, f"caller-{caller}") for caller in range(200))
    shares = ", ".join(f"version {v} {n / 200:.0%}" for v, n in sorted(answered.items()))
    demo.say(
        "canary",
        f"20% of callers to version {number}, each caller always to the same: 200 callers, "
        f"{shares}",
        f"hearth promote {MODEL} {number} --weight 20",
    )


def _version_of(demo: Demo, key: str) -> str:
    row = random.choice(demo.data.held_out)  # noqa: S311 (one row again and again would be drift)
    body = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 64], "data": row.tolist()}]}
    headers = {"X-Hearth-Routing-Key": key}
    call = Call("POST", f"/v2/models/{MODEL}/infer", json.dumps(body).encode(), headers)
    return str(require(demo.target, call).json()["model_version"])


def _promote(demo: Demo, network: Trained) -> None:
    registry = library.registry(demo.target)
    newest = max(registry.read(MODEL).entry.versions)
    actor = library.actor("demo")
    registry.change(MODEL, lambda now: entries.assign(now, "stable", {newest: 1}, actor))
    started = time.perf_counter()
    while _version_of(demo, "caller-0") != str(newest):
        if time.perf_counter() - started > 2 * _REGISTRY_TTL_S:
            raise DemoFailed("promote", "the old version", f"version {newest}", "see hearth logs")
        time.sleep(0.1)
    seen = time.perf_counter() - started
    answers = demo.predict(demo.data.held_out, {}).json()["predictions"]
    right = float(np.mean([a["label"] for a in answers] == demo.data.held_out_labels))
    demo.say(
        "promote",
        f"version {newest} for everyone, seen by a warm worker after {seen:.1f} s; served accuracy "
        f"{right:.2%}, trained {network.accuracy:.2%}",
        f"hearth promote {MODEL} {newest}; hearth rollback {MODEL}",
    )


def _refuse(demo: Demo, network: Trained) -> None:
    """Show that a model which answers otherwise than it should never becomes a version."""
    wrong = (int(demo.data.held_out_labels[0]) + 1) % 10
    case = {"inputs": {"X": demo.data.held_out[:1].tolist()}, "outputs": {"label": [wrong]}}
    golden = demo.folder / "golden.json"
    golden.write_text(json.dumps({"cases": [case]}))
    try:
        demo.publisher.publish(replace(demo_models.source(network, ""), golden=golden))
    except GoldenMismatch as refusal:
        demo.say("refuse", f"a model that misses its golden case is no version: {refusal}")
        return
    raise DemoFailed("golden cases", "accepted", "refused", "this is a fault")


if __name__ == "__main__":
    main()
