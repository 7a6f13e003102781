"""Recipe `saved-graph`: what ONNX Runtime makes of a model when it opens it, made ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hearth.optimizing.candidate import Candidate
from hearth.optimizing.carrying import carry
from hearth.optimizing.inspection import LINEAR, TREES, Inspection
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.optimizing.saving import Saving, save
from hearth.serving.processor import family

_PREFIX = "saved-"
_WEIGHTS = "saved.bin"


@dataclass(frozen=True, slots=True)
class SavedGraphRecipe:
    """The graph at the level that it is opened with, weights laid out for these processors.

    They lie in a file of their own: those that a convolution takes are mapped into memory and
    used where they are. It may be opened on this family of processors and by this ONNX Runtime
    only; the portable model stays beside it for everything else.
    """

    name: str = "saved-graph"
    summary: str = "graph optimised ahead for this family of processors, opened as it is"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.family in (TREES, LINEAR):
            return f"opening a model of {inspection.family} optimises no graph"
        return ""

    def apply(self, work: Work) -> Candidate:
        before = work.before
        level = before.runtime.graph_optimization_level
        if level == "disabled":
            raise RecipeFailed("the model is opened without optimisation: there is none to save")
        path = carry(before.portable, work.folder)
        saved = work.folder / (_PREFIX + path.name)
        # What was carried is linked: writing over it would change what it was carried from.
        if {_WEIGHTS, saved.name} & set(before.external):
            raise RecipeFailed("a weight file of the model has a name that is needed", got=_WEIGHTS)
        save(path, saved, Saving(level, _WEIGHTS, config=before.runtime.session_config))
        return before.then(
            self.name,
            path,
            saved=saved,
            saved_runtime=replace(before.runtime, graph_optimization_level="disabled"),
            saved_external=(_WEIGHTS,) if (work.folder / _WEIGHTS).exists() else (),
            notes=(*before.notes, f"its saved graph is for {family()}"),
        )

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        return "" if made.saved and made.saved.exists() else "there is no saved graph"


SAVED_GRAPH = SavedGraphRecipe()
