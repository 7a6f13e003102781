"""Whether a gradual rollout goes on, waits or goes back: a verdict with its reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from hearth.domain.frozen import dataclass
from hearth.domain.rollout import Counts, Gradual, Rollout

ADVANCE, WAIT, ROLL_BACK = "advance", "wait", "roll back"

PASSED, FAILED, DRIFTED = "passed", "failed", "drifted"

# What the alarms on the functions and a model's verdict admit as well.
ADMITTED = 0.01
# How seldom chance alone may look like a fault: it is looked for each minute of a rollout.
_CHANCE = 1e-3
_LEAST_REQUESTS = 20
_LEAST_LABELLED = 30
_KINDS = {"refused": "were refused", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the newest report says of a version.

    Args:
        gate: `passed`, `failed`, or "" where it has no thresholds.
        gate_missing: A metric that a threshold names could not be told: that alone fails a gate.
        labelled: Predictions that feedback names.
        drift: `drifted`, `stable` or `insufficient data`.
    """

    gate: str = ""
    gate_missing: bool = False
    labelled: int = 0
    drift: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a rollout.

    Args:
        counts: All that was ever answered.
        judged_at: When the newest report was made; None where there is none.
        new: What it says of the new version; None where that is not in it.
        old: What it says of those that it takes over from.
    """

    counts: Counts
    judged_at: datetime | None = None
    new: Standing | None = None
    old: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`advance`, `wait` or `roll back`, and why."""

    move: str
    reasons: tuple[str, ...]


def decide(rollout: Rollout, gradual: Gradual, evidence: Evidence, now: datetime) -> Decision:
    """Return what becomes of a rollout. What is not known lets it wait, and never go on.

    Args:
        rollout: How far it is; somebody has looked at its counts.
        gradual: What the policy says.
        evidence: What is known now.
        now: When.

    Example:
        >>> from datetime import UTC
        >>> begun = Rollout(2, {1: 1}, 10, "2026-11-23T20:00:00.000Z", Counts())
        >>> now = datetime(2026, 11, 23, 20, 5, tzinfo=UTC)
        >>> decide(begun, Gradual(), Evidence(Counts()), now).move
        'wait'
    """
    faults = tuple(_faults(rollout, evidence))
    if faults:
        return Decision(ROLL_BACK, faults)
    doubts = tuple(_doubts(rollout, gradual, evidence, now))
    if doubts:
        return Decision(WAIT, doubts)
    tried = _in_step(rollout, evidence)
    new = tried.new
    said = f"{new.requests} requests in this step: {new.failed} failed, {new.refused} were refused"
    passed = evidence.new and evidence.new.gate == PASSED
    return Decision(ADVANCE, (said + (", quality within its thresholds" if passed else ""),))


def _faults(rollout: Rollout, evidence: Evidence) -> Iterator[str]:
    tried = _in_step(rollout, evidence)
    if tried.new.requests >= _LEAST_REQUESTS:
        for kind in _KINDS:
            if _chance(tried, kind) < _CHANCE:
                yield _said(tried, kind)
    new = evidence.new
    if new and _is_newer(rollout, evidence) and _failed_its_gate(new):
        yield f"quality failed its thresholds, by {new.labelled} labelled predictions"


def _doubts(rollout: Rollout, gradual: Gradual, evidence: Evidence, now: datetime) -> Iterator[str]:
    over = _since(rollout) + timedelta(minutes=gradual.step_minutes)
    tried = _in_step(rollout, evidence)
    if now < over:
        yield f"this step lasts until {_shown(over)}"
    if tried.new.requests < gradual.min_requests:
        yield f"{tried.new.requests} requests in this step: {gradual.min_requests} are asked for"
    for kind in _KINDS:
        if getattr(tried.new, kind) > _admitted(tried, kind) * tried.new.requests:
            yield f"{_said(tried, kind)}, which may be chance"
    new, judged = evidence.new, evidence.judged_at
    if judged is None or judged < over or new is None:
        last = _shown(judged) if judged else "none"
        yield f"no report of this version that saw the whole step (last: {last})"
    elif new.gate == FAILED:
        missing = "a metric that has a threshold is missing"
        few = f"quality failed its thresholds, but {new.labelled} labelled predictions are few"
        yield missing if new.gate_missing else few
    elif new.drift == DRIFTED and all(one.drift != DRIFTED for one in evidence.old):
        yield "it drifted from its baseline, and what served before did not from its own"


def _failed_its_gate(version: Standing) -> bool:
    """Return whether it did by what is known of it, and not for want of that."""
    known = not version.gate_missing and version.labelled >= _LEAST_LABELLED
    return known and version.gate == FAILED


def _said(tried: Counts, kind: str) -> str:
    return (
        f"{getattr(tried.new, kind)} of {tried.new.requests} requests {_KINDS[kind]} in this step, "
        f"and {getattr(tried.old, kind)} of {tried.old.requests} of what served before"
    )


def _in_step(rollout: Rollout, evidence: Evidence) -> Counts:
    begun, now = rollout.counts or Counts(), evidence.counts
    return Counts(now.new.since(begun.new), now.old.since(begun.old))


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _since(rollout: Rollout) -> datetime:
    return datetime.fromisoformat(rollout.since)


def _is_newer(rollout: Rollout, evidence: Evidence) -> bool:
    return evidence.judged_at is not None and evidence.judged_at > _since(rollout)


def _admitted(tried: Counts, kind: str) -> float:
    """Return the share that is nobody's fault: as many as what served before has.

    That holds for what callers do wrong as well: which version a request finds is chance, but a
    version that takes other inputs than the one before refuses what that one answers.
    """
    old = tried.old
    beside = getattr(old, kind) / old.requests if old.requests >= _LEAST_REQUESTS else 0.0
    return max(ADMITTED, beside)


def _chance(tried: Counts, kind: str) -> float:
    """Return how probable as many are, or more, if they are as frequent as is admitted."""
    return binomial_tail(getattr(tried.new, kind), tried.new.requests, _admitted(tried, kind))


def binomial_tail(least: int, tries: int, share: float) -> float:
    """Return the probability of at least so many of some independent tries.

    Args:
        least: How many at least.
        tries: Of how many.
        share: Probability of each.

    Example:
        >>> round(binomial_tail(2, 20, 0.01), 4), binomial_tail(0, 20, 0.01)
        (0.0169, 1.0)
    """
    if least <= 0 or share >= 1:
        return 1.0
    if least <= tries * share:  # the larger part of all: no fault is seen in it
        return 1.0
    total, log_share, log_rest = 0.0, math.log(share), math.log1p(-share)
    whole = math.lgamma(tries + 1)
    for count in range(least, tries + 1):
        ways = whole - math.lgamma(count + 1) - math.lgamma(tries - count + 1)
        term = math.exp(ways + count * log_share + (tries - count) * log_rest)
        total += term
        if term < total * 1e-12:  # terms fall from here on
            break
    return total
