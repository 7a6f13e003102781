"""Totals and headlines for what a scrape shows: of every family at least one sample."""

from __future__ import annotations

from hearth.monitoring.exposition import HISTOGRAM
from hearth.monitoring.prometheus import FAMILIES
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    PASSED,
    STABLE,
    UNWELL,
    WELL,
)
from hearth.monitoring.summary import FeatureScore, ModelSummary, Summary, VersionSummary
from hearth.monitoring.traffic import BYTES, ROWS, SECONDS, Traffic, histogram

FIRST_MS, LAST_MS, TALLIED_MS = 1_795_467_600_123, 1_795_471_200_456, 1_795_471_260_000
JUDGED_AT = "2026-11-23T21:00:00.000Z"


def traffic(
    answered: int = 96, refused: int = 3, failed: int = 1, seconds: float = 0.02
) -> Traffic:
    """Return the use of a version by requests that each took `seconds` and held two rows."""
    requests = answered + refused + failed
    return Traffic(
        requests=requests,
        rows=2 * answered,
        status={"200": answered, "400": refused, "500": failed},
        errors={"SignatureMismatch": refused, "ModelFailed": failed},
        routes={"stable": requests - 1, "-": 1},
        latency=histogram([seconds] * requests, SECONDS),
        model=histogram([seconds / 4] * answered, SECONDS),
        decode=histogram([seconds / 8] * answered, SECONDS),
        encode=histogram([seconds / 16] * answered, SECONDS),
        load=histogram([0.4, 1.5], SECONDS),
        batch=histogram([2.0] * answered, ROWS),
        request_bytes=histogram([900.0] * requests, BYTES),
        response_bytes=histogram([300.0] * requests, BYTES),
        first_ms=FIRST_MS,
        last_ms=LAST_MS,
    )


def totals() -> dict[str, dict[str, Traffic]]:
    return {
        "digits": {"1": traffic(), "2": traffic(answered=500, seconds=0.004)},
        "flowers": {"7": traffic(answered=10, refused=0, failed=5, seconds=3.0)},
    }


def shown() -> set[str]:
    """Return the names of all samples that `GET /metrics` can hold, in the older text format."""
    names: set[str] = set()
    for family in FAMILIES:
        if family.kind == HISTOGRAM:
            names |= {f"{family.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")}
        else:
            names.add(family.sample)
    return names


def summary() -> Summary:
    stable = VersionSummary(
        version=1,
        state="AVAILABLE",
        labels={"stable": 0.8},
        drift=STABLE,
        drifted_share=0.0,
        features=(FeatureScore("ink", STABLE, 0.02, 0.1), FeatureScore("rare", INSUFFICIENT, 0, 0)),
        quality={"accuracy": 0.97, "f1_macro": 0.96},
        labelled=400,
        estimate=0.98,
        gate=PASSED,
    )
    drifted = VersionSummary(
        version=2,
        state="AVAILABLE",
        labels={"stable": 0.2, "canary": 1.0},
        drift=DRIFTED,
        drifted_share=0.5,
        features=(
            FeatureScore("ink", DRIFTED, 0.31, 0.1),
            FeatureScore("width", STABLE, 0.04, 0.1),
        ),
        violations=3,
        quality={"accuracy": 0.71},
        labelled=200,
        gate=FAILED,
    )
    return Summary(
        {
            "digits": ModelSummary(
                "digits", JUDGED_AT, UNWELL, (stable, drifted), {"feedback without a record": 4}
            ),
            "flowers": ModelSummary("flowers", JUDGED_AT, WELL, (VersionSummary(7, "END"),)),
        }
    )
