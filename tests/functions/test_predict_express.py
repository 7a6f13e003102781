"""Rows of numbers that are answered with what a request of the same form left ready."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import predict as predict_module
import pytest
from bench.contenders import hearth
from hearth.domain.monitoring import Monitoring, WatchedInput
from hearth.domain.routing import Target
from hearth.edge.events import HttpRequest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import emf, events, models, zoo
from support.calling import Caller, Reply

SOFTMAX = "softmax (float[N, 3] x) => (float[N, 3] y) { y = Softmax(x) }"
PLAIN = SOFTMAX.replace("softmax", "plain")
DOUBLES = "doubles (double[N, 3] x) => (double[N, 3] y) { y = Add(x, x) }"
SUMMED = zoo.SUMMED.replace("4] x", "3] x")
DIVIDED = """
divided (float[N, 3] x) => (float[N, 3] y)
<float zero = {0}>
{ y = Div(x, zero) }
"""
# Fails on rows whose values are no indices from 0 to 2.
PICKED = """
picked (float[N, 3] x) => (float[N, 3] y)
<float[3] table = {10, 20, 30}>
{ at = Cast <to = 7> (x)  y = Gather(table, at) }
"""
# As many rows as the first value says, whatever its signature does.
CUT = """
cut (float[N, 3] x) => (float[N, 3] y)
<int64[1] zero = {0}, int64[1] one = {1}>
{
  flat = Flatten <axis = 0> (x)
  first = Slice(flat, zero, one, one)
  line = Squeeze(first, zero)
  end = Cast <to = 7> (line)
  y = Slice(x, zero, end, zero)
}
"""
ROWS = {"capture": "all", "inputs": (WatchedInput("x", "columns", ("a", "b", "c")),), "scores": "y"}
CLASSES = Monitoring(**ROWS, task="classification")
VALUES = Monitoring(**ROWS, task="regression")
ZOO = {
    "softmax": (SOFTMAX, CLASSES),
    "sampled": (SOFTMAX, Monitoring(**{**ROWS, "capture": "sampled"}, sample_rate=0.5)),
    "masked": (SOFTMAX, Monitoring(**ROWS, masked=("b",), task="ranking")),
    "plain": (PLAIN, Monitoring()),
    "doubles": (DOUBLES, VALUES),
    "lengthy": (DOUBLES.replace("doubles", "lengthy"), VALUES),
    "summed": (SUMMED, VALUES),
    "divided": (DIVIDED, VALUES),
    "picked": (PICKED, VALUES),
    "cut": (CUT, VALUES),
}
# What differs from one request to another.
PASSING = ("_aws", "Latency", "ModelLatency", "DecodeLatency", "EncodeLatency", "RequestBytes")


@pytest.fixture(scope="module")
def predict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """predict with all of these models open, and the registry in mind."""
    folder = tmp_path_factory.mktemp("express")
    files: dict[str, Path] = {}
    for name, (text, _) in ZOO.items():
        files[name] = folder / f"{name}.onnx"
        onnx.save(models.model(text), files[name])
    with hearth.warm(files, folder, {name: watched for name, (_, watched) in ZOO.items()}) as made:
        yield Caller(made)


# A body that is said to be encoded, if only as it is, is looked at whole.
LONG_WAY = {"content-encoding": "identity"}
TFS, OIP = "/v1/models/{}:predict", "/v2/models/{}/infer"
TENSOR = '{"name": "x", "shape": [%d, 3], "datatype": "%s", %s}'
# How rows can be asked about: a path, a text around them, and whether they are a list each.
WORDINGS = {
    "instances": (TFS, '{"instances": %s}', True),
    "inputs": (TFS, '{"inputs":%s}', True),
    "with a signature": (TFS, '{"signature_name": "", "instances": %s}', True),
    "flat": (OIP, '{"inputs": [%s]}', False),
    "nested": (OIP, ' {"inputs":[%s ]}', True),
    "with outputs": (OIP, '{"inputs": [%s], "outputs": [{"name": "y"}]}', False),
    "with parameters": (OIP, '{"parameters": {}, "inputs": [%s]}', True),
}


def worded(wording: str, model: str, rows: list[list[str]]) -> tuple[str, str]:
    """Return the path and the body of a request for rows."""
    path, around, nested = WORDINGS[wording]
    texts = [", ".join(row) for row in rows]
    text = "[" + ", ".join(f"[{row}]" if nested else row for row in texts) + "]"
    if path == OIP:
        datatype = "FP64" if model == "doubles" else "FP32"
        text = TENSOR % (len(rows), datatype, f'"data": {text}')
    return path.format(model), around % text


def ask(
    predict: Caller, model: str, body: str | bytes, path: str = "", **how: Any
) -> tuple[Reply, dict[str, Any]]:
    """Return an answer, and its record without what is another each time."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        reply = predict.post(path or TFS.format(model), body, **how)
    [line] = out.getvalue().split("\n")[:-1]
    record = emf.read(line)
    return reply, {name: value for name, value in record.items() if name not in PASSING}


def knows(model: str, body: str | bytes, verb: str = "predict", length: str | None = None) -> bool:
    """Return whether a request like this one is answered with what another left."""
    content = body.encode() if isinstance(body, str) else body
    found = predict_module.assemble().at_hand(Target(model))
    headers = {} if length is None else {"inference-header-content-length": length}
    known = found and found[1].express.form(HttpRequest("POST", "", headers, content), verb)
    return bool(known and known[0].write(known[1]))


def rows(count: int = 1, value: Any = 0.5) -> str:
    return json.dumps({"instances": [[value, 0.25, 1.0]] * count})


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("model", sorted(ZOO.keys() - {"divided", "cut", "lengthy"}))
def test_form_is_known_once_it_was_answered(predict: Caller, model: str, wording: str) -> None:
    """The second request of a form takes the express, and is answered as the first one was."""
    path, body = worded(wording, model, [["1.0", "0.25", "2.0"]] * 3)

    first = ask(predict, model, body, path)
    assert first[0].status == 200
    assert knows(model, body, "infer" if path.endswith("infer") else "predict")
    assert ask(predict, model, body, path) == first


def in_binary(rows: np.ndarray, more: str = "") -> tuple[bytes, dict[str, str]]:
    """Return an Open Inference request for rows as bytes, and its headers."""
    datatype = "FP32" if rows.dtype == np.float32 else "FP64"
    size = f'"parameters": {{"binary_data_size": {rows.nbytes}}}'
    head = f'{{"inputs": [{TENSOR % (len(rows), datatype, size)}]{more}}}'.encode()
    return head + rows.tobytes(), {"inference-header-content-length": str(len(head))}


BINARY = ', "parameters": {"binary_data_output": true}'


@pytest.mark.parametrize("more", ["", BINARY, ', "outputs": [{"name": "y"}]'])
@pytest.mark.parametrize("model", ["softmax", "doubles", "summed"])
def test_rows_in_binary_are_known_too(predict: Caller, model: str, more: str) -> None:
    """Bytes behind JSON take the express with either answer, and say what they say the long way."""
    dtype = np.float64 if model == "doubles" else np.float32
    for values in ([[0.5, 1, 2]], [[-1e30, 0.0, 1e-40]], [[7, 8, 9]]):
        body, headers = in_binary(np.array(values, dtype), more)
        first = ask(predict, model, body, OIP.format(model), headers=headers)
        assert first[0].status == 200
        assert knows(model, body, "infer", headers["inference-header-content-length"])
        second = ask(predict, model, body, OIP.format(model), headers=headers)
        whole = ask(predict, model, body, OIP.format(model), headers={**headers, **LONG_WAY})
        assert first == second == whole


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bytes_that_json_has_no_number_for_are_answered_as_ever(
    predict: Caller, value: float
) -> None:
    """What is not finite can come in binary: answer and record are those of the long way."""
    for row in ([1, 1, 1], [value, 1, 2]):
        body, headers = in_binary(np.array([row], np.float32), BINARY)
        found = [
            ask(predict, "summed", body, OIP.format("summed"), headers={**headers, **more})
            for more in ({}, LONG_WAY)
        ]
        assert found[0] == found[1]
        assert found[0][0].status == 200


def test_bytes_too_many_or_few_are_refused_as_ever(predict: Caller) -> None:
    """A form in binary is of so many bytes, and of no other header than it was learnt with."""
    rows = np.ones((1, 3), np.float32)
    path = OIP.format("softmax")
    body, headers = in_binary(rows, BINARY)
    assert ask(predict, "softmax", body, path, headers=headers)[0].status == 200
    for wrong in (body[:-4], body + b"1234"):
        assert ask(predict, "softmax", wrong, path, headers=headers)[0].status == 400
    for length in ("1", "9" * 5000, "-1", "x", "\u0661", "\ud800"):
        wrong = {"inference-header-content-length": length}
        assert ask(predict, "softmax", body, path, headers=wrong)[0].status == 400


def test_batch_of_no_rows_is_answered_each_time(predict: Caller) -> None:
    """Nothing is a batch as well, in JSON and in binary, and leaves nothing to be known."""
    body, headers = in_binary(np.empty((0, 3), np.float32), BINARY)
    _, text = worded("flat", "doubles", [])
    for model, asked, more in (("summed", body, headers), ("doubles", text, {})):
        found = [
            ask(predict, model, asked, OIP.format(model), headers={**more, **way})
            for way in ({}, {}, LONG_WAY)
        ]
        assert found[0] == found[1] == found[2]
        assert found[0][0].status == 200


def test_raw_bytes_are_known_by_their_number(predict: Caller) -> None:
    """A request without JSON is a form as well; of another size it goes the long way."""
    headers = {"inference-header-content-length": "0"}
    for count in (1, 1, 2, 1, 3):
        rows = np.arange(3.0 * count, dtype=np.float32)
        found = [
            ask(
                predict, "summed", rows.tobytes(), OIP.format("summed"), headers={**headers, **more}
            )
            for more in ({}, LONG_WAY)
        ]
        assert found[0] == found[1]
        assert found[0][0].status == 200
    assert knows("summed", np.zeros(3, np.float32).tobytes(), "infer", "0")


numbers = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-3, 3, width=32)
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(0, 2)
)
odd = st.sampled_from(
    [
        "true",
        "null",
        '"1"',
        "NaN",
        "[1]",
        "{}",
        "1e400",
        "01",
        "1.",
        "-",
        "1-2",
        "1 2",
        "1e5",
        "-0.0",
    ]
)


@given(
    model=st.sampled_from(sorted(ZOO.keys() - {"lengthy"})),
    wording=st.sampled_from(sorted(WORDINGS)),
    values=st.integers(1, 3).flatmap(
        lambda count: st.lists(
            st.lists(
                st.one_of(numbers.map(json.dumps), numbers.map(json.dumps), odd),
                min_size=3,
                max_size=3,
            ),
            min_size=count,
            max_size=count,
        )
    ),
    request_id=st.text(min_size=1, max_size=9),
    headers=st.sampled_from([{}, {"x-request-id": "mine"}, {"x-hearth-slices": "a=b,c"}]),
)
@example("softmax", "instances", [["1e39", "-1e39", "0.5"]], "id", {})
@example("softmax", "instances", [["18014399583223809", "0", "1"]], "id", {})
@example("softmax", "flat", [["18014399583223809", "0", "1"]], "id", {})
@example("cut", "instances", [["1.0", "0", "0"], ["1.0", "0", "0"]], "id", {})
@settings(max_examples=800)
def test_express_answers_what_the_long_way_does(
    predict: Caller,
    model: str,
    wording: str,
    values: list[list[str]],
    request_id: str,
    headers: dict[str, str],
) -> None:
    """Whatever stands in rows, answer and record are those of a request that is looked at whole."""
    path, like = worded(wording, model, [["1.5", "1.0", "2.0"]] * len(values))
    ask(predict, model, like, path)
    path, body = worded(wording, model, values)

    express, whole = (
        ask(predict, model, body, path, headers={**headers, **more}, request_id=request_id)
        for more in ({}, LONG_WAY)
    )

    assert express == whole


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [[1, 2, 3]]}',
        '{"instances": [1.5, 2, 3]}',
        '{"instances": [{"x": [1.5, 2, 3]}]}',
        '{"instances": [[1.5, 2, 3]], "signature_name": "1"}',
        '{"instances": [[1.5, 2, 3]], "instances": [[1.5, 2, 3]]}',
        '{"\\u0069nstances": [[1.5, 2, 3]], "instances": [[1.5, 2, 3]], "a": []}',
        '{"instances": [[1.5, 2, 3]' + ",[1.5, 2, 3]" * 400 + "]}",
    ],
)
def test_other_bodies_go_the_long_way(predict: Caller, body: str) -> None:
    """Integers alone, rows with names, what is not the rows and long bodies are looked at whole."""
    ask(predict, "softmax", rows())
    ask(predict, "softmax", body)

    assert not knows("softmax", body)


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "1", "inputs": [%s]}',
        '{"inputs": [%s], "inputs": []}',
        '{"inputs": [%s], "outputs": [{"name": "y", "parameters": {"classification": 2}}]}',
    ],
)
def test_other_tensors_go_the_long_way(predict: Caller, body: str) -> None:
    """A caller's own id, which differs each time, and answers of another kind are looked at whole."""
    body %= TENSOR % (1, "FP32", '"data": [1.5, 2, 3]')
    for _ in range(2):
        ask(predict, "softmax", body, OIP.format("softmax"))

    assert not knows("softmax", body, "infer")


def test_tensor_that_is_named_like_its_data_is_read_right(predict: Caller) -> None:
    """Digits in names and shapes are the form's, not the numbers'."""
    path, body = worded("flat", "softmax", [["0.5", "1.5", "2.5"]] * 2)
    ask(predict, "softmax", body, path)
    for wrong in (body.replace("[2, 3]", "[3, 2]"), body.replace('"x"', '"x1"')):
        assert ask(predict, "softmax", wrong, path)[0].status == 400
    assert ask(predict, "softmax", body.replace("0.5", "9.5"), path)[0].status == 200


def test_body_on_the_path_of_the_other_protocol_is_another_form(predict: Caller) -> None:
    """Whatever was learnt of a body on one path, the other reads it as it always does."""
    binary, headers = in_binary(np.ones((1, 3), np.float32))
    asked = [
        (*worded("flat", "softmax", [["0.5", "1.5", "2.5"]]), {}),
        (*worded("instances", "softmax", [["0.5", "1.5", "2.5"]]), {}),
        (OIP.format("softmax"), binary, headers),
    ]
    for path, body, more in asked:
        other = ({TFS, OIP} - {OIP if path.endswith("infer") else TFS}).pop().format("softmax")
        before = ask(predict, "softmax", body, other, headers={**more, **LONG_WAY})
        assert ask(predict, "softmax", body, path, headers=more)[0].status == 200
        for _ in range(2):
            assert ask(predict, "softmax", body, other, headers=more) == before
        assert before[0].status == 400


def test_key_that_looks_alike_without_digits_is_another(predict: Caller) -> None:
    """A form is only what is left of a body: what it is, is read."""
    ask(predict, "softmax", rows())
    reply, _ = ask(predict, "softmax", rows().replace("instances", "inst4ances"))

    assert "Missing 'inputs' or 'instances' key" in reply.error


def test_compressed_body_goes_the_long_way(predict: Caller) -> None:
    """What is not the body's own text is never taken for it."""
    ask(predict, "softmax", rows())
    reply, _ = ask(
        predict, "softmax", gzip.compress(rows().encode()), headers={"content-encoding": "gzip"}
    )
    assert reply.status == 200
    reply, record = ask(predict, "softmax", rows(), headers={"content-encoding": "gzip"})
    assert (reply.status, record["error"]) == (400, "MalformedBody")


def test_long_answer_is_compressed_as_any_other(predict: Caller) -> None:
    """An answer that is worth it goes in the coding that the caller takes."""
    body = json.dumps({"instances": [[0.1, 0.2, 0.3]] * 90})
    _, plain = ask(predict, "lengthy", body), ask(predict, "lengthy", body)
    reply, _ = ask(predict, "lengthy", body, headers={"accept-encoding": "gzip"})

    assert knows("lengthy", body)
    assert gzip.decompress(reply.body) == plain[0].body


def test_direct_invoke_takes_it_too(predict: Caller) -> None:
    """A direct invoke of the same rows is the same request."""
    event = {"route": "/v1/models/softmax:predict", **json.loads(rows())}
    ask(predict, "softmax", rows())

    with contextlib.redirect_stdout(io.StringIO()):
        answer = predict_module.handler(event, events.Context())
    assert answer == json.loads(ask(predict, "softmax", rows())[0].body)


def test_answer_that_json_has_no_number_for_goes_the_long_way(predict: Caller) -> None:
    """Infinity is a bare token, as TensorFlow Serving writes it, the second time too."""
    for _ in range(2):
        reply, record = ask(predict, "divided", rows())
        assert reply.body == b'{"predictions":[[Infinity,Infinity,Infinity]]}'
        assert record["values"] == [["Infinity"] * 3]


def test_rows_that_the_model_refuses_are_told_each_time(predict: Caller) -> None:
    """A failure is told as ever, and the next good request is answered."""
    for _ in range(3):
        assert ask(predict, "picked", rows(2, 1.0))[0].status == 200
        assert ask(predict, "picked", rows(2, 77.0))[1]["error"] in (
            "SignatureMismatch",
            "ModelFailed",
        )


def test_outputs_of_another_shape_than_before_are_answered(predict: Caller) -> None:
    """A model whose rows depend on values is answered right, though a form says otherwise."""
    for count in (2.0, 1.0, 2.0, 3.0):
        body = json.dumps({"instances": [[count, 0.5, 0.25]] * 3})
        reply, _ = ask(predict, "cut", body)
        assert len(reply.json["predictions"]) == count


def test_version_keeps_so_many_forms_and_no_more(predict: Caller) -> None:
    """A caller who makes up forms takes a bounded part of memory."""
    bodies = [rows(count) for count in range(1, 40)]
    for body in bodies:
        ask(predict, "plain", body)

    assert 0 < sum(knows("plain", body) for body in bodies) <= 16
