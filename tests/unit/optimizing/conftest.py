from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def random() -> np.random.Generator:
    """The same draws in every run, whatever ran before."""
    return np.random.default_rng(11)
