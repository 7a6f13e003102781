"""The registry entry: transitions are pure functions, its document says all of it."""

from __future__ import annotations

import contextlib
import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hearth.domain.errors import HearthError, InvalidDocument, TransitionRefused, UnknownVersion
from hearth.domain.registry_document import from_document, to_document
from hearth.domain.registry_entry import (
    GRADUAL,
    HISTORY_LIMIT,
    MANUAL,
    Actor,
    Figures,
    Policy,
    RegistryEntry,
    assign,
    become_available,
    begin_loading,
    begin_unloading,
    count_rollout,
    end,
    mark_announced,
    previous_split,
    set_policy,
)
from hearth.domain.rollout import Count, Counts, Gradual
from hearth.domain.state import State
from hypothesis import given
from hypothesis import strategies as st

WHO = Actor("test", "2026-11-23T20:00:00.000Z", "because")
FIGURES = Figures(1.0, 2.0, 3.0, 4.0, 5.0, 1769)
DEADLINE = "2026-11-23T20:01:00.000Z"


def loading(entry: RegistryEntry, number: int, attempt: str = "a") -> RegistryEntry:
    return begin_loading(entry, number, attempt, DEADLINE, WHO)


def proven(entry: RegistryEntry, *numbers: int) -> RegistryEntry:
    for number in numbers:
        entry = become_available(loading(entry, number), number, f"sha{number}", FIGURES, WHO)
    return entry


def unloaded(entry: RegistryEntry, number: int) -> RegistryEntry:
    return end(begin_unloading(entry, number, WHO), number, ("OK", ""), WHO)


EMPTY = RegistryEntry("m")
MANUALLY = set_policy(EMPTY, Policy(MANUAL), WHO)


def test_first_available_version_becomes_stable():
    """A model's first proven version is what its callers get."""
    assert proven(EMPTY, 3).labels == {"stable": {3: 1}}


def test_first_available_version_becomes_stable_under_manual_too():
    """There is nothing to protect before the first one."""
    assert proven(MANUALLY, 1).labels == {"stable": {1: 1}}


def test_immediate_moves_stable_to_every_later_version():
    """Under `immediate`, the newest proven version is the stable one."""
    assert proven(EMPTY, 1, 2, 5).labels["stable"] == {5: 1}


def test_immediate_leaves_stable_when_an_older_version_is_proven_late():
    """Events arrive in any order: an older version never displaces a newer one."""
    entry = become_available(proven(loading(EMPTY, 1), 2), 1, "sha1", FIGURES, WHO)
    assert entry.labels["stable"] == {2: 1}
    assert entry.available() == [1, 2]


def test_immediate_compares_with_the_newest_of_a_split():
    """A version between those of a split is older than its newest."""
    entry = assign(proven(EMPTY, 1, 4), "stable", {1: 90, 4: 10}, WHO)
    assert proven(entry, 3).labels["stable"] == {1: 90, 4: 10}
    assert proven(entry, 5).labels["stable"] == {5: 1}


def test_immediate_leaves_stable_to_an_unloaded_newer_version():
    """A version that was taken out of service keeps its label: an older one does not take it."""
    entry = unloaded(proven(loading(EMPTY, 1), 2), 2)
    entry = become_available(entry, 1, "sha1", FIGURES, WHO)
    assert entry.labels["stable"] == {2: 1}


def test_manual_leaves_stable_where_it_is():
    """Under `manual`, only somebody's word moves a label."""
    assert proven(MANUALLY, 1, 2).labels["stable"] == {1: 1}


def test_manual_leaves_stable_even_when_its_version_was_unloaded():
    """Taking a version out of service promotes nobody."""
    assert proven(unloaded(proven(MANUALLY, 1), 1), 2).labels["stable"] == {1: 1}


def test_stable_stays_when_an_old_version_is_loaded_again():
    """Labels move when a version is first proven, not when it is brought back."""
    entry = unloaded(proven(EMPTY, 1, 2), 2)
    entry = assign(entry, "stable", {1: 1}, WHO)
    assert proven(entry, 2).labels["stable"] == {1: 1}


def test_failing_version_moves_no_label():
    """A version that ended while loading leaves every label and every other version alone."""
    before = proven(EMPTY, 1)
    after = end(loading(before, 2), 2, ("DATA_LOSS", "broken"), WHO)
    assert after.labels == before.labels
    assert after.versions[1] == before.versions[1]
    assert (after.versions[2].state, after.versions[2].error_code) == (State.END, "DATA_LOSS")


def test_same_attempt_counts_up_and_another_begins_at_one():
    """Lambda's retries keep their request id: they are counted; another request is not theirs."""
    entry = loading(loading(EMPTY, 1, "a"), 1, "a")
    assert entry.versions[1].attempts == 2
    assert loading(entry, 1, "b").versions[1].attempts == 1


def test_loading_again_forgets_the_error_and_keeps_that_it_was_proven():
    """A new load begins clean, and moves no label of a version that was proven before."""
    entry = loading(end(loading(proven(EMPTY, 1), 2), 2, ("INTERNAL", "x"), WHO), 2)
    assert (entry.versions[2].error_code, entry.versions[2].error_message) == ("OK", "")
    assert loading(unloaded(proven(EMPTY, 1), 1), 1).versions[1].proven


def test_labels_point_at_available_versions_alone():
    """TensorFlow Serving's rule: what is not servable cannot be named."""
    entry = loading(proven(EMPTY, 1), 2)
    with pytest.raises(
        TransitionRefused, match="not currently available for inference: got LOADING"
    ):
        assign(entry, "canary", {2: 1}, WHO)
    with pytest.raises(UnknownVersion, match="Could not find version 9 of model m"):
        assign(entry, "canary", {1: 1, 9: 1}, WHO)
    with pytest.raises(TransitionRefused):
        assign(unloaded(proven(entry, 2), 2), "stable", {2: 1}, WHO)


@pytest.mark.parametrize("split", [{}, {1: 0}, {1: -1}, {1: 1, 2: 0}])
def test_labels_need_weights_of_at_least_one(split):
    """A label that leads nowhere, or nobody to a version, is refused."""
    with pytest.raises(TransitionRefused, match="weights of at least 1"):
        assign(proven(EMPTY, 1, 2), "stable", split, WHO)


def test_rollback_goes_back_to_where_the_label_pointed():
    """The history knows the split before the last move, weights and all."""
    entry = assign(proven(EMPTY, 1, 2), "stable", {1: 90, 2: 10}, WHO)
    entry = assign(entry, "stable", {2: 1}, WHO)
    assert previous_split(entry, "stable") == {1: 90, 2: 10}


def test_rollback_survives_a_promotion_that_was_sent_twice():
    """Promoting what is stable already moves nothing, so the way back stays known."""
    entry = proven(MANUALLY, 1, 2)
    once = assign(entry, "stable", {2: 1}, WHO)
    twice = assign(once, "stable", {2: 1}, WHO)
    assert twice is once
    assert previous_split(twice, "stable") == {1: 1}


def test_rollback_of_one_label_ignores_the_moves_of_others():
    """Each label has its own way back."""
    entry = assign(proven(EMPTY, 1, 2), "canary", {2: 1}, WHO)
    entry = assign(entry, "canary", {1: 1}, WHO)
    assert previous_split(entry, "stable") == {1: 1}
    assert previous_split(entry, "canary") == {2: 1}


def test_rollback_is_refused_where_there_is_nothing_to_go_back_to():
    """A label's first place has none before it."""
    with pytest.raises(TransitionRefused, match="has nowhere to go back to"):
        previous_split(proven(EMPTY, 1), "stable")
    with pytest.raises(TransitionRefused, match="'canary'"):
        previous_split(proven(EMPTY, 1), "canary")


def test_history_keeps_the_latest_changes_alone():
    """The history is bounded: the entry is read on every cold predict."""
    entry = proven(EMPTY, 1)
    for number in range(3 * HISTORY_LIMIT):
        entry = assign(entry, f"label-{number}", {1: 1}, WHO)
    assert len(entry.history) == HISTORY_LIMIT
    assert entry.history[-1].what == f"label label-{3 * HISTORY_LIMIT - 1}"


def test_history_says_who_did_what_and_why():
    """Each line has the actor, the time, the change, the reason, and both sides of it."""
    change = assign(proven(EMPTY, 1, 2), "stable", {1: 1}, WHO).history[-1]
    assert (change.who, change.at, change.why) == (WHO.who, WHO.at, WHO.why)
    assert (change.what, change.before, change.after) == ("label stable", {"2": 1}, {"1": 1})


def test_transitions_leave_the_entry_that_they_were_given():
    """An entry never changes: a lost race costs nothing."""
    entry = proven(EMPTY, 1, 2)
    before = copy.deepcopy(to_document(entry))
    assign(entry, "stable", {1: 1}, WHO)
    unloaded(entry, 1)
    mark_announced(entry, 1)
    set_policy(entry, Policy(MANUAL), WHO)
    assert to_document(entry) == before


def test_unload_and_end_keep_the_labels():
    """What a label points at is taken out of service; the label waits for it."""
    entry = unloaded(proven(EMPTY, 1), 1)
    assert entry.labels == {"stable": {1: 1}}
    assert entry.versions[1].state is State.END
    assert entry.versions[1].error_code == "OK"


def test_unknown_policy_is_refused():
    """A rollout is `immediate`, `manual` or `gradual`."""
    with pytest.raises(InvalidDocument, match="immediate or manual or gradual"):
        Policy("sometimes")


def test_document_holds_the_whole_entry():
    """An entry survives its JSON."""
    entry = mark_announced(assign(proven(MANUALLY, 1, 2), "canary", {1: 3, 2: 1}, WHO), 2)
    entry = replace(loading(entry, 3), revision=7)
    assert from_document(json.loads(json.dumps(to_document(entry)))) == entry
    assert from_document(json.loads(json.dumps(to_document(whole())))) == whole()
    # Who has no use for it has nothing of it.
    assert "rollout" not in to_document(entry)
    assert "gradual" not in to_document(entry)["policy"]


def whole() -> RegistryEntry:
    """Return an entry with everything in it: a version that loads, and a rollout under way."""
    gradually = set_policy(EMPTY, Policy(GRADUAL, gradual=Gradual((5, 50))), WHO)
    entry = loading(proven(gradually, 1, 2), 3)
    assert entry.rollout
    return count_rollout(entry, entry.rollout, Counts(Count(3, 1), Count(40)))


DOCUMENT: dict[str, Any] = json.loads(json.dumps(to_document(whole())))


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = (
        value.keys()
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    return [p for key in keys for p in ((*at, key), *paths(value[key], (*at, key)))]


@given(
    path=st.sampled_from(paths(DOCUMENT)),
    wrong=st.sampled_from([None, 5, -1, 1.5, "text", "", [], {}, True, {"a": 1}, [1]]),
    remove=st.booleans(),
)
def test_damaged_document_is_invalid_or_still_an_entry(path, wrong, remove):
    """Whatever becomes of one field, reading gives an entry that works, or InvalidDocument."""
    document = copy.deepcopy(DOCUMENT)
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    if remove:
        del spot[path[-1]]
    else:
        spot[path[-1]] = wrong
    try:
        entry = from_document(document)
    except InvalidDocument:
        return
    to_document(entry)
    with contextlib.suppress(HearthError):
        proven(loading(entry, 3), 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "hearth.registry/2"}, "deploy a Hearth that knows this schema"),
        ({"schema": None}, "unknown schema"),
        ({"model": "../m"}, "model name is not valid"),
        ({"versions": {"0": DOCUMENT["versions"]["1"]}}, "not complete"),
        ({"versions": {"1": {"state": "ASLEEP"}}}, "ASLEEP"),
        ({"labels": {"stable": {"x": 1}}}, "not complete"),
        ({"labels": {"1": {"1": 1}}}, "label is not valid"),
        ({"history": [{"at": 1}]}, "not complete"),
        ({"policy": {"rollout": "later"}}, "immediate or manual"),
        ({"policy": {"optimize": "sometimes"}}, "auto or off or candidates-only"),
        ({"policy": {"gradual": {"steps": [50, 10]}}}, "percents that rise"),
        ({"policy": {"gradual": {"pace": 1}}}, "not complete"),
        ({"rollout": {}}, "not complete"),
        ({"rollout": {**DOCUMENT["rollout"], "since": "now"}}, "not complete"),
        ({"rollout": {**DOCUMENT["rollout"], "since": "2026-11-23"}}, "no time zone"),
    ],
)
def test_document_of_another_kind_says_what_is_wrong(change, words):
    """A document that is no entry is InvalidDocument, in words that name the field."""
    with pytest.raises(InvalidDocument, match=words):
        from_document({**DOCUMENT, **change})


def test_entry_from_before_there_was_optimize_has_its_default():
    """What was written without the policy `optimize` is read as if nobody had said anything."""
    assert from_document({**DOCUMENT, "policy": {"rollout": "manual"}}).policy == Policy(MANUAL)


def test_history_says_what_the_policy_was_and_is():
    """Who switched optimize off, and when, stands beside the moves of labels."""
    change = set_policy(EMPTY, Policy(MANUAL, "off"), WHO).history[-1]
    assert (change.before, change.after) == (
        "immediate, optimize auto",
        "manual, optimize off",
    )
