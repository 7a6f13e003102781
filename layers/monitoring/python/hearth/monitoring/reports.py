"""Reports in the bucket: the newest of each model, what it rested on, and the headlines of all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from hearth.domain.errors import InvalidDocument, StoreConflict
from hearth.domain.identity import model_name
from hearth.monitoring import summary as summaries
from hearth.monitoring.report import Report
from hearth.monitoring.report_document import from_document, to_document
from hearth.monitoring.summary import EMPTY, Summary, with_report
from hearth.stores.documents import parse_json, write_over
from hearth.stores.ports import Document, Documents

PREFIX = "reports/"
SUMMARY = f"{PREFIX}summary.json"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A stored report and the ETag it had; None and "" where there is none that can be read."""

    report: Report | None
    etag: str


def latest_key(model: str) -> str:
    return f"{PREFIX}{model_name(model)}/latest.json"


def hour_key(report: Report, version: int, name: str) -> str:
    return f"{PREFIX}{report.model}/{version}/{report.until}/{name}.json"


def read_latest(documents: Documents, model: str) -> ReadReport:
    """Return a model's newest report. One that cannot be read is as none: it is written anew."""
    key = latest_key(model)
    found = documents.read(key)
    if not isinstance(found, Document):
        return ReadReport(None, "")
    try:
        return ReadReport(from_document(parse_json(found.body, key)), found.etag)
    except InvalidDocument:
        return ReadReport(None, found.etag)


def write_latest(documents: Documents, report: Report, etag: str) -> bool:
    """Write a model's newest report over the one that was read; return whether it was.

    Two that judge at once saw the same: the second one leaves it at that.
    """
    key, body = latest_key(report.model), orjson.dumps(to_document(report))
    try:
        write_over(documents, key, body, etag)
    except StoreConflict:
        return False
    return True


def write_anew(documents: Documents, key: str, document: Any) -> None:  # noqa: ANN401 (any JSON)
    """Write a document whatever stands there: it is worked out anew each time.

    Raises:
        StoreConflict: If others write it at the same moment, again and again.
    """
    body = orjson.dumps(document)

    def write() -> None:
        found = documents.read(key)
        write_over(documents, key, body, found.etag if isinstance(found, Document) else "")

    _until_written(write)


def _until_written(write: Callable[[], None]) -> None:
    """Read and write again until no other writer was in between, a few times."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(StoreConflict):
            return write()
    return write()


def read_summary(documents: Documents) -> tuple[Summary, str]:
    """Return the headlines of all models, and the ETag they had.

    What cannot be read is as none: the next judgements write it anew.
    """
    found = documents.read(SUMMARY)
    if not isinstance(found, Document):
        return EMPTY, ""
    try:
        return summaries.from_document(parse_json(found.body, SUMMARY)), found.etag
    except InvalidDocument:
        return EMPTY, found.etag


def write_summary(
    documents: Documents, judged: Sequence[Report], models: Collection[str] | None = None
) -> None:
    """Put the headlines of new reports among those of all models.

    Args:
        documents: Where they lie.
        judged: The new reports.
        models: All models that there are; None where they were not looked for.

    Raises:
        StoreConflict: If others write it at the same moment, again and again.
    """

    def write() -> None:
        summary, etag = read_summary(documents)
        for report in judged:
            summary = with_report(summary, report)
        if models is not None:
            kept = {name: one for name, one in summary.models.items() if name in models}
            summary = Summary(kept)
        write_over(documents, SUMMARY, orjson.dumps(summaries.to_document(summary)), etag)

    _until_written(write)
