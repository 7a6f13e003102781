"""What metrics does for events, schedules and direct invokes: each says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from hearth.edge.events import Event, LogBatch, ObjectCreated, job
from hearth.edge.jobs import model_of, unknown_job
from hearth.monitoring.inbox import take_up
from hearth.monitoring.ingest import Ingest
from hearth.monitoring.monitor import Monitor
from hearth.monitoring.tally import Tally

Emit = Callable[[str], None]
"""Takes one line of CloudWatch metrics."""


def on_records(batch: LogBatch, monitor: Monitor) -> dict[str, Any]:
    """Keep the records in a batch of predict's log."""
    ingest = Ingest(monitor.documents, monitor.baselines, monitor.clock)
    return asdict(ingest.ingest(batch))


def on_dropped(created: ObjectCreated, bucket: str, monitor: Monitor) -> dict[str, Any]:
    """Take up feedback that was dropped into an inbox; duplicates of the event are normal."""
    if created.bucket != bucket:
        return {"ignored": f"{created.bucket} is not this bucket"}
    return asdict(take_up(created, monitor.intake))


def on_job(
    event: Event, monitor: Monitor, emit: Emit, remaining_s: Callable[[], float]
) -> dict[str, Any]:
    """Do what `{"do": "tally" | "judge", ...}` asks; `model` judges that one alone."""
    match job(event):
        case "tally":
            return asdict(Tally(monitor.documents, monitor.baselines, monitor.clock).tally())
        case "judge":
            return _judged(event, monitor, emit, remaining_s)
        case other:
            raise unknown_job(other, "tally", "judge")


def _judged(
    event: Event, monitor: Monitor, emit: Emit, remaining_s: Callable[[], float]
) -> dict[str, Any]:
    # Batches of records come far oftener than judgements, and need none of this.
    from hearth.monitoring.judging import judge_all, judge_one

    if "model" in event:
        return asdict(judge_one(monitor, model_of(event), emit))
    return asdict(judge_all(monitor, emit, remaining_s))
