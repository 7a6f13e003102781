"""What importing each function costs, in fresh processes that see what a Lambda sees."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearth_local import layer_view, template

pytestmark = pytest.mark.bench

ROOT = Path(__file__).parents[2]
BUDGETS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
TABLE = ROOT / "tests/bench/results/imports.md"
RUNS = 7

_PROBE = """
import json, pathlib, sys, time
started = time.perf_counter()
import awslambdaric.bootstrap
for name in {imports!r}:
    __import__(name)
took = (time.perf_counter() - started) * 1000
status = pathlib.Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({{"ms": took, "mb": peak, "modules": sorted(sys.modules)}}))
"""


@dataclass(frozen=True)
class Cost:
    ms: float
    mb: float
    modules: frozenset[str]


@dataclass(frozen=True)
class Row:
    name: str
    floor: Cost
    own: Cost

    @property
    def ratio(self) -> float:
        return self.own.ms / self.floor.ms


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[Row]:
    declared = template.load(ROOT / "template.yaml")
    layers = {layer.name: layer for f in declared.functions for layer in f.layers}
    views = layer_view.build(layers.values(), tmp_path_factory.mktemp("layers"))
    paths = {f.title: views.search_path(f.folder, f.layers) for f in declared.functions}
    measured = [_measure(name, paths[name]) for name in BUDGETS]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(_table(measured))
    print("\n" + TABLE.read_text())
    return measured


def _measure(name: str, path: tuple[Path, ...]) -> Row:
    """Floor and function by turns, so that a slow minute of the machine hits both."""
    budget = BUDGETS[name]
    pairs = [
        (_once(budget["floor"], path), _once([budget["module"]], path)) for _ in range(RUNS + 1)
    ][1:]  # the first pair writes bytecode
    floors, owns = zip(*pairs, strict=True)
    return Row(name, _median(floors), _median(owns))


def _once(imports: list[str], path: tuple[Path, ...]) -> Cost:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "HEARTH_BUCKET": "bench-bucket",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-S", "-c", _PROBE.format(imports=imports)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return Cost(found["ms"], found["mb"], frozenset(found["modules"]))


def _median(costs: tuple[Cost, ...]) -> Cost:
    return Cost(
        statistics.median(cost.ms for cost in costs),
        statistics.median(cost.mb for cost in costs),
        costs[-1].modules,
    )


def _table(rows: list[Row]) -> str:
    lines = [
        "| function | import, ms | over its floor | peak memory, MB |",
        "|---|---|---|---|",
        *(
            f"| {row.name} | {row.own.ms:.0f} | {row.ratio:.2f} | {row.own.mb:.0f} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", BUDGETS)
def test_function_imports_within_its_budget(name: str, rows: list[Row]) -> None:
    """A function's import costs at most its ratio to a floor measured in the same run."""
    row = next(row for row in rows if row.name == name)
    assert row.ratio <= BUDGETS[name]["ratio"], f"{name}: {row.ratio:.2f} times its floor"


@pytest.mark.parametrize("name", BUDGETS)
def test_function_leaves_out_what_its_step_does_not_need(name: str, rows: list[Row]) -> None:
    """A module that a function's step does not need is not imported with it."""
    row = next(row for row in rows if row.name == name)
    assert not row.own.modules & set(BUDGETS[name]["absent"])
