"""How right a candidate is beside the original, and whether that is right enough."""

from __future__ import annotations

from dataclasses import dataclass

PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A candidate's answers beside the original's, on the same rows.

    Args:
        rows: How many.
        finite: Whether it is finite wherever the original is. An answer where the original has
            NaN, or another infinity, is an error without bound.
        equivalent: Whether every answer equals the original's within the golden tolerance, and
            everything that is no float equals it exactly.
        agreement: Share of rows with the same predicted class, and the same in all that is neither
            class nor float; None where there is none of them.
        agreement_low: Lower end of its one-sided 95% interval.
        relative_error: Norm of the difference over the norm of the original's answers, the worst
            of the float outputs.
        spread_error: Root mean square of the difference over the standard deviation of the
            original's answers, the worst of the float outputs; of up to 16 values a row that are
            no class scores, of the worst value. 1e9 stands for what is larger or has no bound.
    """

    rows: int
    finite: bool
    equivalent: bool
    agreement: float | None
    agreement_low: float | None
    relative_error: float
    spread_error: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A metric of both on the labelled rows.

    Args:
        metric: `accuracy`, `f1_macro`, `log_loss`, `rmse`, `mae`, `r2`.
        rows: How many.
        original: The metric's value.
        candidate: The same.
        loss: How much worse, relative to the original's value; below 0 is better.
        loss_high: Upper end of its one-sided 95% interval; 1e9 stands for what has no bound.
    """

    metric: str
    rows: int
    original: float
    candidate: float
    loss: float
    loss_high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's verdict on a candidate; `reasons` say why it failed, or what it rests on.

    Args:
        verdict: `PASSED` or `FAILED`.
        reasons: Sentences.
        measured: Whether accuracy was measured; else fidelity decided.
        fidelity: None where the candidate gave no answers.
        accuracy: None without usable labels.
    """

    verdict: str
    reasons: tuple[str, ...]
    measured: bool = False
    fidelity: Fidelity | None = None
    accuracy: Accuracy | None = None
