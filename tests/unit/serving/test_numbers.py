"""Large arrays of numbers, cut out of their document and read into a buffer."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hearth.domain.datatype import BY_NAME
from hearth.domain.errors import BadRequest
from hearth.serving import json_text
from hearth.serving.numbers import WORTHWHILE, Numbers, cut
from hearth.serving.tensors import from_json
from hypothesis import given
from hypothesis import strategies as st

LONG = list(range(1000, 3000))  # some 12,000 characters


def array(text: str, datatype: str = "FP32") -> np.ndarray | None:
    return Numbers(text.encode()).array(BY_NAME[datatype])


def padded(value: Any) -> str:
    """JSON of a value with so much space in its lists that it is cut out."""
    return json.dumps(value).replace("]", " " * WORTHWHILE + "]")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[1]", (1,)),
        ("[1,2,3]", (3,)),
        ("[[1,2,3]]", (1, 3)),
        ("[[1],[2],[3]]", (3, 1)),
        ("[[[1,2]],[[3,4]]]", (2, 1, 2)),
        (" [ [ 1 , 2 ] ,\n[3\t,4 ] ] ", (2, 2)),
        ("[" * 64 + "1" + "]" * 64, (1,) * 64),
    ],
)
def test_shape_is_that_of_the_nesting(text: str, shape: tuple[int, ...]) -> None:
    """Brackets and commas say the shape, whatever space lies between."""
    found = array(text)
    assert found is not None
    assert found.shape == shape


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[[]]",
        "[[],[1,2]]",
        "[[1,2],[3],[4,5,6]]",
        "[1,[2]]",
        "[[1],2]",
        "[[1,2],[3,[4]]]",
        "[[[1]],[2]]",
        "[1,2",
        "[1,2]]",
        "[1,,2]",
        "[1 2]",
        "[1.]",
        "[01]",
        "[1],[2]",
        "[" * 65 + "1" + "]" * 65,
        "[" * 100_000 + "1" + "]" * 100_000,
    ],
)
def test_what_is_no_regular_array_is_left_to_others(text: str) -> None:
    """Ragged, empty, too deep or no JSON: plain reading says what is wrong."""
    assert array(text) is None


@pytest.mark.parametrize(
    "text", ["[1,true]", "[1,null]", '[1,"a"]', "[1,NaN]", "[1,{}]", "[1e400]"]
)
@pytest.mark.parametrize("datatype", ["FP32", "INT32", "UINT8", "BOOL", "BYTES"])
def test_what_is_no_number_is_left_to_others(text: str, datatype: str) -> None:
    """Among numbers stands nothing else."""
    assert array(text, datatype) is None


@pytest.mark.parametrize(
    ("datatype", "low", "high"),
    [
        ("INT8", -128, 127),
        ("UINT8", 0, 255),
        ("INT16", -(2**15), 2**15 - 1),
        ("UINT16", 0, 2**16 - 1),
        ("INT32", -(2**31), 2**31 - 1),
        ("UINT32", 0, 2**32 - 1),
        ("INT64", -(2**63), 2**63 - 1),
        ("UINT64", 0, 2**64 - 1),
    ],
)
def test_integers_are_exact_and_within_their_type(datatype: str, low: int, high: int) -> None:
    """The ends of each type are read exactly; one beyond, or a float, is left to others."""
    found = array(f"[{low},{high}]", datatype)
    assert found is not None
    assert found.tolist() == [low, high]
    assert found.dtype == np.dtype(BY_NAME[datatype].numpy)
    for text in (f"[{low - 1},{high}]", f"[{low},{high + 1}]", "[1.0]"):
        assert array(text, datatype) is None


def test_float_beyond_float32_is_infinity() -> None:
    """As everywhere: beyond the range of a float32 is infinity, far below is zero."""
    found = array("[1e300,-1e300,1e-300,-1e-300]")
    assert found is not None
    assert repr(found.tolist()) == "[inf, -inf, 0.0, -0.0]"


@pytest.mark.parametrize(
    "document",
    [
        {"instances": LONG},
        {"instances": [LONG, LONG]},
        {"signature_name": "a", "inputs": LONG, "other": {"b": [1]}},
        {"inputs": {"a": LONG, "b": [LONG], "c": "text"}},
        {"instances": [{"a": LONG, "b": 1}, {"a": LONG, "b": 2}]},
        {"inputs": [{"name": "x", "shape": [2000], "datatype": "FP32", "data": LONG}]},
        {"inputs": [{"data": LONG, "name": "x"}, {"name": "y", "data": [LONG]}], "id": "1"},
        {"text": "[1,2,3" * 2000, "inputs": LONG},
        {"text": '"' * 3, "inputs": LONG, "\\": "\\\\"},
        LONG,
    ],
)
def test_document_with_what_was_cut_is_the_document(document: Any) -> None:
    """Whatever is cut out and put back reads as the whole would have."""

    def whole(value: Any) -> Any:
        value = json_text.plain(value)
        if isinstance(value, dict):
            return {key: whole(item) for key, item in value.items()}
        return [whole(item) for item in value] if isinstance(value, list) else value

    for text in (json.dumps(document), json.dumps(document, indent=1)):
        assert whole(json_text.loads(text.encode())) == document


def test_large_arrays_are_cut_out() -> None:
    """A long array does not become a list of Python numbers."""
    document = json_text.loads(json.dumps({"instances": [LONG], "b": [1, 2]}).encode())
    assert isinstance(document["instances"], Numbers)
    assert document["b"] == [1, 2]
    assert repr(document["instances"]) == "[a list of 12002 characters]"


@pytest.mark.parametrize(
    "text",
    [
        '{"~numbers~0": 1, "a": %s}',
        '{"a": "~numbers~0", "b": %s}',
        '{"a": "\\u007enumbers~0", "b": %s}',
        '{"a": ["~numbers~1"], "b": %s}',
    ],
)
def test_text_that_looks_like_a_place_is_text(text: str) -> None:
    """A caller cannot make a string of his own stand for an array."""
    body = (text % json.dumps(LONG)).encode()
    found = json_text.loads(body)
    key = "b" if "b" in found else "a"
    assert json_text.plain(found[key]) == LONG
    assert found.get("~numbers~0", 1) == 1


@pytest.mark.parametrize(
    "text", ["{%s: 1}", '{"a" %s}', '{"a": %s, }', '"a%sb', '{"a": "b"%s}', "%s%s"]
)
def test_array_where_none_belongs_is_no_json(text: str) -> None:
    """What is no JSON with a long array in it is none without it either."""
    with pytest.raises(BadRequest):
        json_text.loads(text.replace("%s", json.dumps(LONG)).encode())


def test_document_of_many_strings_is_read_whole() -> None:
    """Where strings are many, looking between all of them would cost more than it gives."""
    text = json.dumps({"a": ["x"] * 5000, "b": LONG}).encode()
    assert cut(text) == (text, [])


@pytest.mark.parametrize("text", ["%s,[5]", "%s oops [5]", "%s]", "[%s"])
def test_array_that_is_not_one_array_is_refused(text: str) -> None:
    """What was cut from the first bracket to the last must be one array, large or small."""
    for numbers in ("[1,2,3]", json.dumps(LONG)):
        body = f'{{"a": {text % numbers}}}'.encode()
        with pytest.raises(BadRequest):
            from_json(json_text.loads(body)["a"], BY_NAME["FP32"], "x")


@given(
    st.recursive(
        st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans()
        | st.none(),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=30,
    ),
    st.sampled_from(["FP32", "FP64", "INT64", "UINT64", "INT8", "BOOL"]),
)
def test_array_that_is_cut_out_is_what_its_list_would_be(value: Any, datatype: str) -> None:
    """The same array, or the same refusal, whichever way a JSON value is read."""

    def outcome(given_: Any) -> tuple[Any, ...]:
        try:
            made = from_json(given_, BY_NAME[datatype], "x")
        except BadRequest as error:
            return (type(error), error.what)
        return made.dtype, made.shape, made.tobytes()

    found = json_text.loads(padded({"a": value}).encode())["a"]
    assert outcome(found) == outcome(value)
