"""A recipe that was left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skipped:
    """A recipe that was not tried, and why."""

    recipe: str
    reason: str
