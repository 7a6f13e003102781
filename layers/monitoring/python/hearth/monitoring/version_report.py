"""The versions of a model in a report: use, drift, data quality, quality; all worked out anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from hearth.domain.errors import HearthError
from hearth.domain.identity import STABLE
from hearth.domain.manifest import BASELINE, Manifest
from hearth.domain.registry_entry import RegistryEntry
from hearth.monitoring import data_quality, drift, quality
from hearth.monitoring.monitor import Monitor
from hearth.monitoring.profile import Known, Profile
from hearth.monitoring.report import INSUFFICIENT, Drift, Quality, VersionReport, Violation
from hearth.monitoring.set_aside import (
    REQUESTS_UNANSWERED,
    ROWS_UNMATCHED,
    VERSIONS_OVER_BOUND,
)
from hearth.monitoring.stored import last_hours
from hearth.monitoring.traffic import Traffic
from hearth.monitoring.usage import usage
from hearth.monitoring.windows import Hours

MOST_VERSIONS = 20
# Records are read again for quality: so many fit into a run beside everything else.
MOST_RECORDS = 2_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What is found of a model's versions, newest first.

    Args:
        since: The window's first hour.
        until: Its last one.
        versions: Each version's report.
        set_aside: What could not be used, counted by what is wrong with it.
        documents: Data quality in SageMaker's shape: version, name of the file, content.
    """

    since: str
    until: str
    versions: tuple[VersionReport, ...]
    set_aside: Mapping[str, int]
    documents: tuple[tuple[int, str, dict[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class _Version:
    """One version before it is judged."""

    number: int
    profiles: Sequence[Profile]
    known: Known
    manifest: Manifest | None
    counted: Profile | None = None
    notes: tuple[str, ...] = ()


def _counted(profiles: Sequence[Profile], known: Known) -> Profile | None:
    """Return what was counted over the present baseline's bins; None where nothing was."""
    comparable = [profile for profile in profiles if profile.baseline == known.digest]
    return reduce(add, comparable) if comparable and known.baseline else None


def version_reports(monitor: Monitor, hours: Hours, model: str, now: datetime) -> Judged:
    """Judge every version of a model that can be served or was used in the window.

    Raises:
        UnknownModel: If there is no such model.
        StoreError: If the bucket cannot tell.
    """
    entry = monitor.registry.read(model).entry
    profiles = hours.of_model(model)
    numbers = sorted({*entry.available(), *profiles} - {0}, reverse=True)
    versions = [_read(monitor, model, n, profiles.get(n, ())) for n in numbers[:MOST_VERSIONS]]
    rights, set_aside = _quality(monitor, entry, versions, now)
    refused = sum(p.traffic.requests for p in profiles.get(0, ()))
    found = {
        **set_aside,
        REQUESTS_UNANSWERED: refused,
        VERSIONS_OVER_BOUND: len(numbers[MOST_VERSIONS:]),
        ROWS_UNMATCHED: sum(p.unmatched for version in versions for p in version.profiles),
    }
    reports = tuple(_report(entry, version, rights.get(version.number)) for version in versions)
    return Judged(
        since=hours.since,
        until=hours.until,
        versions=reports,
        set_aside={name: count for name, count in found.items() if count},
        documents=tuple(
            document
            for version, report in zip(versions, reports, strict=True)
            for document in _documents(version, report)
        ),
    )


def _read(monitor: Monitor, model: str, number: int, profiles: Sequence[Profile]) -> _Version:
    try:
        manifest = monitor.artefacts.manifest(model, number).manifest
    except HearthError as error:
        # Records of a version whose manifest cannot be read: its traffic is known all the same.
        return _Version(number, profiles, Known(), None, notes=(str(error),))
    known = monitor.baselines.find(model, number)
    version = _Version(number, profiles, known, manifest, _counted(profiles, known))
    return replace(version, notes=tuple(_notes(version, manifest)))


def _notes(version: _Version, manifest: Manifest) -> Iterator[str]:
    watched = manifest.monitoring.features or manifest.monitoring.task
    if not version.known.baseline and watched:
        if manifest.of_role(BASELINE):
            yield "the baseline was set aside: it is corrupt, or of another signature"
        else:
            yield "there is no baseline yet: the first 200 rows will be one, or publish with one"
    if not watched:
        yield "nothing of this version is watched: publish it with --monitoring to say what is"
    others = [p for p in version.profiles if p.baseline != version.known.digest]
    if others and version.known.baseline:
        yield f"{len(others)} hours were counted without the present baseline, and are left out"


def _quality(
    monitor: Monitor, entry: RegistryEntry, versions: Sequence[_Version], now: datetime
) -> tuple[dict[int, Quality], Mapping[str, int]]:
    # What a rollout takes over from is what its version is compared with, to its last step.
    stable = entry.rollout.before if entry.rollout else entry.labels.get(STABLE, {})
    main = max(stable, key=lambda number: (stable[number], number), default=0)
    judged = [
        quality.Judged(
            version=version.number,
            monitoring=version.manifest.monitoring,
            baseline=version.known.baseline,
            class_labels=version.manifest.class_labels,
            compared_with=main if version.number != main else 0,
        )
        for version in versions
        if version.manifest
    ]
    hours = _hours_of_records(monitor, versions)
    window = last_hours(now, hours)
    return quality.quality(entry.model, judged, window, monitor.documents)


def _hours_of_records(monitor: Monitor, versions: Sequence[_Version]) -> int:
    """Return how many hours of records can be read, at the rate of the window."""
    requests = sum(p.traffic.requests for version in versions for p in version.profiles)
    an_hour = requests / monitor.window_h
    return max(min(monitor.feedback_h, int(MOST_RECORDS / an_hour) if an_hour else 1 << 30), 1)


def _report(entry: RegistryEntry, version: _Version, right: Quality | None) -> VersionReport:
    status = entry.versions.get(version.number)
    drifted = _drift(version)
    return VersionReport(
        version=version.number,
        state=str(status.state) if status else "unknown",
        labels=_labels(entry, version.number),
        traffic=usage(_by_hour(version.profiles)),
        drift=drifted,
        violations=_violations(version, drifted),
        quality=right,
        notes=version.notes,
    )


def _drift(version: _Version) -> Drift:
    baseline, counted = version.known.baseline, version.counted
    if not baseline:
        return Drift(INSUFFICIENT, version.notes or ("there is no baseline",))
    if not counted:
        return Drift(
            INSUFFICIENT,
            ("nothing was captured in the window",),
            baseline_rows=baseline.rows,
            provisional=baseline.provisional,
        )
    return drift.judge(
        baseline.features,
        counted.features,
        baseline.outputs,
        counted.outputs,
        provisional=baseline.provisional,
    )


def _violations(version: _Version, drifted: Drift) -> tuple[Violation, ...]:
    baseline, counted = version.known.baseline, version.counted
    if not baseline or not counted:
        return ()
    features = baseline.features
    return data_quality.violations(features, counted.features, drifted, counted.unmatched)


def _by_hour(profiles: Sequence[Profile]) -> dict[str, Traffic]:
    found: dict[str, Traffic] = {}
    for profile in profiles:
        found[profile.hour] = found.get(profile.hour, Traffic()) + profile.traffic
    return dict(sorted(found.items()))


def _labels(entry: RegistryEntry, number: int) -> dict[str, float]:
    return {
        label: split[number] / sum(split.values())
        for label, split in entry.labels.items()
        if split.get(number)
    }


def _documents(
    version: _Version, report: VersionReport
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    baseline, counted = version.known.baseline, version.counted
    if not baseline or not counted:
        return
    features = [item.feature for item in baseline.features]
    if len(counted.features) == len(features):
        statistics = data_quality.statistics(features, counted.features)
        yield version.number, "statistics", statistics
    yield version.number, "constraints", data_quality.constraints(baseline.features)
    violations = data_quality.documents(report.violations)
    yield version.number, "constraint_violations", violations
