"""Bodies of the model repository extension, and of what belongs to no protocol.

Source: Triton's `extension_model_repository.md`.
"""

from __future__ import annotations

from dataclasses import fields

from hearth.domain.registry_entry import Figures
from hearth.domain.state import State
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
    ref,
    request,
    said,
)
from hearth.edge.v1_schemas import ERROR_CODES

_NUMERAL: Schema = {"type": "integer", "minimum": 1}

REPOSITORY_SCHEMAS: dict[str, Schema] = {
    "RepositoryIndexRequest": request(
        {}, {"ready": {**said(BOOLEAN, "Only what would answer."), "default": False}}
    ),
    "RepositoryIndex": array(
        record(
            {
                "name": TEXT,
                "state": one_of(("UNKNOWN", "READY", "UNAVAILABLE", "LOADING", "UNLOADING")),
                "reason": TEXT,
            },
            {"version": said(VERSION, "Not there where the model's entry cannot be read.")},
        )
    ),
    "LoadRequest": request(
        {},
        {
            "parameters": {
                **request(
                    {},
                    {
                        "version": said(
                            {"anyOf": [_NUMERAL, VERSION]},
                            "Which version; without it, those that labels point at, or the newest.",
                        )
                    },
                ),
                "propertyNames": {"not": {"pattern": "^(config$|file:)"}},
            }
        },
    ),
    "Figures": said(
        record({field.name: NUMBER for field in fields(Figures)}),
        "What load-and-warm measured while it proved the version.",
    ),
    "Outcome": record(
        {
            "model": TEXT,
            "version": _NUMERAL,
            "state": one_of(State),
            "error_code": one_of(ERROR_CODES),
            "error_message": TEXT,
            "figures": {"anyOf": [ref("Figures"), {"type": "null"}]},
            "changed": said(BOOLEAN, "False where there was nothing to do."),
        }
    ),
    "LoadAnswer": record(
        {"name": TEXT, "load": {"const": True}, "versions": array(ref("Outcome"))}
    ),
    "UnloadRequest": request({}, {"parameters": request({}, {"unload_dependents": BOOLEAN})}),
    "UnloadAnswer": record({}),
    "StoredAnswer": said(
        request(
            {"output_location": TEXT, "status": COUNT, "bytes": COUNT}, {"headers": mapping(TEXT)}
        ),
        "To a request with X-Hearth-Output-Location: where the answer lies, and what it is.",
    ),
    "OpenApiDocument": request(
        {"openapi": TEXT, "info": {"type": "object"}, "paths": {"type": "object"}}
    ),
    "Error": said(record({"error": TEXT}), "`<what>: got <got>, expected <expected>; <remedy>`."),
    "Refusal": said(
        record({"message": TEXT}), "What API Gateway itself says; no function was asked."
    ),
}
