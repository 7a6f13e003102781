"""A short run of the fuzz harness, the same each time; `make fuzz` is the long one."""

from __future__ import annotations

import pytest

from fuzz import running, sandbox
from fuzz.corpus import requests
from fuzz.resident import resident_mb
from fuzz.running import Plan, Tally


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    folder = tmp_path_factory.mktemp("fuzz")
    with sandbox.warm(folder) as functions:
        plan = Plan(1, len(requests()) + 600, 60, folder / "faults")
        return running.run(plan, functions.send, resident_mb)


def test_functions_answer_whatever_comes_in_words(tally: Tally) -> None:
    """No body makes a function fail, and every answer is what its content type says."""
    assert not tally.faults, [path.read_text() for path in tally.files]
