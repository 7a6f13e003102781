"""The graph as ONNX Runtime optimises it, saved ahead: what runs on any processor of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import onnxruntime as ort
from hearth.optimizing import model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import Work

BASIC = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
# Above this level layouts and fusions follow the processor that optimises.
PORTABLE = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED


@dataclass(frozen=True, slots=True)
class Graph:
    """Constants folded and operators fused before the model is opened, not each time."""

    name: str = "graph"
    summary: str = "the graph optimised ahead of opening, for any processor"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        return "" if inspection.nodes > 1 else "one operator has no graph to optimise"

    def apply(self, work: Work) -> Candidate:
        whole = model_file.read(work.before)
        return model_file.write(work, self.name, optimise(work.folder, whole, PORTABLE))

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        if (before.operators, before.weights) == (after.operators, after.weights):
            return "ONNX Runtime found nothing to optimise in the graph"
        return ""


def optimise(
    folder: Path,
    whole: model_file.Whole,
    level: ort.GraphOptimizationLevel,
    without: Sequence[str] = (),
) -> model_file.Whole:
    """Return a model as ONNX Runtime leaves it.

    The model goes in as bytes: what is saved of a file names that file's external data still.

    Args:
        folder: For a file that is removed again.
        whole: The model; it is spent.
        level: How far to go.
        without: Names of optimisers that are left out.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = whole.model.SerializeToString()
    whole.model.Clear()
    ort.InferenceSession(
        content, options, ["CPUExecutionProvider"], disabled_optimizers=list(without)
    )
    saved = folder / "optimised.onnx"
    model = onnx.load(saved)
    saved.unlink()
    return replace(whole, model=model)


GRAPH = Graph()
