"""Flow 4, judge: registry, a window of profiles, feedback -> a report -> written and told.

Every step can be run again: what is written is worked out anew each time, and a changed verdict is
told before the report that knows of it is written, so that a crash in between tells it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from hearth.domain.errors import HearthError
from hearth.monitoring import reports, verdict_metrics
from hearth.monitoring.report import Report
from hearth.monitoring.verdict import Change, changes, model_verdict
from hearth.monitoring.version_report import Judged, Sources, version_reports
from hearth.stores.clock import stamp
from hearth.stores.ports import Announcer, Clock

VERDICT_CHANGED = "Verdict Changed"
# A model that is begun must be able to end before the function's time does.
_LEAST_S = 30.0
_TOLD_REASONS = 10


@dataclass(frozen=True, slots=True)
class Judge:
    """What judging works with.

    Args:
        sources: Where what is judged comes from.
        announcer: Who is told of changes.
        clock: The time.
        emit: Takes one line of CloudWatch metrics.
    """

    sources: Sources
    announcer: Announcer
    clock: Clock
    emit: Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What one run did: verdicts by model, what could not be judged, what no time was left for."""

    judged: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def judge_all(judge: Judge, models: Sequence[str], remaining_s: Callable[[], float]) -> Outcome:
    """Judge models one after the other, each whatever becomes of the others.

    Args:
        judge: What to work with.
        models: Their names, those that were judged longest ago first.
        remaining_s: How much time is left.
    """
    done = Outcome()
    for at, model in enumerate(models):
        if remaining_s() < _LEAST_S:
            done.left = list(models[at:])
            break
        try:
            report, changed = judge_model(judge, model)
        except HearthError as error:
            done.unreadable[model] = str(error)
            continue
        done.judged[model] = report.verdict
        done.changed += [f"{model}: {_told(change)}" for change in changed]
    return done


def judge_model(judge: Judge, model: str) -> tuple[Report, tuple[Change, ...]]:
    """Judge one model, write its report and tell what changed.

    Raises:
        UnknownModel: If there is no such model.
        StoreError: If the bucket or the event bus did not do what was asked.
    """
    documents = judge.sources.documents
    before = reports.read_latest(documents, model)
    judged = version_reports(judge.sources, model, judge.clock.now())
    report = _report(model, judged, judge)
    for version, name, document in judged.documents:
        reports.write_over(documents, reports.hour_key(report, version, name), document)
    changed = changes(before.report, report)
    if changed:
        judge.announcer.announce(VERDICT_CHANGED, _detail(report, changed))
    # Two that judge at once saw the same; the second one's metrics would say it twice.
    if reports.write_latest(documents, report, before.etag):
        judge.emit(verdict_metrics.line(report, judge.clock.now()))
    return report, changed


def _report(model: str, judged: Judged, judge: Judge) -> Report:
    verdict = model_verdict(judged.versions)
    return Report(
        model=model,
        judged_at=stamp(judge.clock.now()),
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
