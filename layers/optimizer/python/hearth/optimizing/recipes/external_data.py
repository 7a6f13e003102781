"""Recipe `external-data`: weights that are mapped into memory as they lie on the disk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.optimizing.saving import Saving, save

_FILE = "model.onnx"
_WEIGHTS = "weights.bin"
# Below this, opening takes no longer than reading the file does.
_WORTHWHILE = 1 << 20
# ONNX Runtime lays their weights out anew for the processor, which copies them all.
_LAID_OUT_ANEW = ("Conv", "ConvTranspose", "QLinearConv", "com.microsoft.QLinearConv")
_NO_PREPACKING = "session.disable_prepacking"


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Opening reads the graph alone; runs pay for it, as weights are not packed for them.

    The graph is saved ahead and opened as it is: an optimisation that folds or joins weights
    would copy them.

    Source:
        ONNX Runtime maps external data of the CPU provider into memory, and uses it in place
        where it prepacks nothing (`onnxruntime_session_options_config_keys.h`).
    """

    name: str = "external-data"
    summary: str = "weights in a file of their own, mapped into memory and not packed"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        anew = [op for op in _LAID_OUT_ANEW if op in inspection.operators]
        if anew:
            return f"weights of {anew[0]} are laid out anew when it is opened, so they are copied"
        if sum(inspection.weights.values()) < _WORTHWHILE:
            return "its weights are under 1 MB: there is nothing to gain by mapping them"
        return ""

    def apply(self, work: Work) -> Candidate:
        before = work.before
        target = work.folder / _FILE
        level = before.runtime.graph_optimization_level
        if level == "disabled":
            level = "basic"
        # Beyond `extended`, a graph is no longer portable.
        how = Saving("extended" if level == "all" else level, _WEIGHTS, config=_config(before))
        save(before.path, target, how)
        if not (work.folder / _WEIGHTS).exists():
            raise RecipeFailed("no weight is large enough to lie outside the model's file")
        runtime = replace(
            before.runtime,
            graph_optimization_level="disabled",
            session_config={**before.runtime.session_config, _NO_PREPACKING: "1"},
        )
        return before.portable.then(self.name, target, external=(_WEIGHTS,), runtime=runtime)

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        outside = sum((made.path.parent / name).stat().st_size for name in made.external)
        weights = sum(after.weights.values())
        if outside < weights / 2:
            return f"only {outside} of {weights} bytes of weights lie outside the model's file"
        return ""


def _config(before: Candidate) -> dict[str, str]:
    return dict(before.runtime.session_config)


EXTERNAL_DATA = ExternalData()
