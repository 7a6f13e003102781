"""Real models, and work on them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.recipe import Work
from hearth.serving.session import Session, Tensors

MODELS = Path(__file__).parents[2] / "models"
# The models' scripts import each other by plain name, as they do when run from the command line.
sys.path.insert(0, str(MODELS))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of two layers, 64 wide."""
    from encoder import build_encoder

    return build_encoder(
        tmp_path_factory.mktemp("encoder") / "encoder.onnx", layers=2, width=64, heads=4
    )


@pytest.fixture
def model_at(encoder: Path) -> Callable[[str], Path]:
    """`model_at(name)`: a committed model's file, or the encoder's."""
    return lambda name: encoder if name == "encoder" else MODELS / f"{name}.onnx"


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Work]:
    """`work(path, folder, external=..., runtime=...)`: work on a model file, its signature read."""

    def make(path: Path, folder: str = "made", **candidate: object) -> Work:
        before = Candidate(ORIGINAL, path, **candidate)  # type: ignore[arg-type]
        signature = Session(path, before.runtime, 1).signature
        return Work(before, tmp_path / folder, signature)

    return make


@pytest.fixture
def answers() -> Callable[..., Tensors]:
    """`answers(path, rows)`: what a model gives for seeded rows in [0, 1]."""

    def run(path: Path, rows: int = 64) -> Tensors:
        session = Session(path, RuntimeOptions(), 1)
        random = np.random.default_rng(0)
        inputs = {
            spec.name: random.random([rows if d == -1 else d for d in spec.shape], np.float32)
            for spec in session.signature.required
        }
        return session.run(inputs)

    return run


@pytest.fixture
def operators() -> Callable[[Path], list[str]]:
    """`operators(path)`: the types of the main graph's nodes, in order."""
    return lambda path: [node.op_type for node in onnx.load(path).graph.node]


@pytest.fixture
def random() -> np.random.Generator:
    """The same draws in every run, whatever ran before."""
    return np.random.default_rng(11)
