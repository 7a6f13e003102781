"""The only module that imports onnxruntime: opens a model file and runs it."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from hearth.domain.datatype import from_onnx
from hearth.domain.errors import (
    HearthError,
    ModelFailed,
    NotOnnx,
    ResourceExhausted,
    SignatureMismatch,
    UnsupportedModel,
)
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import DYNAMIC, Signature, TensorSpec
from hearth.serving import memory

Tensors = dict[str, np.ndarray[Any, Any]]

ONNXRUNTIME: str = ort.__version__

_MB_PER_PROCESSOR = 1769
_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16
# A default of more elements is a weight that an exporter left among the inputs.
_MOST_DEFAULTS = 1024
_LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_MODES = {
    "sequential": ort.ExecutionMode.ORT_SEQUENTIAL,
    "parallel": ort.ExecutionMode.ORT_PARALLEL,
}
_SHARED = ("session.use_env_allocators", "1")
_fault = ort.capi.onnxruntime_pybind11_state
# y = x for one number, as an ONNX file.
_SMALLEST = bytes.fromhex(
    "080a3a390a120a017812017922084964656e746974793a0012016e5a0f0a0178120a0a080801"
    "12040a020801620f0a0179120a0a08080112040a02080142040a001015"
)
_NOT_READABLE = (_fault.InvalidProtobuf, _fault.InvalidGraph, _fault.NoSuchFile, _fault.NoModel)
# What it says of files that another ONNX Runtime may read.
_BEYOND = ("opset", "is not a registered", "No Op registered")


def processors(memory_mb: int) -> int:
    """Return how many threads a function of this memory size can keep busy.

    Source:
        AWS Lambda: one vCPU at 1,769 MB, in proportion above.

    Example:
        >>> processors(512), processors(1769)
        (1, 1)
    """
    return max(1, min(round(memory_mb / _MB_PER_PROCESSOR), os.cpu_count() or 1))


class _Arena:
    """What tensors between nodes lie in, of all sessions: only one of them runs at a time.

    With an arena of its own, each session would keep what its largest request took.
    """

    def __init__(self) -> None:
        cpu = ort.OrtMemoryInfo(
            "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
        )
        ort.create_and_register_allocator(cpu, None)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.add_session_config_entry(*_SHARED)
        self._smallest = ort.InferenceSession(_SMALLEST, options, ["CPUExecutionProvider"])
        self._shrinking = ort.RunOptions()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        # An arena never gives up what it allocated first: that must not be a model's.
        self.shrink()

    def shrink(self) -> None:
        """Free what no tensor lies in."""
        self._smallest.run(None, {"x": np.zeros(1, np.float32)}, self._shrinking)


@cache
def _arena() -> _Arena:
    return _Arena()


def give_back() -> None:
    """Give the system the memory that sessions freed, and what earlier runs needed."""
    _arena().shrink()
    memory.trim()


class Session:
    """An open model.

    `size` is what it holds in memory, in bytes; 0 where nobody counts it.

    Args:
        path: The model's file; its external data lies where the file says, beside it.
        options: How to open it, from the manifest.
        memory_mb: The function's memory size, which decides the threads.
        profile: Where ONNX Runtime's profiler writes, as the beginning of a file's path; None
            leaves it off.

    Raises:
        NotOnnx: If ONNX Runtime cannot read it.
        UnsupportedModel: If its opset, IR or an operator is unknown to this ONNX Runtime.
        ResourceExhausted: If memory does not suffice.
    """

    def __init__(
        self, path: Path, options: RuntimeOptions, memory_mb: int, profile: Path | None = None
    ) -> None:
        try:
            made = _session_options(options, memory_mb)
            if profile is not None:
                made.enable_profiling, made.profile_file_prefix = True, str(profile)
            before = memory.allocated()
            self._session = ort.InferenceSession(str(path), made, ["CPUExecutionProvider"])
            self.size = max(0, memory.allocated() - before)
        except Exception as error:
            raise _refusal(path.name, error) from error
        self.signature = _signature(self._session)
        _require_carried(self.signature)
        self._names = [spec.name for spec in self.signature.outputs]
        # numpy has no bfloat16: such tensors pass through ONNX Runtime's own values.
        self._by_value = any(
            spec.datatype == "BF16" for spec in (*self.signature.inputs, *self.signature.outputs)
        )

    def run(self, inputs: Tensors, outputs: Sequence[str] = ()) -> Tensors:
        """Return the named outputs, or all of them.

        Args:
            inputs: One array an input, of the signature's dtype and shape.
            outputs: Names of the outputs that are wanted; none means all.

        Raises:
            SignatureMismatch: If ONNX Runtime does not accept the inputs' values.
            ModelFailed: If running failed otherwise.
        """
        names = list(outputs) or self._names
        try:
            if self._by_value:
                return self._run_by_value(names, inputs)
            return dict(zip(names, self._session.run(names, inputs), strict=True))
        except _fault.InvalidArgument as error:
            raise SignatureMismatch("the model does not accept these inputs", got=error) from error
        except Exception as error:
            raise _failure(error) from error

    def prime(self) -> None:
        """Run once, on zeros of the least shape: a first run allocates what later ones reuse.

        Raises:
            SignatureMismatch, ModelFailed, ResourceExhausted: As `run`; zeros may be no input.
        """
        self.run({spec.name: _zeros(spec) for spec in self.signature.required})

    def bound(self, inputs: Tensors, outputs: Tensors) -> Callable[[], None]:
        """Return what runs the model on what stands in these arrays, and writes into those.

        Args:
            inputs: One array an input, of the signature's dtype and a shape that it admits.
            outputs: Arrays of the dtype and shape that outputs have for such inputs.

        Returns:
            A function that raises ModelFailed where running fails, or its outputs come in another
            shape.
        """
        binding = self._session.io_binding()
        for arrays, bind in ((inputs, binding.bind_input), (outputs, binding.bind_output)):
            for name, array in arrays.items():
                bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

        def run() -> None:
            try:
                self._session.run_with_iobinding(binding)
            except Exception as error:
                raise _failure(error) from error

        return run

    def end_profiling(self) -> Path:
        """Stop the profiler; return the trace that it wrote, as Chrome and Perfetto read it."""
        return Path(self._session.end_profiling())

    def _run_by_value(self, names: list[str], inputs: Tensors) -> Tensors:
        values = {
            spec.name: _value(inputs[spec.name], spec)
            for spec in self.signature.inputs
            if spec.name in inputs
        }
        outputs = self._session.run_with_ort_values(names, values)
        return {
            name: _bits(value) if self.signature.output(name).datatype == "BF16" else value.numpy()
            for name, value in zip(names, outputs, strict=True)
        }


def _zeros(spec: TensorSpec) -> np.ndarray[Any, Any]:
    shape = [1 if dim == DYNAMIC else dim for dim in spec.shape]
    if spec.datatype == "BYTES":
        return np.full(shape, "", object)
    return np.zeros(shape, spec.type.numpy)


def _require_carried(signature: Signature) -> None:
    kinds = {spec.datatype for spec in (*signature.inputs, *signature.outputs)}
    if {"BF16", "BYTES"} <= kinds:
        raise UnsupportedModel(
            "ONNX Runtime's Python interface cannot carry BF16 and strings for one model",
            got=sorted(kinds),
            remedy="cast one of them within the model",
        )


def _value(array: np.ndarray[Any, Any], spec: TensorSpec) -> Any:  # noqa: ANN401 (an OrtValue)
    if spec.datatype != "BF16":
        return ort.OrtValue.ortvalue_from_numpy(array)
    whole = array.copy(order="C")  # ascontiguousarray would make a vector of a scalar
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(whole, _BFLOAT16)


def _bits(value: Any) -> np.ndarray[Any, Any]:  # noqa: ANN401 (an OrtValue)
    """Return a bfloat16 value as its 16 bits, copied: its memory goes with the value."""
    made = np.empty(value.shape(), np.uint16)
    if made.size:
        ctypes.memmove(made.ctypes.data, value.data_ptr(), made.nbytes)
    return made


def _session_options(options: RuntimeOptions, memory_mb: int) -> ort.SessionOptions:
    made = ort.SessionOptions()
    made.intra_op_num_threads = options.intra_op_num_threads or processors(memory_mb)
    made.inter_op_num_threads = options.inter_op_num_threads or 1
    made.graph_optimization_level = _choice(_LEVELS, options.graph_optimization_level)
    made.execution_mode = _choice(_MODES, options.execution_mode)
    made.log_severity_level = 3
    _arena()
    made.add_session_config_entry(*_SHARED)
    for key, value in options.session_config.items():
        made.add_session_config_entry(key, value)
    return made


def _choice(table: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 (ONNX Runtime's enums)
    if name not in table:
        raise UnsupportedModel(
            "unknown runtime option", got=name, expected="one of " + ", ".join(table)
        )
    return table[name]


def _refusal(name: str, error: Exception) -> HearthError:
    if isinstance(error, HearthError):
        return error
    text = str(error)
    if _is_out_of_memory(error):
        return ResourceExhausted(
            f"no memory left to open {name}", got=text, remedy="raise the memory size"
        )
    if isinstance(error, _NOT_READABLE) and not any(word in text for word in _BEYOND):
        return NotOnnx(f"ONNX Runtime cannot read {name}", got=text)
    return UnsupportedModel(
        f"ONNX Runtime {ONNXRUNTIME} cannot open {name}",
        got=text,
        remedy="export it for an opset and operators that this version has",
    )


def _failure(error: Exception) -> HearthError:
    if _is_out_of_memory(error):
        return ResourceExhausted(
            "no memory left to run the model",
            got=error,
            remedy="send smaller batches, or raise the memory size",
        )
    return ModelFailed("ONNX Runtime failed while running the model", got=error)


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, MemoryError) or "bad_alloc" in text or "Failed to allocate" in text


def _signature(session: ort.InferenceSession) -> Signature:
    return Signature(
        inputs=(*(_spec(node) for node in session.get_inputs()), *_defaults(session)),
        outputs=tuple(_spec(node) for node in session.get_outputs()),
    )


def _defaults(session: ort.InferenceSession) -> Iterator[TensorSpec]:
    """Yield the inputs that the graph has a default for, but not its weights."""
    for node in session.get_overridable_initializers():
        try:
            spec = replace(_spec(node), optional=True)
        except UnsupportedModel:
            continue  # nobody can send it, and nobody has to
        if math.prod(spec.shape) <= _MOST_DEFAULTS:
            yield spec


def _spec(node: Any) -> TensorSpec:  # noqa: ANN401 (ONNX Runtime's NodeArg)
    dims = node.shape or ()
    return TensorSpec(
        name=node.name,
        datatype=from_onnx(node.type, node.name).name,
        shape=tuple(dim if isinstance(dim, int) else DYNAMIC for dim in dims),
        dims=tuple(dim if isinstance(dim, str) else "" for dim in dims),
    )
