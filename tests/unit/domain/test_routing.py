"""From what was asked for to the one version that answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hearth.domain.errors import UnknownLabel, UnknownVersion, VersionUnavailable
from hearth.domain.registry_entry import (
    Actor,
    Figures,
    RegistryEntry,
    assign,
    become_available,
    begin_loading,
    begin_unloading,
    end,
)
from hearth.domain.routing import Target, choose, resolve
from hypothesis import given
from hypothesis import strategies as st

WHO = Actor("test", "2026-11-23T20:00:00.000Z")
SPLITS = st.dictionaries(st.integers(1, 99), st.integers(1, 1000), min_size=1, max_size=5)


def entry_of(*numbers: int) -> RegistryEntry:
    entry = RegistryEntry("m")
    for number in numbers:
        entry = begin_loading(entry, number, "a", "", WHO)
        entry = become_available(entry, number, f"sha{number}", Figures(*[0.0] * 5, 0), WHO)
    return entry


def unloaded(entry: RegistryEntry, number: int) -> RegistryEntry:
    return end(begin_unloading(entry, number, WHO), number, ("OK", ""), WHO)


def test_request_without_version_or_label_goes_to_stable():
    """`stable` is the default route, and the answer says why."""
    route = resolve(entry_of(1, 2), Target("m"), "key")
    assert (route.version, route.label, route.why) == (2, "stable", "label")
    assert route.manifest_sha256 == "sha2"


def test_request_for_a_version_gets_exactly_that_one():
    """A version that was asked for is not replaced by a newer one."""
    route = resolve(entry_of(1, 2), Target("m", version=1), "key")
    assert (route.version, route.label, route.why) == (1, "", "version")


def test_request_for_a_label_goes_where_it_points():
    """Any label is a route."""
    entry = assign(entry_of(1, 2), "canary", {1: 1}, WHO)
    assert resolve(entry, Target("m", label="canary"), "key").version == 1


def test_unknown_label_names_those_that_exist():
    """A label that the entry lacks is told from one that leads nowhere."""
    with pytest.raises(UnknownLabel, match=r"Unrecognized servable version label: beta.*'stable'"):
        resolve(entry_of(1), Target("m", label="beta"), "")


def test_unknown_version_is_told_from_one_that_is_not_loaded():
    """No such version, and not now, are two answers."""
    entry = unloaded(entry_of(1, 2), 1)
    with pytest.raises(UnknownVersion):
        resolve(entry, Target("m", version=3), "")
    with pytest.raises(VersionUnavailable, match="version 1 cannot be served now: got END"):
        resolve(entry, Target("m", version=1), "")


def test_stable_without_any_version_is_unavailable():
    """A model that was never proven exists, and cannot answer yet."""
    with pytest.raises(VersionUnavailable, match="no version was ever AVAILABLE"):
        resolve(RegistryEntry("m"), Target("m"), "")


def test_label_on_versions_that_are_all_unloaded_is_unavailable():
    """A label does not fall back to a version that it does not name."""
    entry = unloaded(entry_of(1, 2), 2)
    with pytest.raises(VersionUnavailable, match="label 'stable'"):
        resolve(entry, Target("m"), "")


def test_split_leaves_out_a_version_that_is_not_available():
    """The rest of a split carries what an unloaded version would have had."""
    entry = unloaded(assign(entry_of(1, 2), "stable", {1: 1, 2: 99}, WHO), 2)
    assert {resolve(entry, Target("m"), str(key)).version for key in range(50)} == {1}


def test_split_says_that_it_was_one():
    """A prediction's record tells a split from a plain label."""
    entry = assign(entry_of(1, 2), "stable", {1: 50, 2: 50}, WHO)
    assert resolve(entry, Target("m"), "key").why == "split"


@given(split=SPLITS, key=st.text())
def test_split_always_gives_the_same_version_to_the_same_key(split, key):
    """Routing is sticky: a caller does not flip between versions."""
    assert choose(split, key) == choose(dict(reversed(list(split.items()))), key)
    assert choose(split, key) in split


@given(split=SPLITS, more=st.integers(1, 1000), key=st.text())
def test_raising_the_newest_weight_moves_callers_only_towards_it(split, more, key):
    """A canary that grows takes callers; it never shuffles those of other versions."""
    newest = max(split)
    raised = {**split, newest: split[newest] + more}
    assert choose(raised, key) >= choose(split, key)


@given(weight=st.integers(1, 99), more=st.integers(1, 99), key=st.text())
def test_raising_a_canary_beside_one_version_keeps_its_callers(weight, more, key):
    """Who was on the canary stays on it when its share grows."""
    if choose({1: 100, 2: weight}, key) == 2:
        assert choose({1: 100, 2: weight + more}, key) == 2


def test_split_shares_callers_as_its_weights_say():
    """Over many keys, 90 to 10 is 90 to 10."""
    seen = Counter(choose({1: 90, 2: 10}, f"m/stable/{key}") for key in range(20_000))
    assert 0.09 < seen[2] / 20_000 < 0.11


def test_split_is_cut_anew_for_each_label_and_model():
    """Who is in one canary is not thereby in every other."""

    def newest(model: str, label: str) -> set[int]:
        entry = replace(entry_of(1, 2), model=model)
        entry = assign(entry, label, {1: 50, 2: 50}, WHO)
        target = Target(model, label=label)
        return {key for key in range(500) if resolve(entry, target, str(key)).version == 2}

    one = newest("a", "stable")
    for other in (newest("b", "stable"), newest("a", "canary")):
        assert 0.35 < len(one & other) / len(one) < 0.65
