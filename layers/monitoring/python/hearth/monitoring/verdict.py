"""Whether a model is well, and what changed since it was last said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hearth.monitoring.report import (
    DRIFT_CHECK,
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
    Report,
    VersionReport,
)

# Refusals are the callers' doing; of what a model or its function failed on, one in a hundred is
# what the alarms on the functions admit as well.
ADMITTED_FAILURES = 0.01
_LEAST_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """`well`, `unwell` or `unknown`, and why: the worst first."""

    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One verdict that is another than before.

    Args:
        what: `model`, `drift` or `quality`.
        version: The version's number; 0 for the model as a whole.
        before: What was said last; "" where nothing was.
        after: What is said now.
    """

    what: str
    version: int
    before: str
    after: str


def model_verdict(versions: Sequence[VersionReport]) -> Verdict:
    """Return whether a model is well, by the versions that its labels lead to.

    Nobody is led to the other versions: what is wrong with them is in the report, and that is all.
    """
    served = [version for version in versions if any(version.labels.values())]
    wrong = [reason for version in served for reason in _faults(version)]
    if wrong:
        return Verdict(UNWELL, tuple(wrong))
    doubts = [_doubt(version) for version in served] or ["no label leads to a version"]
    if all(doubts):
        return Verdict(UNKNOWN, tuple(doubts))
    judged = [version for version in served if not _doubt(version)]
    return Verdict(WELL, tuple(f"version {v.version}: {_praise(v)}" for v in judged))


def _faults(version: VersionReport) -> Iterator[str]:
    name = f"version {version.version}"
    failed = sum(n for status, n in version.traffic.status.items() if status.startswith("5"))
    requests = version.traffic.requests
    if requests >= _LEAST_REQUESTS and failed > ADMITTED_FAILURES * requests:
        yield f"{name}: {failed} of {requests} requests failed"
    gate = version.quality.gate if version.quality else None
    if gate and gate.verdict == FAILED:
        yield from (f"{name}: {reason}" for reason in gate.reasons)
    if version.drift.verdict == DRIFTED:
        yield from (f"{name}: {reason}" for reason in version.drift.reasons)
    for item in version.violations:
        if item.constraint_check_type != DRIFT_CHECK:  # said above, with its evidence
            yield f"{name}: {item.feature_name}: {item.description}"


def _doubt(version: VersionReport) -> str:
    """Return why nothing can be said of a version without faults; "" where something can."""
    if not version.traffic.requests:
        return f"version {version.version}: no requests in the window"
    passed = version.quality and version.quality.gate
    if version.drift.verdict == INSUFFICIENT and not passed:
        reasons = version.drift.reasons or ("insufficient data to judge drift",)
        return f"version {version.version}: {reasons[0]}"
    return ""


def _praise(version: VersionReport) -> str:
    said = [f"{version.traffic.requests} requests"]
    if version.drift.verdict == STABLE:
        said.append("no drift")
    if version.quality and version.quality.gate:
        said.append("quality within its thresholds")
    return ", ".join(said)


def changes(before: Report | None, after: Report) -> tuple[Change, ...]:
    """Return which verdicts are others than in the last report, the model's own first."""
    old, new = (_verdicts(before) if before else {}), _verdicts(after)
    return tuple(
        Change(*key, old.get(key, ""), verdict)
        for key, verdict in new.items()
        if verdict != old.get(key, "")
    )


def _verdicts(report: Report) -> dict[tuple[str, int], str]:
    found = {("model", 0): report.verdict}
    for version in report.versions:
        found["drift", version.version] = version.drift.verdict
        if version.quality and version.quality.gate:
            found["quality", version.version] = version.quality.gate.verdict
    return found
