"""template.yaml as the local stack sees it: the one list of functions, layers and events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearth_local import events, intrinsics
from hearth_local.errors import TemplateError, UnknownFunction
from hearth_local.names import ACCOUNT, REGION, Names

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_S = 3
DEFAULT_RETRIES = 2
_FUNCTION = "AWS::Serverless::Function"
_LAYER = "AWS::Serverless::LayerVersion"
_PROPERTIES = (
    "CodeUri",
    "Environment",
    "EventInvokeConfig",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Timeout",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer; its folder holds `python/` and perhaps `requirements.txt`."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Function:
    """A function with everything that decides how its sandbox looks."""

    logical_id: str
    name: str
    folder: Path
    handler: str
    layers: tuple[Layer, ...]
    memory_mb: int
    timeout_s: float
    environment: Mapping[str, str]
    log_group: str
    log_format: str
    retries: int

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"

    @property
    def title(self) -> str:
        """The folder's name: what people call the function."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with the two switches that the stand-in for S3 honours."""

    name: str
    versioned: bool
    announces: bool


@dataclass(frozen=True, slots=True)
class Template:
    """Everything of template.yaml that the local stack acts on."""

    path: Path
    functions: tuple[Function, ...]
    layers: tuple[Layer, ...]
    events: tuple[events.Event, ...]
    buckets: tuple[Bucket, ...]
    buses: tuple[str, ...]

    @property
    def bucket(self) -> str:
        """The bucket whose objects start functions; the first one where none does."""
        ranked = sorted(self.buckets, key=lambda bucket: not bucket.announces)
        return ranked[0].name if ranked else ""

    def function(self, name: str) -> Function:
        """Return the function with this name, logical id, ARN or folder name."""
        wanted = name.rpartition(":function:")[2].partition(":")[0]
        for function in self.functions:
            if wanted in {function.logical_id, function.name, function.title}:
                return function
        known = ", ".join(function.title for function in self.functions)
        raise UnknownFunction(f"function {name}", "no such name", f"one of {known}", "correct it")


def load(path: Path) -> Template:
    document = _read(path)
    names = Names(document)
    resources = dict(_present(document, names))
    layers = {
        logical_id: _layer(path, names.resolver.resolve(properties))
        for logical_id, kind, properties in _of(resources, _LAYER)
    }
    functions: list[Function] = []
    declared: list[events.Event] = []
    for logical_id, _, given in _of(resources, _FUNCTION):
        merged = _merge(document.get("Globals", {}).get("Function", {}), given)
        functions.append(_function(path, logical_id, merged, names, layers))
        declared += _events(logical_id, merged.get("Events", {}), names)
    return Template(
        path,
        tuple(functions),
        tuple(layers.values()),
        tuple(declared),
        tuple(_buckets(resources, names)),
        tuple(str(names[logical_id]) for logical_id, *_ in _of(resources, "AWS::Events::EventBus")),
    )


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise TemplateError(
            str(path), "no such file", "a SAM template", "run the command where template.yaml is"
        )
    document = intrinsics.parse(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or "Resources" not in document:
        raise TemplateError(str(path), "no Resources", "a SAM template", "correct the file")
    return document


def _present(document: Mapping[str, Any], names: Names) -> Iterator[tuple[str, Any]]:
    for logical_id, resource in document["Resources"].items():
        if "Condition" not in resource or names.resolver.holds(resource["Condition"]):
            yield logical_id, resource


def _of(resources: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for logical_id, resource in resources.items():
        if resource["Type"] == kind:
            yield logical_id, kind, resource.get("Properties", {})


def _layer(path: Path, properties: Mapping[str, Any]) -> Layer:
    folder = (path.parent / properties["ContentUri"]).resolve()
    return Layer(folder.name, folder)


def _merge(below: Any, above: Any) -> Any:  # noqa: ANN401
    """Merge as SAM merges Globals: maps by key, lists one after the other, the rest replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _merge(below[key], value) if key in below else value
        return merged
    if isinstance(below, list) and isinstance(above, list):
        return below + above
    return above


def _function(
    path: Path, logical_id: str, given: Mapping[str, Any], names: Names, layers: Mapping[str, Layer]
) -> Function:
    found = names.resolver.resolve({key: given[key] for key in _PROPERTIES if key in given})
    missing = [key for key in ("Handler", "CodeUri") if not isinstance(found.get(key), str)]
    if missing:
        raise TemplateError(
            logical_id, f"no {' and no '.join(missing)}", "both as text", "declare them"
        )
    name, logging = str(names[logical_id]), found.get("LoggingConfig", {})
    return Function(
        logical_id=logical_id,
        name=name,
        folder=(path.parent / found["CodeUri"]).resolve(),
        handler=found["Handler"],
        layers=tuple(_own_layers(logical_id, found.get("Layers", []), layers)),
        memory_mb=int(found.get("MemorySize", DEFAULT_MEMORY_MB)),
        timeout_s=float(found.get("Timeout", DEFAULT_TIMEOUT_S)),
        environment=_environment(found.get("Environment", {}).get("Variables", {})),
        log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
        log_format=logging.get("LogFormat", "Text"),
        retries=int(
            found.get("EventInvokeConfig", {}).get("MaximumRetryAttempts", DEFAULT_RETRIES)
        ),
    )


def _own_layers(
    function: str, references: list[Any], layers: Mapping[str, Layer]
) -> Iterator[Layer]:
    for reference in references:
        if reference not in layers:
            raise TemplateError(
                f"{function}.Layers",
                str(reference),
                "a layer of the same template",
                "layers from elsewhere have no local stand-in: build it in the template",
            )
        yield layers[reference]


def _environment(variables: Mapping[str, Any]) -> Mapping[str, str]:
    def text(value: Any) -> str:  # noqa: ANN401
        return json.dumps(value) if isinstance(value, bool) else str(value)

    return {name: text(value) for name, value in variables.items()}


def _events(function: str, declared: Mapping[str, Any], names: Names) -> Iterator[events.Event]:
    for name, event in declared.items():
        yield events.read(name, function, names.resolver.resolve(event))


def _buckets(resources: Mapping[str, Any], names: Names) -> Iterator[Bucket]:
    for logical_id, _, given in _of(resources, "AWS::S3::Bucket"):
        wanted = ("VersioningConfiguration", "NotificationConfiguration")
        properties = names.resolver.resolve({key: given[key] for key in wanted if key in given})
        versioning = properties.get("VersioningConfiguration", {}).get("Status")
        notifications = properties.get("NotificationConfiguration", {})
        announces = notifications.get("EventBridgeConfiguration", {"EventBridgeEnabled": False})
        yield Bucket(
            str(names[logical_id]),
            versioned=versioning == "Enabled",
            announces=str(announces.get("EventBridgeEnabled", True)).lower() == "true",
        )
