"""Data quality in SageMaker Model Monitor's documents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from hearth.domain.baseline import Watched
from hearth.domain.distribution import CATEGORY, NUMERIC, Counts, Feature, count, nothing
from hearth.domain.value import Value
from hearth.monitoring import data_quality, drift
from hearth.monitoring.data_quality import constraints, documents, statistics, violations
from support import drifting

RNG = np.random.default_rng(2)
AGES = [float(v) for v in RNG.integers(18, 80, 2000)]
AGE = Feature("age", NUMERIC, edges=(18, 30.5, 45.5, 60.5, 79), integral=True)
SIZE = Feature("size", NUMERIC, edges=(-2.0, -1.0, 0.0, 1.0, 2.0))
SIZES = np.clip(RNG.normal(size=2000), -2, 2).tolist()
COLOUR = Feature("colour", CATEGORY, values=("red", "blue"))
COLOURS = ["red"] * 1200 + ["blue"] * 800
COLUMNS: dict[str, tuple[Feature, Sequence[Value]]] = {
    "age": (AGE, AGES),
    "size": (SIZE, SIZES),
    "colour": (COLOUR, COLOURS),
}
BASELINE = [Watched(feature, count(feature, column)) for feature, column in COLUMNS.values()]


def _checks(unmatched: int = 0, **columns: Sequence[Value]) -> dict[str, tuple[str, str]]:
    """Return the description by feature and check, drift apart."""
    given = {name: columns.get(name, column[:500]) for name, (_, column) in COLUMNS.items()}
    window = [count(COLUMNS[name][0], column) for name, column in given.items()]
    judged = drift.judge(BASELINE, window)
    found = violations(BASELINE, window, judged, unmatched)
    return {
        v.feature_name: (v.constraint_check_type, v.description)
        for v in reversed(found)
        if v.constraint_check_type != "baseline_drift_check"
    }


COMMON = {
    "type": "object",
    "properties": {"num_present": {"type": "integer"}, "num_missing": {"type": "integer"}},
    "required": ["num_present", "num_missing"],
    "additionalProperties": False,
}
BUCKET = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("lower_bound", "upper_bound", "count")},
    "required": ["lower_bound", "upper_bound", "count"],
    "additionalProperties": False,
}
STATISTICS = {  # as the developer guide has it, less the sketch
    "type": "object",
    "required": ["version", "dataset", "features"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": 0},
        "dataset": {"type": "object", "properties": {"item_count": {"type": "integer"}}},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "inferred_type"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "inferred_type": {"enum": ["Integral", "Fractional", "String", "Unknown"]},
                    "numerical_statistics": {
                        "type": "object",
                        "required": ["common", "mean", "sum", "std_dev", "min", "max"],
                        "additionalProperties": False,
                        "properties": {
                            "common": COMMON,
                            **{
                                n: {"type": "number"}
                                for n in ("mean", "sum", "std_dev", "min", "max")
                            },
                            "distribution": {
                                "type": "object",
                                "properties": {
                                    "kll": {
                                        "type": "object",
                                        "properties": {
                                            "buckets": {"type": "array", "items": BUCKET}
                                        },
                                        "required": ["buckets"],
                                    }
                                },
                            },
                        },
                    },
                    "string_statistics": {
                        "type": "object",
                        "required": ["common", "distinct_count", "distribution"],
                        "additionalProperties": False,
                        "properties": {
                            "common": COMMON,
                            "distinct_count": {"type": "integer"},
                            "distribution": {"type": "object", "required": ["categorical"]},
                        },
                    },
                },
            },
        },
    },
}


def test_statistics_have_sagemakers_members() -> None:
    """statistics.json has the members of SageMaker's schema and no others."""
    document = statistics([w.feature for w in BASELINE], [w.counts for w in BASELINE])
    jsonschema.validate(document, STATISTICS)
    json.dumps(document, allow_nan=False)
    age, _, colour = document["features"]
    assert document["dataset"] == {"item_count": 2000}
    assert age["inferred_type"] == "Integral"
    assert age["numerical_statistics"]["mean"] == pytest.approx(np.mean(AGES))
    assert age["numerical_statistics"]["std_dev"] == pytest.approx(np.std(AGES))
    buckets = age["numerical_statistics"]["distribution"]["kll"]["buckets"]
    assert sum(item["count"] for item in buckets) == 2000
    assert colour["string_statistics"]["distribution"]["categorical"]["buckets"] == [
        {"value": "red", "count": 1200},
        {"value": "blue", "count": 800},
    ]


def test_statistics_of_a_window_show_what_lay_outside() -> None:
    """Values outside the bins have buckets; NaN and null are missing, infinity is present."""
    column = [-9.0, 0.5, 7.0, None, "NaN", "Infinity"]
    document = statistics([SIZE], [count(SIZE, column)])
    found = document["features"][0]["numerical_statistics"]
    assert found["common"] == {"num_present": 4, "num_missing": 2}
    ends = [(b["lower_bound"], b["upper_bound"]) for b in found["distribution"]["kll"]["buckets"]]
    assert ends[0] == (-9.0, -2.0)
    assert ends[-1] == (2.0, 7.0)


def test_statistics_of_nothing_are_json() -> None:
    """A feature without one number has no mean, and a document all the same."""
    document = statistics([SIZE, COLOUR], [nothing(SIZE), nothing(COLOUR)])
    json.dumps(document, allow_nan=False)
    assert [f["inferred_type"] for f in document["features"]] == ["Unknown", "Unknown"]


def test_constraints_have_sagemakers_members() -> None:
    """constraints.json says type, completeness, sign and domain of each feature."""
    document = constraints([*BASELINE, Watched(replace(AGE, masked=True), BASELINE[0].counts)])
    json.dumps(document, allow_nan=False)
    assert document["features"] == [
        {
            "name": "age",
            "inferred_type": "Integral",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": True},
            "monitoringConfigOverrides": {},
        },
        {
            "name": "size",
            "inferred_type": "Fractional",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": False},
            "monitoringConfigOverrides": {},
        },
        {
            "name": "colour",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["red", "blue"]},
            "monitoringConfigOverrides": {},
        },
    ]
    config: dict[str, Any] = document["monitoring_config"]
    assert config["distribution_constraints"]["comparison_method"] in ("Simple", "Robust")
    assert document["version"] == 0


def test_domain_is_open_where_the_baseline_knows_not_all_words() -> None:
    """Where some words of the reference have no bin, no list of them is given out as complete."""
    counts = count(COLOUR, [*COLOURS, "grey"])
    assert "string_constraints" not in constraints([Watched(COLOUR, counts)])["features"][0]


def test_traffic_like_the_baseline_breaks_nothing() -> None:
    """Rows of the reference itself break no constraint."""
    assert _checks() == {}


@pytest.mark.parametrize(
    ("column", "name", "check", "words"),
    [
        ([*AGES[:470], *[None] * 30], "age", "completeness_check", "Only 94% of 500 values"),
        ([*AGES[:470], *["NaN"] * 30], "age", "completeness_check", "Expected: 100%"),
        ([None] * 500, "age", "missing_column_check", "None of 500 rows has it"),
        ([*AGES[:470], *["x"] * 30], "age", "data_type_check", "Only 94% of data is Integral."),
        ([v + 0.5 for v in AGES[:500]], "age", "data_type_check", "Expected data type: Integral"),
        ([*SIZES[:480], *[9.0] * 20], "size", "numeric_range_check", "range of -2 to 2"),
        ([*SIZES[:480], *["Infinity"] * 20], "size", "numeric_range_check", "4% of 500 numbers"),
        ([*AGES[:480], *[-1.0] * 20], "age", "numeric_range_check", "under 0"),
        ([*COLOURS[:480], *["grey"] * 20], "colour", "categorical_values_check", "4% of 500"),
    ],
)
def test_broken_constraint_is_named(column: list[Value], name: str, check: str, words: str) -> None:
    """Each check finds what it is for, and says how much of it."""
    found = _checks(**{name: column})
    assert found.keys() == {name}
    assert found[name][0] == check
    assert words in found[name][1]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ([*AGES[:499], None], "age"),
        ([*AGES[:499], "x"], "age"),
        ([*AGES[:499], 17.0], "age"),
        ([*SIZES[:498], 2.5, -2.5], "size"),
        ([*COLOURS[:499], "grey"], "colour"),
    ],
)
def test_what_sampling_explains_breaks_nothing(column: list[Value], name: str) -> None:
    """One odd value in 500, where 2000 of the reference had none, may be chance."""
    assert _checks(**{name: column}) == {}


def test_rows_of_other_columns_are_extra_columns() -> None:
    """Rows that fit no feature are counted as what they are."""
    found = _checks(unmatched=300)
    assert found["Extra columns"][0] == "extra_column_check"
    assert "300 of 800 rows" in found["Extra columns"][1]


def test_drift_is_said_in_sagemakers_words() -> None:
    """The drift check is drift's verdict, in the words that others take apart."""
    window = [count(SIZE, (np.array(SIZES[:500]) / 2 + 0.8).tolist())]
    judged = drift.judge([BASELINE[1]], window)
    descriptions = {
        v.constraint_check_type: v.description for v in violations([BASELINE[1]], window, judged)
    }
    found = re.search(
        "distance: (.+) exceeds threshold: (.+)", descriptions["baseline_drift_check"]
    )
    assert found
    assert float(found[1]) == pytest.approx(judged.features[0].distance, rel=1e-4)
    assert float(found[2]) == pytest.approx(judged.features[0].line, rel=1e-4)


@pytest.mark.parametrize(
    "window", [[], [Counts()], [Counts((3,))] * 3, [nothing(AGE), nothing(SIZE), nothing(COLOUR)]]
)
def test_window_without_counts_breaks_nothing(window: list[Counts]) -> None:
    """Where nothing was counted, nothing is broken, and nothing fails."""
    assert violations(BASELINE, window, drift.judge(BASELINE, window)) == ()


def test_violations_document_is_sagemakers() -> None:
    """constraint_violations.json holds three members for each."""
    found = violations(
        [BASELINE[0]],
        [count(AGE, [None] * 500)],
        drift.judge([BASELINE[0]], [count(AGE, [None] * 500)]),
    )
    document = documents(found)
    assert {frozenset(item) for item in document["violations"]} == {
        frozenset({"feature_name", "constraint_check_type", "description"})
    }


@pytest.mark.parametrize("kind", drifting.KINDS)
def test_models_that_stand_still_break_no_constraint(kind: str) -> None:
    """Of 200 models of 20 features each that did not change, few break any constraint."""
    rng = np.random.default_rng(45)
    kind_of, draw = drifting.KINDS[kind]
    sample = drifting.windows(draw(4000, 500, rng), 1000, kind_of, rng)
    broken = 0
    for model in range(200):
        pairs = [sample.feature(i) for i in range(model * 20, model * 20 + 20)]
        watched, window = [w for w, _ in pairs], [c for _, c in pairs]
        found = violations(watched, window, drift.Drift(drift.STABLE))
        broken += bool(found)
    assert broken <= 10


def test_range_of_order_statistics_is_held_by_the_data_themselves() -> None:
    """Of continuous features, the share outside the reference's own range alarms as often as said."""
    rng = np.random.default_rng(46)
    alarms = 0
    for _ in range(400):
        old, new = rng.normal(size=200), rng.normal(size=1000)
        feature = Feature("x", NUMERIC, edges=(float(old.min()), 0.0, float(old.max())))
        counts = [count(feature, column.tolist()) for column in (old, new)]
        sides = [data_quality._outside(side) for side in counts]
        alarms += data_quality.evidence.outside(*sides) < 0.1
    assert math.isclose(alarms / 400, 0.1, abs_tol=0.05)
