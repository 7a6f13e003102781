"""The servers as contenders: how each is started, and how it is asked."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench.server import Asked
from bench.subject import Subject
from hearth_local import layer_view

ROOT = Path(__file__).parents[3]
_SERVERS = "bench.contenders.servers"


@dataclass(frozen=True, slots=True)
class Standing:
    """A server.

    Args:
        environment: Its virtual environment: `.venv-bench-<environment>`.
        command: Arguments for that environment's Python; `{port}` and `{folder}` are filled in.
        path: Where a row is asked for.
        protocol: "instances" (TensorFlow Serving's) or "infer" (Open Inference).
        files: What lies in its working folder, by name, as JSON; of its port and the model.
    """

    environment: str
    command: tuple[str, ...]
    path: str
    protocol: str = "instances"
    files: Callable[[int, Path], Mapping[str, Any]] = lambda *_: {}

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-bench-{self.environment}"

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    def pinned(self) -> dict[str, str]:
        """Return the releases that its environment is made of."""
        text = (ROOT / f"requirements/bench-{self.environment}.txt").read_text(encoding="utf-8")
        parsed = layer_view.parse_requirements(text)
        here = [one for one in parsed if not one.marker or one.marker.evaluate()]
        return {one.name: str(one.specifier).removeprefix("==") for one in here}

    def missing(self) -> str:
        """Return why it cannot be measured here, "" if it can."""
        if (self.folder / "ready").is_file():
            return ""
        return f"{self.folder.name} is not set up: make {self.folder.name}/ready says why"

    def asked(self, subject: Subject) -> Asked:
        """Return the request."""
        case = subject.case
        if self.protocol == "instances":
            body = json.dumps({"instances": case.batch.tolist()})
            return Asked(self.path, body.encode(), lambda answer: answer["predictions"])
        shape, data = list(case.batch.shape), case.batch.ravel().tolist()
        tensor = {"name": subject.input, "shape": shape, "datatype": "FP32", "data": data}
        return Asked(self.path, json.dumps({"inputs": [tensor]}).encode(), _from_infer)

    def start(
        self, subject: Subject, port: int, folder: Path, output: Path
    ) -> subprocess.Popen[bytes]:
        """Start it; it keeps what it writes in a folder of its own."""
        for name, document in self.files(port, subject.file).items():
            (folder / name).write_text(json.dumps(document), encoding="utf-8")
        places = {"port": port, "folder": folder}
        with output.open("wb") as printed:
            return subprocess.Popen(
                [self.python, *(part.format_map(places) for part in self.command)],
                env=self._environment(subject, port, folder),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self, subject: Subject, port: int, folder: Path) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join(
                [str(self.python.parent), "/usr/local/bin", "/usr/bin", "/bin"]
            ),
            "LANG": "en_US.UTF-8",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT / "tests"),
            "BENCH_FILE": str(subject.file),
            "BENCH_ITEMS": subject.items,
            "BENCH_PORT": str(port),
            "BENTOML_DO_NOT_TRACK": "True",
        }


def _from_infer(answer: Mapping[str, Any]) -> Any:
    [tensor] = answer["outputs"]
    return np.array(tensor["data"]).reshape(tensor["shape"])


def _mlserver(port: int, file: Path) -> Mapping[str, Any]:
    return {
        "settings.json": {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": port + 1,
            "metrics_port": port + 2,
            "parallel_workers": 0,  # the model runs in the server's own process: its fastest way
        },
        "model-settings.json": {
            "name": "model",
            "implementation": f"{_SERVERS}.mlserver.Served",
            "parameters": {"uri": str(file)},
        },
    }


STANDING = {
    "FastAPI, uvicorn": Standing("fastapi", ("-m", f"{_SERVERS}.fastapi"), "/instances"),
    "LitServe": Standing("litserve", ("-m", f"{_SERVERS}.litserve"), "/predict"),
    "KServe": Standing("kserve", ("-m", f"{_SERVERS}.kserve"), "/v1/models/model:predict"),
    "MLServer": Standing(
        "mlserver",
        ("-m", "mlserver.cli.main", "start", "{folder}"),
        "/v2/models/model/infer",
        "infer",
        _mlserver,
    ),
    "BentoML": Standing(
        "bentoml",
        (
            "-m",
            "bentoml",
            "serve",
            f"{_SERVERS}.bentoml:Served",
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
        ),
        "/predict",
    ),
}
