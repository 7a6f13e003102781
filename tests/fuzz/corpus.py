"""Valid requests of both protocols: what mutations start from."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from support import models, zoo
from support.calling import infer_body

LENGTH = "inference-header-content-length"
# What the functions of a fuzzed sandbox serve: a graph's text each.
MODELS = {
    "m": models.DOUBLED,
    "spare": models.TRIPLED,  # the one that is loaded and unloaded
    "pair": zoo.PAIR,
    "total": zoo.TOTAL,
    "uneven": zoo.UNEVEN,
    "text": zoo.TEXT,
    "scalar": zoo.SCALAR,
    "b64": zoo.B64,
    "joined": zoo.JOINED,
    "halved": zoo.HALVED,
    "divided": zoo.DIVIDED,
    "grid": "grid (float[N, 2, M] x) => (float[N, 2, M] y) { y = Neg(x) }",
    **{f"same-{datatype}": zoo.same(datatype) for datatype in zoo.ELEMENTS},
}
_VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False, True],
    "BYTES": ["a", "", "größe"],
    "FP16": [0.5, -2.0, 3.0],
    "FP32": [0.1, -2.0, 3e38],
    "FP64": [0.1, -2.0, 1e300],
}
_INTEGERS = [0, 1, 100]


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Args:
        statuses: What it may be answered with while nobody has mutated it.
        weight: How often it is taken, beside the others.
        event: What is put over the event that a gateway makes of it (in process alone).
        moves: It changes what is servable: its path is left alone.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)
    weight: float = 1.0
    event: Mapping[str, Any] = field(default_factory=dict)
    moves: bool = False


# Some models answer these, others have no output that would do.
_EITHER = (200, 400)
# A search for a variant: there may be none yet.
_SEARCHED = (200, 404)
_JSON = {"content-type": "application/json"}


def requests() -> tuple[Request, ...]:
    return (
        *_rows_and_columns(),
        *_examples(),
        *_infer_json(),
        *_infer_binary(),
        *_packed(),
        *_neighbours(),
    )


def pick(seeds: tuple[Request, ...], rng: random.Random) -> Request:
    return rng.choices(seeds, [seed.weight for seed in seeds])[0]


def _post(path: str, document: Any, **more: Any) -> Request:
    return Request("POST", path, json.dumps(document).encode(), _JSON, **more)


def _values(datatype: str) -> list[Any]:
    return _VALUES.get(datatype, _INTEGERS)


def _rows_and_columns() -> Iterator[Request]:
    rows = [[1, 2.5, -3, 4e-3], [0, 0, 0, 1]]
    yield _post("/v1/models/m:predict", {"instances": rows}, weight=3)
    yield _post("/v1/models/m/versions/1:predict", {"inputs": rows, "signature_name": ""})
    yield _post("/v1/models/m/labels/stable:predict", {"inputs": {"x": rows}})
    yield _post("/v1/models/m:predict", {"instances": [{"x": row} for row in rows]})
    named = [{"a": [1.0, 2.0], "b": 3}, {"a": [4.0, 5.0], "b": 6}]
    yield _post("/v1/models/pair:predict", {"instances": named}, weight=2)
    yield _post("/v1/models/pair:predict", {"inputs": {"a": [[1.0, 2.0]], "b": [3]}}, weight=2)
    yield _post("/v1/models/total:predict", {"inputs": [[1, 2, 3, 4]]})
    yield _post("/v1/models/scalar:predict", {"inputs": 1.5})
    yield _post("/v1/models/uneven:predict", {"inputs": [[1, 2], [3, 4]]})
    yield _post("/v1/models/joined:predict", {"instances": [{"a": 1, "b": 2}]})
    yield _post("/v1/models/b64:predict", {"instances": [{"b64": 1.0}]})
    yield _post("/v1/models/grid:predict", {"instances": [[[1, 2, 3], [4, 5, 6]]]}, weight=2)
    strings = ["a", {"b64": "YcO8"}, "\u00fc"]
    yield _post("/v1/models/text:predict", {"instances": strings}, weight=2)
    yield _post("/v1/models/divided:predict", {"instances": [1, -1, 0]})
    tokens = b'{"instances": [[NaN, Infinity, -Infinity, 1e39]]}'
    yield Request("POST", "/v1/models/m:predict", tokens, _JSON)
    for datatype in zoo.ELEMENTS:
        if datatype != "FP16":
            yield _post(f"/v1/models/same-{datatype}:predict", {"instances": _values(datatype)})


def _examples() -> Iterator[Request]:
    body = {"context": {"c": 1}, "examples": [{"x": [1.0, 2.0, 3.0, 4.0]}, {"x": [0, 0, 0, 0]}]}
    for verb in ("classify", "regress"):
        yield _post(f"/v1/models/m:{verb}", body, statuses=_EITHER, weight=2)
        yield _post(f"/v1/models/divided:{verb}", {"examples": [{"x": 1.0}]})


def _item(name: str, datatype: str, shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, **more}


def _infer(model: str, items: list[dict[str, Any]], **members: Any) -> Request:
    statuses = members.pop("statuses", (200,))
    return _post(f"/v2/models/{model}/infer", {"inputs": items, **members}, statuses=statuses)


def _infer_json() -> Iterator[Request]:
    row = _item("x", "FP32", [1, 4], data=[1, 2, 3, 4])
    yield _infer("m", [row], id="one")
    yield _infer("m", [{**row, "data": [[1, 2, 3, 4]]}], outputs=[{"name": "y"}])
    yield _infer("m", [row], parameters={"binary_data_output": True})
    flag = {"name": "y", "parameters": {"binary_data": True}}
    yield _infer("m", [row], outputs=[flag])
    top = {"name": "y", "parameters": {"classification": 2}}
    yield _infer("m", [row], outputs=[top])
    yield _infer("m", [_item("x", "FP32", [0, 4], data=[])])
    yield _infer("scalar", [_item("x", "FP32", [], data=[1.5])])
    both = [_item("a", "FP32", [1, 2], data=[1, 2]), _item("b", "INT64", [1], data=[3])]
    yield _infer("pair", both, outputs=[{"name": "next"}])
    half = {"name": "y", "parameters": {"binary_data": True}}
    yield _infer("halved", [_item("x", "FP32", [3], data=[1, 2, 3])], outputs=[half])
    for datatype in zoo.ELEMENTS:
        if datatype != "FP16":
            yield _infer(f"same-{datatype}", [_item("x", datatype, [3], data=_values(datatype))])


def _infer_binary() -> Iterator[Request]:
    for datatype in zoo.ELEMENTS:
        blob = _blob(datatype)
        item = _item("x", datatype, [3], parameters={"binary_data_size": len(blob)})
        yield _binary(f"same-{datatype}", [item], blob)
    values = np.float32([1, 2]).tobytes()
    mixed = [
        _item("a", "FP32", [1, 2], parameters={"binary_data_size": 8}),
        _item("b", "INT64", [1], data=[3]),
    ]
    yield _binary("pair", mixed, values)
    empty = _item("x", "FP32", [0, 4], parameters={"binary_data_size": 0})
    yield _binary("m", [empty], b"")
    raw = Request(
        "POST",
        "/v2/models/divided/infer",
        np.float32([1, 2, 3]).tobytes(),
        {LENGTH: "0", "content-type": "application/octet-stream"},
    )
    yield raw


def _binary(model: str, items: list[dict[str, Any]], blob: bytes) -> Request:
    body, headers = infer_body(items, blob, parameters={"binary_data_output": True})
    headers["content-type"] = "application/octet-stream"
    return Request("POST", f"/v2/models/{model}/infer", body, headers)


def _blob(datatype: str) -> bytes:
    values = _values(datatype)
    if datatype == "BYTES":
        parts = [value.encode() for value in values]
        return b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    kinds = {"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
    kind = kinds.get(datatype) or datatype.lower()
    return np.array(values, kind).tobytes()


def _packed() -> Iterator[Request]:
    for request in (
        _post("/v1/models/m:predict", {"instances": [[1, 2, 3, 4]] * 50}),
        _binary(
            "m",
            [_item("x", "FP32", [100, 4], parameters={"binary_data_size": 1600})],
            np.zeros((100, 4), np.float32).tobytes(),
        ),
    ):
        for name, packed in (
            ("gzip", gzip.compress(request.body, mtime=0)),  # a time would change with each run
            ("deflate", zlib.compress(request.body)),
        ):
            headers = {**request.headers, "content-encoding": name, "accept-encoding": name}
            yield Request(request.method, request.path, packed, headers, request.statuses)


def _neighbours() -> Iterator[Request]:
    for path in (
        "/v1/models/m",
        "/v1/models/m/versions/1",
        "/v1/models/m/labels/stable",
        "/v1/models/m/metadata",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/m",
        "/v2/models/m/ready",
        "/v2/models/m/versions/1/ready",
        "/openapi.json",
        "/v2/models/m/config",
        "/v2/models/m/versions/1/config",
        "/v2/models/stats",
        "/v2/models/m/stats",
        "/metrics",
        "/monitoring/prometheus/metrics",
        "/reports/m",
    ):
        yield Request("GET", path, weight=0.3)
    optimize = "/v2/repository/models/m/optimize"
    yield Request("GET", optimize, statuses=_SEARCHED, weight=0.3)
    yield _post("/v2/repository/index", {"ready": True}, weight=0.5)
    feedback = {"request_id": "one", "value": 1}
    yield _post("/v2/models/m/feedback", feedback, weight=0.5)
    # What these do takes long: they are few.
    for verb in ("load", "unload"):
        path = f"/v2/repository/models/spare/{verb}"
        yield _post(path, {"parameters": {}}, weight=0.02, moves=True)
