"""How much of a page is left: what is drawn is bounded, and what is left out is said."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hearth.monitoring.figures import plural
from hearth.monitoring.markup import Html, element

MOST_TEXT = 400
MOST_VERSIONS = 8
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Space:
    """How many of each kind are shown of a version.

    Args:
        cards: Features with everything that is known of them.
        sketches: Small histograms in the tables of the other features.
        features: Rows of those tables.
        violations: Broken constraints.
        slices: Slices of quality.
        classes: Classes of quality.
        pairs: Pairs of classes that are confused.
    """

    cards: int = 60
    sketches: int = 250
    features: int = 1000
    violations: int = 100
    slices: int = 150
    classes: int = 200
    pairs: int = 40

    def divided(self, among: int) -> Space:
        """Return what each of several versions may take, so that none takes it all."""
        parts = {f.name: max(getattr(self, f.name) // max(among, 1), _LEAST) for f in fields(self)}
        return Space(**parts)


def left_out(count: int, word: str, several: str = "") -> Html:
    """Return how much is not on the page and where it is, or nothing where all is."""
    if count <= 0:
        return Html()
    said = plural(count, f"more {word}", f"more {several or word + 's'}")
    stand = "is" if count == 1 else "are"
    return element(
        "p", f"{said} {stand} left out here; the report as JSON has all.", class_="left-out"
    )
