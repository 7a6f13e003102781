"""The functions in this process, behind the template's routes; S3 is moto's."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import health_check
import load_and_warm as load_and_warm_module
import metrics
import optimize
import predict
import pytest
from hearth_local import events as declared
from hearth_local import http_event, routes, template
from support import bundle, events, models
from support.network import mocked_aws

from fuzz.corpus import MODELS, Request
from fuzz.verdict import Answer

ROOT = Path(__file__).parents[2]
BUCKET, REGION = "hearth-models", "eu-central-1"
_HANDLERS = {
    "predict": predict.handler,
    "health-check": health_check.handler,
    "load-and-warm": load_and_warm_module.handler,
    "metrics": metrics.handler,
    "optimize": optimize.handler,
}
# What each function keeps from call to call; found by name, since a build may have others.
_KEPT = [
    (module, name)
    for module in (predict, health_check, load_and_warm_module, metrics, optimize)
    for name, value in vars(module).items()
    if hasattr(value, "cache_clear") and getattr(value, "__module__", "") == module.__name__
]


@dataclass(frozen=True)
class Sandbox:
    """Sends requests to the handlers, as API Gateway and Lambda would."""

    routes: tuple[declared.Route, ...]
    functions: Mapping[str, str]

    def send(self, request: Request) -> Answer:
        path = request.path.split("?")[0]
        match = routes.find(self.routes, request.method, path)
        if match is None:
            made = http_event.message(404, "Not Found")
            return Answer(made.status, dict(made.headers), made.body, gateway=True)
        headers = [(name.lower(), value) for name, value in request.headers.items()]
        seen = http_event.Request(request.method, path, "", headers, request.body)
        event = http_event.to_event(seen, match, "JKJaXmPLvHcESHA=") | dict(request.event)
        return _answer(_HANDLERS[self.functions[match.route.function]], event)


def _answer(handler: Callable[[Any, Any], Any], event: dict[str, Any]) -> Answer:
    said = io.StringIO()
    # The event comes to a function as JSON and its result leaves it as JSON.
    event = json.loads(json.dumps(event))
    with contextlib.redirect_stderr(said):
        result = json.loads(json.dumps(handler(event, events.Context()), ensure_ascii=False))
    body = result["body"].encode()
    return Answer(
        result["statusCode"],
        {name.lower(): value for name, value in result["headers"].items()},
        base64.b64decode(body, validate=True) if result["isBase64Encoded"] else body,
        said.getvalue(),
    )


@contextmanager
def warm(folder: Path) -> Iterator[Sandbox]:
    """All functions, with every model of the corpus loaded; their records go nowhere."""
    read = template.load(ROOT / "template.yaml")
    with (
        pytest.MonkeyPatch.context() as patch,
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        mocked_aws(),
    ):
        for name, value in _environment(folder).items():
            patch.setenv(name, value)
        _forget()
        _publish(folder)
        yield Sandbox(
            tuple(event for event in read.events if isinstance(event, declared.Route)),
            {function.logical_id: function.title for function in read.functions},
        )
        _forget()


def _forget() -> None:
    for module, name in _KEPT:
        getattr(module, name).cache_clear()


def _environment(folder: Path) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HEARTH_BUCKET": BUCKET,
        "HEARTH_FILES_DIR": str(folder / "files"),
        "HEARTH_REGISTRY_TTL_S": "1e9",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }


def write_models(folder: Path) -> dict[str, Path]:
    """Return the files of the corpus's models."""
    made = {name: folder / f"{name}.onnx" for name in MODELS}
    for name, path in made.items():
        path.write_bytes(models.model(MODELS[name]).SerializeToString())
    return made


def _publish(folder: Path) -> None:
    made = bundle.create(BUCKET, REGION, folder)
    for name, path in write_models(folder).items():
        made.serve(name, path)
