"""Modules are put off until somebody looks into them, and are then what they always were."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_FIRST = "import json, sys; from hearth.serving.deferred import Deferred, defer; defer()\n"
_THERE = "\nprint(json.dumps(sorted(n for n, m in sys.modules.items() if type(m) is Deferred)))"
_ALL = ["ast", "inspect", "pickle", "platform"]


def told(code: str) -> Any:
    command = [sys.executable, "-S", "-W", "error", "-c", _FIRST + code]
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_a_module_imports_nothing() -> None:
    """Who names a module, alone or twice, has not looked into it."""
    assert told("import ast, inspect, pickle, platform; import ast" + _THERE) == _ALL


def test_looking_into_a_module_imports_it() -> None:
    """Whichever way: by an attribute, or by taking a name out of it."""
    code = "import platform; platform.machine(); from pickle import dumps; dumps(1)"
    assert told(code + _THERE) == ["ast", "inspect"]


def test_who_had_it_before_has_it_whole() -> None:
    """What was imported early gives all that the module has; later imports get the module itself."""
    code = """
import inspect as early
signature = str(early.signature(lambda a, *, b=1: None))
import inspect
print(json.dumps([signature, early.Parameter is inspect.Parameter, hasattr(early, "nothing")]))"""
    assert told(code) == ["(a, *, b=1)", True, False]


def test_threads_may_look_at_the_same_time() -> None:
    """Whoever comes second waits until it is there."""
    code = """
import inspect
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(lambda _: inspect.Parameter.__name__, range(64)))
print(json.dumps(sorted(set(found))))"""
    assert told(code) == ["Parameter"]


def test_what_is_known_of_a_module_is_what_it_says() -> None:
    """What is given without the module, dataclasses' annotations and the system's name, is right."""
    code = """
import inspect, platform
class A: x: "int"
class B(A): pass
def f(y: "int"): pass
early = [inspect.get_annotations(of) for of in (A, B, f)], platform.system()
early = early, inspect.get_annotations(A, eval_str=True)["x"] is int
same = early[0][0] == [vars(sys.modules["inspect"])["get_annotations"](of) for of in (A, B, f)]
platform.machine()
print(json.dumps([same, early[1], early[0][1] == sys.modules["platform"].system()]))"""
    assert told(code) == [True, True, True]


def test_module_that_is_there_is_left_alone() -> None:
    """A process that has imported one keeps it as it is."""
    code = "import importlib; del sys.modules['ast']; importlib.import_module('ast'); defer()"
    assert told(code + _THERE) == ["inspect", "pickle", "platform"]
