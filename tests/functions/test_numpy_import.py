"""numpy is imported without docstrings and annotations, and is numpy all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

_FOUND = """
import json, sys
{first}
import numpy as np
import onnxruntime
names = {{
    f"{{module.__name__}}.{{name}}": type(getattr(module, name)).__name__
    for module in (np, np.linalg, np.fft, np.random, np.ma, np.strings, np.lib, np.polynomial)
    for name in sorted(set(dir(module)) - {{"_typing"}})
    if not name.startswith("__")
}}
print(json.dumps({{"names": names, "sum": np.sum.__doc__, "ufunc": np.add.__doc__,
    "dtype": np.dtype.__doc__, "norm": float(np.linalg.norm(np.arange(5.0))),
    "eigenvalues": np.linalg.eigh(np.eye(2)).eigenvalues.tolist(),
    "called": [np.where([True, False], 1, 2).tolist(), np.concatenate([[1], [2]]).tolist()]}}))
"""
_LEAN = "from hearth.serving.numpy_import import import_numpy; import_numpy()"


def found(first: str, last: str = "") -> dict[str, Any]:
    code = _FOUND.format(first=first) + last
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def lean() -> dict[str, Any]:
    return found(_LEAN)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return found("")


def test_nothing_is_missing_but_docstrings(lean: dict[str, Any], whole: dict[str, Any]) -> None:
    """Every name of numpy is there, of the same kind, and calculates the same."""
    for of in ("names", "norm", "eigenvalues", "called"):
        assert lean[of] == whole[of]


def test_docstrings_are_what_is_left_out(lean: dict[str, Any], whole: dict[str, Any]) -> None:
    """The modules that stand-ins are made for are those that numpy still has: what its C code
    documents has no docstring any more. With another numpy, this tells when they have moved."""
    assert whole["dtype"]
    assert not lean["dtype"]


def test_annotations_come_back_whole() -> None:
    """Who imports numpy.typing afterwards gets the real one."""
    last = "\nimport numpy.typing as t\nprint(json.dumps({'made': str(t.NDArray[np.float32])}))"

    assert "float32" in found(_LEAN, last)["made"]
    assert found(_LEAN, last) == found("", last)


def test_numpy_that_is_there_already_is_left_alone() -> None:
    """A process that has imported numpy keeps it as it is."""
    assert found("import numpy; " + _LEAN)["dtype"]


def test_inspect_is_itself_again() -> None:
    """Who had put it off has it put off still; who looks into it has the real one."""
    put_off = "; put_off = type(sys.modules.get('inspect')).__name__"
    first = "from hearth.serving.deferred import defer; defer(); "
    last = """
import inspect
print(json.dumps({"made": [put_off, str(inspect.signature(lambda a: a))]}))"""
    assert found(first + _LEAN + put_off, last)["made"] == ["Deferred", "(a)"]
    assert found(_LEAN + put_off, last)["made"] == ["NoneType", "(a)"]


def test_others_are_answered_by_inspect_while_numpy_is_imported() -> None:
    """Another thread that imports what asks for a signature gets one."""
    last = """
import numpy._core.overrides as o
given = o.inspect
print(json.dumps({"made": [str(given.signature(lambda a: a)), given.cleandoc(" a")]}))"""
    assert found(_LEAN, last)["made"] == ["(a)", "a"]
