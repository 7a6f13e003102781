"""Weights in 16 bits: half the file, no faster on a processor without such arithmetic."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from hearth.optimizing import graphs, model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import Work


@dataclass(frozen=True, slots=True)
class Fp16:
    """Everything in FP16 that can be; inputs and outputs stay as they are."""

    name: str = "fp16"
    summary: str = "FP16 weights, for half the size"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.quantized:
            return "it is quantised already"
        return "" if inspection.weights.get("FP32") else "no FP32 weights"

    def apply(self, work: Work) -> Candidate:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        whole = model_file.read(work.before)
        graphs.prepare(whole.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of each number that FP16 cuts; what it does is judged
            model = convert_float_to_float16(whole.model, keep_io_types=True)
        return model_file.write(work, self.name, replace(whole, model=model))

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        if after.weights.get("FP16", 0) <= before.weights.get("FP16", 0):
            return "no weight became FP16"
        return ""


FP16 = Fp16()
