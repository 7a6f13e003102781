"""The HTTP API of the template is the code's table of routes, closed but for liveness."""

from __future__ import annotations

from typing import Any

from hearth.edge.routes import ROUTES
from hearth_local import events
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
