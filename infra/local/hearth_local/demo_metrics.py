"""The demo's last act: predictions are counted, labelled and judged, as they were and disturbed."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hearth_local.errors import LocalError
from hearth_local.http_call import Call, require
from hearth_local.target import Target

if TYPE_CHECKING:
    from hearth_local.demo import Demo

_ROWS = 15  # of a request: so many fit whole into its record
_PATIENCE_S = 60.0
_NOISE, _SEED = 6.0, 11
_REQUESTS = re.compile(r"^hearth_requests_total\{(.*)\} (\S+)$", re.MULTILINE)

Rows = npt.NDArray[np.float32]


class NotCounted(LocalError):
    """Predictions were sent that the totals do not show."""


def run(demo: Demo, model: str) -> None:
    """Show what metrics makes of traffic like the training data's, and of disturbed traffic."""
    step = _Step(demo, model)
    step.judged(demo.data.held_out, "held-out digits")
    noise = np.random.default_rng(_SEED).normal(0, _NOISE, demo.data.held_out.shape)
    noisy = np.clip(demo.data.held_out + noise, 0, 16).astype(np.float32)
    step.judged(noisy, "the same with noise on every pixel")
    report = require(demo.target, Call("GET", f"/reports/{model}", headers={"Accept": "text/html"}))
    demo.say(
        "report",
        f"one page of {len(report.body) / 1000:.0f} kB that needs nothing else: both histograms of "
        "each pixel, quality with intervals, versions side by side",
        f"hearth report {model} --html report.html; GET /reports/{model}",
    )


class _Step:
    def __init__(self, demo: Demo, model: str) -> None:
        self._demo, self._model = demo, model

    def judged(self, rows: Rows, what: str) -> None:
        before = self._counted(at_least=0)
        ids = [self._ask(rows[at : at + _ROWS]) for at in range(0, len(rows), _ROWS)]
        counted = self._counted(at_least=before + len(ids)) - before
        self._label(ids)
        self._job({"do": "judge", "model": self._model})
        call = Call("GET", f"/reports/{self._model}", headers={"Accept": "application/json"})
        report = require(self._demo.target, call).json()
        newest = next(version for version in report["versions"] if version["labels"])
        self._demo.say(
            "metrics",
            f"{what}: {len(ids)} requests sent, {counted} counted; {_quality(newest)}; "
            f"{_drift(newest['drift'])}; {self._model} is {report['verdict']}",
            f"GET /metrics, POST /v2/models/{self._model}/feedback; hearth report {self._model}",
        )

    def _ask(self, rows: Rows) -> str:
        body = {"instances": rows.tolist()}
        call = Call("POST", f"/v1/models/{self._model}:predict", json.dumps(body).encode())
        headers = require(self._demo.target, call).headers
        return {name.lower(): value for name, value in headers.items()}["x-request-id"]

    def _label(self, ids: list[str]) -> None:
        labels = self._demo.data.held_out_labels
        items = [
            {"request_id": name, "labels": [str(y) for y in labels[at : at + _ROWS]]}
            for name, at in zip(ids, range(0, len(labels), _ROWS), strict=True)
        ]
        body = json.dumps({"feedback": items}).encode()
        require(self._demo.target, Call("POST", f"/v2/models/{self._model}/feedback", body))

    def _counted(self, at_least: int) -> int:
        """Return the model's requests in the totals, once log lines had time to get there."""
        until = time.monotonic() + _PATIENCE_S
        settled = -1
        while True:
            time.sleep(1.5)  # log lines go out about once a second
            self._job({"do": "tally"})
            found = _requests(self._demo.target, self._model)
            if found >= at_least and found == settled:
                return found
            settled = found
            if time.monotonic() > until:
                raise NotCounted("totals", str(found), f"{at_least}", "see hearth logs metrics")

    def _job(self, event: dict[str, Any]) -> None:
        target = self._demo.target
        answer = target.client("lambda").invoke(
            FunctionName=target.function("metrics"), Payload=json.dumps(event).encode()
        )
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise NotCounted(str(event), said, "an answer", "see hearth logs metrics")


def _requests(target: Target, model: str) -> int:
    text = require(target, Call("GET", "/metrics")).body.decode()
    own = f'model="{model}"'
    return round(sum(float(m[2]) for m in _REQUESTS.finditer(text) if own in m[1].split(",")))


def _quality(version: dict[str, Any]) -> str:
    quality = version["quality"]
    accuracy = next(m for m in quality["metrics"] if m["name"] == "accuracy")
    low, high = accuracy["low"], accuracy["high"]
    return (
        f"version {version['version']} was right in {accuracy['value']:.1%} of "
        f"{quality['labelled']} labelled rows (95% interval {low:.1%} to {high:.1%})"
    )


def _drift(drift: dict[str, Any]) -> str:
    moved = [item for item in drift["features"] if item["verdict"] == "drifted"]
    if not moved:
        return f"{drift['verdict']} over {drift['rows']} rows"
    furthest = max(moved, key=lambda item: item["distance"])
    return f"{len(moved)} of {len(drift['features'])} pixels drifted, first {furthest['reason']}"
