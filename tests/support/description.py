"""What the OpenAPI document says of a request or an answer, and whether it is so."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from hearth.edge.openapi import document
from jsonschema import Draft202012Validator

from support.calling import Reply

Found = dict[str, Any]


@cache
def described() -> Found:
    return document()


def operation_of(method: str, path: str) -> Found:
    """Return the operation that a request asks for: of the paths that fit, the most literal one."""
    fitting = [
        (template.count("{"), -len(template), template)
        for template, operations in described()["paths"].items()
        if method.lower() in operations and _pattern(template).fullmatch(path)
    ]
    assert fitting, f"the document has no {method} {path}"
    return described()["paths"][min(fitting)[2]][method.lower()]


def _pattern(template: str) -> re.Pattern[str]:
    literal = re.split(r"\{\w+\}", template)
    return re.compile("[^/:]+".join(map(re.escape, literal)))


def followed(found: Found) -> Found:
    """Return what a `$ref` of the document leads to."""
    while "$ref" in found:
        reference, found = found["$ref"], described()
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
    return found


def validator(schema: Found) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": described()["components"]})


def component(name: str) -> Draft202012Validator:
    return validator({"$ref": f"#/components/schemas/{name}"})


def require_described(method: str, path: str, reply: Reply) -> None:
    """Fail unless the document lists the answer's status with a schema that its body fits."""
    responses = operation_of(method, path)["responses"]
    assert str(reply.status) in responses, f"{method} {path} is not said to give {reply.status}"
    content = followed(responses[str(reply.status)])["content"]
    kind = reply.headers["content-type"]
    assert kind in content, f"{method} {path} is not said to give {kind}"
    if kind == "application/json":
        validator(content[kind]["schema"]).validate(reply.json)


def require_asked(method: str, path: str, body: Any) -> None:
    """Fail unless the document's schema of the request fits a body."""
    content = operation_of(method, path)["requestBody"]["content"]
    validator(content["application/json"]["schema"]).validate(body)
