"""The search itself: every candidate beside the original, in order of promise, while time lasts."""

from __future__ import annotations

import platform
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearth.domain.manifest import Tolerance
from hearth.domain.optimization import Wish
from hearth.optimizing import gate
from hearth.optimizing.choice import choose
from hearth.optimizing.cost import Assumptions
from hearth.optimizing.costing import costs
from hearth.optimizing.duelling import duel
from hearth.optimizing.how import How
from hearth.optimizing.measurement import LATENCY, Duel, Figures, Latency
from hearth.optimizing.noise import noise
from hearth.optimizing.plan import combine, plan
from hearth.optimizing.report import (
    BEATEN,
    NO_WIN,
    NOT_MADE,
    NOT_MEASURED,
    WRONG,
    Progress,
    Report,
)
from hearth.optimizing.searches import Held
from hearth.optimizing.subject import Subject
from hearth.optimizing.trial import Bench, Trial, answered, attempt
from hearth.optimizing.truth import metric
from hearth.serving.memory import resident_mb
from hearth.serving.session import processors

SEED = 20
# What this process needs beside its children, and the sandbox's own share.
_RESERVE_MB = 96
_BECAME = {
    NO_WIN: "no better",
    WRONG: "refused by the gate",
    NOT_MADE: "could not be made",
    NOT_MEASURED: "not measured",
    BEATEN: "beaten",
}


@dataclass(slots=True)
class Looking:
    """A search that goes on.

    Args:
        held: Where it is stored.
        subject: What is to become better.
        workspace: Where candidates lie.
        memory_mb: The function's memory size.
        serving_memory_mb: Predict's.
        remaining_s: Seconds that are left for trying.
        trials: What was tried.
    """

    held: Held
    subject: Subject
    workspace: Path
    memory_mb: int
    serving_memory_mb: int
    remaining_s: Callable[[], float]
    trials: list[Trial] = field(default_factory=list)

    @property
    def report(self) -> Report:
        return self.held.search.report

    @property
    def wish(self) -> Wish:
        return self.held.search.wish

    def say(self, **known: Any) -> None:  # noqa: ANN401 (fields of a report)
        """Store what has become known."""
        self.held.write(replace(self.report, **known))

    def step(self, doing: str) -> None:
        self.say(progress=replace(self.report.progress, doing=doing))

    def done(self, trial: Trial) -> None:
        self.trials.append(trial)
        progress = self.report.progress
        self.say(
            tried=tuple(one.tried for one in self.trials),
            progress=replace(progress, done=progress.done + 1, doing=""),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: a winner, or why there is none.

    Args:
        report: All that was measured.
        why: A sentence.
        winner: None where the original stays.
        nothing: Whether there was nothing to try.
    """

    report: Report
    why: str
    winner: Trial | None = None
    nothing: bool = False


def look(looking: Looking) -> Found:
    """Try what may help, in order of promise, and choose.

    Raises:
        ContenderFailed: If the original itself cannot be run.
    """
    subject, only = looking.subject, looking.wish.recipes
    plans = plan(subject.inspection, calibration=subject.calibration is not None, only=only)
    limits = _tolerance(looking)
    looking.say(
        inspection=subject.inspection,
        skipped=plans.skipped,
        limits={"metric": metric(subject.manifest), "max_loss": f"{limits.max_loss:g}"},
        notes=tuple(_missing(subject)),
    )
    if plans.nothing:
        return Found(looking.report, plans.nothing, nothing=True)
    looking.say(progress=Progress(0, len(plans.candidates) + 1))
    bench = _bench(looking)
    itself = _itself(looking, bench)
    _try(plans.candidates, looking, bench)
    passed = [one.tried.recipes for one in _best_first(looking)]
    made = [one.tried.recipes for one in looking.trials]
    more = combine(subject.inspection, passed, made, only)
    looking.say(progress=replace(looking.report.progress, steps=1 + len(made) + len(more)))
    _try(more, looking, bench)
    return _chosen(looking, itself)


def _missing(subject: Subject) -> Iterator[str]:
    """Yield what a publisher could give to let more be found."""
    if subject.unusable:
        yield f"the evaluation set cannot be used: {subject.unusable}"
    elif subject.source != gate.EVALUATION:
        yield "there is no evaluation set: accuracy is not measured, and fidelity decides"
    if subject.source == gate.GOLDEN:
        yield "there are no rows but golden cases: only what answers the same can pass"


def _tolerance(looking: Looking) -> Tolerance:
    found, asked = looking.subject.manifest.tolerance, looking.wish.max_loss
    return found if asked is None else replace(found, max_loss=asked)


def _bench(looking: Looking) -> Bench:
    """Return what candidates are tried on, with the original's answers."""
    looking.step("running the original on its cases")
    subject = looking.subject
    # Two processes hold a model each while they are measured.
    left_mb = looking.memory_mb - resident_mb() - _RESERVE_MB
    original = answered(
        subject.original, subject, looking.workspace, int(left_mb), looking.remaining_s()
    )
    return Bench(
        subject=subject,
        workspace=looking.workspace,
        answers=tuple(original),
        tolerance=_tolerance(looking),
        how=_how(looking, int(left_mb / 2)),
        memory_mb=int(left_mb / 2),
        seed=SEED,
        remaining_s=looking.remaining_s,
    )


def _how(looking: Looking, memory_mb: int) -> How:
    serving, here = processors(looking.serving_memory_mb), processors(looking.memory_mb)
    batches = (1, *looking.wish.batches) if looking.subject.manifest.signature.batched else (1,)
    return How(
        batches=tuple(dict.fromkeys(batches)),
        threads=tuple(dict.fromkeys((serving, 1, here))),
        memory_mb=memory_mb,
    )


def _itself(looking: Looking, bench: Bench) -> Duel:
    """Measure the original beside itself: what differs then is noise."""
    looking.step("measuring the original beside itself")
    original, timing = bench.subject.original, bench.subject.timing
    found = duel(original, original, timing, bench.how, lambda: bench.share_s)
    progress = looking.report.progress
    looking.say(
        original=found.original,
        noise=noise(found),
        progress=replace(progress, done=progress.done + 1),
    )
    return found


def _try(candidates: Iterable[Sequence[str]], looking: Looking, bench: Bench) -> None:
    for recipes in candidates:
        looking.step("+".join(recipes))
        looking.done(attempt(recipes, bench))


def _best_first(looking: Looking) -> list[Trial]:
    """Return what passed the gate, by what was looked for, as far as it is known already."""

    def ratio(trial: Trial) -> float:
        ratios = trial.tried.duel.ratios if trial.tried.duel else {}
        found = ratios.get(looking.wish.objective) or ratios.get(LATENCY)
        return found.value if found else 1.0

    return sorted((one for one in looking.trials if one.passed), key=ratio)


def _chosen(looking: Looking, itself: Duel) -> Found:
    duels = [itself, *(one.tried.duel for one in looking.trials if one.tried.duel)]
    original = original_figures(duels)
    assumptions = Assumptions(architecture=_architecture())
    tried = [one.tried for one in looking.trials]
    objective, noise_ = looking.wish.objective, looking.report.noise
    choice = choose(tried, original, objective, noise_, assumptions)
    report = replace(
        looking.report,
        tried=choice.tried,
        chosen=choice.chosen,
        original=original,
        original_costs=costs(original, assumptions),
        assumptions=assumptions,
        notes=(*looking.report.notes, *_late(looking.trials)),
    )
    winner = next((one for one in looking.trials if one.tried.name == choice.chosen), None)
    return Found(report, _why(report), winner)


def _why(report: Report) -> str:
    """Return in a sentence or two why a candidate was chosen, or why none was."""
    chosen = next((one for one in report.tried if one.name == report.chosen), None)
    if chosen:
        return f"{chosen.name}: {' '.join(chosen.reasons)}"
    counted = Counter(one.outcome for one in report.tried)
    listed = ", ".join(f"{count} {_BECAME[name]}" for name, count in counted.most_common())
    what = report.objective.replace("_", " ")
    said = f"No candidate is right and better in {what} than the original by more than noise"
    return f"{said}: {listed}."


def _late(trials: Sequence[Trial]) -> Iterator[str]:
    late = [one.tried.name for one in trials if one.late]
    if late:
        yield f"time ran out before these were measured: {', '.join(late)}"


def _architecture() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def original_figures(duels: Sequence[Duel]) -> Figures:
    """Return the original's figures over all duels: the median of each."""
    all_ = [one.original for one in duels]

    def median(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in all_))

    return Figures(
        size_bytes=all_[0].size_bytes,
        open_ms=median("open_ms"),
        first_run_ms=median("first_run_ms"),
        resident_mb=median("resident_mb"),
        latencies=tuple(_latency(one, all_) for one in all_[0].latencies),
        processes=sum(one.processes for one in all_),
    )


def _latency(like: Latency, all_: Sequence[Figures]) -> Latency:
    found = [x for x in (one.latency(like.batch, like.threads) for one in all_) if x]
    return Latency(
        batch=like.batch,
        threads=like.threads,
        p50_ms=statistics.median(x.p50_ms for x in found),
        p99_ms=statistics.median(x.p99_ms for x in found),
        runs=sum(x.runs for x in found),
    )
