"""Bodies of the search for a variant: what asks for one, that it was taken, its report."""

from __future__ import annotations

from typing import Any

from hearth.domain.optimization import OBJECTIVES
from hearth.edge.json_schema import (
    BOOLEAN,
    COUNT,
    NUMBER,
    TEXT,
    VERSION,
    Schema,
    array,
    mapping,
    one_of,
    record,
    request,
    said,
)
from hearth.edge.optimize_request import (
    LONGEST_RECIPE,
    MOST_BATCHES,
    MOST_RECIPES,
    MOST_ROWS,
    RECIPE,
)

_NUMERAL: Schema = {"type": "integer", "minimum": 1}
# NaN, "Infinity" and "-Infinity" have no number in JSON: null, and the two words.
_FIGURE: Schema = {"type": ["number", "string", "null"]}
_OBJECTIVE = one_of(OBJECTIVES)
_LOSS: Schema = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
_RECIPE: Schema = {**TEXT, "pattern": f"^{RECIPE.pattern}$", "maxLength": LONGEST_RECIPE}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _figures(*names: str, **more: Any) -> Schema:  # noqa: ANN401 (schemas)
    return request({**dict.fromkeys(names, _FIGURE), **more})


_LATENCY = _figures("p50_ms", "p99_ms", batch=COUNT, threads=COUNT, runs=COUNT)
_MEASURED = _figures(
    "open_ms",
    "first_run_ms",
    "resident_mb",
    size_bytes=said(COUNT, "Files that must be fetched to open it."),
    latencies=array(_LATENCY),
    processes=COUNT,
)
_RATIO = said(
    _figures("value", "low", "high"),
    "Candidate over original, with what holds it 95 times of 100; under 1 is better.",
)
_DUEL = request({"candidate": _MEASURED, "original": _MEASURED, "ratios": mapping(_RATIO)})
_FIDELITY = _figures("agreement", "agreement_low", "relative_error", "spread_error", rows=COUNT)
_ACCURACY = _figures("original", "candidate", "loss", "loss_high", metric=TEXT, rows=COUNT)
_JUDGEMENT = request(
    {
        "verdict": one_of(("passed", "failed")),
        "reasons": array(TEXT),
        "measured": said(BOOLEAN, "Whether accuracy was measured; else fidelity decided."),
        "fidelity": _or_null(_FIDELITY),
        "accuracy": _or_null(_ACCURACY),
    }
)
_AT_MEMORY = _figures(
    "run_ms", "cold_ms", "dollars", memory_mb=COUNT, billed_ms=COUNT, fits=BOOLEAN
)
_COSTS = request({"sizes": array(_AT_MEMORY), "cheapest": COUNT, "fastest": COUNT})
_OUTCOMES = ("", "chosen", "beaten", "no win", "wrong", "not made", "not measured")
_TRIED = request(
    {
        "name": said(TEXT, "Its recipes, joined by `+`."),
        "recipes": array(TEXT),
        "outcome": said(one_of(_OUTCOMES), "Empty while the search goes on."),
        "reasons": array(TEXT),
        "duel": _or_null(_DUEL),
        "judgement": _or_null(_JUDGEMENT),
        "costs": _or_null(_COSTS),
        "front": said(BOOLEAN, "Whether no other candidate is as good in everything."),
        "notes": array(TEXT),
    }
)
_PROGRESS = request({"done": COUNT, "steps": COUNT, "doing": TEXT})
_REPORT = request(
    {
        "schema": {"const": "hearth.optimization/1"},
        "model": TEXT,
        "version": _NUMERAL,
        "id": said(TEXT, "Of the search, as it was answered when it was asked for."),
        "objective": _OBJECTIVE,
        "state": one_of(("running", "done")),
        "verdict": said(
            one_of(("", "accepted", "refused", "nothing to gain")), "Empty while it runs."
        ),
        "reasons": array(TEXT),
        "started_at": TEXT,
        "ended_at": said(TEXT, "Empty while it runs."),
        "chosen": said(TEXT, "The candidate that won; empty where none did."),
        "published": said(COUNT, "The version that it became; 0 where none."),
        "original": _or_null(_MEASURED),
        "original_costs": _or_null(_COSTS),
        "tried": array(_TRIED),
        "skipped": array(request({"recipe": TEXT, "reason": TEXT})),
        "noise": mapping(NUMBER),
        "progress": _PROGRESS,
        "notes": array(TEXT),
    }
)

OPTIMIZATION_SCHEMAS: dict[str, Schema] = {
    "OptimizeRequest": said(
        record(
            {},
            {
                "version": said(
                    {"anyOf": [_NUMERAL, VERSION]},
                    "Which version; without it, the newest that is no variant.",
                ),
                "objective": {
                    **said(_OBJECTIVE, "What is to become less."),
                    "default": OBJECTIVES[0],
                },
                "max_loss": said(
                    _LOSS, "How much quality may be lost, relative; else as the manifest says."
                ),
                "recipes": said(
                    array(_RECIPE, maxItems=MOST_RECIPES), "Those that alone may be used."
                ),
                "batches": said(
                    array({**COUNT, "minimum": 1, "maximum": MOST_ROWS}, maxItems=MOST_BATCHES),
                    "Rows of a request that latency is measured with, beside one.",
                ),
                "publish": {
                    **said(BOOLEAN, "Whether the variant that wins becomes a version."),
                    "default": True,
                },
                "force": {
                    **said(BOOLEAN, "Search anew although the same search has a report."),
                    "default": False,
                },
            },
        ),
        "A wish for a faster, smaller or cheaper variant of a version.",
    ),
    "OptimizeAnswer": said(
        record({"model": TEXT, "version": _NUMERAL, "id": said(TEXT, "Of the search.")}),
        "The search was asked for; its report tells how far it is.",
    ),
    "OptimizationReport": said(_REPORT, "What a search for a variant found, or has found so far."),
}
