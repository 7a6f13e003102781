"""The headlines of a report: what is kept of it, and how they are stored."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.monitoring.report import (
    DRIFTED,
    INSUFFICIENT,
    STABLE,
    Drift,
    FeatureDrift,
    Gate,
    Metric,
    Quality,
    Report,
    Times,
    VersionReport,
    VersionTraffic,
    Violation,
)
from hearth.monitoring.summary import (
    EMPTY,
    FEATURES,
    METRICS,
    REASONS,
    ModelSummary,
    Summary,
    VersionSummary,
    from_document,
    of_report,
    to_document,
    with_report,
)
from support import scraped

NO_TIMES = Times(math.nan, math.nan, math.nan, math.nan, 0)
NO_TRAFFIC = VersionTraffic(0, 0, 0, {}, {}, *[NO_TIMES] * 5, 0.0, 0.0)


def feature(name: str, verdict: str, distance: float = 0.0) -> FeatureDrift:
    return FeatureDrift(name, "numeric", verdict, "", 100, 100, distance=distance, line=0.1)


def report(drift: Drift, quality: Quality | None = None, **members: Any) -> Report:
    version = VersionReport(
        3,
        "AVAILABLE",
        {"stable": 1.0},
        NO_TRAFFIC,
        drift,
        (Violation("ink", "baseline_drift_check", ""),),
        quality,
    )
    return Report("digits", scraped.JUDGED_AT, "h", "h", "well", versions=(version,), **members)


def only(found: ModelSummary) -> VersionSummary:
    [version] = found.versions
    return version


def test_drifted_features_come_first_then_the_farthest() -> None:
    """What is cut off is what matters least."""
    many = tuple(feature(f"f{i}", STABLE, i / 100) for i in range(FEATURES))
    drift = Drift(DRIFTED, features=many, outputs=(feature("score", DRIFTED, 0.001),))
    kept = only(of_report(report(drift))).features
    assert [item.name for item in kept[:3]] == ["score", f"f{FEATURES - 1}", f"f{FEATURES - 2}"]
    assert len(kept) == FEATURES


def test_the_share_of_drifted_features_counts_those_that_could_be_judged() -> None:
    """Too few values say nothing: neither for nor against."""
    features = (feature("a", DRIFTED), feature("b", STABLE), feature("c", INSUFFICIENT))
    assert only(of_report(report(Drift(DRIFTED, features=features)))).drifted_share == 0.5
    unknown = Drift(INSUFFICIENT, features=(feature("c", INSUFFICIENT),))
    assert math.isnan(only(of_report(report(unknown))).drifted_share)


def test_quality_is_what_could_be_told_of_it() -> None:
    """A metric that is not a number is left out; so are those beyond the bound."""
    metrics = (
        Metric("auc", math.nan, math.nan, math.nan, 0),
        *(Metric(f"m{i}", 0.5, 0.4, 0.6, 100) for i in range(METRICS + 5)),
    )
    estimate = Metric("accuracy", 0.9, 0.8, 1.0, 100)
    quality = Quality("classification", 100, 200, metrics, estimate=estimate, gate=Gate("failed"))
    version = only(of_report(report(Drift(STABLE), quality)))
    assert list(version.quality) == [f"m{i}" for i in range(METRICS)]
    assert (version.labelled, version.estimate, version.gate) == (100, 0.9, "failed")
    assert not version.gate_missing
    unknown = replace(quality, gate=Gate("failed", missing=("m0",)))
    assert only(of_report(report(Drift(STABLE), unknown))).gate_missing
    assert version.violations == 1


def test_the_most_frequent_reasons_are_kept() -> None:
    """What was set aside may have as many reasons as there are ways to be wrong."""
    reasons = {f"r{i:02}": i for i in range(REASONS + 10)}
    kept = of_report(report(Drift(STABLE), set_aside=reasons)).set_aside
    assert len(kept) == REASONS
    assert min(kept.values()) == 10


def test_a_new_report_replaces_its_model_alone() -> None:
    """Other models keep what their own reports said."""
    before = scraped.summary()
    first = with_report(before, report(Drift(STABLE)))
    assert first.models["flowers"] is before.models["flowers"]
    assert [v.version for v in first.models["digits"].versions] == [3]
    assert list(with_report(EMPTY, report(Drift(STABLE))).models) == ["digits"]


def test_versions_that_are_unwell_are_named() -> None:
    """They drifted, or failed their gate."""
    assert scraped.summary().models["digits"].unwell_versions == (2,)


def test_it_reads_back_from_json() -> None:
    """What is not a number is null in between."""
    document = orjson.loads(orjson.dumps(to_document(scraped.summary())))
    assert document["models"]["flowers"]["versions"][0]["estimate"] is None
    found = from_document(document)
    assert orjson.loads(orjson.dumps(to_document(found))) == document
    assert found.models["digits"].versions[0] == scraped.summary().models["digits"].versions[0]
    assert math.isnan(found.models["digits"].versions[1].estimate)
    assert to_document(from_document(to_document(EMPTY))) == to_document(Summary())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schema": "hearth.summary/2", "models": {}},
        {"schema": "hearth.summary/1"},
        {"schema": "hearth.summary/1", "models": []},
        {"schema": "hearth.summary/1", "models": {"m": {"model": "m"}}},
        {"schema": "hearth.summary/1", "models": {"m": {"versions": [{"version": 1}]}}},
    ],
)
def test_what_is_no_summary_is_refused(document: dict[str, Any]) -> None:
    """A document of another shape is not half read."""
    with pytest.raises(InvalidDocument):
        from_document(document)
