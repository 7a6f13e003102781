"""How a version is watched, as its manifest says it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import (
    NOT_WATCHED,
    Monitoring,
    Threshold,
    WatchedInput,
    from_document,
)

MONITORING = Monitoring(
    capture="sampled",
    sample_rate=0.25,
    max_bytes=1000,
    masked=("age",),
    inputs=(
        WatchedInput("x", "columns", ("age", "height")),
        WatchedInput("note", "text", ("note.characters",)),
    ),
    task="classification",
    scores="p",
    label="l",
    thresholds={"accuracy": Threshold(lower=0.9, absolute=-0.01)},
)


@pytest.mark.parametrize("monitoring", [MONITORING, NOT_WATCHED])
def test_document_holds_all_of_it(monitoring: Monitoring) -> None:
    """It survives its JSON."""
    assert from_document(json.loads(json.dumps(asdict(monitoring)))) == monitoring


def test_manifest_from_before_is_not_watched() -> None:
    """A manifest that says nothing of monitoring is read, and nothing of its inputs captured."""
    assert from_document({}) is NOT_WATCHED
    assert NOT_WATCHED.capture == "none"


def test_features_stand_in_the_order_of_a_records_rows() -> None:
    """Inputs in their order, and the features of each."""
    assert MONITORING.features == ("age", "height", "note.characters")


@pytest.mark.parametrize(
    "wrong",
    [
        {"capture": "some"},
        {"task": "clustering"},
        {"sample_rate": 1.5},
        {"sample_rate": -0.1},
        {"max_bytes": -1},
        {"inputs": [{"input": "x", "form": "table", "features": ["a"]}]},
        {"inputs": [{"input": "x", "form": "text", "features": []}]},
    ],
)
def test_what_is_not_well_described_is_refused(wrong: dict[str, Any]) -> None:
    """Policies, tasks and forms are known ones; shares lie between 0 and 1."""
    with pytest.raises(InvalidDocument, match="not well described"):
        from_document(wrong)
