"""Data quality in the documents of SageMaker Model Monitor: what reads theirs can read these.

What a constraint tolerates is what the sizes of the two samples explain, by exact tests, and not
a fixed share: one violation in a hundred windows of a whole model, if nothing changed. Where the
documents hold thresholds, they are the nearest that SageMaker has a name for.

Source:
    Amazon SageMaker developer guide, schemas of statistics.json, constraints.json and
    constraint_violations.json; `numeric_range_check` is our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from hearth.domain.baseline import Watched
from hearth.domain.distribution import NUMERIC, Counts, Feature
from hearth.monitoring import drift as drifts
from hearth.monitoring import evidence
from hearth.monitoring.report import DRIFT_CHECK, DRIFTED, Drift, Violation

VERSION = 0
LEVEL = 0.01
_CHECKS = 5  # on each feature

_INTEGRAL, _FRACTIONAL, _STRING, _UNKNOWN = "Integral", "Fractional", "String", "Unknown"


def statistics(features: Sequence[Feature], counts: Sequence[Counts]) -> dict[str, Any]:
    """Return statistics.json, of a baseline or of a window.

    NaN counts as missing. The buckets of `kll` are the baseline's bins, and what lay outside them:
    about as many as SageMaker shows, but there is no sketch.

    Args:
        features: What is watched; masked ones are left out.
        counts: Of each of them; none where nothing was counted.
    """
    both = zip(features, counts, strict=bool(counts))
    pairs = [(feature, found) for feature, found in both if not feature.masked]
    return {
        "version": VERSION,
        "dataset": {"item_count": max((found.total for _, found in pairs), default=0)},
        "features": [_statistics(feature, found) for feature, found in pairs],
    }


def _statistics(feature: Feature, counts: Counts) -> dict[str, Any]:
    missing = counts.missing + counts.nan
    common = {"num_present": counts.total - missing, "num_missing": missing}
    document = {"name": feature.name, "inferred_type": _type(feature, counts)}
    if feature.kind == NUMERIC:
        return document | {"numerical_statistics": {"common": common, **_numbers(feature, counts)}}
    found = [(value, n) for value, n in zip(feature.values, counts.bins, strict=True) if n]
    words = {
        "distinct_count": len(found) + bool(counts.unseen),  # at least
        "distribution": {"categorical": {"buckets": [{"value": v, "count": n} for v, n in found]}},
    }
    return document | {"string_statistics": {"common": common, **words}}


def _type(feature: Feature, counts: Counts) -> str:
    if not counts.finite:
        return _UNKNOWN
    if feature.kind != NUMERIC:
        return _STRING
    return _INTEGRAL if feature.integral and not _fractional(counts) else _FRACTIONAL


def _fractional(counts: Counts) -> int:
    """Return how many of the least and the greatest number are not whole."""
    return sum(not float(end).is_integer() for end in (counts.minimum, counts.maximum) if end)


def _numbers(feature: Feature, counts: Counts) -> dict[str, Any]:
    if not counts.finite:
        return {}
    least, most = counts.minimum, counts.maximum
    low, high = (feature.edges[0], feature.edges[-1]) if feature.bins else (least, least)
    ends = [(least, low), *pairwise(feature.edges), (high, most)]
    held = (counts.below, *counts.bins, counts.above)
    buckets = [
        {"lower_bound": a, "upper_bound": b, "count": n}
        for i, ((a, b), n) in enumerate(zip(ends, held, strict=True))
        if n or 0 < i <= len(counts.bins)
    ]
    return {
        "mean": counts.mean,
        "sum": counts.sum,
        "std_dev": counts.deviation,
        "min": least,
        "max": most,
        "distribution": {"kll": {"buckets": buckets}},
    }


def constraints(features: Sequence[Watched]) -> dict[str, Any]:
    """Return constraints.json: what the baseline says that later traffic should hold."""
    watched = [item for item in features if not item.feature.masked]
    return {
        "version": VERSION,
        "features": [_constraint(item.feature, item.counts) for item in watched],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": drifts.FLOOR,
                "comparison_method": "Robust",  # theirs that minds the size of the sample
                "categorical_comparison_threshold": drifts.FLOOR,
                "categorical_drift_method": "ChiSquared",
            },
        },
    }


def _constraint(feature: Feature, counts: Counts) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": feature.name,
        "inferred_type": _type(feature, counts),
        "completeness": _share(counts.total - counts.missing - counts.nan, counts.total),
    }
    if feature.kind == NUMERIC and counts.minimum is not None:
        document["num_constraints"] = {"is_non_negative": counts.minimum >= 0}
    elif feature.kind != NUMERIC and not counts.unseen:  # else the known words are not all
        document["string_constraints"] = {"domains": list(feature.values)}
    return document | {"monitoringConfigOverrides": {}}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def violations(
    features: Sequence[Watched], window: Sequence[Counts], drift: Drift, unmatched: int = 0
) -> tuple[Violation, ...]:
    """Return which constraints the window broke.

    Args:
        features: The baseline's.
        window: Counts of each of them; none where nothing was counted.
        drift: Of this window: its verdicts are the baseline drift check.
        unmatched: Captured rows that have other columns than the baseline.
    """
    pairs = zip(features, window, strict=True) if len(features) == len(window) else ()
    counted = [(watched, counts) for watched, counts in pairs if _is_counted(watched, counts)]
    level = LEVEL / max(len(counted) * _CHECKS, 1)
    found = [v for watched, counts in counted for v in _broken(watched, counts, level)]
    return (*found, *_drifted(drift), *_extra(features, window, unmatched))


def _is_counted(watched: Watched, counts: Counts) -> bool:
    baseline = watched.counts
    comparable = len(baseline.bins) == len(counts.bins) and baseline.total and counts.total
    return bool(comparable) and not watched.feature.masked


def documents(found: Iterable[Violation]) -> dict[str, Any]:
    """Return constraint_violations.json.

    Example:
        >>> documents([Violation("age", "completeness_check", "...")])
        {'violations': [{'feature_name': 'age', 'constraint_check_type': 'completeness_check', \
'description': '...'}]}
    """
    names = ("feature_name", "constraint_check_type", "description")
    return {"violations": [{name: getattr(item, name) for name in names} for item in found]}


def _broken(watched: Watched, window: Counts, level: float) -> Iterator[Violation]:
    name, baseline = watched.feature.name, watched.counts
    if window.missing == window.total and baseline.missing < baseline.total:
        yield from _missing_column(name, baseline, window, level)
    else:
        yield from _incomplete(name, baseline, window, level)
    yield from _mistyped(watched, window, level)
    if watched.feature.kind == NUMERIC:
        yield from _out_of_range(watched, window, level)
    else:
        yield from _unseen(name, baseline, window, level)


def _missing_column(
    name: str, baseline: Counts, window: Counts, level: float
) -> Iterator[Violation]:
    sides = [(side.missing, side.total) for side in (baseline, window)]
    if evidence.more(*sides) < level:
        yield Violation(
            name,
            "missing_column_check",
            f"There are missing columns in current dataset. None of {window.total} rows has it, "
            f"in the baseline {_percent(baseline.total - baseline.missing, baseline.total)} have.",
        )


def _incomplete(name: str, baseline: Counts, window: Counts, level: float) -> Iterator[Violation]:
    sides = [(side.missing + side.nan, side.total) for side in (baseline, window)]
    if evidence.more(*sides) < level:
        expected, observed = (_percent(total - missing, total) for missing, total in sides)
        yield Violation(
            name,
            "completeness_check",
            f"Data completeness requirement is not met. Expected: {expected}. "
            f"Observed: Only {observed} of {window.total} values are present.",
        )


def _mistyped(watched: Watched, window: Counts, level: float) -> Iterator[Violation]:
    feature, baseline = watched.feature, watched.counts
    expected = _type(feature, baseline)
    sides = [(side.mistyped, side.total - side.missing) for side in (baseline, window)]
    if evidence.more(*sides) < level:
        match, observed = (_percent(total - bad, total) for bad, total in sides)
        observed = f"Only {observed} of data is {expected}."
        yield _of_type(feature.name, expected, match, observed)
    elif expected == _INTEGRAL and _both_ends_fractional(baseline, window) < level:
        observed = f"The least is {window.minimum:g}, the greatest {window.maximum:g}."
        yield _of_type(feature.name, expected, "100%", observed)


def _of_type(name: str, expected: str, match: str, observed: str) -> Violation:
    return Violation(
        name,
        "data_type_check",
        f"Data type match requirement is not met. Expected data type: {expected}, "
        f"Expected match: {match}. Observed: {observed}",
    )


def _both_ends_fractional(baseline: Counts, window: Counts) -> float:
    """Return the chance of it where m whole numbers are known: the second moment of Beta(1, m).

    Fractional numbers are not counted, so the least and the greatest stand for all.
    """
    m = baseline.finite
    return 2 / ((m + 1) * (m + 2)) if _fractional(window) == 2 else 1.0


def _out_of_range(watched: Watched, window: Counts, level: float) -> Iterator[Violation]:
    feature, baseline = watched.feature, watched.counts
    if not feature.bins or baseline.minimum is None:
        return
    sides = [_outside(side) for side in (baseline, window)]
    if evidence.outside(*sides) < level:
        found, total = sides[1]
        negative = window.negative_infinity or (window.minimum or 0) < 0 <= baseline.minimum
        yield Violation(
            feature.name,
            "numeric_range_check",
            f"{_percent(found, total)} of {total} numbers lie outside the baseline's range of "
            f"{feature.edges[0]:.6g} to {feature.edges[-1]:.6g}"
            + (", some of them under 0, where the baseline has none." if negative else "."),
        )


def _outside(counts: Counts) -> tuple[int, int]:
    infinite = counts.infinity + counts.negative_infinity
    return counts.below + counts.above + infinite, counts.finite + infinite


def _unseen(name: str, baseline: Counts, window: Counts, level: float) -> Iterator[Violation]:
    """A sample misses rare words, so new words are judged together with those that are rare."""
    known = [(*side.bins, side.unseen) for side in (baseline, window)]
    more_unseen = window.unseen * baseline.finite > baseline.unseen * window.finite
    if more_unseen and evidence.more(*evidence.rare(*known)) < level:
        yield Violation(
            name,
            "categorical_values_check",
            f"{_percent(window.unseen, window.finite)} of {window.finite} values are none of the "
            f"known ones, in the baseline {_percent(baseline.unseen, baseline.finite)} were.",
        )


def _drifted(drift: Drift) -> Iterator[Violation]:
    """The verdict is drift's; the words are SageMaker's, which others take apart."""
    for item in (*drift.features, *drift.outputs):
        if item.verdict == DRIFTED:
            yield Violation(
                item.name,
                DRIFT_CHECK,
                f"Baseline drift distance: {item.distance:.6g} exceeds threshold: {item.line:.6g}",
            )


def _extra(
    features: Sequence[Watched], window: Sequence[Counts], unmatched: int
) -> Iterator[Violation]:
    m = max((item.counts.total for item in features), default=0)
    rows = unmatched + max((counts.total for counts in window), default=0)
    if unmatched and evidence.more((0, m), (unmatched, rows)) < LEVEL:
        yield Violation(
            "Extra columns",
            "extra_column_check",
            f"{unmatched} of {rows} rows have other columns than the baseline's {len(features)}.",
        )


def _percent(part: int, whole: int) -> str:
    return f"{100 * _share(part, whole):.4g}%"
