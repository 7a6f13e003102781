"""What is asked for in Grafana's dashboard."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "infra/dashboards/grafana.json"

# What Grafana puts in for its variables before Prometheus sees an expression.
_VALUES = {"$__rate_interval": "5m", "$model": ".*", "$version": ".*"}


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grafana", FILE.with_suffix(".py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in dashboard()["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    """Return every PromQL expression as Prometheus gets it."""
    written = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [_filled(expression) for expression in written]


def selectors() -> list[str]:
    """Return what the variables' values are looked for in."""
    queries = [
        v["query"]["query"] for v in dashboard()["templating"]["list"] if v["type"] == "query"
    ]
    return [_filled(re.fullmatch(r"label_values\((.*), \w+\)", query)[1]) for query in queries]  # type: ignore[index]


def _filled(expression: str) -> str:
    for name, value in _VALUES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression
