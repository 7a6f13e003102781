"""What keeps answers from standing in for the original's, where labels do not judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearth.domain.manifest import Manifest
from hearth.optimizing import confidence
from hearth.optimizing.fidelity import Found, measure
from hearth.optimizing.predicted import Predicted, judged, lost
from hearth.serving.golden import GoldenCase

MOST_SCORES_ERROR = 0.25
"""How far class scores may be off, over their spread, while the classes agree: who puts a limit of
his own to a probability relies on it as others do on the class."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that answers are compared on, and the classes that both name; None if they do not.

    What may differ follows from `max_loss`: that share of rows in their class or in another answer
    that is no float, that share of the variance in values.
    """

    manifest: Manifest
    original: Sequence[GoldenCase]
    candidate: Sequence[GoldenCase]
    classes: tuple[Predicted, Predicted] | None

    @property
    def limit(self) -> float:
        return self.manifest.tolerance.max_loss

    @property
    def fewest(self) -> int:
        """Rows below which nothing shows a loss to be so small; no number shows that it is none."""
        return confidence.fewest(self.limit) if self.limit > 0 else 1 << 62

    def measure(self, names: frozenset[str]) -> Found:
        return measure(self.original, self.candidate, self.manifest, names)


def differences(rows: Rows, *, by_labels: bool) -> list[str]:
    """Return what is wrong with answers, a sentence each.

    Args:
        rows: What is compared.
        by_labels: Whether labels judge what they can; scores and classes are looked at all the
            same, more loosely.
    """
    told = judged(rows.manifest)
    apart = told if rows.classes is not None else frozenset[str]()
    rest = frozenset(spec.name for spec in rows.manifest.signature.outputs) - apart
    if by_labels:
        rest = rest - told
    failed = [*_lost(rows), *_of_classes(rows, apart, by_labels=by_labels)]
    return failed + _of_values(rows, rest)


def _lost(rows: Rows) -> list[str]:
    """Return what became of classes, whatever share of rows they make up."""
    if rows.classes is None:
        return []
    original, candidate = rows.classes
    if len(set(original)) == 1:
        count, name = len(original), original[0]
        return [f"The original says {name!r} of all {count:,} rows: to do so, too, shows nothing."]
    return [
        f"Class {name!r} is lost: of {count:,} rows that the original gives it, {kept:,} keep it."
        for name, count, kept in lost(original, candidate)[:3]
    ]


def _of_classes(rows: Rows, names: frozenset[str], *, by_labels: bool) -> list[str]:
    if not names:
        return []
    found = rows.measure(names)
    failed = [] if by_labels else _of_agreement(found, rows, "The class")
    if found.spread_high > MOST_SCORES_ERROR:
        failed.append(
            f"Scores are off by {_error(found)} of their spread, whatever the classes are: "
            f"{MOST_SCORES_ERROR} may be."
        )
    return failed


def _of_values(rows: Rows, names: frozenset[str]) -> list[str]:
    if not names:
        return []
    found, which = rows.measure(names), ", ".join(sorted(names)[:4])
    failed = _of_agreement(found, rows, f"What is no float of {which}")
    most = rows.limit**0.5
    if found.spread_high > most:
        failed.append(
            f"Values of {which} are off by {_error(found)} of their spread: {most:.2g} may be, "
            f"so that {percent(rows.limit)} of their variance is lost."
        )
    if found.fidelity.rows < rows.fewest:
        failed.append(f"{_few(found)} to compare {which} by: {needed(rows)}")
    return failed


def _error(found: Found) -> str:
    return f"{found.fidelity.spread_error:.2g} (up to {found.spread_high:.2g})"


def _few(found: Found) -> str:
    count = found.fidelity.rows
    return f"{count:,} row{'' if count == 1 else 's'} are too few"


def _of_agreement(found: Found, rows: Rows, what: str) -> list[str]:
    share, low = found.fidelity.agreement, found.fidelity.agreement_low
    if share is None or low is None or low >= 1 - rows.limit:
        return []
    told = f"{what} is the same in {percent(share)} of {found.fidelity.rows:,} rows"
    least = percent(1 - rows.limit)
    if share < 1 - rows.limit:
        return [f"{told}, and must be in {least}."]
    about = confidence.needed(1 - share, rows.limit) if rows.limit > 0 else 0
    shown = f"{told}, which shows {percent(low)} of all and must show {least}"
    return [f"{shown}: {needed(rows, about)}"]


def needed(rows: Rows, about: int = 0) -> str:
    """Return how many rows it takes at least, as the end of a sentence.

    Args:
        rows: What is compared.
        about: An estimate.
    """
    if rows.limit <= 0:
        return "no number of rows shows that nothing is lost, equal answers alone do."
    return f"at least {max(about, rows.fewest):,} rows are needed."


def percent(share: float) -> str:
    """Return a share with two decimals at most.

    Example:
        >>> percent(0.01), percent(0.00664), percent(-0.0001), percent(0.99999)
        ('1%', '0.66%', '-0.01%', '99.99%')
    """
    # Never rounded to a whole that it is not.
    hundredths = share * 10_000
    whole = int(hundredths) if 0.99 < share < 1 else round(hundredths)
    return f"{whole / 100:.2f}".rstrip("0").rstrip(".") + "%"
