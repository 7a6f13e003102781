"""Sources that publishers bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import models
from support.models import external


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    made.mkdir()
    return made


@pytest.fixture
def with_weights(folder: Path) -> Callable[..., Path]:
    """`with_weights(location, **entries)`: y = 2x + 1 whose `two` lies where `location` says."""

    def make(location: str | None = "weights.bin", **entries: int | str) -> Path:
        path = folder / "model.onnx"
        made = external(models.model(), "two", location, **{"length": 16, **entries})
        path.write_bytes(made.SerializeToString())
        return path

    return make


@pytest.fixture
def twos() -> bytes:
    """The weights: four float32 twos."""
    return np.full(4, 2, "<f4").tobytes()
