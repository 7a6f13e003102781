"""Records of predictions, and feedback on them, as they lie in the bucket."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from hearth.domain.monitoring import CLASSIFICATION, Monitoring
from hearth.monitoring.feedback import ANYTHING, keep, sort
from hearth.monitoring.quality import Judged
from hearth.monitoring.stored import Window

HOUR = "2026-11-23T21"
WINDOW = Window(HOUR, HOUR)
NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


def record(request_id: str, **members: Any) -> bytes:
    """Return the record of an answered prediction; its rows are those of its longest list."""
    rows = [len(members[name]) for name in ("predicted", "values", "top") if name in members]
    line = {
        "record": "hearth.prediction/1",
        "request_id": request_id,
        "status": 200,
        "error": "",
        "BatchSize": max(rows, default=1),
        **members,
    }
    return orjson.dumps(line)


def classified(request_id: str, predicted: str, **members: Any) -> bytes:
    return record(request_id, predicted=[predicted], **members)


def store_records(
    documents: Any, lines: Iterable[bytes], version: int = 1, hour: str = HOUR, name: str = "a"
) -> None:
    documents.create(f"records/m/{version}/{hour}/{name}.jsonl", b"\n".join(lines) + b"\n")


def store_feedback(documents: Any, *items: dict[str, Any], at: datetime = NOW) -> str:
    """Keep items as the HTTP route does; none of them may be refused."""
    found = sort(enumerate(items), ANYTHING, at)
    assert not found.refused
    return keep(documents, "m", found.lines, at)


def judged(version: int = 1, task: str = CLASSIFICATION, **more: Any) -> Judged:
    monitoring = Monitoring(task=task, thresholds=more.pop("thresholds", {}))
    return Judged(version, monitoring, **more)
