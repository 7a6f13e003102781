"""Flow 4, judge: registry, a window of profiles, feedback -> a report -> written and told.

Every step can be run again: what is written is worked out anew each time, and a changed verdict is
told before the report that knows of it is written, so that a crash in between tells it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from hearth.domain.errors import HearthError
from hearth.monitoring import reports, verdict_metrics
from hearth.monitoring.monitor import Monitor
from hearth.monitoring.report import Report
from hearth.monitoring.verdict import Change, changes, model_verdict
from hearth.monitoring.version_report import Judged, version_reports
from hearth.monitoring.windows import Hours
from hearth.stores.clock import stamp

VERDICT_CHANGED = "Verdict Changed"
# A model that is begun must be able to end before the function's time does.
_LEAST_S = 30.0
_TOLD_REASONS = 10


Emit = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What one run did: verdicts by model, what could not be judged, what no time was left for."""

    judged: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def judge_all(monitor: Monitor, emit: Emit, remaining_s: Callable[[], float]) -> Outcome:
    """Judge every model, one after the other, each whatever becomes of the others.

    Args:
        monitor: What to work with.
        emit: Takes lines of CloudWatch metrics.
        remaining_s: How much time is left.

    Raises:
        StoreError: If there is no telling which models there are.
    """
    done, hours = Outcome(), monitor.hours()
    models = _oldest_first(monitor)
    found: list[Report] = []
    for at, model in enumerate(models):
        if remaining_s() < _LEAST_S:
            done.left = models[at:]
            break
        try:
            report, changed = judge_model(monitor, model, hours, emit)
        except HearthError as error:
            done.unreadable[model] = str(error)
            continue
        found.append(report)
        done.judged[model] = report.verdict
        done.changed += [f"{model}: {_told(change)}" for change in changed]
    reports.write_summary(monitor.documents, found, set(models))
    return done


def _oldest_first(monitor: Monitor) -> list[str]:
    """Return all models, those that were judged longest ago first: none is always left over."""
    known = reports.read_summary(monitor.documents)[0].models
    at = {name: one.judged_at for name, one in known.items()}
    return sorted(monitor.registry.models(), key=lambda model: (at.get(model, ""), model))


def judge_one(monitor: Monitor, model: str, emit: Emit) -> Outcome:
    """Judge one model now.

    Raises:
        UnknownModel: If there is no such model.
        StoreError: If the bucket or the event bus did not do what was asked.
    """
    report, changed = judge_model(monitor, model, monitor.hours(), emit)
    reports.write_summary(monitor.documents, [report])
    told = [f"{model}: {_told(change)}" for change in changed]
    return Outcome(judged={model: report.verdict}, changed=told)


def judge_model(
    monitor: Monitor, model: str, hours: Hours, emit: Emit
) -> tuple[Report, tuple[Change, ...]]:
    """Judge one model, write its report and tell what changed.

    Raises:
        UnknownModel: If there is no such model.
        StoreError: If the bucket or the event bus did not do what was asked.
    """
    documents = monitor.documents
    before = reports.read_latest(documents, model)
    now = monitor.clock.now()
    judged = version_reports(monitor, hours, model, now)
    report = _report(model, judged, stamp(now))
    for version, name, document in judged.documents:
        reports.write_anew(documents, reports.hour_key(report, version, name), document)
    changed = changes(before.report, report)
    if changed:
        monitor.announcer.announce(VERDICT_CHANGED, _detail(report, changed))
    # Two that judge at once saw the same; the second one's metrics would say it twice.
    if reports.write_latest(documents, report, before.etag):
        emit(verdict_metrics.line(report, now))
    return report, changed


def _report(model: str, judged: Judged, judged_at: str) -> Report:
    verdict = model_verdict(judged.versions)
    return Report(
        model=model,
        judged_at=judged_at,
        since=judged.since,
        until=judged.until,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        versions=judged.versions,
        set_aside=judged.set_aside,
    )


def _detail(report: Report, changed: tuple[Change, ...]) -> dict[str, object]:
    return {
        "model": report.model,
        "verdict": report.verdict,
        "reasons": list(report.reasons[:_TOLD_REASONS]),
        "changes": [asdict(change) for change in changed],
        "judged_at": report.judged_at,
        "report": reports.latest_key(report.model),
    }


def _told(change: Change) -> str:
    of = f"version {change.version} {change.what}" if change.version else change.what
    return f"{of} {change.before or 'not judged'} -> {change.after}"
