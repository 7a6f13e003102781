"""JSON text as the protocols use it."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import MalformedBody, PayloadTooLarge
from hearth.serving import json_text
from hypothesis import given
from hypothesis import strategies as st


def test_loads_takes_nan_and_infinity_as_bare_tokens() -> None:
    """TF Serving and tritonclient write non-finite numbers as bare tokens: they are read."""
    value = json_text.loads(b'{"v": [NaN, Infinity, -Infinity, 1]}')["v"]

    assert math.isnan(value[0])
    assert value[1:] == [math.inf, -math.inf, 1]


def test_loads_takes_numbers_beyond_a_double_for_infinity() -> None:
    """A number too large for a double is infinity, as in TF Serving."""
    assert json_text.loads(b"[1e400, -1e400]") == [math.inf, -math.inf]


@pytest.mark.parametrize("text", [b"", b" ", b"\n\t "])
def test_loads_refuses_an_empty_document_in_words(text: bytes) -> None:
    """An empty body is told to be one."""
    with pytest.raises(MalformedBody, match="The document is empty"):
        json_text.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b'{"a": 1,}',
        b"[1 2]",
        b"nan",
        b"'a'",
        b'{"a": 1} trailing',
        b"\xff\xfe",
        b'["\xff"]',
        b"[\xed\xa0\x80]",
        '["é"]'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"9" * 5000,
    ],
)
def test_loads_refuses_what_is_not_json_in_utf8(text: bytes) -> None:
    """Any other text or encoding is a parse error."""
    with pytest.raises(MalformedBody, match="JSON Parse error"):
        json_text.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'["\\ud800"]',
        b'["\\uDFFF"]',
        b'{"\\udc00\\ud800": 1}',
        b'["\\ud800", NaN]',
        b'[NaN, "\xed\xa0\x80"]',
    ],
)
def test_loads_refuses_half_a_surrogate_pair(text: bytes) -> None:
    """Half a pair is no text: it could be written neither to a model nor into an answer."""
    with pytest.raises(MalformedBody, match="JSON Parse error"):
        json_text.loads(text)


def test_loads_takes_a_whole_surrogate_pair_beside_bare_tokens() -> None:
    """A whole pair is one character, whichever reader takes it."""
    assert json_text.loads(b'["\\ud834\\udd1e"]') == ["𝄞"]
    assert json_text.loads(b'[Infinity, "\\ud834\\udd1e"]')[1] == "𝄞"


@pytest.mark.parametrize("levels", [1_100, 20_000, 500_000])
@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_loads_refuses_deep_nesting(levels: int, before: str, after: str) -> None:
    """Nesting that cannot be read is refused, closed properly or not."""
    text = f"{before * levels}1"
    for whole in (text, text + after * levels):
        with pytest.raises(MalformedBody):
            json_text.loads(whole.encode())


@pytest.mark.parametrize("levels", [10, 100, 500])
def test_loads_takes_nesting_that_people_write(levels: int) -> None:
    """Some hundred levels are no matter, with bare tokens too."""
    for leaf in (b"1", b"NaN"):
        json_text.loads(b"[" * levels + leaf + b"]" * levels)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([0.1, 3, -0.0], np.float32), b"[0.1,3.0,-0.0]"),
        (np.array([0.1, 1e22], np.float64), b"[0.1,1e+22]"),
        (np.array([0.1, 65504, 6e-8], np.float16), b"[0.1,65500.0,6e-08]"),
        (np.array([0.1, np.nan], np.float32), b"[0.1,NaN]"),
        (np.array([np.inf, -np.inf], np.float64), b"[Infinity,-Infinity]"),
        (np.array([[True, False]]), b"[[true,false]]"),
        (np.array([2**64 - 1], np.uint64), b"[18446744073709551615]"),
        (np.array([-(2**63)], np.int64), b"[-9223372036854775808]"),
        (np.array([[], []], np.float32), b"[[],[]]"),
        (np.array(["a", "é\0"], object), '["a","é\\u0000"]'.encode()),
        (np.arange(4, dtype=np.int8).reshape(2, 2).T, b"[[0,2],[1,3]]"),
    ],
)
def test_dumps_writes_arrays_as_nested_lists(array: np.ndarray, text: bytes) -> None:
    """Arrays become nested lists, floats in the digits of their own width."""
    assert json_text.dumps(json_text.array(array)) == text


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("value", "text"), [(0.1, b"0.1"), (3, b"3.0"), (np.nan, b"NaN"), (-np.inf, b"-Infinity")]
)
def test_dumps_writes_scalars_like_elements(dtype: Any, value: float, text: bytes) -> None:
    """An array without dimensions is written as one of its elements would be."""
    assert json_text.dumps(json_text.array(np.array(value, dtype))) == text


@given(st.recursive(st.integers() | st.floats() | st.text(), st.lists))
def test_loads_reads_what_pythons_json_writes(value: Any) -> None:
    """What the standard library writes is read, and means the same, or is refused in words."""
    text = json.dumps(value).encode()
    try:
        got = json_text.loads(text)
    except MalformedBody:
        # Half a surrogate pair, which Python's strings may hold.
        with pytest.raises(UnicodeEncodeError):
            json.dumps(value, ensure_ascii=False).encode()
        return
    assert repr(got) == repr(float_where_beyond_64_bits(value))


def float_where_beyond_64_bits(value: Any) -> Any:
    if isinstance(value, list):
        return [float_where_beyond_64_bits(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


@pytest.mark.parametrize(
    "text",
    [
        b'{"instances":' + b"[" * 1100 + b'"' + b'\\"' * 100_000,
        b'{"instances":' + b"[" * 1100 + b'"' + b"\\" * 200_001,
        b"[" * 1100 + b'"a",' * 100_000,
        b'[Inf, "' + b'\\"' * 100_000,
    ],
)
def test_loads_of_adversarial_text_takes_no_longer_than_its_length(text: bytes) -> None:
    """Ten times the text takes some ten times as long, not a hundred."""

    def seconds(body: bytes) -> float:
        best = math.inf
        for _ in range(3):
            started = time.perf_counter()
            with contextlib.suppress(MalformedBody):
                json_text.loads(body, lenient=True)
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(text) < 40 * seconds(text[: len(text) // 10]) + 0.05


@pytest.mark.parametrize(
    "text", [b"[" + b"[]," * 3_000_000 + b"[]]", b"[" + b'"",' * 9_000_000 + b'""]']
)
def test_loads_refuses_text_that_would_fill_memory(text: bytes) -> None:
    """Small things take many times their text: beyond a number of them the text is not parsed."""
    with pytest.raises(PayloadTooLarge, match="the JSON holds too many"):
        json_text.loads(text)


def test_loads_takes_the_short_infinity_where_tensorflow_serving_does() -> None:
    """`Inf` is `Infinity` for its parser; within a string it is text."""
    text = b'{"v": [Inf, -Inf, Infinity, NaN], "t": "Inf \\" Inf", "Inf": 1}'
    value = json_text.loads(text, lenient=True)
    assert value["v"][:3] == [math.inf, -math.inf, math.inf]
    assert (value["t"], value["Inf"]) == ('Inf " Inf', 1)
    with pytest.raises(MalformedBody):
        json_text.loads(text)


@pytest.mark.parametrize("rest", [b" trailing", b"}", b'{"a": 2}', b"\n[1"])
def test_loads_ignores_what_follows_where_tensorflow_serving_does(rest: bytes) -> None:
    """Its parser stops when the value is done."""
    assert json_text.loads(b' {"a": 1}' + rest, lenient=True) == {"a": 1}
