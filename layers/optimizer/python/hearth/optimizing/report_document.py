"""A search's report as JSON and back, without loss."""

from __future__ import annotations

import typing
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.plain import from_plain, to_plain
from hearth.optimizing.report import DONE, RUNNING, SCHEMA, Report


def to_document(report: Report) -> dict[str, Any]:
    """Return the report as JSON that orjson and json write alike: NaN is null.

    Half a surrogate pair, which no UTF-8 has, becomes a question mark.
    """
    return to_plain(report)


def from_document(document: Any) -> Report:  # noqa: ANN401 (any JSON)
    """Return the report in a JSON document.

    Members that this version does not know are left alone: a newer one may have written them.

    Raises:
        InvalidDocument: If it is none of this schema.
    """
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InvalidDocument("search report has an unknown schema", got=schema, expected=SCHEMA)
    report = typing.cast("Report", from_plain(Report, document, "search report"))
    if report.state not in (RUNNING, DONE):
        raise InvalidDocument(
            "search report has an unknown state", got=report.state, expected=f"{RUNNING} or {DONE}"
        )
    return report
