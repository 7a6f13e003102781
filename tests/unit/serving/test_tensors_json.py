"""JSON values to arrays, and back."""

from __future__ import annotations

import base64
import json
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hearth.domain.datatype import BY_NAME
from hearth.domain.errors import BadRequest, MalformedBody, SignatureMismatch
from hearth.serving import json_text
from hearth.serving.tensors import from_json
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

INTEGERS = ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"]
FLOATS = ["FP32", "FP64"]
NUMBERS = [*INTEGERS, *FLOATS]


def decode(value: Any, datatype: str) -> np.ndarray:
    return from_json(value, BY_NAME[datatype], "x")


def same(got: np.ndarray, want: np.ndarray) -> bool:
    """Whether two arrays hold the same values: NaN is NaN, and zeros keep their signs."""
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    if got.dtype.kind != "f":
        return bool((got == want).all())
    numbers = ~np.isnan(want)
    return bool(
        np.array_equal(got, want, equal_nan=True)
        and (np.signbit(got) == np.signbit(want))[numbers].all()
    )


@pytest.mark.parametrize("datatype", NUMBERS)
def test_json_gives_the_wanted_dtype_and_the_shape_of_the_nesting(datatype: str) -> None:
    """Integers become an array of the input's own type, shaped as their lists are."""
    array = decode([[1, 2, 3], [4, 5, 6]], datatype)

    assert array.dtype == np.dtype(BY_NAME[datatype].numpy)
    assert array.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("datatype", FLOATS)
def test_json_takes_integers_for_floats(datatype: str) -> None:
    """A JSON integer may stand for a float, among floats as well."""
    assert decode([1, 2.5, -3], datatype).tolist() == [1.0, 2.5, -3.0]


@pytest.mark.parametrize("datatype", INTEGERS)
@pytest.mark.parametrize("value", [1.0, 1.5, [1, 2.0], [[1e3]]])
def test_json_refuses_floats_for_integers(datatype: str, value: Any) -> None:
    """A JSON float never stands for an integer, not even a whole one."""
    with pytest.raises(SignatureMismatch, match="not of expected type") as caught:
        decode(value, datatype)
    assert caught.value.expected == datatype


@pytest.mark.parametrize("datatype", ["BOOL", *NUMBERS])
@pytest.mark.parametrize("value", ["1", ["a"], [None], None, {}, {"b64": "AQ=="}, [{"a": 1}]])
def test_json_refuses_what_is_neither_number_nor_boolean(datatype: str, value: Any) -> None:
    """Text, null and objects stand for no number, and the message shows the first of them."""
    with pytest.raises(SignatureMismatch, match="not of expected type"):
        decode(value, datatype)


@pytest.mark.parametrize("datatype", NUMBERS)
def test_json_refuses_booleans_for_numbers(datatype: str) -> None:
    """True is not 1."""
    with pytest.raises(SignatureMismatch, match="got True"):
        decode([True, False], datatype)


@pytest.mark.parametrize("value", [0, 1, [1, 0], [0.0], ["true"]])
def test_json_refuses_numbers_for_booleans(value: Any) -> None:
    """1 is not true."""
    with pytest.raises(SignatureMismatch, match="not of expected type"):
        decode(value, "BOOL")


def test_json_takes_booleans_for_booleans() -> None:
    """A BOOL tensor is made of true and false."""
    assert decode([[True], [False]], "BOOL").tolist() == [[True], [False]]


@pytest.mark.parametrize("datatype", INTEGERS)
def test_json_takes_the_extremes_of_an_integer_type_together(datatype: str) -> None:
    """The least and the greatest value fit, exactly, in one tensor."""
    limits = np.iinfo(BY_NAME[datatype].numpy)

    assert decode([limits.min, 0, limits.max], datatype).tolist() == [limits.min, 0, limits.max]


@pytest.mark.parametrize("datatype", [name for name in INTEGERS if "64" not in name])
def test_json_refuses_integers_one_beyond_their_type(datatype: str) -> None:
    """A value out of range is refused, never wrapped around."""
    limits = np.iinfo(BY_NAME[datatype].numpy)
    for value in (limits.min - 1, limits.max + 1):
        with pytest.raises(SignatureMismatch, match="out of range") as caught:
            decode([0, value], datatype)
        assert str(value) in str(caught.value)
        assert str(limits.max) in str(caught.value.expected)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [("INT64", 2**63), ("INT64", [2**63, 1]), ("UINT64", -1), ("INT64", [2**63, -1])],
)
def test_json_refuses_integers_beyond_64_bits(datatype: str, value: Any) -> None:
    """64-bit types have their limits too, whatever numpy makes of the mixture."""
    with pytest.raises(SignatureMismatch):
        decode(value, datatype)


def test_json_keeps_uint64_exact_beside_small_integers() -> None:
    """No integer is rounded on its way: numpy alone would make floats of these."""
    values = [2**64 - 1, 2**63 + 1, 5]

    assert decode(values, "UINT64").tolist() == values


def test_json_overflow_of_float32_is_infinity() -> None:
    """Beyond float32 is infinity and below it is zero with its sign, as in TF Serving."""
    array = decode([1e39, -1e39, 1e-60, -1e-60], "FP32")

    assert array.tolist() == [math.inf, -math.inf, 0.0, 0.0]
    assert np.signbit(array).tolist() == [False, True, False, True]


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_json_refuses_half_precision(datatype: str) -> None:
    """Half precision has no JSON form; the message says what to do instead."""
    with pytest.raises(SignatureMismatch, match=f"{datatype}.*use the binary data format"):
        decode([1.0], datatype)


@pytest.mark.parametrize("datatype", ["BOOL", *NUMBERS])
@pytest.mark.parametrize(("value", "shape"), [([], (0,)), ([[], []], (2, 0)), ([[[]]], (1, 1, 0))])
def test_json_empty_lists_give_empty_arrays(datatype: str, value: Any, shape: Any) -> None:
    """A list without elements is a tensor with a dimension of 0, of the wanted type."""
    array = decode(value, datatype)

    assert (array.shape, array.dtype) == (shape, np.dtype(BY_NAME[datatype].numpy))


@pytest.mark.parametrize("datatype", [*NUMBERS, "BYTES"])
def test_json_scalar_gives_rank_zero(datatype: str) -> None:
    """A value without a list is a tensor without dimensions."""
    value = "a" if datatype == "BYTES" else 7
    array = decode(value, datatype)

    assert array.shape == ()
    assert array.tolist() == value


@pytest.mark.parametrize("datatype", ["FP32", "INT64", "BOOL"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2], [3]], "element 1: Expecting tensor size: 2 but got: 1"),
        ([[1, 2], [3, 4], 5], "element 2: Expecting tensor size: 2 but got: 1"),
        ([[1, 2], [[3, 4]]], r"element 1: Expecting shape \[2\] but got: \[1,2\]"),
        ([[[1], [2, 3]]], "lists of one level hold both values and lists, or differ in length"),
        ([[], [1]], "element 1: Expecting tensor size: 0 but got: 1"),
    ],
)
def test_json_refuses_ragged_lists(datatype: str, value: Any, message: str) -> None:
    """Lists of one level are equally long; the message names the first that is not."""
    with pytest.raises(SignatureMismatch, match=message):
        decode(value, datatype)


@pytest.mark.parametrize(
    "value", [[["a", "b"], ["c"]], [["a"], "b"], ["a", ["b"]], [[], ["a"]], [[["a"], ["b", "c"]]]]
)
def test_json_refuses_ragged_strings(value: Any) -> None:
    """Strings follow the same rule as numbers."""
    with pytest.raises(SignatureMismatch, match=r"ragged|not a string"):
        decode(value, "BYTES")


@pytest.mark.parametrize("datatype", ["FP32", "INT64", "BYTES"])
@pytest.mark.parametrize("levels", [65, 990, 20_000])
def test_json_refuses_more_dimensions_than_an_array_has(datatype: str, levels: int) -> None:
    """However deep lists nest, the answer is a refusal."""
    value: Any = "a" if datatype == "BYTES" else 1
    for _ in range(levels):
        value = [value]
    with pytest.raises(SignatureMismatch, match="nest deeper than 64 levels"):
        decode(value, datatype)


def test_json_strings_come_as_text_or_base64() -> None:
    """A string is written as it is, or as base64 of its UTF-8."""
    value = [["plain", {"b64": base64.b64encode("größe".encode()).decode()}], ["", "a\0b\0"]]

    assert decode(value, "BYTES").tolist() == [["plain", "größe"], ["", "a\0b\0"]]


@pytest.mark.parametrize("value", [1, 1.5, True, None, {"b64": 1}, {"b64": "YQ==", "a": 1}, {}])
def test_json_refuses_what_is_no_string(value: Any) -> None:
    """Numbers and other objects are no strings."""
    with pytest.raises(SignatureMismatch, match="not a string"):
        decode([value], "BYTES")


@pytest.mark.parametrize("text", ["YQ", "Y Q==", "YQ==!", "é", "YQ===", "-_8="])
def test_json_refuses_malformed_base64(text: str) -> None:
    """Base64 is checked strictly: standard alphabet, right padding, nothing between."""
    with pytest.raises(MalformedBody, match="Unable to base64 decode a value of tensor 'x'"):
        decode([{"b64": text}], "BYTES")


def test_json_refuses_base64_of_bytes_that_are_no_text() -> None:
    """ONNX strings are UTF-8: other bytes are refused instead of changed."""
    with pytest.raises(SignatureMismatch, match="not UTF-8"):
        decode([{"b64": base64.b64encode(b"\xff\xfe").decode()}], "BYTES")


def test_refusal_message_does_not_grow_with_the_value() -> None:
    """A message shows the beginning of what was sent, not all of it."""
    with pytest.raises(SignatureMismatch) as caught:
        decode(["a" * 1_000_000], "FP32")
    assert len(str(caught.value)) < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=12,
)


@given(value=json_values, datatype=st.sampled_from(sorted(BY_NAME)))
def test_json_gives_an_array_of_its_type_or_a_bad_request(value: Any, datatype: str) -> None:
    """Whatever JSON comes, it becomes an array of the datatype or the caller's error."""
    try:
        array = decode(value, datatype)
    except BadRequest:
        return
    assert array.dtype == np.dtype(BY_NAME[datatype].numpy)


numeric_arrays = st.sampled_from(["BOOL", *NUMBERS]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        arrays.arrays(
            np.dtype(BY_NAME[name].numpy),
            arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        ),
    )
)


@given(numeric_arrays)
def test_json_round_trip_keeps_every_value(case: tuple[str, np.ndarray]) -> None:
    """An array written as JSON and read again is the same, value by value, NaN and -0.0 too."""
    datatype, array = case
    given_ = json_text.array(array)
    value = json_text.loads(json_text.dumps({"v": given_}))["v"]

    got = decode(value, datatype)

    # Where the outermost size is 0, JSON has no place for those within.
    assert got.size == array.size
    assert same(got.reshape(array.shape), array)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5),
)
def test_json_round_trip_keeps_every_string(values: list[str]) -> None:
    """Any text survives, NUL and beyond the basic plane too."""
    text = json_text.dumps({"v": np.array([*values, None], object)[:-1]})

    assert decode(json_text.loads(text)["v"], "BYTES").tolist() == values


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_json_writes_float32_with_its_shortest_digits(values: list[float]) -> None:
    """Each float32 is written with the digits that tell it from its neighbours and no more."""
    array = np.array(values, np.float32)

    tokens = json.loads(json_text.dumps(json_text.array(array)), parse_float=str)

    for value, token in zip(array, tokens, strict=True):
        assert np.float32(token) == value
        assert len(digits(token)) <= len(digits(np.format_float_scientific(value)))


def digits(number: str) -> str:
    """Return a number's significant digits."""
    mantissa = number.lower().split("e")[0].replace(".", "").replace("-", "")
    return mantissa.strip("0") or "0"


@pytest.mark.parametrize("datatype", INTEGERS)
def test_whole_floats_stand_for_integers_where_that_is_allowed(datatype: str) -> None:
    """Some clients have no integers: 7.0 is 7, to the ends of the type; 7.5 stays refused."""
    limits = np.iinfo(BY_NAME[datatype].numpy)
    last = min(limits.max, 2**53 - 1)
    for value in ([7.0], [[1, 2.0], [0.0, 3]], [float(max(limits.min, -(2**53)))], [last, 1.0]):
        array = from_json(value, BY_NAME[datatype], "x", coerce=True)
        assert array.tolist() == np.array(value).astype(np.int64).tolist()
        assert array.dtype == np.dtype(BY_NAME[datatype].numpy)
    for value in (
        [7.5],
        [-(2.0**64)],
        [2.0**60],
        [math.nan],
        [math.inf],
        [1e300],
        [float(limits.max) * 4],
        [True, 2.0],
    ):
        with pytest.raises(SignatureMismatch):
            from_json(value, BY_NAME[datatype], "x", coerce=True)


def test_zero_and_one_stand_for_booleans_where_that_is_allowed() -> None:
    """0, 1, 0.0 and 1.0 are false and true; anything else is no boolean."""
    for value in ([0, 1], [0.0, 1.0]):
        assert from_json(value, BY_NAME["BOOL"], "x", coerce=True).tolist() == [False, True]
    for value in ([2], [0.5], [-1], [math.nan], ["1"], [True, 1]):
        with pytest.raises(SignatureMismatch):
            from_json(value, BY_NAME["BOOL"], "x", coerce=True)


@pytest.mark.parametrize("datatype", NUMBERS)
@pytest.mark.parametrize("value", [[True, 2], [2, True], [[1, 2], [3, False]], [1.5, True]])
def test_json_refuses_booleans_among_numbers(datatype: str, value: Any) -> None:
    """Among numbers true is not 1 either, and the message shows it."""
    with pytest.raises(SignatureMismatch, match=r"not of expected type|got (True|False)"):
        decode(value, datatype)


@pytest.mark.parametrize("levels", [32, 33, 64])
@pytest.mark.parametrize("datatype", ["UINT32", "INT64"])
def test_float_in_many_levels_of_lists_is_refused(levels: int, datatype: str) -> None:
    """However deep a wrong value lies, the answer is the same."""
    value: Any = 1.5
    for _ in range(levels):
        value = [value]
    for coerce in (False, True):
        with pytest.raises(SignatureMismatch, match="not of expected type"):
            from_json(value, BY_NAME[datatype], "x", coerce=coerce)


@pytest.mark.parametrize("coerce", [False, True])
@pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
def test_integers_are_exact_beside_anything(datatype: str, coerce: bool) -> None:
    """No integer passes through a float: what is beyond the type is refused, not rounded."""
    low, high = (0, 2**64 - 1) if datatype == "UINT64" else (-(2**63), 2**63 - 1)
    exact = from_json([high, low, 2**53 + 1], BY_NAME[datatype], "x", coerce=coerce)
    assert exact.tolist() == [high, low, 2**53 + 1]
    if coerce:
        mixed = from_json([2**53 + 1, 1.0], BY_NAME[datatype], "x", coerce=True)
        assert mixed.tolist() == [2**53 + 1, 1]
    for text in (f"[{low - 1}]", f"[{high + 1}]", f"[{low - 1}, {high}]", f"[1.0, {high + 1}]"):
        with pytest.raises(SignatureMismatch):
            from_json(json_text.loads(text.encode()), BY_NAME[datatype], "x", coerce=coerce)


def test_text_among_numbers_takes_no_memory_for_its_length() -> None:
    """One long string makes no array as wide as it is."""
    tracemalloc.start()
    for value in (["a" * 1000] + [""] * 200_000, [["a" * 10_000_000], [1] * 900]):
        with pytest.raises(SignatureMismatch, match="not of expected type"):
            decode(value, "FP32")
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "datatype", "shown"),
    [
        ([True, 1], "BOOL", "got 1,"),
        ([1, True], "INT8", "got True,"),
        ([[1], ["a"]], "FP32", "'a'"),
    ],
)
def test_message_shows_the_value_that_is_wrong(value: Any, datatype: str, shown: str) -> None:
    """Not the first value, but the first that does not belong."""
    with pytest.raises(SignatureMismatch, match=shown):
        decode(value, datatype)
