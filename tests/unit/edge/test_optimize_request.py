"""What asks for a search: every field checked, what is wrong said with what would be right."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from hearth.domain.errors import BadRequest, HearthError, MalformedBody
from hearth.domain.optimization import OBJECTIVES, Wish
from hearth.edge.events import HttpRequest
from hearth.edge.optimize_request import (
    of_fields,
    read_query,
    read_request,
)
from hearth.optimizing import measurement
from hypothesis import given
from hypothesis import strategies as st
from support.description import component


def asked(body: bytes, **headers: str) -> Wish:
    return read_request(
        HttpRequest("POST", "/v2/repository/models/m/optimize", dict(headers), body, "r1")
    )


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_nothing_asks_for_the_defaults(body: bytes) -> None:
    """No body and an empty object are the same wish."""
    assert asked(body) == Wish()


def test_every_field_is_read() -> None:
    """Whole numbers stand for the loss, text for the version, and a recipe named twice is one."""
    body = {"version": "3", "objective": "cost", "max_loss": 0, "recipes": ["graph", "int8-static", "graph"], "batches": [8, 8], "publish": False, "force": True}  # fmt: skip
    assert asked(json.dumps(body).encode()) == Wish(
        3, "cost", 0.0, ("graph", "int8-static"), (8,), False, "r1"
    )


def test_body_may_be_compressed() -> None:
    """As every other body of the API."""
    body = gzip.compress(b'{"version": 2}')
    assert asked(body, **{"content-encoding": "gzip"}).version == 2


def test_objectives_are_what_the_search_can_compare() -> None:
    """The words of the API are the words of the measurement."""
    assert OBJECTIVES == (
        measurement.LATENCY,
        measurement.COLD_START,
        measurement.MEMORY,
        measurement.SIZE,
        measurement.COST,
    )


@pytest.mark.parametrize(
    "body", [b"{", b"null", b"[]", b'"latency"', b"\xff", b"[" * 100_000, b"NaN"]
)
def test_body_that_is_no_object_is_refused(body: bytes) -> None:
    """The error says what would be one."""
    with pytest.raises(MalformedBody, match="expected"):
        asked(body)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("version", 0, "an integer from 1"),
        ("version", -1, "an integer from 1"),
        ("version", 1.0, "an integer from 1"),
        ("version", True, "an integer from 1"),
        ("version", "stable", "an integer from 1"),
        ("version", 2**63, "an integer from 1"),
        ("version", None, "an integer from 1"),
        ("objective", "speed", "one of latency, cold_start, memory, size, cost"),
        ("objective", ["latency"], "one of latency"),
        ("objective", None, "one of latency"),
        ("max_loss", -0.1, "a number from 0 to 1"),
        ("max_loss", 1, "a number from 0 to 1"),
        ("max_loss", "1%", "a number from 0 to 1"),
        ("max_loss", True, "a number from 0 to 1"),
        ("max_loss", float("nan"), "a number from 0 to 1"),
        ("max_loss", 10**400, "a number from 0 to 1"),
        ("recipes", "int8-dynamic", "at most 32 names"),
        ("recipes", ["Int8"], "each like 'int8-dynamic'"),
        ("recipes", [""], "each like 'int8-dynamic'"),
        ("recipes", ["a/b"], "each like 'int8-dynamic'"),
        ("recipes", [3], "each like 'int8-dynamic'"),
        ("recipes", ["a" * 65], "each like 'int8-dynamic'"),
        ("recipes", ["a"] * 33, "at most 32 names"),
        ("force", 1, "true or false"),
        ("force", "yes", "true or false"),
    ],
)
def test_field_of_another_type_is_refused(field: str, value: Any, expected: str) -> None:
    """The error names the field, what stood there, what belongs there, and what to do."""
    with pytest.raises(MalformedBody) as refused:
        of_fields({field: value})
    said = str(refused.value)
    assert said.startswith(f"{field} of a search is not usable: got ")
    assert expected in said.partition(", expected ")[2]
    assert said.endswith("leave it out for the default")
    assert len(said) < 400


def test_unknown_fields_are_refused_all_at_once() -> None:
    """A wish that is misspelt is not taken for the default."""
    with pytest.raises(MalformedBody, match="got 'maxloss', 'wait', expected some of version"):
        of_fields({"wait": True, "maxloss": 0.1, "version": 1})


def test_query_names_a_version_or_none() -> None:
    """The form of the report is for whoever answers it."""
    assert read_query({}) == 0
    assert read_query({"version": ["12"], "format": ["html"]}) == 12


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"id": ["1"]}, "takes no such parameter: got 'id', expected some of version, format"),
        ({"version": ["1", "2"]}, "more than once"),
        ({"version": [""]}, "expected an integer from 1"),
        ({"version": ["-1"]}, "expected an integer from 1"),
        ({"version": ["latest"]}, "expected an integer from 1"),
    ],
)
def test_query_that_cannot_be_meant_is_refused(query: dict[str, list[str]], said: str) -> None:
    """Unknown parameters, and versions that can never exist."""
    with pytest.raises(BadRequest, match=said):
        read_query(query)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_fields = st.dictionaries(
    st.sampled_from(("version", "objective", "max_loss", "recipes", "force")) | st.text(), _json
)


@given(_fields)
def test_any_object_is_a_wish_or_refused(fields: dict[str, Any]) -> None:
    """Nothing that JSON can hold ends in another error; what is taken fits the described schema."""
    with suppress(HearthError):
        of_fields(fields)
        component("OptimizeRequest").validate(fields)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_wish_or_refused(body: bytes) -> None:
    """The same holds for what is no JSON."""
    with suppress(HearthError):
        asked(body)
