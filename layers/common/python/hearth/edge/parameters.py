"""Parameters of the HTTP surface: names in its paths, and headers that requests may have."""

from __future__ import annotations

from typing import Any

from hearth.domain.identity import INT64_MAX, NAME
from hearth.edge.headers import (
    HEADER_LENGTH,
    INPUT_LOCATION,
    OUTPUT_LOCATION,
    REQUEST_ID,
    ROUTING_KEY,
    SLICES,
)
from hearth.edge.json_schema import COUNT, TEXT, Schema, one_of


def _named(name: str, schema: Schema, description: str, example: str | int) -> dict[str, Any]:
    head = {"name": name, "in": "path", "required": True, "description": description}
    return {**head, "schema": schema, "example": example}


def _header(name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


_STORED = "`payloads/...` in the model bucket, as a key or as `s3://bucket/key`."
_LABEL = f"^(?![0-9]+$){NAME.pattern}$"
PARAMETERS = {
    "model": _named(
        "model", {**TEXT, "pattern": f"^{NAME.pattern}$"}, "The model's name.", "digits"
    ),
    "version": _named(
        "version",
        {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
        "A version; without it, the label `stable` decides.",
        2,
    ),
    "label": _named("label", {**TEXT, "pattern": _LABEL}, "A label.", "canary"),
    "RoutingKey": _header(
        ROUTING_KEY, TEXT, "Callers with the same key get the same version of a split."
    ),
    "RequestId": _header(
        REQUEST_ID,
        TEXT,
        "The caller's own id of this request, by which feedback may name it; of Open Inference, "
        "the body's `id` comes first. With TensorFlow Serving's API it makes a split sticky where "
        "no routing key does.",
    ),
    "Slices": _header(
        SLICES,
        TEXT,
        "Groups that the caller belongs to, by which quality is told apart: at most 5, as "
        "`region=eu,device=phone`.",
    ),
    "InputLocation": _header(INPUT_LOCATION, TEXT, f"Where the request's body lies: {_STORED}"),
    "OfVersion": {
        "name": "version",
        "in": "query",
        "description": "Of which version; without it, of the last search.",
        "schema": {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
    },
    "Format": {
        "name": "format",
        "in": "query",
        "description": "A page for people or JSON for programs, whatever `Accept` says.",
        "schema": one_of(("html", "json")),
    },
    "OutputLocation": _header(
        OUTPUT_LOCATION, TEXT, f"Where the answer's body is to be written: {_STORED}"
    ),
    "ContentEncoding": _header(
        "Content-Encoding",
        {"type": "string", "enum": ["identity", "gzip", "deflate"], "default": "identity"},
        "How the body is compressed.",
    ),
    "HeaderLength": _header(
        HEADER_LENGTH,
        COUNT,
        "Bytes of JSON before the binary data. 0: the body is one tensor alone, for a model with "
        "one input. Without it, the body is JSON to its end.",
    ),
}
