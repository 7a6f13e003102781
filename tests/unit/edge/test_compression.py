"""gzip and deflate, both ways."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hearth.domain.errors import MalformedBody, PayloadTooLarge, UnsupportedCoding
from hearth.edge.answers import Answer
from hearth.edge.compression import deflated, inflated
from hearth.edge.events import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

TEXT = b'{"predictions":[' + b"0.1234567,1.5," * 200 + b"0]}"


def asking(accept: str) -> HttpRequest:
    return HttpRequest("POST", "/", {"accept-encoding": accept}, b"")


@given(st.binary(max_size=300), st.sampled_from(["gzip", "x-gzip", "deflate", "GZIP", " gzip "]))
def test_body_is_inflated_by_its_coding(body: bytes, coding: str) -> None:
    """What was compressed comes out as it was."""
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body)
    assert inflated(packed, {"content-encoding": coding}) == body


@pytest.mark.parametrize(
    "headers", [{}, {"content-encoding": "identity"}, {"content-encoding": ""}]
)
def test_body_without_a_coding_is_itself(headers: dict[str, str]) -> None:
    """Nothing to do is nothing done: the same object."""
    assert inflated(TEXT, headers) is TEXT


def test_gzip_files_may_follow_one_another() -> None:
    """So does RFC 1952 have it."""
    packed = gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b")
    assert inflated(packed, {"content-encoding": "gzip"}) == b"ab"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, deflate", "gzip;q=1", "é"])
def test_other_codings_are_refused_by_name(coding: str) -> None:
    """What cannot be read says so, and what could be."""
    with pytest.raises(UnsupportedCoding, match="expected gzip, deflate or identity"):
        inflated(b"x", {"content-encoding": coding})


@pytest.mark.parametrize("cut", [0, 1, 5, -1, -8])
def test_compressed_body_that_ends_early_is_refused(cut: int) -> None:
    """Half a body is none."""
    for coding, packed in (("gzip", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT))):
        with pytest.raises(MalformedBody):
            inflated(packed[:cut], {"content-encoding": coding})


def test_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """The limit counts what comes out."""
    packed = gzip.compress(b"0" * 1000)
    assert len(inflated(packed, {"content-encoding": "gzip"}, 1000)) == 1000
    with pytest.raises(PayloadTooLarge, match="at most 999 bytes"):
        inflated(packed, {"content-encoding": "gzip"}, 999)


def test_bomb_takes_no_more_memory_than_the_limit() -> None:
    """What would be a gigabyte is stopped at the limit, in one gzip file or in many."""
    for bomb in (gzip.compress(b"0" * (64 << 20), 9), gzip.compress(b"0" * (1 << 20)) * 64):
        tracemalloc.start()
        with pytest.raises(PayloadTooLarge):
            inflated(bomb, {"content-encoding": "gzip"}, 4 << 20)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate", "gzip"),
        ("deflate;q=1.0, gzip;q=0.5", "deflate"),
        ("gzip;q=0, deflate;q=0.1", "deflate"),
        ("br, gzip;q=0.1", "gzip"),
        ("gzip ; q=0.5, deflate; q=0.9", "deflate"),
        ("GZIP", "gzip"),
    ],
)
def test_answer_takes_the_coding_that_is_accepted(accept: str, coding: str) -> None:
    """The best of the two by the caller's weights; the headers say which, and that it may vary."""
    answer = deflated(Answer(200, TEXT), asking(accept))
    assert answer.headers["Content-Encoding"] == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.binary
    assert inflated(answer.body, {"content-encoding": coding}) == TEXT


@pytest.mark.parametrize("accept", ["", "identity", "*", "br", "gzip;q=0", "gzip;q=x", ",,;q="])
def test_answer_is_left_as_it_is_where_no_coding_is_accepted(accept: str) -> None:
    """Nobody gets what he did not ask for."""
    answer = Answer(200, TEXT)
    assert deflated(answer, asking(accept)) is answer


def test_answer_that_would_not_shrink_is_left_as_it_is() -> None:
    """Small answers and noise travel as they are, and nobody tries a second time."""
    small = Answer(200, b"{}")
    assert deflated(small, asking("gzip")) is small
    noise = Answer(200, random.Random(1).randbytes(5000), {}, binary=True)
    tried = deflated(noise, asking("gzip"))
    assert (tried.body, tried.headers) == (noise.body, {"Vary": "Accept-Encoding"})
    assert deflated(tried, asking("gzip")) is tried


def test_answer_is_deflated_once() -> None:
    """What has a coding has it."""
    once = deflated(Answer(200, TEXT), asking("gzip"))
    assert deflated(once, asking("gzip")) is once


def test_body_of_too_many_gzip_files_is_refused() -> None:
    """Each file in a row costs a copy of what follows: a hundred are enough."""
    with pytest.raises(MalformedBody, match="too many gzip files"):
        inflated(gzip.compress(b"") * 101, {"content-encoding": "gzip"})
