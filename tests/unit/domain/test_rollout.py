"""A gradual rollout: step by step, back whole, and over as soon as somebody else decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.errors import InvalidDocument, TransitionRefused
from hearth.domain.registry_entry import (
    GRADUAL,
    IMMEDIATE,
    Actor,
    Figures,
    Policy,
    RegistryEntry,
    abandon_rollout,
    advance_rollout,
    assign,
    become_available,
    begin_loading,
    begin_unloading,
    count_rollout,
    previous_split,
    roll_back,
    set_policy,
)
from hearth.domain.rollout import Count, Counts, Gradual, Rollout

WHO = Actor("test", "2026-11-23T20:00:00.000Z", "because")
LATER = replace(WHO, at="2026-11-23T21:00:00.000Z", why="advance: well")
FIGURES = Figures(1.0, 2.0, 3.0, 4.0, 5.0, 1769)
GRADUALLY = Policy(GRADUAL, gradual=Gradual(steps=(10, 50)))
SEEN = Counts(Count(7, 2, 1), Count(100, 0, 2))


def proven(entry: RegistryEntry, *numbers: int) -> RegistryEntry:
    for number in numbers:
        entry = begin_loading(entry, number, "a", WHO.at, WHO)
        entry = become_available(entry, number, "f" * 64, FIGURES, WHO)
    return entry


def begun(*numbers: int) -> RegistryEntry:
    return proven(RegistryEntry("m", policy=GRADUALLY), *numbers)


def under_way(entry: RegistryEntry) -> Rollout:
    assert entry.rollout is not None
    return entry.rollout


def onward(entry: RegistryEntry) -> RegistryEntry:
    return advance_rollout(entry, under_way(entry), SEEN, LATER)


def test_first_version_has_all_at_once() -> None:
    """There is nothing to compare it with, and nobody else to answer."""
    entry = begun(1)

    assert (entry.labels, entry.rollout) == ({"stable": {1: 1}}, None)


def test_new_version_takes_over_step_by_step() -> None:
    """Each step is one move of the label, in the history with its reason; the last ends it."""
    first = begun(1, 2)
    second = onward(first)
    third = onward(second)

    assert first.labels == {"stable": {1: 9, 2: 1}}
    assert first.rollout == Rollout(2, {1: 1}, 10, WHO.at)
    assert second.labels == {"stable": {1: 1, 2: 1}}
    assert second.rollout == Rollout(2, {1: 1}, 50, LATER.at, SEEN)
    assert (third.labels, third.rollout) == ({"stable": {2: 1}}, None)
    assert [(c.after, c.why) for c in third.history[-2:]] == [
        ({"1": 1, "2": 1}, "advance: well"),
        ({"2": 1}, "advance: well"),
    ]


def test_what_it_takes_over_from_keeps_its_proportions() -> None:
    """Of a split, each version gives up the same part."""
    entry = assign(begun(1, 2), "stable", {1: 3, 2: 1}, WHO)

    assert proven(entry, 3).labels == {"stable": {1: 27, 2: 9, 3: 4}}


def test_rollout_goes_back_to_where_the_label_was() -> None:
    """In one move from any step, whoever asks for it: the job, or somebody at a terminal."""
    for entry in (begun(1, 2), onward(begun(1, 2))):
        for back in (
            abandon_rollout(entry, under_way(entry), LATER),
            roll_back(entry, "stable", LATER),
        ):
            assert (back.labels, back.rollout) == ({"stable": {1: 1}}, None)
    assert previous_split(begun(1, 2), "stable") == {1: 1}


@pytest.mark.parametrize("split", [{1: 1}, {2: 1}, {1: 1, 2: 2}])
def test_whoever_promotes_ends_the_rollout(split: dict[int, int]) -> None:
    """A decision by hand is not taken further, or back, by a job."""
    entry = assign(begun(1, 2), "stable", split, WHO)

    assert (entry.labels["stable"], entry.rollout) == (split, None)


def test_other_labels_leave_it_alone() -> None:
    """A rollout is one of `stable`."""
    entry = begun(1, 2)

    assert assign(entry, "canary", {2: 1}, WHO).rollout == entry.rollout


def test_newer_version_takes_the_place_of_one_on_its_way() -> None:
    """It begins at the first step, and goes back to where the label was before both."""
    entry = proven(onward(begun(1, 2)), 3)

    assert entry.labels == {"stable": {1: 9, 3: 1}}
    assert entry.rollout == Rollout(3, {1: 1}, 10, WHO.at)
    assert entry.history[-1].before == {"1": 1, "2": 1}


def test_older_version_that_is_proven_late_stays_out() -> None:
    """Events arrive in any order."""
    entry = begun(1, 3)

    assert proven(entry, 2).labels == entry.labels
    assert proven(entry, 2).rollout == entry.rollout


def test_version_that_is_loaded_again_begins_no_rollout() -> None:
    """Only the first time moves labels."""
    entry = onward(onward(begun(1, 2)))

    assert proven(entry, 1).rollout is None
    assert proven(entry, 1).labels == {"stable": {2: 1}}


def test_other_policy_leaves_the_split_where_it_is() -> None:
    """Nothing moves by itself any longer, and nothing jumps."""
    entry = set_policy(begun(1, 2), Policy(IMMEDIATE), WHO)

    assert (entry.labels, entry.rollout) == ({"stable": {1: 9, 2: 1}}, None)


def test_other_steps_hold_from_the_next_one_on() -> None:
    """What comes next is the first step above what it has."""
    faster = replace(GRADUALLY, gradual=Gradual(steps=(5, 80)))
    entry = onward(set_policy(begun(1, 2), faster, WHO))

    assert under_way(entry).percent == 80
    assert entry.labels == {"stable": {1: 1, 2: 4}}


@pytest.mark.parametrize(
    "move",
    [
        lambda entry, seen: count_rollout(entry, seen, SEEN),
        lambda entry, seen: advance_rollout(entry, seen, SEEN, WHO),
        lambda entry, seen: abandon_rollout(entry, seen, WHO),
    ],
)
@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda entry: assign(entry, "stable", {2: 1}, WHO),
        onward,
        lambda entry: proven(entry, 3),
        lambda entry: count_rollout(entry, entry.rollout, SEEN),
    ],
)
def test_what_was_decided_on_an_earlier_entry_is_dropped(move: Any, meanwhile: Any) -> None:
    """Two jobs, or a job and a person: the second one finds another rollout and does nothing."""
    entry = begun(1, 2)
    now = meanwhile(entry)

    assert move(now, under_way(entry)) is now


def test_step_needs_what_it_takes_over_from() -> None:
    """A share cannot go to what is not AVAILABLE."""
    entry = begin_unloading(begun(1, 2), 1, WHO)

    with pytest.raises(TransitionRefused, match=r"version 1 .*not currently available"):
        onward(entry)


def test_counts_of_a_step_are_what_came_in_addition() -> None:
    """Totals that were lost and begin anew are no negative counts."""
    assert Count(10, 3, 2).since(Count(4, 1, 0)) == Count(6, 2, 2)
    assert Count(2, 0, 0).since(Count(4, 1, 1)) == Count()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": ()}, "percents that rise"),
        ({"steps": (0, 10)}, "percents that rise"),
        ({"steps": (10, 100)}, "percents that rise"),
        ({"steps": (50, 10)}, "percents that rise"),
        ({"steps": (10, 10)}, "percents that rise"),
        ({"steps": (10, True)}, "percents that rise"),
        ({"steps": ("10",)}, "percents that rise"),
        ({"steps": (10.5,)}, "percents that rise"),
        ({"step_minutes": -1}, "step_minutes .*0 to 10080"),
        ({"step_minutes": 10_081}, "step_minutes"),
        ({"step_minutes": 1.5}, "step_minutes"),
        ({"min_requests": -1}, "min_requests"),
        ({"min_requests": None}, "min_requests"),
    ],
)
def test_policy_that_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    """Steps rise within 1 to 99; times and counts are whole numbers within bounds."""
    with pytest.raises(InvalidDocument, match=words):
        Gradual(**options)


def test_policy_is_told_in_the_history() -> None:
    """Who asked for which steps is kept."""
    entry = set_policy(RegistryEntry("m"), GRADUALLY, WHO)

    assert entry.history[-1].after == entries.told(GRADUALLY)
    assert "10%, 50%; 30 minutes, 100 requests each" in str(entry.history[-1].after)
