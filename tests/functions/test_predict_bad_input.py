"""Whatever comes in, predict answers it in words and goes on answering."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import zlib
from typing import Any

import pytest
from hearth.serving.payloads import ANSWER_LIMIT
from support import events
from support.calling import Caller, Reply, infer_body

GOOD = {"instances": [[1, 2, 3, 4]]}
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
LENGTH = "inference-header-content-length"
PATHS = {"v1": "/v1/models/m:predict", "v2": "/v2/models/m/infer"}


def goes_on(warm: Caller) -> None:
    """The same sandbox still answers."""
    assert warm.post("/v1/models/m:predict", GOOD).json == {"predictions": [[3, 5, 7, 9]]}


# ------------------------------------------------------------------------------------ JSON and event


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("levels", [1_100, 500_000])
@pytest.mark.parametrize("closed", [True, False])
def test_deep_nesting_is_refused(warm: Caller, path: str, levels: int, closed: bool) -> None:
    """Nesting of any depth is a 400, in a value and in a key that nobody reads."""
    for key in ("instances", "inputs", "ignored"):
        for before, after in (("[", "]"), ('{"a":', "}")):
            end = "1" + after * levels + "}" if closed else ""
            reply = warm.post(path, f'{{"{key}": {before * levels}{end}')
            assert (reply.status, bool(reply.error)) == (400, True)
    goes_on(warm)


@pytest.mark.parametrize("model", ["m", "same-BYTES", "same-INT64"])
@pytest.mark.parametrize("levels", [65, 900])
def test_nesting_beyond_an_arrays_dimensions_is_refused(
    warm: Caller, model: str, levels: int
) -> None:
    """What JSON can nest and an array cannot is a 400, for strings as for numbers."""
    nested = "[" * levels + "1" + "]" * levels
    tensor = f'{{"name": "x", "shape": [1], "datatype": "BYTES", "data": {nested}}}'

    by_row = warm.post(f"/v1/models/{model}:predict", f'{{"instances": {nested}}}')
    by_name = warm.post("/v2/models/same-BYTES/infer", f'{{"inputs": [{tensor}]}}')

    assert (by_row.status, by_name.status) == (400, 400)
    assert by_row.error
    assert by_name.error


ROW_WITH = json.dumps(ROW)[:-1]
PLACES = {
    "/v1/models/{model}:predict": [
        "{deep}",
        '{{"instances": {deep}}}',
        '{{"instances": [{deep}]}}',
        '{{"instances": [{{"x": {deep}}}]}}',
        '{{"instances": [{{"b64": {deep}}}]}}',
        '{{"inputs": {deep}}}',
        '{{"inputs": {{"x": {deep}}}}}',
        '{{"instances": [1], "signature_name": {deep}}}',
    ],
    "/v2/models/{model}/infer": [
        '{{"inputs": {deep}}}',
        '{{"inputs": [{deep}]}}',
        '{{"inputs": [{{"name": {deep}}}]}}',
        '{{"inputs": [{row}, "shape": {deep}}}]}}',
        '{{"inputs": [{row}, "shape": [{deep}, 4]}}]}}',
        '{{"inputs": [{row}, "datatype": {deep}}}]}}',
        '{{"inputs": [{row}, "data": {deep}}}]}}',
        '{{"inputs": [{row}, "parameters": {deep}}}]}}',
        '{{"inputs": [{row}, "parameters": {{"binary_data_size": {deep}}}}}]}}',
        '{{"inputs": [{row}}}], "id": {deep}}}',
        '{{"inputs": [{row}}}], "outputs": {deep}}}',
        '{{"inputs": [{row}}}], "outputs": [{deep}]}}',
        '{{"inputs": [{row}}}], "outputs": [{{"name": "y", "parameters": {deep}}}]}}',
        '{{"inputs": [{row}}}], "parameters": {{"binary_data_output": {deep}}}}}',
    ],
}


@pytest.mark.parametrize("levels", [64, 500, 900, 950, 980, 1000, 1018])
def test_nesting_that_json_can_read_is_no_fault_in_any_place(warm: Caller, levels: int) -> None:
    """Up to the deepest that is read, a nested value is refused like any other, or not looked at."""
    for before, leaf, after in (("[", "1", "]"), ('{"a":', "1", "}"), ("[", "NaN", "]")):
        deep = before * levels + leaf + after * levels
        for path, places in PLACES.items():
            for place in places:
                body = place.format(deep=deep, row=ROW_WITH)
                for model in ("m", "same-BYTES"):
                    reply = warm.post(path.format(model=model), body)
                    assert reply.status in (200, 400), (model, place)
                    assert reply.status == 200 or reply.error


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("body", [b"\xff\xfe\xfd", b'{"a": "\xff"}', b"\0\0\0", b"\xed\xa0\x80"])
def test_body_that_is_not_utf8_is_refused(warm: Caller, path: str, body: bytes) -> None:
    """Bytes that are no text are a parse error, not a fault."""
    reply = warm.post(path, body)

    assert reply.status == 400
    assert "JSON Parse error" in reply.error


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("body", ["!", "YQ", "YQ==YQ==", "Y Q==", "größe", "YQ==\n"])
def test_event_body_that_is_not_base64_is_refused(warm: Caller, path: str, body: str) -> None:
    """A body that is announced as base64 and is not is the caller's error."""
    event = {**events.http("POST", path), "body": body, "isBase64Encoded": True}

    reply = warm.invoke(event)

    assert reply.status == 400
    assert "the event's body is not base64" in reply.error


@pytest.mark.parametrize("path", PATHS.values())
def test_event_body_that_is_no_text_is_refused(warm: Caller, path: str) -> None:
    """Half a surrogate pair in the event cannot have come over HTTP: it is refused all the same."""
    event = {**events.http("POST", path), "body": '"\ud800"', "isBase64Encoded": False}

    reply = warm.invoke(event)

    assert reply.status == 400
    assert "not UTF-8" in reply.error


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff\\ud800"'])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(warm: Caller, text: str) -> None:
    """JSON may spell what no text can hold: in a value, a name or an id it is a 400."""
    row = json.dumps(ROW)
    bodies = {
        "/v1/models/same-BYTES:predict": [f'{{"instances": [{text}]}}', f"{{{text}: 1}}"],
        "/v2/models/m/infer": [
            f'{{"id": {text}, "inputs": [{row}]}}',
            f'{{"inputs": [{{"name": {text}}}]}}',
        ],
    }
    for path, given in bodies.items():
        for body in given:
            reply = warm.post(path, body)
            assert (reply.status, bool(reply.error)) == (400, True)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"do": "predict"},
        {"rawPath": "/v2/models/m/infer"},
        {"requestContext": {}, "rawPath": "/v1/models/m:predict"},
        {"requestContext": {"http": {"method": None}}, "rawPath": "/v1/models/m:predict"},
        {"requestContext": {"http": {"method": "POST"}}, "rawPath": None},
        {"requestContext": None, "rawPath": ""},
        events.object_created("hearth-models", "models/m/versions/1/manifest.json"),
        [],
        None,
        "event",
    ],
)
def test_event_that_is_no_request_is_refused_in_words(warm: Caller, event: Any) -> None:
    """An event of another shape is answered with what was expected of it."""
    reply = warm.invoke(event)

    assert reply.status == 400
    assert "payload format 2.0" in reply.error


def test_event_with_the_least_of_a_request_is_answered(warm: Caller) -> None:
    """A direct invoke needs a method, a path and a body."""
    event = {
        "requestContext": {"http": {"method": "post"}},
        "rawPath": "/v1/models/m:predict",
        "body": json.dumps(GOOD),
    }

    assert warm.invoke(event).json == {"predictions": [[3, 5, 7, 9]]}


BOMB = gzip.compress(b"0" * (65 << 20), 1, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body", "status", "words"),
    [
        ("gzip", b"\x1f\x8b", 400, "the compressed body ends early"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-9], 400, "the compressed body ends early"),
        ("gzip", zlib.compress(b"{}"), 400, "the body is not gzip"),
        ("deflate", gzip.compress(b"{}", mtime=0), 400, "the body is not deflate"),
        ("gzip", BOMB, 413, "too large once it is decompressed"),
        ("br", b"{}", 415, "got br, expected gzip, deflate or identity"),
        ("gzip, deflate", b"{}", 415, "got gzip, deflate, expected"),
    ],
)
@pytest.mark.parametrize("path", PATHS.values())
def test_compressed_body_that_cannot_be_read_is_refused(
    warm: Caller, path: str, coding: str, body: bytes, status: int, words: str
) -> None:
    """A coding that is not taken, bytes that are not of it, or too much that comes out of it."""
    reply = warm.post(path, body, headers={"content-encoding": coding})

    assert reply.status == status
    assert words in reply.error


def test_identity_encoding_is_no_compression(warm: Caller) -> None:
    """`identity` says that there is none."""
    reply = warm.post("/v1/models/m:predict", GOOD, headers={"content-encoding": "identity"})

    assert reply.status == 200


# ----------------------------------------------------------------------------------- sizes and faults


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/zeros:predict", {"inputs": [2_000_000]}),
        (
            "/v2/models/zeros/infer",
            {"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [2_000_000]}]},
        ),
        (
            "/v2/models/zeros/infer",
            {
                "inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [2_000_000]}],
                "parameters": {"binary_data_output": True},
            },
        ),
    ],
)
def test_answer_that_is_too_large_says_so(warm: Caller, path: str, body: Any) -> None:
    """An answer that Lambda would not carry becomes a 413 with both sizes and a way out."""
    reply = warm.post(path, body)

    assert reply.status == 413
    assert "larger than a Lambda can give: got " in reply.error
    assert f"expected at most {ANSWER_LIMIT - 4096}" in reply.error
    assert "ask for fewer rows" in reply.error


@pytest.mark.parametrize("binary", [True, False])
def test_answer_that_is_given_fits_into_a_lambda(warm: Caller, binary: bool) -> None:
    """As long as predict gives an answer at all, its invoke's JSON is within Lambda's limit."""
    size = 4 if not binary else 4 * 4 / 3
    least, most = int(0.999 * ANSWER_LIMIT / size), int(1.0005 * ANSWER_LIMIT / size)
    statuses = set()
    for count in range(least, most, (most - least) // 4):
        tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [count]}
        body = {"inputs": [tensor], "parameters": {"binary_data_output": binary}}
        answer = warm.handler(
            events.http("POST", "/v2/models/zeros/infer", json.dumps(body)), events.Context()
        )
        statuses.add(answer["statusCode"])
        assert len(json.dumps(answer, ensure_ascii=False).encode()) <= ANSWER_LIMIT
    assert statuses == {200, 413}


def test_answer_of_quotes_counts_their_escapes(warm: Caller) -> None:
    """A quote needs a backslash in JSON and two more in the invoke's: all of them count."""
    text = '"' * 1_600_000

    answer = warm.handler(
        events.http("POST", "/v1/models/same-BYTES:predict", json.dumps({"inputs": [text]})),
        events.Context(),
    )

    assert answer["statusCode"] == 413


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/pair:predict", {"instances": [{'"' * 2_000_000: 1}]}),
        ("/v1/models/m:predict", {"signature_name": '"' * 2_000_000, "instances": []}),
        ("/v1/models/m:predict", {'"' * 2_000_000: 1}),
        ("/v2/models/m/infer", {"inputs": [{**ROW, "name": '"' * 2_000_000}]}),
        ("/v2/models/m/infer", {"inputs": [{**ROW, "datatype": '"' * 2_000_000}]}),
        ("/v2/models/m/infer", {"inputs": [{**ROW, "shape": ['"' * 2_000_000]}]}),
        ("/v2/models/m/infer", {"inputs": [ROW], "outputs": [{"name": '"' * 2_000_000}]}),
    ],
)
def test_error_does_not_grow_with_what_it_refuses(warm: Caller, path: str, body: Any) -> None:
    """An error shows the beginning of a name that is millions long."""
    reply = warm.post(path, body)

    assert reply.status == 400
    assert len(reply.error) <= 2000


def test_model_that_fails_is_a_500_with_its_reason(warm: Caller) -> None:
    """A graph that cannot compute what its signature admits is not the caller's error."""
    reply = warm.post("/v1/models/paired:predict", {"inputs": [1, 2, 3]})

    assert reply.status == 500
    assert "ONNX Runtime failed while running the model" in reply.error
    assert warm.post("/v1/models/paired:predict", {"inputs": [1, 2]}).status == 200


def test_model_that_needs_more_memory_than_there_is_says_so(warm: Caller) -> None:
    """An allocation that cannot be had is a 503 with a remedy, and the sandbox goes on."""
    reply = warm.post("/v1/models/zeros:predict", {"inputs": [2**48]})

    assert reply.status == 503
    assert "send smaller batches, or raise the memory size" in reply.error
    goes_on(warm)


# ------------------------------------------------------------------------------------------ anything

ODD = [
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 1.5, 1e308, -0.0,
    float("nan"), float("inf"), "", "x", "y", "a", "BYTES", "FP32", "BOOL", "\0", "\ud800", "é",
    "9" * 30, [], [[]], [[], []], [1], [1, 4], [0, 4], [4], [-1, 4], [1, [2]], {}, {"b64": "YQ=="},
    {"b64": "!"}, {"b64": 1}, {"x": [1, 2, 3, 4]}, {"name": "x"}, [None], [{}], ["a", 1],
    {"binary_data_size": 16}, {"binary_data_size": -1}, {"binary_data": True}, [[[[[1]]]]],
]  # fmt: skip
KEYS = ["instances", "inputs", "outputs", "id", "parameters", "signature_name", "name", "shape",
        "datatype", "data", "binary_data_size", "binary_data_output", "x", "a", "b64", ""]  # fmt: skip
TENSORS = {
    "m": [ROW],
    "pair": [
        {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        {"name": "b", "shape": [1], "datatype": "INT64", "data": [5]},
    ],
    "same-BYTES": [{"name": "x", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}],
    "same-BOOL": [{"name": "x", "shape": [2], "datatype": "BOOL", "data": [True, False]}],
    "same-UINT64": [{"name": "x", "shape": [2], "datatype": "UINT64", "data": [1, 2]}],
    "scalar": [{"name": "x", "shape": [], "datatype": "FP32", "data": [1]}],
}
ROWS = {
    "m": [{"instances": [[1, 2, 3, 4]]}, {"inputs": {"x": [[1, 2, 3, 4]]}}],
    "pair": [{"instances": [{"a": [1, 2], "b": 3}]}, {"inputs": {"a": [[1, 2]], "b": [3]}}],
    "text": [{"instances": ["a", {"b64": "YQ=="}]}],
    "same-BOOL": [{"instances": [True, False]}],
    "same-UINT64": [{"instances": [1, 2**64 - 1]}],
    "scalar": [{"inputs": 1.5}],
}
BINARY = {
    "m": ([{**ROW, "parameters": {"binary_data_size": 16}}], b"\0\0\x80\x3f" * 4),
    "same-BYTES": (
        [{"name": "x", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 10}}],
        b"\1\0\0\0a\1\0\0\0b",
    ),
    "same-BOOL": (
        [{"name": "x", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}}],
        b"\0\1",
    ),
}
del BINARY["m"][0][0]["data"]


def anything(chance: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a request that was good once: its path, body and headers."""
    kind = chance.choice(["rows", "tensors", "binary"])
    if kind == "rows":
        model = chance.choice(list(ROWS))
        document = changed(chance.choice(ROWS[model]), chance)
        return f"/v1/models/{model}:predict", spoiled(dumped(document), chance), {}
    model = chance.choice(list(TENSORS if kind == "tensors" else BINARY))
    tensors, blob = (TENSORS[model], b"") if kind == "tensors" else BINARY[model]
    document = changed({"inputs": tensors, "id": "1", "outputs": [], "parameters": {}}, chance)
    head = dumped(document)
    length = len(head) + chance.choice([0, 0, 0, 1, -1, chance.randrange(-200, 200)])
    return (
        f"/v2/models/{model}/infer",
        spoiled(head + spoiled(blob, chance), chance),
        {LENGTH: str(length)} if kind == "binary" or chance.random() < 0.2 else {},
    )


def changed(document: Any, chance: random.Random) -> Any:
    """Return a document with up to three of its places put to other use."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        places: list[tuple[Any, Any]] = []
        pending = [document]
        while pending:
            item = pending.pop()
            inside = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
            places += [(item, key) for key, _ in inside]
            pending += [value for _, value in inside if isinstance(value, dict | list)]
        if not places:
            break
        item, key = chance.choice(places)
        match chance.randrange(4):
            case 0:
                del item[key]
            case 1 if isinstance(item, dict):
                item[chance.choice(KEYS)] = item.pop(key)
            case 2 if isinstance(item, list):
                item.append(copy.deepcopy(item[key]))
            case _:
                item[key] = copy.deepcopy(chance.choice(ODD))
    return document


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def spoiled(raw: bytes, chance: random.Random) -> bytes:
    """Return bytes with, at times, a few of them changed, cut or doubled."""
    spoilt = bytearray(raw)
    for _ in range(chance.choice([0, 0, 0, 0, 1, 1, 2, 8])):
        at = chance.randrange(len(spoilt) + 1)
        match chance.randrange(4):
            case 0:
                spoilt[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del spoilt[at : at + chance.randrange(1, 6)]
            case 2:
                spoilt[at:at] = chance.choice([b"NaN", b"\xff", b"[", b"}", b'"', b"\0", b"\\u"])
            case 3:
                spoilt[at:at] = spoilt[at : at + chance.randrange(1, 30)]
    return bytes(spoilt)


def test_no_request_is_a_fault(warm: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    """Thousands of requests that were good once: each is answered or refused, none is a fault.

    Nothing above 499 comes of what a caller can send.
    """
    chance = random.Random(2026)
    count = 20_000
    seen: dict[int, int] = {}
    for _ in range(count):
        path, body, headers = anything(chance)
        reply = warm.post(path, body, headers=headers)
        assert reply.status in (200, 400), (path, body, headers, reply)
        assert reply.status == 200 or reply.error
        seen[reply.status] = seen.get(reply.status, 0) + 1

    # The requests are good enough to reach every step, and bad enough to fail at each.
    assert seen[200] > count // 20
    assert seen[400] > count // 4
    assert len(capfd.readouterr().out.splitlines()) == count
    goes_on(warm)


def test_binary_refused_or_answered_is_never_misread(warm: Caller) -> None:
    """Where a spoilt BOOL body is answered at all, the answer is the exact bytes that came."""
    chance = random.Random(7)
    for _ in range(200):
        blob = bytes(chance.randrange(4) for _ in range(2))
        body, headers = infer_body(
            BINARY["same-BOOL"][0], blob, parameters={"binary_data_output": True}
        )
        reply: Reply = warm.post("/v2/models/same-BOOL/infer", body, headers=headers)
        if max(blob) > 1:
            assert (reply.status, bool(reply.error)) == (400, True)
        else:
            assert reply.body[int(reply.headers[LENGTH]) :] == blob


def test_bodies_in_base64_and_in_text_are_the_same_request(warm: Caller) -> None:
    """API Gateway sends some bodies as text and some in base64: both are the same bytes."""
    text = json.dumps({"instances": ["größe"]}, ensure_ascii=False)
    event = events.http("POST", "/v1/models/same-BYTES:predict")
    plain = {**event, "body": text, "isBase64Encoded": False}
    packed = {**event, "body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}

    assert warm.invoke(plain) == warm.invoke(packed)
    assert warm.invoke(plain).json == {"predictions": ["größe"]}
