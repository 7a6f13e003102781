"""Choosing the candidate that is better by the objective, and right; or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from hearth.optimizing.cost import Assumptions
from hearth.optimizing.judgement import Judgement
from hearth.optimizing.measurement import SIZE, Figures, Ratio
from hearth.optimizing.report import BEATEN, CHOSEN, NO_WIN, NOT_MEASURED, WRONG, Tried
from hearth.optimizing.rival import Rival, noise_of, rival

_WORDS = {"cold_start": "cold start", "first_run": "the first run", "open": "opening"}


class Choice(NamedTuple):
    """All candidates with what became of them, and the name of the chosen one; "" for none."""

    tried: tuple[Tried, ...]
    chosen: str


def choose(
    tried: Sequence[Tried],
    original: Figures,
    objective: str,
    noise: Mapping[str, float],
    assumptions: Assumptions | None = None,
) -> Choice:
    """Return what becomes of each candidate, and which one is chosen.

    Only what passed the gate, is better than the original by more than noise, and is dominated by
    none such can be chosen. Of those within noise of the best, the more faithful one is, then the
    simpler, then the smaller.

    Args:
        tried: Candidates; those without a duel keep their outcome.
        original: Its figures, to which all ratios apply.
        objective: One of `domain.optimization.OBJECTIVES`.
        noise: Half the width within which the original differs from itself, by what is compared.
        assumptions: Behind the costs.
    """
    known = assumptions or Assumptions()
    rivals = {x.name: rival(x, x.duel, original, noise, known) for x in tried if x.duel}
    passed = [one for one in rivals.values() if one.passed]
    front = [
        one
        for one in passed
        if one.better() and not any(other.dominates(one, objective) for other in passed)
    ]
    chosen = _best([one for one in front if one.wins(objective)], objective)
    made = []
    for one in tried:
        if one.name not in rivals:
            made.append(one)
            continue
        found = rivals[one.name]
        outcome, reasons = _outcome(found, chosen, objective)
        costs, on_front = found.costs, found in front
        made.append(replace(one, outcome=outcome, reasons=reasons, costs=costs, front=on_front))
    return Choice(tuple(made), chosen.tried.name if chosen else "")


def _best(winners: Sequence[Rival], objective: str) -> Rival | None:
    if not winners:
        return None
    best = min(one.ratios[objective].value for one in winners)
    near = [
        one
        for one in winners
        if one.ratios[objective].value <= best * (1 + noise_of(one.noise, objective))
    ]
    return min(near, key=lambda one: (*_merit(one), one.ratios[objective].value, one.tried.name))


def _merit(one: Rival) -> tuple[tuple[bool, float, float], int, float]:
    """Return how unfaithful, how complicated and how large it is, in that order of weight."""
    size = one.ratios.get(SIZE)
    return (
        _unfaithful(one.tried.judgement),
        len(one.tried.recipes),
        size.value if size is not None else 1.0,
    )


def _unfaithful(judgement: Judgement | None) -> tuple[bool, float, float]:
    """Return how far answers are off, so coarsely that what is left of it matters."""
    found = judgement.fidelity if judgement is not None else None
    if found is None:
        return True, 1.0, 1.0
    agreement = 1.0 if found.agreement is None else found.agreement
    return not found.equivalent, round(1 - agreement, 3), round(found.spread_error, 2)


def _outcome(one: Rival, chosen: Rival | None, objective: str) -> tuple[str, tuple[str, ...]]:
    judgement, ratio = one.tried.judgement, one.ratios.get(objective)
    if judgement is None:
        return NOT_MEASURED, ("Its answers were not judged.",)
    if not one.passed:
        return WRONG, judgement.reasons
    if ratio is None:
        return NOT_MEASURED, (f"Its {_word(objective)} is not known.",)
    if not one.wins(objective):
        noise = noise_of(one.noise, objective)
        said = f"{_told(objective, ratio)}: not better by more than noise of {noise:.1%}."
        return NO_WIN, (said,)
    if chosen is None or one is chosen:
        return CHOSEN, (f"{_told(objective, ratio)}.", *_in_return(one), *judgement.reasons)
    return BEATEN, (f"{_told(objective, ratio)}.", _why_beaten(one, chosen, objective))


def _word(name: str) -> str:
    """Return what is compared, in words.

    Example:
        >>> _word("cold_start"), _word("latency@8x1")
        ('cold start', 'latency of 8 rows with 1 thread(s)')
    """
    if "@" in name:
        batch, _, threads = name.partition("@")[2].partition("x")
        return f"latency of {batch} rows with {threads} thread(s)"
    return _WORDS.get(name, name)


def _told(name: str, ratio: Ratio) -> str:
    word = _word(name)
    return (
        f"{word[0].upper()}{word[1:]} is {ratio.value:.2f} of the original's "
        f"({ratio.low:.2f} to {ratio.high:.2f})"
    )


def _in_return(one: Rival) -> list[str]:
    """Return what a better figure is paid with."""
    worse = [
        f"{_word(name)} is {ratio.value:.2f} of the original's"
        for name, ratio in sorted(one.ratios.items())
        if ratio.low > 1 + noise_of(one.noise, name)
    ]
    return [f"In return {', '.join(worse)}."] if worse else []


def _why_beaten(one: Rival, chosen: Rival, objective: str) -> str:
    name, noise = chosen.tried.name, noise_of(one.noise, objective)
    value, best = one.ratios[objective].value, chosen.ratios[objective].value
    if chosen.dominates(one, objective):
        better = ", ".join(map(_word, chosen.better(one)))
        return f"{name} is nowhere worse, and better in {better}."
    if value > best * (1 + noise):
        return f"{name} is better: there it is {best:.2f}."
    ours, theirs = _merit(one), _merit(chosen)
    words = ("more faithful", "made in fewer steps", "smaller")
    at = next((at for at in range(len(words)) if ours[at] != theirs[at]), None)
    why = "comes first" if at is None else f"is {words[at]}"
    return f"{name} is as good within noise of {noise:.1%}, and {why}."
