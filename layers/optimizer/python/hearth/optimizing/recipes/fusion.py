"""Attention, layer normalisation and Gelu as single operators, for transformers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hearth.optimizing import model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspection import TRANSFORMER, Inspection
from hearth.optimizing.recipe import Work
from hearth.optimizing.recipes.graph import BASIC, optimise

_FUSED = (
    "Attention",
    "MultiHeadAttention",
    "EmbedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "BiasGelu",
    "Gelu",
    "FastGelu",
    "RotaryEmbedding",
)


@dataclass(frozen=True, slots=True)
class Fusion:
    """ONNX Runtime's fusion of transformers, for encoders such as BERT.

    Heads and width are told from the graph. Shapes are not inferred: that would take sympy.
    """

    name: str = "fusion"
    summary: str = "attention and its neighbours fused into single operators"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.family != TRANSFORMER:
            return "there is no attention in it"
        if inspection.quantized:
            return "it is quantised already, which hides what could be fused"
        fused = _count(inspection)
        return f"it has {fused} fused operators already" if fused else ""

    def apply(self, work: Work) -> Candidate:
        from onnxruntime.transformers.fusion_options import FusionOptions
        from onnxruntime.transformers.optimizer import optimize_by_fusion

        # Patterns are those of folded constants, each with a name of its own.
        whole = model_file.read(work.before)
        whole = optimise(work.folder, whole, BASIC, without=["ConstantSharing"])
        options = FusionOptions("bert")
        options.enable_shape_inference = False
        fused = optimize_by_fusion(whole.model, "bert", optimization_options=options).model
        return model_file.write(work, self.name, replace(whole, model=fused))

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        return "" if _count(after) > _count(before) else "nothing in it matched a fusion"


def _count(inspection: Inspection) -> int:
    """Return how many fused operators there are; ONNX has a Gelu of its own, which is none."""
    return sum(inspection.operators.get(f"{model_file.MICROSOFT}.{name}", 0) for name in _FUSED)


FUSION = Fusion()
