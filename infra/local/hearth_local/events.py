"""What starts a function, as template.yaml says: routes, rules, schedules, subscriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hearth_local.errors import TemplateError

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
DEFAULT_BUS = "default"


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP API route: a method (or ANY), a path with `{name}` and `{name+}` segments."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An EventBridge rule with one function as its target."""

    name: str
    pattern: Mapping[str, Any]
    bus: str
    constant_input: str | None
    function: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A timer; `payload` is the event's JSON text."""

    name: str
    every_s: int
    payload: str
    function: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """Log lines of a group that match a filter pattern go to a function."""

    name: str
    log_group: str
    pattern: str
    function: str


@dataclass(frozen=True, slots=True)
class NotRunLocally:
    """An event that the template declares and the local stack leaves out, with the reason."""

    name: str
    reason: str
    function: str


Event = Route | Rule | Schedule | Subscription | NotRunLocally


def read(name: str, function: str, declared: Mapping[str, Any]) -> Event:
    """Return what one entry under a function's Events declares.

    Args:
        name: The entry's name.
        function: The function's logical id.
        declared: The entry, its intrinsic functions resolved.
    """
    kind = declared["Type"]
    properties = declared.get("Properties", {})
    if str(properties.get("State", "ENABLED")) != "ENABLED" or properties.get("Enabled") is False:
        return NotRunLocally(name, "it is disabled", function)
    reader = _READERS.get(kind)
    if reader is None:
        return NotRunLocally(name, f"events of type {kind} have no local stand-in", function)
    return reader(name, function, properties)


def _rule(name: str, function: str, properties: Mapping[str, Any]) -> Event:
    if {"InputPath", "InputTransformer"} & properties.keys():
        return NotRunLocally(name, "inputs are not transformed locally", function)
    bus = str(properties.get("EventBusName", DEFAULT_BUS)).rsplit("/", 1)[-1]
    pattern = properties.get("Pattern", {})
    return Rule(f"{function}-{name}", pattern, bus, properties.get("Input"), function)


def _subscription(name: str, function: str, properties: Mapping[str, Any]) -> Event:
    group, pattern = properties["LogGroupName"], properties.get("FilterPattern", "")
    return Subscription(f"{function}-{name}", group, pattern, function)


def _route(name: str, function: str, properties: Mapping[str, Any]) -> Event:
    del name
    path = properties.get("Path", "$default")
    method = str(properties.get("Method", "ANY")).upper()
    return Route(
        "ANY" if method in {"*", "X-AMAZON-APIGATEWAY-ANY-METHOD"} else method, path, function
    )


def _schedule(name: str, function: str, properties: Mapping[str, Any]) -> Event:
    expression = properties.get("ScheduleExpression") or properties.get("Schedule", "")
    rate = _RATE.fullmatch(expression)
    if rate is None:
        return NotRunLocally(name, f"only rate(...) is timed locally, not {expression}", function)
    payload = properties.get("Input", "{}")
    try:
        json.loads(payload)
    except ValueError as error:
        raise TemplateError(
            f"{function}.Events.{name}.Input", repr(payload), "JSON text", "correct it"
        ) from error
    every_s = int(rate[1]) * _UNITS[rate[2]]
    return Schedule(f"{function}-{name}", every_s, payload, function)


_READERS: Mapping[str, Callable[[str, str, Mapping[str, Any]], Event]] = {
    "HttpApi": _route,
    "EventBridgeRule": _rule,
    "CloudWatchEvent": _rule,
    "Schedule": _schedule,
    "ScheduleV2": _schedule,
    "CloudWatchLogs": _subscription,
}
