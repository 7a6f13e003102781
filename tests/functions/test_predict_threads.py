"""Threads of a predict process: as many as the processors that its memory size gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hearth.serving.session import processors
from hearth_local import template

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "tests/models/digits_mlp.onnx"
# Its main thread, and one that ONNX Runtime keeps asleep from its import on.
AT_REST = 2

COUNT = """
import json, os, sys
from pathlib import Path

def threads():
    return len(os.listdir("/proc/self/task"))

import predict
counts = [threads()]
import numpy as np
from hearth.domain.manifest import RuntimeOptions
from hearth.edge.settings import PredictSettings
from hearth.serving.session import Session
settings = PredictSettings.from_env(os.environ)
session = Session(Path(sys.argv[1]), RuntimeOptions(), settings.memory_mb)
[spec] = session.signature.inputs
session.run({spec.name: np.zeros((64, 64), np.float32)})
counts.append(threads())
square = np.ones((512, 512), np.float32)
square @ square
counts.append(threads())
print(json.dumps(counts))
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


@pytest.mark.parametrize("memory_mb", [512, 1769, 3538, 10240])
def test_threads_are_as_many_as_the_processors_of_the_memory_size(memory_mb: int) -> None:
    """numpy starts none, and ONNX Runtime as many as make use of the processors with the caller."""
    declared = template.load(ROOT / "template.yaml").function("predict").environment
    given = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    size = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb), "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(DIGITS)],
        env={**given, **declared, **size},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    imported, predicted, multiplied = json.loads(done.stdout)
    assert imported <= AT_REST
    assert predicted - imported == processors(memory_mb) - 1
    assert multiplied == predicted
