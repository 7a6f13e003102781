"""The demo's last act: a faster variant is looked for, measured, published and promoted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from hearth.domain import registry_entry as entries
from hearth.domain.state import State

from hearth_local import library
from hearth_local.errors import LocalError
from hearth_local.http_call import Call, require, send
from hearth_local.waiting import wait_until_loaded

if TYPE_CHECKING:
    from hearth_local.demo import Demo

_PATIENCE_S = 600.0


class SearchFailed(LocalError):
    """A search that did not come to its end."""


def run(demo: Demo, model: str, version: int) -> None:
    """Look for a faster variant of a version, and let it serve if there is one."""
    path = f"/v2/repository/models/{model}/optimize"
    body = json.dumps({"version": version}).encode()
    asked = require(demo.target, Call("POST", path, body)).json()
    report = _wait(demo, f"{path}?version={version}", asked["id"])
    measured = [one for one in report["tried"] if one["duel"]]
    demo.say(
        "optimize",
        f"version {version}: {len(report['tried'])} candidates, {len(measured)} measured beside "
        f"the original, {len(report['skipped'])} recipes left out; {report['verdict']}: "
        f"{' '.join(report['reasons'])}",
        f"hearth optimize {model} --wait; GET {path}",
    )
    if report["published"]:
        _promote(demo, model, report)


def _wait(demo: Demo, path: str, id_: str) -> Any:  # noqa: ANN401 (any JSON)
    until = time.monotonic() + _PATIENCE_S
    headers = {"Accept": "application/json"}
    while True:
        reply = send(demo.target, Call("GET", path, headers=headers))
        if reply.status == 200:
            report = reply.json()
            if report["id"] == id_ and report["state"] == "done":
                return report
        if time.monotonic() > until:
            raise SearchFailed("optimize", "no end", "a verdict", "see hearth logs optimize")
        time.sleep(1)


def _promote(demo: Demo, model: str, report: Any) -> None:  # noqa: ANN401 (any JSON)
    number, registry = report["published"], library.registry(demo.target)
    status = wait_until_loaded(registry, model, number, timeout_s=60)
    if status.state is not State.AVAILABLE:
        raise SearchFailed(f"version {number}", status.error_message, "AVAILABLE", "see the log")
    actor = library.actor("demo")
    registry.change(model, lambda now: entries.assign(now, "stable", {number: 1}, actor))
    body = json.dumps({"instances": demo.data.held_out.tolist()}).encode()
    call = Call("POST", f"/v1/models/{model}/versions/{number}:predict", body)
    answers = require(demo.target, call).json()["predictions"]
    right = float(np.mean([a["label"] for a in answers] == demo.data.held_out_labels))
    demo.say(
        "promote",
        f"version {number}, made of version {report['version']} by {report['chosen']}, was proven "
        f"and serves everyone: {right:.2%} of the held-out digits right",
        f"hearth promote {model} {number}",
    )
