"""Bodies of the Open Inference Protocol v2 and of Triton's extensions of it.

Source: open-inference-protocol `inference_rest.md`; Triton's `extension_binary_data.md`,
`extension_classification.md`, `extension_model_configuration.md`, `extension_statistics.md`.
"""

from __future__ import annotations

from hearth.domain.datatype import DATATYPES
from hearth.edge.json_schema import (
    BOOLEAN,
    COUNT,
    NUMBER,
    TEXT,
    VERSION,
    Schema,
    array,
    mapping,
    one_of,
    record,
    ref,
    request,
    said,
)

_BINARY_ONLY = ("FP16", "BF16")
_NAMES = [datatype.name for datatype in DATATYPES]
_IN_JSON = one_of(name for name in _NAMES if name not in _BINARY_ONLY)
_CONFIG_TYPES = one_of(f"TYPE_{name.replace('BYTES', 'STRING')}" for name in _NAMES)

_SCALAR: Schema = {"anyOf": [NUMBER, BOOLEAN, TEXT]}
_PARAMETER: Schema = {"anyOf": [TEXT, NUMBER, BOOLEAN]}
_SIZE = said(COUNT, "How many of the bytes behind the JSON are this tensor's.")
_SHAPE = array(COUNT)
_BINARY_DATA = said(BOOLEAN, "Whether the output comes in binary, behind the JSON.")


def _parameters(known: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    wanted = {"required": list(required)} if required else {}
    return {**mapping(_PARAMETER), "properties": known, **wanted}


def _statistics(*names: str) -> dict[str, Schema]:
    return {name: ref("Duration") for name in names}


_IS_BINARY: Schema = {
    "properties": {"parameters": {"required": ["binary_data_size"]}},
    "required": ["parameters"],
}
_FORMS = [
    {
        "description": "In JSON, which FP16 and BF16 have no form in.",
        "properties": {"datatype": _IN_JSON},
        "required": ["data"],
        "not": _IS_BINARY,
    },
    {"description": "In binary, behind the JSON.", "not": {"required": ["data"]}, **_IS_BINARY},
]
_TENSOR = record(
    {
        "name": TEXT,
        "datatype": one_of(_NAMES),
        "shape": said(array({"type": "integer", "minimum": -1}), "-1 where a size is free."),
    }
)
_CONFIG_TENSOR = request(
    {"name": TEXT, "data_type": _CONFIG_TYPES, "dims": array({"type": "integer", "minimum": -1})}
)
_BATCH = record(
    {"batch_size": COUNT, **_statistics("compute_input", "compute_infer", "compute_output")}
)
_MEMORY = record({"type": TEXT, "id": COUNT, "byte_size": COUNT})

V2_SCHEMAS: dict[str, Schema] = {
    "RequestInput": {
        **request(
            {"name": TEXT, "datatype": one_of(_NAMES), "shape": _SHAPE},
            {
                "parameters": _parameters({"binary_data_size": _SIZE}),
                "data": said(
                    ref("TensorValue"),
                    "The elements in row-major order, flat or nested by the shape.",
                ),
            },
        ),
        "oneOf": _FORMS,
    },
    "RequestedOutput": request(
        {"name": TEXT},
        {
            "parameters": _parameters(
                {
                    "binary_data": _BINARY_DATA,
                    "classification": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "Give this many of the largest values, as BYTES elements "
                        '"<value>:<index>[:<label>]".',
                    },
                }
            )
        },
    ),
    "InferRequest": {
        **request(
            {"inputs": array(ref("RequestInput"))},
            {
                "id": said(TEXT, "Comes back in the answer, and makes a weighted split sticky."),
                "parameters": _parameters(
                    {
                        "binary_data_output": said(
                            BOOLEAN, "Whether outputs come in binary that do not say otherwise."
                        )
                    }
                ),
                "outputs": said(array(ref("RequestedOutput")), "Without it, every output."),
            },
        ),
        "examples": [
            {
                "inputs": [
                    {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1.0, 2.0, 5.0, 7.0]}
                ]
            }
        ],
    },
    "AnswerOutput": {
        **record(
            {"name": TEXT, "datatype": one_of(_NAMES), "shape": _SHAPE},
            {
                "parameters": _parameters({"binary_data_size": _SIZE}),
                "data": said(array(_SCALAR), "The elements in row-major order, flat."),
            },
        ),
        "oneOf": _FORMS,
    },
    "InferAnswer": record(
        {
            "model_name": TEXT,
            "model_version": VERSION,
            "outputs": array(ref("AnswerOutput")),
        },
        {"id": TEXT, "parameters": _parameters({})},
    ),
    "ModelMetadata": record(
        {
            "name": TEXT,
            "versions": said(array(VERSION), "Those that can be served."),
            "platform": {"const": "onnx_onnxv1"},
            "inputs": array(_TENSOR),
            "outputs": array(_TENSOR),
        },
        {"properties": mapping(TEXT)},
    ),
    "ModelConfig": said(
        request(
            {
                "name": TEXT,
                "platform": TEXT,
                "max_batch_size": COUNT,
                "input": array(_CONFIG_TENSOR),
                "output": array(_CONFIG_TENSOR),
            },
            {"backend": TEXT},
        ),
        "The members of Triton's ModelConfig that an ONNX model has.",
    ),
    "ServerMetadata": record(
        {"name": {"const": "hearth"}, "version": TEXT, "extensions": array(TEXT)}
    ),
    "ServerLive": record({"live": {"const": True}}),
    "ServerReady": record({"ready": {"const": True}}),
    "ServerNotReady": record({"ready": {"const": False}, "error": TEXT}),
    "ModelReady": record({"name": TEXT, "ready": {"const": True}}),
    "ModelNotReady": record({"name": TEXT, "ready": {"const": False}, "error": TEXT}),
    "Duration": said(
        record({"count": COUNT, "ns": COUNT}), "How often it was measured, and the sum of it."
    ),
    "ModelStatistics": record(
        {
            "name": TEXT,
            "version": VERSION,
            "last_inference": said(COUNT, "Milliseconds since 1970; 0 where none is known."),
            "inference_count": COUNT,
            "execution_count": COUNT,
            "inference_stats": record(
                _statistics(
                    "success",
                    "fail",
                    "queue",
                    "compute_input",
                    "compute_infer",
                    "compute_output",
                    "cache_hit",
                    "cache_miss",
                )
            ),
            "response_stats": {"type": "object", "maxProperties": 0},
            "batch_stats": array(_BATCH),
            "memory_usage": array(_MEMORY),
            "source": said(TEXT, "Where the figures come from: what was run, and when."),
        }
    ),
    "Statistics": record(
        {"model_stats": said(array(ref("ModelStatistics")), "Versions that can be served.")},
        {
            "unreadable": said(
                mapping(TEXT), "Models whose registry entry cannot be read, each with the reason."
            )
        },
    ),
}
