"""Why a recipe has little promise for a model, by what was measured of models of its kind.

A recipe that can matter at all may still be one that lost wherever it was tried. Such a one is
tried only where it is asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hearth.optimizing.inspection import (
    CONVOLUTIONAL,
    DENSE,
    DEPTHWISE,
    LINEAR,
    OTHER,
    RECURRENT,
    TRANSFORMER,
    TREES,
    Inspection,
)

_CONVOLUTIONS = (CONVOLUTIONAL, DEPTHWISE)
_DENSE_OPERATORS = ("MatMul", "Gemm", "com.microsoft.Attention")
# Up to here the fixed cost of a quantised operator, about a microsecond, is what multiplying takes:
# of two layers, 48 wide, batches of 32 took the same in INT8 as in FP32, single rows a fifth more.
SMALL_KB = 32
# Where single rows took as long in INT8 blocks as in FP32, and where 4 bits begin to save much.
_BLOCKS_KB, _FOUR_BITS_KB = 256, 1024
_LARGE_KB = 1024
# Copying and converting so little takes less than opening a session does.
_MANY_NODES = 100
# Runs on so many weights are long enough for threads to share.
_SHARED_KB = 4096


def nothing_to_gain(inspection: Inspection) -> str:
    """Return why no recipe can make a model faster or smaller; "" where one may."""
    if inspection.family == TREES:
        return (
            "ONNX Runtime walks tree ensembles in one way: "
            "there are no weights to quantise and no graph to fuse"
        )
    if inspection.family == LINEAR:
        return "a linear model is one small multiplication: there is nothing to quantise or to fuse"
    if not inspection.opset:
        return "it has no operator of ONNX's own domain, and recipes change no others"
    small = _kb(inspection) < SMALL_KB and not inspection.quantized
    if inspection.family == DENSE and small:
        return (
            f"its {_kb(inspection):.0f} KB of FP32 weights multiply in about the microsecond that "
            f"a quantised operator costs on top: under {SMALL_KB} KB no recipe can win"
        )
    if inspection.family == OTHER and small and inspection.nodes < _MANY_NODES:
        return (
            f"it has {_kb(inspection):.0f} KB of FP32 weights in {inspection.nodes} nodes: "
            "there is nothing to quantise, to fuse or to optimise ahead"
        )
    return ""


def unpromising(recipe: str, inspection: Inspection, *, calibration: bool) -> str:
    """Return why a recipe is not worth trying unasked; "" where it is."""
    if recipe.startswith("int8-static"):
        return _static(recipe, inspection, calibration=calibration)
    rule = _RULES.get(recipe)
    return rule(inspection) if rule else ""


def _kb(inspection: Inspection, *operators: str) -> float:
    """Return the kilobytes of FP32 weights that operators take: of all, unless some are named."""
    taken = inspection.weighted
    return sum(taken.get(name, 0) for name in operators or taken) / 1024


def _dense_kb(inspection: Inspection) -> float:
    return _kb(inspection, *_DENSE_OPERATORS)


def _mostly_dense(inspection: Inspection) -> str:
    share = _dense_kb(inspection) / max(_kb(inspection), 0.001)
    if share < 0.5:
        return f"only {share:.0%} of its weights are those of MatMul and Gemm"
    return ""


def _graph(inspection: Inspection) -> str:
    if inspection.nodes < _MANY_NODES:
        return (
            f"ONNX Runtime optimises {inspection.nodes} nodes in no time when it opens the model; "
            f"it is tried from {_MANY_NODES} on"
        )
    return ""


def _dynamic(inspection: Inspection) -> str:
    lstm = _kb(inspection, "LSTM")
    if inspection.family == RECURRENT and not lstm:
        return "ONNX Runtime has a quantised LSTM, but no GRU or RNN"
    if inspection.family in _CONVOLUTIONS and not lstm:
        return "Conv quantised as it runs becomes ConvInteger, measured 5 to 11 times slower"
    embeddings = _kb(inspection, "Gather", "com.microsoft.EmbedLayerNormalization")
    if lstm + embeddings < 0.1 * _kb(inspection):
        return "int8-dynamic-matmul does the same: its weights are those of MatMul and Gemm"
    return ""


def _dynamic_matmul(inspection: Inspection) -> str:
    if inspection.family == RECURRENT and _kb(inspection, "LSTM"):
        return "int8-dynamic does the same, and the LSTM too"
    return _mostly_dense(inspection)


def _static(recipe: str, inspection: Inspection, *, calibration: bool) -> str:
    if inspection.quantized:
        return "it is quantised already"
    if not calibration:
        return "there are no rows to calibrate with"
    if not _kb(inspection, "Conv", "ConvTranspose", "MatMul", "Gemm"):
        return "no FP32 weights in Conv, MatMul, Gemm"
    if inspection.family == RECURRENT:
        return "recurrent operators stay in float, and with them what it spends its time on"
    return _static_of_its_kind(recipe, inspection.family)


def _static_of_its_kind(recipe: str, family: str) -> str:
    if recipe in ("int8-static-percentile", "int8-static-entropy"):
        return (
            "it took two to three times as long to calibrate as smallest and largest values do, "
            "and was nowhere more accurate"
        )
    if recipe == "int8-static-mixed" and family not in (*_CONVOLUTIONS, TRANSFORMER):
        return "it has few operators, of which none is worth giving back"
    return ""


def _blocks(inspection: Inspection, least_kb: int) -> str:
    kb = _dense_kb(inspection)
    if kb < least_kb:
        return f"it has {kb:.0f} KB of weights in MatMul and Gemm: blocks pay from {least_kb} KB on"
    return _mostly_dense(inspection)


def _fp16(inspection: Inspection) -> str:
    kb = inspection.weights.get("FP32", 0) / 1024
    if kb < _LARGE_KB:
        return f"it would save {kb / 2:.0f} KB and be no faster; it is tried from 1 MB on"
    return ""


def _saved(inspection: Inspection) -> str:
    if inspection.family not in _CONVOLUTIONS and inspection.nodes < _MANY_NODES:
        return f"it has no Conv whose weights are laid out anew, and only {inspection.nodes} nodes"
    return ""


def _external(inspection: Inspection) -> str:
    if inspection.family in _CONVOLUTIONS:
        return "weights of Conv are laid out anew when it is opened, wherever they come from"
    if sum(inspection.weights.values()) < _LARGE_KB * 1024:
        return "it has less than 1 MB of weights: there is nothing to gain by not copying them"
    return ""


def _one_thread(inspection: Inspection) -> str:
    if inspection.family in _CONVOLUTIONS or _kb(inspection) >= _SHARED_KB:
        return "its runs are long enough for threads to share"
    return ""


def _pruning(_: Inspection) -> str:
    return (
        "zeros take the same bytes and the same time as other weights: "
        "it changes neither the file's size nor the speed"
    )


def _fusion(inspection: Inspection) -> str:
    return "" if inspection.family == TRANSFORMER else "there is no attention in it"


_RULES: Mapping[str, Callable[[Inspection], str]] = {
    "graph": _graph,
    "fusion": _fusion,
    "int8-dynamic-matmul": _dynamic_matmul,
    "int8-dynamic": _dynamic,
    "int8-blocks": lambda inspection: _blocks(inspection, _BLOCKS_KB),
    "int4-blocks": lambda inspection: _blocks(inspection, _FOUR_BITS_KB),
    "fp16": _fp16,
    "pruning": _pruning,
    "saved-graph": _saved,
    "external-data": _external,
    "threads-1": _one_thread,
}
