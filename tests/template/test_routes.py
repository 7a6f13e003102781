"""The HTTP API of the template is the code's table of routes, closed but for liveness."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.edge.gateway_routes import ROUTES
from hearth.edge.openapi import document
from hearth.edge.operations import OPERATIONS, Operation
from hearth_local import events, routes
from hearth_local.template import Template

OPEN = {("/v2/health/live", "get")}


def test_routes_of_the_template_are_those_of_the_code(stack: Template) -> None:
    """A route exists in both or in neither, and leads to the same function."""
    declared = {
        (event.method, event.path, stack.function(event.function).title)
        for event in stack.events
        if isinstance(event, events.Route)
    }
    assert declared == {(route.method, route.path, route.function) for route in ROUTES}


def test_every_route_but_liveness_asks_for_a_signature(expanded: dict[str, Any]) -> None:
    """IAM decides who may call; only "is it there" is answered to anybody."""
    paths = expanded["HttpApi"]["Properties"]["Body"]["paths"]
    security = {
        (path, method): operation.get("security")
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    assert len(security) == len(ROUTES)
    unsigned = {route for route, asked in security.items() if asked != [{"AWS_IAM": []}]}
    assert unsigned == OPEN
    assert security["/v2/health/live", "get"] in ([], [{"NONE": []}])


def test_requests_are_throttled_and_logged(expanded: dict[str, Any]) -> None:
    """A stage has a limit for all routes together, and an access log."""
    (stage,) = [r for r in expanded.values() if r["Type"] == "AWS::ApiGatewayV2::Stage"]
    limits = stage["Properties"]["DefaultRouteSettings"]
    assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(limits)
    destination = stage["Properties"]["AccessLogSettings"]["DestinationArn"]
    assert destination == {"Fn::GetAtt": ["ApiLogGroup", "Arn"]}


# Not there for any operation: what lands in them is refused in TensorFlow Serving's words.
CATCH_MALFORMED_PATHS = {("POST", "/v1/{proxy+}"), ("GET", "/v1/{proxy+}"), ("GET", "/v1/models")}


def declared_routes(stack: Template) -> list[events.Route]:
    return [event for event in stack.events if isinstance(event, events.Route)]


def example(operation: Operation) -> str:
    """Return an operation's path as a client sends it."""
    return operation.path.format(model="digits", version=2, label="canary")


def taken(stack: Template, operation: Operation) -> events.Route:
    """Return the one route that API Gateway takes for an operation."""
    match = routes.find(declared_routes(stack), operation.method, example(operation))
    assert match, f"no route for {operation}"
    return match.route


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_operation_is_taken_to_its_function(stack: Template, operation: Operation) -> None:
    """API Gateway prefers exactly one route for each operation, and it leads to the right function."""
    route = taken(stack, operation)
    assert stack.function(route.function).title == operation.function
    assert (route.method, route.path) not in CATCH_MALFORMED_PATHS


def test_each_route_is_there_for_an_operation_or_for_malformed_paths(stack: Template) -> None:
    """No route is without an operation, but the three that refuse what TensorFlow Serving would."""
    used = {
        (taken(stack, operation).method, taken(stack, operation).path) for operation in OPERATIONS
    }
    declared = {(route.method, route.path) for route in declared_routes(stack)}
    assert declared - used == CATCH_MALFORMED_PATHS


def test_document_asks_for_a_signature_where_the_gateway_does(expanded: dict[str, Any]) -> None:
    """An operation is open in the OpenAPI document if and only if the gateway leaves it open."""
    described = document()
    assert described["security"] == [{"sigv4": []}]
    unsigned = {
        (path, method)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") == []
    }
    assert unsigned == OPEN
    scheme = described["components"]["securitySchemes"]["sigv4"]
    theirs = expanded["HttpApi"]["Properties"]["Body"]["components"]["securitySchemes"]["AWS_IAM"]
    assert theirs == {key: scheme[key] for key in theirs}
