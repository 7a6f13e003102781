"""template.yaml three ways: as written, as the local stack reads it, and as CloudFormation sees it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hearth_local import intrinsics, template

ROOT = Path(__file__).resolve().parents[2]
SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def written() -> dict[str, Any]:
    """As written: intrinsic functions in their long form."""
    return intrinsics.parse((ROOT / "template.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def stack() -> template.Template:
    """As the local stack reads it: functions, layers and events, with local values."""
    return template.load(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def expand(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """`expand(text)`: the resources that CloudFormation makes of a SAM template's text."""
    here = importlib.util.find_spec("samtranslator") is not None
    if not here and not SAM_PYTHON.exists():
        pytest.skip("aws-sam-translator is not installed; `make template-checks` sets it up")
    folder = tmp_path_factory.mktemp("expand")

    def run(text: str) -> dict[str, Any]:
        source, target = folder / "template.yaml", folder / "expanded.json"
        source.write_text(text, encoding="utf-8")
        python = sys.executable if here else str(SAM_PYTHON)
        command = [python, str(ROOT / "infra/expand.py"), str(source), str(target)]
        subprocess.run(command, check=True, capture_output=True)
        return dict(json.loads(target.read_text(encoding="utf-8"))["Resources"])

    return run


@pytest.fixture(scope="session")
def text() -> str:
    return (ROOT / "template.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def expanded(expand: Callable[[str], dict[str, Any]], text: str) -> dict[str, Any]:
    """As CloudFormation sees it: with every role, version and permission that SAM generates."""
    return expand(text)
