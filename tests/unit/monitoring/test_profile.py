"""Profiles: counts of records that add up, and documents that are checked."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hearth.domain import binning
from hearth.domain.baseline import Baseline, Watched
from hearth.domain.distribution import CATEGORY, Feature, count
from hearth.domain.errors import InvalidDocument
from hearth.monitoring.profile import (
    MOST_SLICES,
    Known,
    Profile,
    from_body,
    outcomes_of,
    profile_of,
    to_body,
)
from hearth.monitoring.records import Place
from hypothesis import given
from hypothesis import strategies as st
from support import watched

AT = 1_795_469_952_833
PLACE = Place("2026-11-23T21", "m", 1)
AGE = binning.numeric("age", list(range(100)))
CITY = Feature("city", CATEGORY, values=("Rome", "Oslo"))
SECRET = Feature("secret", CATEGORY, masked=True)
KNOWN = Known(
    "d" * 64,
    Baseline(
        rows=100,
        features=tuple(Watched(f, count(f, ())) for f in (AGE, CITY, SECRET)),
        outputs=tuple(
            Watched(f, count(f, ()))
            for f in (
                binning.category("predicted", ["cat", "dog"]),
                binning.numeric("score", [0.0, 0.5, 1.0]),
            )
        ),
    ),
)


def records(*some: dict[str, Any]) -> list[dict[str, Any]]:
    return [orjson.loads(watched.record(at=AT, **more)) for more in some]


def test_profile_counts_features_outputs_and_slices() -> None:
    """Each captured row in a bin; a masked feature in none."""
    found = profile_of(
        records(
            {"features": [[5, "Rome", None], [-1, "Bonn", None]], "predicted": ["cat", "dog"]},
            {"features": [[None, None, None]], "scores": [[0.2, 0.8]], "slices": {"region": "eu"}},
        ),
        KNOWN,
        PLACE,
    )

    age, city, secret = found.features
    assert (sum(age.bins), age.below, age.missing) == (1, 1, 1)
    assert (city.bins, city.unseen, city.missing) == ((1, 0), 1, 1)
    assert secret.total == 0
    assert [counts.total for counts in found.outputs] == [2, 1]
    assert found.slices == {"region": {"eu": 1}}
    assert (found.unmatched, found.baseline) == (0, KNOWN.digest)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"scores": [[0.25, 0.75], [1, 0]]}, {"score": [0.75, 1]}),
        ({"scores": [["NaN", 0.5], [], ["NaN"]]}, {"score": [0.5, None, None]}),
        ({"top": [[["cat", 0.9], ["dog", 0.1]], []]}, {"score": [0.9, None]}),
        ({"predicted": ["cat", None]}, {"predicted": ["cat", None]}),
        ({"values": [[1.5], [2]]}, {"value": [1.5, 2]}),
        ({"values": [[1, 2], [3, 4]]}, {"value": [1, 3], "value[1]": [2, 4]}),
        ({"scores": 7, "top": None, "values": [3], "predicted": {"a": 1}}, {}),
        ({"top": [[7]], "scores": [None]}, {"score": [None, None]}),
    ],
)
def test_outcomes_are_the_class_its_score_and_the_values(
    more: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Under the names that a baseline's outputs have."""
    found = outcomes_of(records(more))
    assert {name: list(column) for name, column in found.items() if len(column)} == expected or (
        more.get("predicted") == {"a": 1} and not found["score"]
    )


def test_without_a_baseline_rows_are_unmatched() -> None:
    """Traffic is counted, and so is how many rows wait for a baseline."""
    found = profile_of(records({"features": [[1], [2]], "predicted": ["a"]}), Known(), PLACE)
    assert (found.traffic.requests, found.features, found.outputs) == (1, (), ())
    assert found.unmatched == 2


INTEGERS = st.integers(-(2**63), 2**64 - 1)
CELL = st.none() | st.booleans() | st.text() | st.floats() | INTEGERS | st.lists(st.none())
ROW = st.lists(CELL, max_size=4) | CELL


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(ROW, max_size=4) | ROW
            for name in ("features", "predicted", "scores", "top", "values", "slices")
        },
    )
)
def test_lines_of_another_make_no_error(odd: dict[str, Any]) -> None:
    """Whatever stands in a line, its profile can be made, written down and read again."""
    line = orjson.dumps({"_aws": {"Timestamp": AT}, **odd})
    found = profile_of([orjson.loads(line)], KNOWN, PLACE, ("a",))

    assert found.traffic.requests == 1
    assert from_body(to_body(found), PLACE) == found


def test_profiles_of_one_baseline_add_up() -> None:
    """Two batches together are the profile of all their records."""
    some = records({"features": [[1, "Rome", None]], "slices": {"a": "x"}}, {"values": [[1]]})
    others = records({"features": [[99, "Oslo", None]], "slices": {"a": "x", "b": "y"}})
    parts = profile_of(some, KNOWN, PLACE, ("s",)) + profile_of(others, KNOWN, PLACE, ("o",))
    assert parts == profile_of([*some, *others], KNOWN, PLACE, ("o", "s"))
    assert Profile(PLACE, baseline=KNOWN.digest) + parts == parts


def test_profiles_of_two_baselines_do_not_add_up() -> None:
    """Their bins are not the same."""
    with pytest.raises(ValueError, match="two baselines"):
        profile_of([], KNOWN, PLACE) + profile_of([], Known(), PLACE)


def test_slices_that_callers_make_up_are_bounded() -> None:
    """So many names, and so many values of each; the rest is counted together."""
    given_ = records(*({"slices": {f"n{n}": "v", "user": f"u{n}"}} for n in range(300)))
    found = profile_of(given_, KNOWN, PLACE).slices
    assert len(found) == MOST_SLICES
    assert sum(found["user"].values()) == 300
    assert len(found["user"]) == 100


WHOLE = orjson.loads(
    to_body(profile_of(records({"features": [[1, "Rome", None]]}), KNOWN, PLACE, ("a",)))
)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "hearth.profile/2"},
        {"model": "other"},
        {"version": "1"},
        {"version": True},
        {"hour": None},
        {"sources": [1]},
        {"sources": None},
        {"baseline": None},
        {"traffic": []},
        {"traffic": {"requests": -1}},
        {"features": [{"bins": [1.5]}]},
        {"features": [{"bins": [1], "below": -1}]},
        {"features": [{"bins": [1], "sum": None}]},
        {"features": [{}]},
        {"features": 7},
        {"outputs": None},
        {"slices": {"a": {"b": -1}}},
        {"slices": {"a": 1}},
        {"slices": None},
        {"unmatched": -1},
        {"unmatched": 0.5},
    ],
)
def test_document_that_is_no_profile_is_refused(change: dict[str, Any]) -> None:
    """Counts that cannot have been counted are added to nothing."""
    with pytest.raises(InvalidDocument, match="profile of m version 1"):
        from_body(orjson.dumps(WHOLE | change), PLACE)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 5000])
def test_bytes_that_are_no_document_are_refused(body: bytes) -> None:
    """One error in words, whatever lies there."""
    with pytest.raises(InvalidDocument, match="profile of m version 1"):
        from_body(body, PLACE)


def test_missing_member_is_refused() -> None:
    """A profile has all its members."""
    for name in WHOLE:
        with pytest.raises(InvalidDocument):
            from_body(orjson.dumps({k: v for k, v in WHOLE.items() if k != name}), PLACE)
