"""What could not be used when a model was judged: its names in a report, and what they mean."""

from __future__ import annotations

FEEDBACK_UNREADABLE = "feedback_unreadable"
FEEDBACK_OVER_BOUND = "feedback_over_bound"
FEEDBACK_REPEATED = "feedback_repeated"
FEEDBACK_CONTRADICTED = "feedback_contradicted"
FEEDBACK_UNKNOWN = "feedback_unknown"
FEEDBACK_LATE = "feedback_late"
FEEDBACK_AMBIGUOUS = "feedback_ambiguous"
FEEDBACK_ROW_MISSING = "feedback_row_missing"
FEEDBACK_BEYOND_BATCH = "feedback_beyond_batch"
FEEDBACK_NOT_CAPTURED = "feedback_not_captured"
FEEDBACK_OTHER_KIND = "feedback_other_kind"
RECORDS_UNREADABLE = "records_unreadable"
RECORDS_REPEATED = "records_repeated"
PREDICTIONS_NOT_FINITE = "predictions_not_finite"
SLICES_TOO_SMALL = "slices_too_small"
SLICES_OVER_BOUND = "slices_over_bound"
REQUESTS_UNANSWERED = "requests_without_version"
VERSIONS_OVER_BOUND = "versions_over_bound"
ROWS_UNMATCHED = "rows_unmatched"

MEANINGS = {
    FEEDBACK_UNREADABLE: "stored lines that are no feedback",
    FEEDBACK_OVER_BOUND: "feedback beyond what is held in memory; the newest is kept",
    FEEDBACK_REPEATED: "feedback that says what was said before",
    FEEDBACK_CONTRADICTED: "feedback on a row of which something else was said later",
    FEEDBACK_UNKNOWN: "feedback that names no prediction of the window",
    FEEDBACK_LATE: "the same, of what was known before the window began",
    FEEDBACK_AMBIGUOUS: "feedback by a caller's id that several predictions have",
    FEEDBACK_ROW_MISSING: "feedback on a batch that does not say which row",
    FEEDBACK_BEYOND_BATCH: "feedback on a row that the batch does not have",
    FEEDBACK_NOT_CAPTURED: "feedback on a row whose outcome is not in its record",
    FEEDBACK_OTHER_KIND: "feedback of another kind than the model's task",
    RECORDS_UNREADABLE: "stored lines that are no records",
    RECORDS_REPEATED: "a second answer under one request's id",
    PREDICTIONS_NOT_FINITE: "regressions that gave NaN or infinity",
    SLICES_TOO_SMALL: "slices with too few labelled rows",
    SLICES_OVER_BOUND: "slices beyond those that a report shows",
    REQUESTS_UNANSWERED: "requests that no version answered",
    VERSIONS_OVER_BOUND: "versions beyond those that a report shows",
    ROWS_UNMATCHED: "captured rows that are not of the baseline's columns",
}
