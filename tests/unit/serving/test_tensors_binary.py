"""Binary tensor data to arrays, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.domain.datatype import BY_NAME, DATATYPES
from hearth.domain.errors import BadRequest, MalformedBody, SignatureMismatch
from hearth.serving.tensors import from_bytes, to_bytes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

FIXED = [datatype.name for datatype in DATATYPES if datatype.size]


def decode(raw: bytes, datatype: str, shape: tuple[int, ...]) -> np.ndarray:
    return from_bytes(memoryview(raw), BY_NAME[datatype], shape, "x")


def element(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return len(raw).to_bytes(4, "little") + raw


@pytest.mark.parametrize("datatype", FIXED)
@pytest.mark.parametrize("offset", [0, 1, 3, 16, 24, 160])
def test_binary_is_viewed_where_it_is_aligned(datatype: str, offset: int) -> None:
    """The array reads the body where it lies; a copy is made where kernels would compute otherwise.

    The last bits of a sum depend on alignment: an answer may not depend on how long the JSON was.
    """
    size = BY_NAME[datatype].size
    body = b"{" * offset + b"\1" + bytes(6 * size - 1)
    whole = np.frombuffer(body, np.uint8)
    address = whole.__array_interface__["data"][0] + offset

    array = from_bytes(memoryview(body)[offset:], BY_NAME[datatype], (2, 3), "x")

    assert np.shares_memory(array, whole) == (address % 16 == 0)
    assert array.__array_interface__["data"][0] % 16 == 0
    assert array.tobytes() == body[offset:]
    assert array.shape == (2, 3)
    assert array.dtype == np.dtype(BY_NAME[datatype].numpy)


@pytest.mark.parametrize("datatype", FIXED)
@pytest.mark.parametrize("difference", [-1, 1])
def test_binary_refuses_a_wrong_number_of_bytes(datatype: str, difference: int) -> None:
    """The bytes fill the shape exactly; the message has both numbers."""
    size = BY_NAME[datatype].size * 6
    with pytest.raises(MalformedBody, match=f"got {size + difference}, expected {size}"):
        decode(bytes(size + difference), datatype, (2, 3))


@pytest.mark.parametrize("datatype", [*FIXED, "BYTES"])
@pytest.mark.parametrize("shape", [(2**40, 2**40), (2**62,), (2**20, 2**20, 2**20, 2**20)])
def test_binary_refuses_huge_shapes_without_allocating(
    datatype: str, shape: tuple[int, ...]
) -> None:
    """A shape that no memory could hold is compared with the bytes that came, not allocated."""
    with pytest.raises(MalformedBody, match="another number of"):
        decode(b"", datatype, shape)


@pytest.mark.parametrize("datatype", [*FIXED, "BYTES"])
@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0)])
def test_binary_of_zero_size_is_an_empty_array(datatype: str, shape: tuple[int, ...]) -> None:
    """No bytes are a tensor with a dimension of 0, and such a tensor is no bytes."""
    array = decode(b"", datatype, shape)

    assert (array.shape, array.dtype) == (shape, np.dtype(BY_NAME[datatype].numpy))
    assert len(to_bytes(array)) == 0


@pytest.mark.parametrize("byte", [2, 127, 255])
def test_binary_refuses_booleans_that_are_neither_0_nor_1(byte: int) -> None:
    """A BOOL byte is 0 or 1: any other is a value that no C++ boolean may hold."""
    with pytest.raises(MalformedBody, match=r"no boolean.*0 or 1"):
        decode(bytes([0, 1, byte]), "BOOL", (3,))


def test_binary_strings_are_length_prefixed() -> None:
    """Each BYTES element is its length in 32 little-endian bits, and its UTF-8."""
    raw = element("a") + element("") + element("größe\0") + element("𝄞")

    array = decode(raw, "BYTES", (2, 2))

    assert array.tolist() == [["a", ""], ["größe\0", "𝄞"]]
    assert bytes(to_bytes(array)) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"\1",
        b"\1\0\0",
        b"\1\0\0\0",
        element("abc")[:-1],
        element("abc") + b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xffabc",
    ],
)
def test_binary_strings_refuse_to_end_within_an_element(raw: bytes) -> None:
    """A length that reaches beyond the data is refused, wherever it stands."""
    with pytest.raises(MalformedBody, match="ends within element"):
        decode(raw, "BYTES", (3,))


@pytest.mark.parametrize(("count", "shape"), [(1, (2,)), (3, (2,)), (1, (0,)), (0, (1,))])
def test_binary_strings_refuse_another_number_of_elements(
    count: int, shape: tuple[int, ...]
) -> None:
    """As many elements as the shape has, neither more nor fewer."""
    with pytest.raises(MalformedBody, match="another number of elements"):
        decode(element("a") * count, "BYTES", shape)


def test_binary_strings_refuse_what_is_not_utf8() -> None:
    """ONNX strings are UTF-8: other bytes are refused instead of changed."""
    with pytest.raises(SignatureMismatch, match="not UTF-8"):
        decode(element(b"\xff"), "BYTES", (1,))


def test_binary_of_an_array_that_is_not_contiguous_is_row_major() -> None:
    """A transposed array is written in the order of its own indices."""
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T

    assert bytes(to_bytes(array)) == array.copy(order="C").tobytes()


def test_binary_of_a_contiguous_array_is_not_copied() -> None:
    """Outputs go into the body from where ONNX Runtime put them."""
    array = np.arange(6, dtype=np.float32)

    assert np.shares_memory(np.frombuffer(to_bytes(array), np.uint8), array)


any_array = st.sampled_from(FIXED).flatmap(
    lambda name: st.tuples(
        st.just(name),
        arrays.arrays(
            np.dtype(BY_NAME[name].numpy),
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        ),
    )
)


@given(any_array)
def test_binary_round_trip_is_bit_for_bit(case: tuple[str, np.ndarray]) -> None:
    """Every bit survives: the payloads of NaN and the sign of zero too."""
    datatype, array = case

    got = decode(bytes(to_bytes(array)), datatype, array.shape)

    assert got.tobytes() == array.tobytes()
    assert (got.dtype, got.shape) == (array.dtype, array.shape)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_binary_round_trip_keeps_every_string(values: list[str]) -> None:
    """Any text survives, NUL and beyond the basic plane too."""
    array = np.array([*values, None], object)[:-1]

    assert decode(bytes(to_bytes(array)), "BYTES", (len(values),)).tolist() == values


@given(
    st.binary(max_size=40),
    st.sampled_from(sorted(BY_NAME)),
    st.lists(st.integers(0, 2**24), max_size=3).map(tuple),
)
def test_binary_gives_an_array_or_a_bad_request(
    raw: bytes, datatype: str, shape: tuple[int, ...]
) -> None:
    """Whatever bytes come, they become the declared array or the caller's error."""
    try:
        array = decode(raw, datatype, shape)
    except BadRequest:
        return
    assert array.shape == shape
