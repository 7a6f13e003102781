"""Bodies of TensorFlow Serving's REST API.

Source: tensorflow_serving `g3doc/api_rest.md`, `util/json_tensor.cc`,
`apis/get_model_status.proto`.
"""

from __future__ import annotations

from hearth.domain.datatype import DATATYPES
from hearth.domain.state import State
from hearth.edge.json_schema import (
    BOOLEAN,
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

# The canonical codes, by which a registry entry says why a version ended.
ERROR_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

_SIGNATURE_NAME = {
    **said(TEXT, "Which of the model's signatures is meant."),
    "default": "serving_default",
}
_FEATURE: Schema = {"anyOf": [TEXT, NUMBER, BOOLEAN, ref("Base64")]}
_EXAMPLE = mapping({"anyOf": [_FEATURE, array(_FEATURE)]})
_DIMENSION = record({"size": {"type": "string", "pattern": "^(-1|[0-9]+)$"}, "name": TEXT})
_TENSOR_INFO = record(
    {
        "dtype": one_of(datatype.tf for datatype in DATATYPES),
        "tensor_shape": record({"dim": array(_DIMENSION), "unknown_rank": BOOLEAN}),
        "name": TEXT,
    }
)
_SIGNATURE = record(
    {
        "inputs": mapping(_TENSOR_INFO),
        "outputs": mapping(_TENSOR_INFO),
        "method_name": one_of(
            f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress")
        ),
        "defaults": {"type": "object"},
    }
)

V1_SCHEMAS: dict[str, Schema] = {
    "Base64": said(
        record({"b64": {"type": "string", "contentEncoding": "base64"}}),
        "A string as its bytes in base64.",
    ),
    "TensorValue": {
        "description": "A scalar, or lists nested as deeply as the tensor has dimensions. Floats "
        "that are not finite travel as the bare tokens NaN, Infinity and -Infinity, which strict "
        "JSON parsers refuse.",
        "anyOf": [NUMBER, BOOLEAN, TEXT, ref("Base64"), array(ref("TensorValue"))],
    },
    "NamedValues": said(mapping(ref("TensorValue")), "One value for each tensor, by its name."),
    "PredictRequest": {
        **request(
            {},
            {
                "signature_name": _SIGNATURE_NAME,
                "instances": {
                    "description": "Rows: values of the one input, or objects with every input.",
                    "anyOf": [
                        array(ref("TensorValue"), least=1),
                        array(ref("NamedValues"), least=1),
                    ],
                },
                "inputs": {
                    "description": "Columns: the one input, or an object with every input.",
                    "anyOf": [ref("TensorValue"), ref("NamedValues")],
                },
            },
        ),
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "examples": [{"instances": [[1.0, 2.0, 5.0, 7.0]]}, {"inputs": {"x": [[1.0, 2.0]]}}],
    },
    "PredictAnswer": {
        "oneOf": [
            said(
                record(
                    {
                        "predictions": {
                            "anyOf": [array(ref("TensorValue")), array(ref("NamedValues"))]
                        }
                    }
                ),
                "To rows: a value, or an object with every output, for each.",
            ),
            said(
                record({"outputs": {"anyOf": [ref("TensorValue"), ref("NamedValues")]}}),
                "To columns: the one output, or an object with every output.",
            ),
        ]
    },
    "ExamplesRequest": request(
        {"examples": array(_EXAMPLE, least=1)},
        {
            "signature_name": _SIGNATURE_NAME,
            "context": said(_EXAMPLE, "Features that all examples have in common."),
        },
    ),
    "ClassifyAnswer": record(
        {
            "results": said(
                array(
                    array(
                        {
                            "type": "array",
                            "prefixItems": [TEXT, NUMBER],
                            "minItems": 2,
                            "maxItems": 2,
                        }
                    )
                ),
                "For each example its labels, each with its score; a label may be empty.",
            )
        }
    ),
    "RegressAnswer": record({"results": said(array(NUMBER), "For each example its value.")}),
    "ModelSignatures": record(
        {
            "model_spec": record({"name": TEXT, "signature_name": TEXT, "version": VERSION}),
            "metadata": record({"signature_def": record({"signature_def": mapping(_SIGNATURE)})}),
        }
    ),
    "ModelStatus": record(
        {
            "model_version_status": array(
                record(
                    {
                        "version": VERSION,
                        "state": one_of(State),
                        "status": record(
                            {"error_code": one_of(ERROR_CODES), "error_message": TEXT}
                        ),
                    }
                )
            )
        }
    ),
}
