"""The baseline's document says all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hearth.domain.baseline import (
    PREDICTED,
    Baseline,
    Calibration,
    Watched,
    from_document,
    to_document,
)
from hearth.domain.distribution import CATEGORY, NUMERIC, Feature, count, nothing
from hearth.domain.errors import HearthError, InvalidDocument

AGE = Feature("age", NUMERIC, edges=(0.0, 30.0, 99.0), integral=True)
SECRET = Feature("income", NUMERIC, masked=True)
CLASS = Feature(PREDICTED, CATEGORY, values=("cat", "dog"))
BASELINE = Baseline(
    rows=4,
    features=(
        Watched(AGE, count(AGE, [1, 30, 99, "NaN"])),
        Watched(SECRET, nothing(SECRET)),
    ),
    outputs=(Watched(CLASS, count(CLASS, ["cat", "cat", "dog", "cat"])),),
    classes=("cat", "dog"),
    calibration=Calibration((0.5, 1.0), (0.4, 0.9), 4, 0.1),
    quality={"accuracy": 0.75},
)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(to_document(BASELINE)))


def test_document_holds_the_whole_baseline() -> None:
    """A baseline survives its JSON, and so does one that has nothing to say."""
    assert from_document(DOCUMENT) == BASELINE
    empty = Baseline(rows=0, provisional=True)
    assert from_document(json.loads(json.dumps(to_document(empty)))) == empty
    assert BASELINE.names == ("age", "income")


@pytest.mark.parametrize("field", sorted(DOCUMENT))
def test_baseline_without_a_field_is_refused(field: str) -> None:
    """A field that is missing makes the document unreadable, never a default."""
    document = {name: value for name, value in DOCUMENT.items() if name != field}
    with pytest.raises(InvalidDocument, match="baseline"):
        from_document(document)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "hearth.baseline/2"),
        ("features", [{}]),
        ("features", [5]),
        ("features", [{**DOCUMENT["features"][0], "edges": [1]}]),
        ("features", [{**DOCUMENT["features"][0], "counts": {"bins": [1]}}]),
        ("features", [{**DOCUMENT["features"][0], "extra": 1}]),
        ("outputs", None),
        ("calibration", {"confidence": [0.1]}),
        ("quality", 5),
    ],
)
def test_baseline_with_a_wrong_field_is_refused(field: str, value: Any) -> None:
    """What does not hang together is no baseline."""
    with pytest.raises(HearthError):
        from_document({**DOCUMENT, field: value})
