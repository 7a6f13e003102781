"""Triton's model configuration extension: a version's manifest in Triton's `ModelConfig` shape.

Source: Triton `docs/protocol/extension_model_configuration.md`, `model_config.proto`.
"""

from __future__ import annotations

from typing import Any

from hearth.domain.manifest import Manifest, RuntimeOptions
from hearth.domain.signature import TensorSpec

PLATFORM, BACKEND = "onnxruntime_onnx", "onnxruntime"
_TYPES = {"BYTES": "TYPE_STRING"}


def model_config(manifest: Manifest, versions: list[int]) -> dict[str, Any]:
    """Return a version's configuration.

    `max_batch_size` is 0 and `dims` are whole: the first dimension is checked as any other.
    Classification alone takes it for a batch, as Triton does where it knows of one.
    """
    signature = manifest.signature
    return {
        "name": manifest.model,
        "platform": PLATFORM,
        "backend": BACKEND,
        "version_policy": {"specific": {"versions": versions}},
        "max_batch_size": 0,
        "input": [_input(spec) for spec in signature.inputs],
        "output": [_tensor(spec) for spec in signature.outputs],
        "instance_group": [{"name": manifest.model, "kind": "KIND_CPU", "count": 1}],
        "default_model_filename": manifest.model_file.path,
        "optimization": _optimization(manifest.runtime),
        "parameters": {
            key: {"string_value": value} for key, value in _parameters(manifest.runtime).items()
        },
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "data_type": _TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
        "dims": list(spec.shape) if spec.ranked else [-1],
    }


def _input(spec: TensorSpec) -> dict[str, Any]:
    return {**_tensor(spec), "format": "FORMAT_NONE", "optional": spec.optional}


def _optimization(runtime: RuntimeOptions) -> dict[str, Any]:
    # As Triton's ONNX Runtime backend reads it: 2 is none, -1 basic, 1 extended, 0 all.
    level = {"disabled": 2, "basic": -1, "extended": 1}.get(runtime.graph_optimization_level, 0)
    return {"graph": {"level": level}}


def _parameters(runtime: RuntimeOptions) -> dict[str, str]:
    return {
        "intra_op_thread_count": str(runtime.intra_op_num_threads),
        "inter_op_thread_count": str(runtime.inter_op_num_threads),
        "execution_mode": "1" if runtime.execution_mode == "parallel" else "0",
        **runtime.session_config,
    }
