"""Making candidates in a process of its own: tools crash, hang and take memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearth.optimizing.candidate import Candidate
from hearth.optimizing.recipe import Work


def make(work: Work, recipes: Sequence[str]) -> Candidate:
    """Apply recipes one after the other in this process; each must ensure what it promises.

    Raises:
        RecipeFailed: Naming the recipe and the reason.
    """
    raise NotImplementedError


def make_apart(
    work: Work, recipes: Sequence[str], memory_mb: int, time_limit_s: float
) -> Candidate:
    """Do the same in a child process.

    Args:
        work: `folder` gets one folder a recipe.
        recipes: Names, in order.
        memory_mb: What the child may take.
        time_limit_s: When it is stopped.

    Raises:
        RecipeFailed: If it fails, crashes, or does not end in time or in memory.
    """
    raise NotImplementedError


def working_folder(work: Work, at: int, recipe: str) -> Path:
    """Return where one recipe of several writes."""
    return work.folder / f"{at}-{recipe}"
