"""One candidate, from its making to its figures: make -> answer -> judge -> duel."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hearth.domain.manifest import Tolerance
from hearth.optimizing.answering import answer
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.contender_process import ContenderFailed
from hearth.optimizing.duelling import duel
from hearth.optimizing.gate import Evidence, judge
from hearth.optimizing.how import How
from hearth.optimizing.judgement import PASSED, Judgement
from hearth.optimizing.making import make_apart
from hearth.optimizing.measurement import Duel
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.optimizing.report import NOT_MADE, NOT_MEASURED, Tried
from hearth.optimizing.subject import Subject
from hearth.serving import golden
from hearth.serving.golden import GoldenCase

# What one candidate may take of the time that is left: the others want theirs.
_SHARE = 0.5
# A model that opens and runs at all does so in this time, or a Lambda could not serve it.
_LEAST_S = 5.0
# Pairs of processes in which a candidate is measured that the gate has refused.
_FEWER = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """What candidates are tried on.

    Args:
        subject: The version, its rows and files.
        workspace: Where each candidate gets a folder.
        answers: What the original says to the subject's cases, in their order.
        tolerance: What the gate demands.
        how: How duels are fought.
        memory_mb: What one child process may take.
        seed: For what is drawn at random.
        remaining_s: Seconds that are left for trying.
    """

    subject: Subject
    workspace: Path
    answers: tuple[GoldenCase, ...]
    tolerance: Tolerance
    how: How
    memory_mb: int
    seed: int
    remaining_s: Callable[[], float]

    @property
    def share_s(self) -> float:
        return max(_SHARE * self.remaining_s(), 1.0)

    def folder(self, name: str) -> Path:
        return self.workspace / name

    def evidence(self, candidate: Sequence[GoldenCase]) -> Evidence:
        subject = self.subject
        return Evidence(
            manifest=replace(subject.manifest, tolerance=self.tolerance),
            golden=subject.golden,
            original=self.answers,
            candidate=tuple(candidate),
            target=subject.target,
            source=subject.source,
            unusable=subject.unusable,
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a candidate.

    Args:
        tried: All that is to be told of it.
        candidate: Its files; None where there are none to be published.
        golden: The golden cases with what it answers.
        late: Whether time ran out before it was measured.
    """

    tried: Tried
    candidate: Candidate | None = None
    golden: tuple[GoldenCase, ...] = ()
    late: bool = False

    @property
    def passed(self) -> bool:
        judged = self.tried.judgement
        return judged is not None and judged.verdict == PASSED and self.tried.duel is not None


def attempt(recipes: Sequence[str], bench: Bench) -> Trial:
    """Make a candidate and measure it; what goes wrong with it is a reason in what comes back."""
    name = "+".join(recipes)
    tried = Tried(name, tuple(recipes))
    if bench.remaining_s() < _LEAST_S:
        return Trial(replace(tried, outcome=NOT_MEASURED, reasons=("time ran out",)), late=True)
    try:
        candidate = _make(recipes, bench)
    except RecipeFailed as error:
        shutil.rmtree(bench.folder(name), ignore_errors=True)
        return Trial(replace(tried, outcome=NOT_MADE, reasons=(str(error),)))
    tried = replace(tried, notes=candidate.notes)
    try:
        answers = answers_of(candidate, bench)
        judgement = judge(bench.evidence(answers))
        tried = replace(tried, judgement=judgement)
        tried = replace(tried, duel=_measured(candidate, judgement, bench))
    except ContenderFailed as error:
        late = bench.remaining_s() < _LEAST_S
        return Trial(replace(tried, outcome=NOT_MEASURED, reasons=(str(error),)), late=late)
    return Trial(tried, candidate, tuple(answers[: bench.subject.golden]))


def _make(recipes: Sequence[str], bench: Bench) -> Candidate:
    subject = bench.subject
    folder = bench.folder("+".join(recipes))
    folder.mkdir(parents=True, exist_ok=True)
    work = Work(
        before=subject.original,
        folder=folder,
        signature=subject.manifest.signature,
        calibration=subject.calibration,
        seed=bench.seed,
    )
    # The other process of a duel is not there yet: making may take both shares.
    return make_apart(work, recipes, 2 * bench.memory_mb, bench.share_s)


def answers_of(candidate: Candidate, bench: Bench) -> list[GoldenCase]:
    """Return what a candidate says to the subject's cases."""
    return answered(candidate, bench.subject, bench.workspace, bench.memory_mb, bench.share_s)


def answered(
    candidate: Candidate, subject: Subject, workspace: Path, memory_mb: int, time_limit_s: float
) -> list[GoldenCase]:
    """Return the subject's cases with what a candidate answers.

    Raises:
        ContenderFailed: If it does not.
    """
    path = workspace / f"answers-{candidate.name}.npz"
    answer(candidate, subject.cases, path, memory_mb, time_limit_s)
    try:
        answers = golden.load(path)
    finally:
        path.unlink()
    return [
        GoldenCase(asked.inputs, said.outputs)
        for asked, said in zip(subject.asked, answers, strict=True)
    ]


def _measured(candidate: Candidate, judgement: Judgement, bench: Bench) -> Duel:
    how = bench.how
    if judgement.verdict != PASSED:
        # It will not be chosen: readers want to know what was given up, not to the last digit.
        how = replace(how, processes=_FEWER)
    return duel(bench.subject.original, candidate, bench.subject.timing, how, lambda: bench.share_s)
