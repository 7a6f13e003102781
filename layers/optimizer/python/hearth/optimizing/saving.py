"""A graph as ONNX Runtime leaves it when it opens a model, saved to be opened again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnxruntime as ort
from hearth.optimizing.recipe import RecipeFailed

_LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_OUTSIDE = "session.optimized_model_external_initializers_"
_SMALLEST = "1024"
_PROTOBUF_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class Saving:
    """How a graph is saved.

    Args:
        level: How far it is optimised: `basic`, `extended`, `all`.
        weights: Name of a file for the weights, those of 1 MB and more each at the start of a
            page; "" for all weights within the model's file, as are those under 1 KB always.
        config: Entries of the session that optimises.
    """

    level: str
    weights: str = ""
    config: Mapping[str, str] = field(default_factory=dict)


def save(source: Path, target: Path, how: Saving) -> None:
    """Write the graph that ONNX Runtime makes of a model.

    Raises:
        RecipeFailed: If it cannot, with what it said.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = _LEVELS[how.level]
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    config = dict(how.config)
    if how.weights:
        config[f"{_OUTSIDE}file_name"] = how.weights
        config[f"{_OUTSIDE}min_size_in_bytes"] = _SMALLEST
    for key, value in config.items():
        options.add_session_config_entry(key, value)
    try:
        ort.InferenceSession(str(source), options, ["CPUExecutionProvider"])
    except Exception as error:
        raise RecipeFailed(
            "ONNX Runtime did not save the graph", got=str(error)[:300], expected=target.name
        ) from error


def require_one_file(source: Path, size: int) -> None:
    """Raise `RecipeFailed` where a model and its weights are too large for one file."""
    if size >= _PROTOBUF_LIMIT:
        raise RecipeFailed(
            f"{source.name} and its weights do not fit in one file",
            got=f"{size} bytes",
            expected="less than the 2 GB of a protobuf",
        )
