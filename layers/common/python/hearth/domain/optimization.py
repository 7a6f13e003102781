"""What is asked of a search for a faster variant."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from hearth.domain.frozen import dataclass

LATENCY, COLD_START, MEMORY, SIZE, COST = "latency", "cold_start", "memory", "size", "cost"
OBJECTIVES = (LATENCY, COLD_START, MEMORY, SIZE, COST)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to become better.

    Args:
        version: Of the model; 0 for the newest that was published by somebody.
        objective: One of `OBJECTIVES`.
        max_loss: How much worse the metric may become, relative; None as the manifest says.
        recipes: Names of the recipes that alone may be used; none means all.
        batches: Rows of a request that latency is measured with, beside one.
        publish: Whether the winner becomes a version.
        force: Anything new, to look again where the same was looked for before.
    """

    version: int = 0
    objective: str = LATENCY
    max_loss: float | None = None
    recipes: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    publish: bool = True
    force: str = ""

    def id(self, manifest_sha256: str) -> str:
        """Return what the same wish for the same version is called, however often it comes.

        Args:
            manifest_sha256: Of the version.
        """
        asked = {**asdict(self), "manifest": manifest_sha256}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:20]
