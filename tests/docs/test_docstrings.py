"""Examples in docstrings are executed."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ("bench.report_line", "bench.spread", "bench.tables")
MODULES = sorted(
    ".".join(path.relative_to(folder).with_suffix("").parts)
    for folder in ROOT.glob("layers/*/python")
    for path in folder.rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("name", [*MODULES, *BENCH])
def test_examples_give_what_they_show(name: str) -> None:
    """Every example in a docstring gives what stands below it."""
    options = doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert result.failed == 0
