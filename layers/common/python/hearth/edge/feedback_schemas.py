"""Bodies of what belongs to no protocol: what predictions should have been."""

from __future__ import annotations

from hearth.edge.json_schema import COUNT, TEXT, Schema, array, mapping, record, ref, said

_LABEL: Schema = {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "integer"}]}
_GAIN: Schema = {"type": "number", "minimum": 0}
_VALUE: Schema = {"anyOf": [{"type": "number"}, array({"type": "number"}, least=1, maxItems=1000)]}
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
_ANYTHING = said({}, "A `Feedback`; one that is wrong is refused by itself.")
# Each is null where it is not there.
_NULL: Schema = {"type": "null"}
_ANSWERS = ("label", "labels", "value", "values", "relevant")


def _rows(item: Schema) -> Schema:
    return array({"anyOf": [item, _NULL]}, least=1, maxItems=100_000)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


FEEDBACK_SCHEMAS: dict[str, Schema] = {
    "Feedback": said(
        record(
            {
                "request_id": said(
                    _ID,
                    "The answer's `X-Request-Id`, or the id that the caller gave the request.",
                )
            },
            {
                "row": said(
                    _or_null({**COUNT, "maximum": (1 << 31) - 1}), "Of a batch, which one."
                ),
                "label": said(_or_null(_LABEL), "The right class, or the one relevant item."),
                "labels": said(_or_null(_rows(_LABEL)), "Of all rows; null where unknown."),
                "value": said(_or_null(_VALUE), "The right value, or one for each output."),
                "values": said(_or_null(_rows(_VALUE)), "Of all rows; null where unknown."),
                "relevant": said(
                    {
                        "anyOf": [
                            array(_LABEL, least=1, maxItems=1000),
                            {**mapping(_GAIN), "minProperties": 1, "maxProperties": 1000},
                            _NULL,
                        ]
                    },
                    "The relevant items of a ranking, as a list or with their gains.",
                ),
                "at": said(
                    _or_null(TEXT), "When this was known, ISO 8601; the last of several holds."
                ),
                "slices": said(
                    _or_null({**mapping(TEXT), "maxProperties": 5}),
                    'Groups by which quality is told apart: `{"region": "eu"}`.',
                ),
            },
        ),
        f"What one prediction should have been: exactly one of {', '.join(_ANSWERS)}.",
    ),
    "FeedbackRequest": {
        "anyOf": [
            ref("Feedback"),
            record({"feedback": array(_ANYTHING, least=1, maxItems=10_000)}),
        ]
    },
    "FeedbackAnswer": record(
        {
            "accepted": COUNT,
            "refused": array(record({"index": COUNT, "reason": TEXT})),
        }
    ),
}
