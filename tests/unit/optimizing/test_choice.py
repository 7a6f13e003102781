"""Which candidate is chosen, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hearth.domain.optimization import OBJECTIVES
from hearth.optimizing.choice import choose
from hearth.optimizing.cost import Assumptions
from hearth.optimizing.judgement import FAILED, PASSED, Fidelity, Judgement
from hearth.optimizing.measurement import Duel, Figures, Latency, Ratio
from hearth.optimizing.report import (
    BEATEN,
    CHOSEN,
    NO_WIN,
    NOT_MADE,
    NOT_MEASURED,
    WRONG,
    Tried,
)
from hypothesis import given
from hypothesis import strategies as st

NOISE = {"latency": 0.05, "cold_start": 0.05, "memory": 0.05, "size": 0.02}
COMPARED = ("latency", "open", "first_run", "cold_start", "memory", "size")
ORIGINAL = Figures(10_000_000, 100.0, 20.0, 200.0, (Latency(1, 1, 40.0, 50.0, 100),), 3)
CLOSE = Fidelity(900, True, False, 1.0, 0.997, 0.01, 0.01)
EQUAL = Fidelity(900, True, True, 1.0, 0.997, 0.0, 0.0)


def tried(
    name: str,
    *,
    verdict: str | None = PASSED,
    fidelity: Fidelity = CLOSE,
    width: float = 0.02,
    others: float = 1.0,
    **ratios: float,
) -> Tried:
    """Return a candidate with ratios to the original; those not given are `others`."""
    values = {what: ratios.get(what, others) for what in COMPARED}
    made = {
        what: Ratio(value, value * (1 - width), value * (1 + width))
        if what != "size"
        else Ratio(value, value, value)
        for what, value in values.items()
    }
    figures = Figures(
        int(ORIGINAL.size_bytes * values["size"]),
        100 * values["open"],
        20 * values["first_run"],
        200 * values["memory"],
        (Latency(1, 1, 40 * values["latency"], 50 * values["latency"], 100),),
        3,
    )
    judgement = (
        None if verdict is None else Judgement(verdict, (f"{name} is {verdict}.",), True, fidelity)
    )
    return Tried(
        name, tuple(name.split("+")), duel=Duel(figures, ORIGINAL, made), judgement=judgement
    )


def chosen(*candidates: Tried, objective: str = "latency", **more: Any) -> str:
    return choose(candidates, ORIGINAL, objective, NOISE, **more).chosen


def outcomes(*candidates: Tried, objective: str = "latency") -> list[str]:
    return [x.outcome for x in choose(candidates, ORIGINAL, objective, NOISE).tried]


def test_best_by_the_objective_is_chosen() -> None:
    """What is fastest is chosen, and the reasons say by how much."""
    made = choose(
        [tried("slow", latency=0.8), tried("fast", latency=0.4)], ORIGINAL, "latency", NOISE
    )
    assert made.chosen == "fast"
    assert [x.outcome for x in made.tried] == [BEATEN, CHOSEN]
    assert made.tried[1].reasons[0] == "Latency is 0.40 of the original's (0.39 to 0.41)."
    assert "fast is passed." in made.tried[1].reasons


@pytest.mark.parametrize("objective", ["latency", "cold_start", "memory", "size"])
def test_each_objective_has_its_own_best(objective: str) -> None:
    """What is chosen depends on what is looked for."""
    rivals = [tried(name, **{name: 0.5}) for name in ("latency", "cold_start", "memory", "size")]
    assert chosen(*rivals, objective=objective) == objective


def test_cost_counts_whole_milliseconds() -> None:
    """Half of 40 ms is cheaper; half of what is billed as one millisecond costs the same."""
    assert chosen(tried("fast", latency=0.5), objective="cost") == "fast"
    quick = replace(ORIGINAL, latencies=(Latency(1, 1, 0.02, 0.03, 100),))
    made = choose([tried("fast", latency=0.5)], quick, "cost", NOISE, Assumptions(handler_ms=0.01))
    assert made.chosen == ""
    assert made.tried[0].outcome == NO_WIN


@pytest.mark.parametrize("value", [1.0, 0.97, 1.2])
def test_original_wins_ties(value: float) -> None:
    """What is not better by more than noise is not chosen."""
    made = choose([tried("same", latency=value)], ORIGINAL, "latency", NOISE)
    assert made.chosen == ""
    assert made.tried[0].outcome == NO_WIN
    assert "not better by more than noise of 5.0%" in made.tried[0].reasons[0]


def test_win_that_is_not_sure_is_none() -> None:
    """The whole interval lies below 1, less noise."""
    assert chosen(tried("wide", latency=0.7, width=0.5)) == ""
    assert chosen(tried("narrow", latency=0.7, width=0.1)) == "narrow"


def test_wrong_candidate_is_never_chosen() -> None:
    """However fast, what failed the gate is out, with the gate's reasons."""
    made = choose(
        [tried("wrong", latency=0.1, verdict=FAILED), tried("right", latency=0.8)],
        ORIGINAL,
        "latency",
        NOISE,
    )
    assert made.chosen == "right"
    assert made.tried[0].outcome == WRONG
    assert made.tried[0].reasons == ("wrong is failed.",)
    assert not made.tried[0].front


def test_what_was_not_judged_or_measured_is_not_chosen() -> None:
    """Without answers, and without a ratio by the objective, there is nothing to choose by."""
    unjudged = tried("unjudged", latency=0.1, verdict=None)
    assert outcomes(unjudged) == [NOT_MEASURED]
    no_ratio = tried("no-ratio", size=0.5)
    assert no_ratio.duel is not None
    no_ratio = replace(no_ratio, duel=replace(no_ratio.duel, ratios={}))
    assert outcomes(no_ratio) == [NOT_MEASURED]


def test_what_was_not_made_stays_as_it_is() -> None:
    """A candidate without a duel keeps its outcome and its reasons."""
    failed = Tried("broken", ("broken",), NOT_MADE, ("It raised.",))
    made = choose([failed, tried("fast", latency=0.5)], ORIGINAL, "latency", NOISE)
    assert made.tried[0] == failed
    assert made.chosen == "fast"


def test_more_faithful_is_chosen_among_equally_fast() -> None:
    """Within noise of the best, equal answers are worth more than a few per cent."""
    near = tried("near", latency=0.40)
    equal = tried("equal+steps", latency=0.41, fidelity=EQUAL)
    made = choose([near, equal], ORIGINAL, "latency", NOISE)
    assert made.chosen == "equal+steps"
    assert (
        "equal+steps is as good within noise of 5.0%, and is more faithful."
        in made.tried[0].reasons
    )


def test_simpler_is_chosen_among_equally_faithful() -> None:
    """Of two that are as fast and as faithful, the one of fewer recipes."""
    made = choose(
        [tried("a+b", latency=0.40), tried("c", latency=0.41)], ORIGINAL, "latency", NOISE
    )
    assert made.chosen == "c"
    assert "made in fewer steps" in made.tried[0].reasons[1]


def test_smaller_is_chosen_among_equally_simple() -> None:
    """Of two that differ in nothing else, the smaller one."""
    assert chosen(tried("a", latency=0.40, size=0.9), tried("b", latency=0.40, size=0.895)) == "b"


def test_candidates_are_compared_as_if_measured_in_the_same_minutes() -> None:
    """A machine that was slow while one was measured slowed the original as much."""
    one = tried("one", latency=0.5)
    assert one.duel is not None
    slowed = replace(ORIGINAL, latencies=(Latency(1, 1, 80.0, 100.0, 100),))
    candidate = replace(one.duel.candidate, latencies=(Latency(1, 1, 40.0, 50.0, 100),))
    other = replace(one, name="other", duel=Duel(candidate, slowed, one.duel.ratios))
    made = choose([one, other], ORIGINAL, "latency", NOISE)
    assert made.tried[0].costs == made.tried[1].costs


def test_costs_are_there_of_all_that_was_measured() -> None:
    """The wrong one's as well: a report shows what it would have cost."""
    made = choose([tried("wrong", verdict=FAILED, latency=0.2)], ORIGINAL, "latency", NOISE)
    assert made.tried[0].costs is not None
    assert made.tried[0].costs.cheapest > 0


def test_front_holds_what_nothing_dominates() -> None:
    """Each is best at something; what is worse in all, and what the original is better than, is not."""
    made = choose(
        [
            tried("fast", latency=0.4),
            tried("small", size=0.3),
            tried("dull", latency=0.6, size=1.0),
            tried("worse", others=1.3),
        ],
        ORIGINAL,
        "latency",
        NOISE,
    )
    assert [x.front for x in made.tried] == [True, True, False, False]
    assert "fast is nowhere worse, and better in latency" in made.tried[2].reasons[1]


@pytest.mark.parametrize("others", [1.0, 0.99, 1.3])
def test_front_holds_nothing_that_is_no_better_than_the_original(others: float) -> None:
    """The original is a point of its own: what is nowhere better by more than noise is none."""
    (found,) = choose([tried("dull", others=others)], ORIGINAL, "latency", NOISE).tried
    assert not found.front


def test_what_a_better_figure_is_paid_with_is_said() -> None:
    """A faster candidate that takes more memory says so."""
    made = choose([tried("fast", latency=0.5, memory=1.5)], ORIGINAL, "latency", NOISE)
    assert "In return memory is 1.50 of the original's." in made.tried[0].reasons


def test_what_is_not_shown_to_win_keeps_no_winner_out() -> None:
    """A candidate that looks better and was measured badly does not stand in a good one's way."""
    unsure = tried("unsure", latency=0.5, size=0.5, width=0.95)
    assert chosen(unsure, tried("sure", latency=0.7)) == "sure"


def test_nothing_is_chosen_of_nothing() -> None:
    """Without candidates, none is chosen."""
    assert choose([], ORIGINAL, "latency", NOISE) == ((), "")


VALUES = st.floats(0.2, 2.0)
RATIOS = st.fixed_dictionaries(dict.fromkeys(COMPARED, VALUES))
CANDIDATES = st.lists(
    st.tuples(RATIOS, st.sampled_from([PASSED, FAILED]), st.sampled_from([CLOSE, EQUAL])),
    min_size=1,
    max_size=6,
)


def named(found: list[tuple[dict[str, float], str, Fidelity]]) -> list[Tried]:
    return [
        tried(f"c{at}", verdict=verdict, fidelity=fidelity, **ratios)
        for at, (ratios, verdict, fidelity) in enumerate(found)
    ]


@given(CANDIDATES, st.sampled_from(OBJECTIVES))
def test_chosen_one_passed_wins_and_is_dominated_by_none(found: Any, objective: str) -> None:
    """What is chosen passed the gate, beats the original, lies on the front, and is the only one."""
    made = choose(named(found), ORIGINAL, objective, NOISE)
    by_name = {x.name: x for x in made.tried}
    assert [x.outcome for x in made.tried].count(CHOSEN) == bool(made.chosen)
    assert all(x.outcome and x.reasons for x in made.tried)
    if not made.chosen:
        assert all(x.outcome in (WRONG, NO_WIN) for x in made.tried)
        return
    best = by_name[made.chosen]
    assert best.judgement is not None
    assert best.judgement.verdict == PASSED
    assert best.front
    assert best.duel is not None
    if objective != "cost":
        assert best.duel.ratios[objective].high < 1 - NOISE[objective]


@given(CANDIDATES, st.sampled_from(OBJECTIVES))
def test_dominated_candidate_is_never_chosen(found: Any, objective: str) -> None:
    """What is worse in all than another that passed is not chosen."""
    rivals = named(found)
    made = choose(rivals, ORIGINAL, objective, NOISE)
    best = next((x for x in rivals if x.name == made.chosen), None)
    if best is None or best.duel is None:
        return
    for other in rivals:
        if other is best or other.judgement is None or other.judgement.verdict != PASSED:
            continue
        assert other.duel is not None
        ours, theirs = best.duel.ratios, other.duel.ratios
        assert not all(theirs[what].value < ours[what].value * 0.93 for what in COMPARED)


@given(CANDIDATES, st.sampled_from(OBJECTIVES), st.integers(0, 5), st.floats(1.0, 3.0))
def test_a_worse_candidate_changes_nothing(
    found: Any, objective: str, at: int, factor: float
) -> None:
    """One more that is nowhere better, or wrong, changes neither the choice nor any outcome."""
    rivals = named(found)
    before = choose(rivals, ORIGINAL, objective, NOISE)
    ratios, verdict, _ = found[at % len(found)]
    worse = tried(
        f"c{at % len(found)}+z",
        verdict=verdict,
        **{what: value * factor for what, value in ratios.items()},
    )
    wrong = tried("y", verdict=FAILED, others=0.1)
    after = choose([*rivals, worse, wrong], ORIGINAL, objective, NOISE)
    assert after.chosen == before.chosen
    assert [x.outcome for x in after.tried[: len(rivals)]] == [x.outcome for x in before.tried]
    assert [x.front for x in after.tried[: len(rivals)]] == [x.front for x in before.tried]


@given(CANDIDATES, st.sampled_from(OBJECTIVES), st.randoms(use_true_random=False))
def test_order_does_not_matter(found: Any, objective: str, random: Any) -> None:
    """The same candidates in another order have the same outcomes."""
    rivals = named(found)
    mixed = list(rivals)
    random.shuffle(mixed)
    one, other = (choose(x, ORIGINAL, objective, NOISE) for x in (rivals, mixed))
    assert one.chosen == other.chosen
    assert {x.name: x for x in one.tried} == {x.name: x for x in other.tried}


@given(st.lists(st.floats(0.96, 1.5), min_size=1, max_size=5), st.sampled_from(OBJECTIVES))
def test_original_stays_where_nothing_is_clearly_better(
    values: list[float], objective: str
) -> None:
    """Candidates within noise of the original, or worse, leave it where it is."""
    rivals = [tried(f"c{at}", others=value) for at, value in enumerate(values)]
    assert chosen(*rivals, objective=objective) == ""
