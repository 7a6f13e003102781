"""Each contender as a Lambda function: how its worker is started, and what it sees."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from bench import bucket
from bench.sandbox import Worker
from bench.subject import Subject
from hearth_local import environment, layer_view, template
from hearth_local.environment import Host, Sandboxed

ROOT = Path(__file__).parents[3]
FLOOR, HEARTH, PRELOADED, NAIVE = "floor", "Hearth", "Hearth preloaded", "naive"
POWERTOOLS, MANGUM = "Powertools", "Mangum"


@dataclass(frozen=True, slots=True)
class Contender:
    """A function.

    Args:
        handler: As Lambda's setting.
        layers: Folders' names under `layers/`; `bench` stands for requirements/bench.txt.
        libraries: Distributions in its deployment, besides what these require and AWS brings.
        more: Environment variables beside those of every contender; `{model}` is filled in.
    """

    handler: str
    layers: Sequence[str] = ("runtime",)
    libraries: Sequence[str] = ("onnxruntime",)
    more: Mapping[str, str] = field(default_factory=dict)


_OURS = ("common", "runtime")
_PREDICT = "predict.handler"
_FUNCTIONS = "bench.contenders.functions"
CONTENDERS = {
    FLOOR: Contender(f"{_FUNCTIONS}.floor.handler"),
    HEARTH: Contender(_PREDICT, _OURS),
    PRELOADED: Contender(_PREDICT, _OURS, more={"HEARTH_PRELOAD": "{model}"}),
    NAIVE: Contender(f"{_FUNCTIONS}.naive.handler"),
    POWERTOOLS: Contender(
        f"{_FUNCTIONS}.powertools.handler",
        _OURS,
        libraries=("onnxruntime", "aws-lambda-powertools", "pydantic"),
    ),
    MANGUM: Contender(
        f"{_FUNCTIONS}.mangum.handler",
        ("runtime", "bench"),
        libraries=("onnxruntime", "fastapi", "mangum"),
    ),
}


def present() -> tuple[str, ...]:
    """Return the contenders whose libraries are installed in this environment."""
    beside = () if find_spec("mangum") else (MANGUM,)
    return tuple(name for name in CONTENDERS if name not in beside)


@dataclass(frozen=True)
class Stage:
    """Where contenders play: the views of their layers, an S3, and the folders of their lives.

    Args:
        folder: An empty folder of its own.
        s3_url: An S3 of `bench.bucket`.
        subject: What each of them is asked.
    """

    folder: Path
    s3_url: str
    subject: Subject

    def worker(self, name: str, scratch: Path, memory_mb: int) -> Worker:
        """Return a contender's process, its ephemeral storage in a folder that is to be made."""
        contender = CONTENDERS[name]
        function = replace(self._function(contender), memory_mb=memory_mb)
        seen = environment.variables(
            function, self._host, Sandboxed(scratch, "bench"), runtime_api=""
        )
        host = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        told = {
            "BENCH_FILE": str(self.subject.file),
            "BENCH_BATCH": str(self._batch),
            "BENCH_ITEMS": self.subject.items,
            "BENCH_BUCKET": bucket.BUCKET,
            "BENCH_KEY": f"{bucket.PLAIN}/{self.subject.model}.onnx",
            "HEARTH_BUCKET": bucket.BUCKET,
        }
        more = {key: of.format(model=self.subject.model) for key, of in contender.more.items()}
        aws = bucket.credentials(self.s3_url)
        return Worker(
            # As the local stack starts it, but for the step that ties a worker to the stack's life.
            [sys.executable, "-S", "-m", "awslambdaric", function.handler],
            seen | host | told | aws | more,
            function.folder,
        )

    def event(self, name: str) -> bytes:
        """Return the request as API Gateway hands it on; a framework has a route of its own."""
        case = self.subject.case
        path = case.path if CONTENDERS[name].handler == _PREDICT else "/instances"
        return json.dumps(case.event(path, self.subject.input)).encode()

    def _function(self, contender: Contender) -> template.Function:
        predict = self._template.function("predict")
        own = contender.handler == _PREDICT
        return replace(
            predict,
            handler=contender.handler,
            folder=predict.folder if own else ROOT / "tests",
            layers=tuple(self._layers[name] for name in contender.layers),
        )

    @cached_property
    def _batch(self) -> Path:
        """The batch as a file: the floor reads no request."""
        path = self.folder / "batch.npy"
        np.save(path, self.subject.case.batch)
        return path

    @cached_property
    def _template(self) -> template.Template:
        return template.load(ROOT / "template.yaml")

    @cached_property
    def _layers(self) -> Mapping[str, template.Layer]:
        layers = {layer.name: layer for layer in self._template.layers if layer.name in _OURS}
        if find_spec("mangum"):
            (self.folder / "bench").mkdir()
            pins = self.folder / "bench/requirements.txt"
            shutil.copy(ROOT / "requirements/bench.txt", pins)
            layers["bench"] = template.Layer("bench", self.folder / "bench")
        return layers

    @cached_property
    def _host(self) -> Host:
        views = layer_view.build(self._layers.values(), self.folder / "views")
        return Host(self.folder, views, self.s3_url, "http://127.0.0.1:9", "awslambdaric")
