"""Clients that others wrote, unmodified, over a socket: `make clients`.

pytest runs among the clients in .venv-clients, where nothing of Hearth is installed; the local stack
runs under .venv. One stack serves the whole suite.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STACK_PYTHON = ROOT / ".venv" / "bin" / "python"
STOP_LIMIT_S = 30

if importlib.util.find_spec("kserve") is None:  # in .venv, where `make test` runs
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a local stack on which every model of `support.served` answers."""
    errors = tmp_path_factory.mktemp("stack") / "stderr"
    with (
        pytest.MonkeyPatch.context() as environment,
        errors.open("wb") as stderr,
        subprocess.Popen(
            [STACK_PYTHON, "-m", "support.served"],
            cwd=ROOT / "tests",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as stack,
    ):
        try:
            assert stack.stdout is not None
            line = stack.stdout.readline()
            assert line, errors.read_text()
            environment.setenv("no_proxy", "127.0.0.1")
            yield json.loads(line)["url"]
        finally:
            _stop(stack)
    assert stack.returncode == 0, errors.read_text()


def _stop(stack: subprocess.Popen[bytes]) -> None:
    """End the stack's standard input, at which it stops, however this process ends."""
    try:
        stack.communicate(timeout=STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        stack.kill()
        raise


@pytest.fixture(scope="session")
def triton(url: str) -> Iterator[Any]:
    """tritonclient's HTTP client."""
    from tritonclient.http import InferenceServerClient

    with InferenceServerClient(url.removeprefix("http://"), concurrency=4) as client:
        yield client


@pytest.fixture
def unloaded(triton: Any) -> Iterator[str]:
    """A model that was taken out of service; it comes back after the test."""
    triton.unload_model("switched")
    yield "switched"
    triton.load_model("switched")
