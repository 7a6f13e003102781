"""What a publisher says of monitoring, checked field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hearth.domain.errors import HearthError, InvalidDocument
from hearth.domain.monitoring import MonitoringOptions, Threshold
from hearth.edge.documents import read_monitoring_options


def test_options_are_read_as_they_stand() -> None:
    """Every field of the document arrives; what is left out is left open."""
    document = {
        "capture": "sampled",
        "sample_rate": 0.5,
        "max_bytes": 100,
        "masked": ["age"],
        "features": {"x": ["age", "height"]},
        "forms": {"image": "tensor"},
        "task": "regression",
        "scores": "y",
        "label": "",
        "thresholds": {"rmse": {"upper": 3, "relative": 0.1}},
    }
    assert read_monitoring_options(json.dumps(document).encode()) == MonitoringOptions(
        capture="sampled",
        sample_rate=0.5,
        max_bytes=100,
        masked=("age",),
        features={"x": ("age", "height")},
        forms={"image": "tensor"},
        task="regression",
        scores="y",
        label="",
        thresholds={"rmse": Threshold(upper=3, relative=0.1)},
    )
    assert read_monitoring_options(b"{}") == MonitoringOptions()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capture", "some"),
        ("capture", 1),
        ("sample_rate", 1.1),
        ("sample_rate", "0.1"),
        ("max_bytes", -1),
        ("max_bytes", 1.5),
        ("masked", "age"),
        ("masked", [""]),
        ("features", ["a"]),
        ("features", {"x": "a"}),
        ("forms", {"x": "table"}),
        ("task", "clustering"),
        ("scores", 1),
        ("label", []),
        ("thresholds", {"rmse": 1}),
        ("thresholds", {"rmse": {"lower": "1"}}),
        ("thresholds", {"rmse": {"lowest": 1}}),
        ("captured", "all"),
    ],
)
def test_wrong_field_is_named(field: str, value: Any) -> None:
    """A field that is wrong, or that there is not, stands in the message."""
    with pytest.raises(InvalidDocument, match=field):
        read_monitoring_options(json.dumps({field: value}).encode())


def test_every_wrong_field_is_named_at_once() -> None:
    """A document with many mistakes is corrected in one go."""
    wrong = {"capture": 1, "rate": 1, "masked": 1, "forms": 1, "task": 1, "scores": 1, "label": 1}
    with pytest.raises(InvalidDocument) as refused:
        read_monitoring_options(json.dumps(wrong).encode())
    assert all(name in str(refused.value) for name in wrong)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_no_document_is_refused(body: bytes) -> None:
    """What is no JSON object is Hearth's error."""
    with pytest.raises(HearthError):
        read_monitoring_options(body)
