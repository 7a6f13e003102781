"""The OpenAPI document: valid, whole, and of one mind with the parsers and the table of errors."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hearth.domain.errors import HearthError
from hearth.domain.routing import Target
from hearth.edge.openapi import document
from hearth.edge.operations import OPERATIONS, Operation
from hearth.edge.parameters import PARAMETERS
from hearth.edge.problem import STATUSES
from hearth.edge.routes import parse_v1, parse_v2
from hearth.edge.v1_schemas import ERROR_CODES
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.description import component, described, followed

VERBS = {
    "modelSignatures": "metadata",
    "modelMetadata": "metadata",
    "modelConfig": "config",
    "modelStatus": "status",
    "modelReady": "ready",
    "modelStatistics": "stats",
    "repositoryLoad": "load",
    "repositoryUnload": "unload",
    "optimization": "optimize",
}
EXAMPLES = {name: found["example"] for name, found in PARAMETERS.items() if found["in"] == "path"}
TENSORS = {
    operation.id
    for operation in OPERATIONS
    if operation.id.partition("By")[0] in ("predict", "classify", "regress", "infer")
}
# Refused before a function is asked, or by what the table of errors has no class for yet.
NOT_IN_THE_TABLE = {200, 202, 403, 415, 429}


def example(operation: Operation) -> str:
    return operation.path.format(**EXAMPLES)


def described_of(operation: Operation) -> dict[str, Any]:
    return described()["paths"][operation.path][operation.method.lower()]


def references(found: Any) -> Iterator[str]:
    """Yield each `$ref` in a document."""
    if isinstance(found, dict):
        if isinstance(found.get("$ref"), str):
            yield found["$ref"]
        for value in found.values():
            yield from references(value)
    elif isinstance(found, list):
        for value in found:
            yield from references(value)


# ------------------------------------------------------------------------------------- the document


def test_document_is_valid_openapi() -> None:
    """The document is OpenAPI 3.1, as the specification's own schema has it."""
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_document_is_json() -> None:
    """The document survives JSON: it is made of plain dicts, lists and scalars."""
    assert json.loads(json.dumps(document())) == document()


def test_document_says_the_version_that_is_installed() -> None:
    """The document's version is the project's."""
    assert document()["info"]["version"] == importlib.metadata.version("hearth")


def test_document_holds_every_operation_once() -> None:
    """Each row of the table is one operation of the document, under an id of its own."""
    ids = Counter(
        operation["operationId"]
        for operations in document()["paths"].values()
        for operation in operations.values()
    )
    assert ids == {operation.id: 1 for operation in OPERATIONS}


def test_every_component_is_there_and_used() -> None:
    """Each reference leads to a component, and each component is referred to."""
    components = document()["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "parameters", "headers", "responses")
        for name in components[kind]
    }
    assert set(references(document())) == there


@pytest.mark.parametrize("name", described()["components"]["schemas"])
def test_schema_is_one_and_fits_its_own_examples(name: str) -> None:
    """Each schema is valid JSON Schema, and the examples in it are examples of it."""
    schema = described()["components"]["schemas"][name]
    Draft202012Validator.check_schema(schema)
    for one in schema.get("examples", []):
        component(name).validate(one)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if PARAMETERS[name]["in"] == "path"])
def test_example_of_a_path_parameter_fits_its_schema(name: str) -> None:
    """A parameter's example is one that the server would take."""
    Draft202012Validator(PARAMETERS[name]["schema"]).validate(PARAMETERS[name]["example"])


# ----------------------------------------------------------------------------------- the operations


@pytest.mark.parametrize(
    "operation",
    [o for o in OPERATIONS if "{model}" in o.path and not o.path.startswith("/reports")],
    ids=lambda operation: operation.id,
)
def test_path_of_an_operation_parses_to_what_it_names(operation: Operation) -> None:
    """The parsers read an operation's path as the table means it: model, version, label and verb."""
    parse = parse_v1 if operation.path.startswith("/v1") else parse_v2

    call = parse(operation.method, example(operation))

    name = operation.id.partition("By")[0]
    assert call.verb == VERBS.get(name, name)
    assert call.target == Target(
        "digits",
        2 if "{version}" in operation.path else 0,
        "canary" if "{label}" in operation.path else "",
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_operation_names_the_parameters_of_its_path(operation: Operation) -> None:
    """Each name in a path is a parameter of it, and one line says what the operation is for."""
    found = described_of(operation)
    listed = [one["$ref"].rpartition("/")[2] for one in found.get("parameters", [])]
    assert [name for name in listed if name in EXAMPLES] == re.findall(r"{(\w+)}", operation.path)
    assert found["summary"].endswith(".")
    assert "\n" not in found["summary"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_statuses_of_an_operation_are_those_of_the_table_of_errors(operation: Operation) -> None:
    """What an operation may answer is success, a status of its protocol's column, or the gateway's."""
    column = 0 if operation.path.startswith("/v1") else 1
    known = {row[column] for row in STATUSES.values()} | NOT_IN_THE_TABLE
    listed = {int(status) for status in described_of(operation)["responses"]}
    assert {429, 500} <= listed <= known


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_operation_says_what_success_is(operation: Operation) -> None:
    """Every operation promises its own status, and none is there that is not built."""
    found = described_of(operation)
    assert str(operation.status) in found["responses"]
    assert "501" not in found["responses"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_only_requests_with_a_body_may_have_a_wrong_coding_or_size(operation: Operation) -> None:
    """413 and 415 are of bodies, so what reads none lists neither."""
    listed = set(described_of(operation)["responses"])
    assert listed & {"413", "415"} == ({"413", "415"} if operation.request else set())


def test_who_may_not_call_and_what_may_not_be_named_are_told_apart() -> None:
    """403 is the gateway's, and a prediction's too, whose objects have their own bounds."""
    for operation in OPERATIONS:
        found = described_of(operation)["responses"].get("403", {})
        schemas = list(references(followed(found)))
        assert ("#/components/schemas/Error" in schemas) is (operation.id in TENSORS), operation


def test_code_of_every_error_may_stand_in_a_status() -> None:
    """A version ends with the code of an error: each code is one that the schema admits."""

    def codes(kind: type[HearthError]) -> Iterator[str]:
        yield kind.code
        for child in kind.__subclasses__():
            yield from codes(child)

    assert set(codes(HearthError)) <= set(ERROR_CODES)


# -------------------------------------------------------------------------------------- the schemas

INPUT = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 5, 7]}
HEAD = {"name": "x", "datatype": "FP32", "shape": [1, 4]}
BLOB = {"binary_data_size": 16}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PredictRequest", {"instances": [1, 2.5, True, "a", {"b64": "YQ=="}]}),
        ("PredictRequest", {"instances": [{"a": [1], "b": [[2]]}], "signature_name": "s"}),
        ("PredictRequest", {"inputs": 5}),
        ("PredictRequest", {"inputs": {"a": [1], "b": float("nan")}, "further": None}),
        ("PredictAnswer", {"predictions": []}),
        ("PredictAnswer", {"outputs": {"a": 1.0, "b": [[]]}}),
        ("ExamplesRequest", {"context": {"c": [1, 2]}, "examples": [{"a": "x", "b": {"b64": ""}}]}),
        ("ClassifyAnswer", {"results": [[["3", 0.5], ["", 1]], []]}),
        ("RegressAnswer", {"results": [1.5, 2]}),
        ("InferRequest", {"inputs": [INPUT], "model_name": "m", "parameters": {"priority": 1}}),
        ("InferRequest", {"inputs": [{**HEAD, "parameters": BLOB}]}),
        ("InferRequest", {"inputs": [{**INPUT, "datatype": "BYTES", "shape": [], "data": "a"}]}),
        ("InferRequest", {"inputs": [{**HEAD, "datatype": "BF16", "parameters": BLOB}]}),
        (
            "InferRequest",
            {"inputs": [], "outputs": [{"name": "y", "parameters": {"classification": 3}}]},
        ),
        ("AnswerOutput", {**HEAD, "parameters": BLOB}),
        ("StoredAnswer", {"output_location": "s3://b/payloads/o", "status": 200, "bytes": 9}),
        ("LoadRequest", {"parameters": {"version": 2}}),
        ("LoadRequest", {"parameters": {"version": "2"}}),
        ("LoadRequest", {}),
        ("UnloadRequest", {"parameters": {"unload_dependents": False}}),
        ("OptimizeRequest", {}),
        ("OptimizeRequest", {"version": 2, "objective": "cost", "recipes": ["int8-dynamic"]}),
        ("OptimizeRequest", {"version": "2", "max_loss": 0, "force": True}),
        ("OptimizeAnswer", {"model": "m", "version": 2, "id": "a1"}),
    ],
)
def test_schema_admits_what_the_protocol_does(name: str, value: Any) -> None:
    """What clients send, and servers answer, is what the schema says."""
    component(name).validate(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PredictRequest", {}),
        ("PredictRequest", []),
        ("PredictRequest", {"instances": [1], "inputs": [1]}),
        ("PredictRequest", {"instances": []}),
        ("PredictRequest", {"instances": [None]}),
        ("PredictRequest", {"instances": [{"a": 1}, 2]}),
        ("PredictRequest", {"inputs": [1], "signature_name": 5}),
        ("ExamplesRequest", {"examples": [{"a": None}]}),
        ("ClassifyAnswer", {"result": []}),
        ("ClassifyAnswer", {"results": [[[0.5, "3"]]]}),
        ("InferRequest", {"inputs": [HEAD]}),
        ("InferRequest", {"inputs": [{**INPUT, "parameters": BLOB}]}),
        ("InferRequest", {"inputs": [{**INPUT, "datatype": "FP16"}]}),
        ("InferRequest", {"inputs": [{**INPUT, "datatype": "float"}]}),
        ("InferRequest", {"inputs": [{**INPUT, "shape": [-1, 4]}]}),
        ("InferRequest", {"inputs": [INPUT], "id": 5}),
        ("InferRequest", {"inputs": [INPUT], "parameters": {"binary_data_output": "yes"}}),
        ("AnswerOutput", HEAD),
        ("AnswerOutput", {**INPUT, "parameters": BLOB}),
        ("LoadRequest", {"parameters": {"config": "{}"}}),
        ("LoadRequest", {"parameters": {"file:1/model.onnx": ""}}),
        ("LoadRequest", {"parameters": {"version": 0}}),
        ("RepositoryIndexRequest", {"ready": 1}),
        ("OptimizeRequest", {"objective": "beauty"}),
        ("OptimizeRequest", {"max_loss": 1}),
        ("OptimizeRequest", {"recipes": ["INT8"]}),
        ("OptimizeRequest", {"wait": True}),
        ("Error", {"error": "x", "message": "x"}),
    ],
)
def test_schema_refuses_what_the_protocol_does(name: str, value: Any) -> None:
    """What would be a 400, or no answer of the protocol, does not fit the schema."""
    with pytest.raises(ValidationError):
        component(name).validate(value)
