"""What a recipe is: requires -> apply -> ensures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hearth.domain.errors import HearthError
from hearth.domain.signature import Signature
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspection import Inspection


class RecipeFailed(HearthError):
    """A recipe made nothing that can be measured: it raised, or left the model as it was."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a recipe works on.

    Args:
        before: What it starts from: the original, or what the recipe before it made.
        folder: An empty folder for what it makes; it never writes anywhere else.
        signature: Of the model; a recipe keeps it exactly.
        calibration: .npz with one array an input, one row an example; None without data.
        seed: For what is drawn at random.
    """

    before: Candidate
    folder: Path
    signature: Signature
    calibration: Path | None = None
    seed: int = 0


class Recipe(Protocol):
    """One way of making a candidate. It has no state."""

    @property
    def name(self) -> str:
        """Its name in candidates, reports and requests: lower case, hyphens."""

    @property
    def summary(self) -> str:
        """What it does, in one line for people."""

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        """Return why it cannot matter for a model; "" where it can."""

    def apply(self, work: Work) -> Candidate:
        """Make the candidate.

        Raises:
            RecipeFailed: If it cannot, with the reason.
        """

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        """Return in which way the model did not become what it should; "" where it did.

        Tools succeed without changing anything: what was to change is looked for in the file.
        """
