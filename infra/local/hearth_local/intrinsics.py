"""CloudFormation's short tags and functions: from YAML to plain values."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hearth_local.errors import TemplateError

NO_VALUE = "AWS::NoValue"
_REFERENCE = re.compile(r"\$\{(!?)([^${}]+)\}")


class _Loader(yaml.SafeLoader):
    """YAML with `!Ref x` read as `{"Ref": "x"}`, and so on for every CloudFormation tag."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    key = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {key: value}


_Loader.add_multi_constructor("!", _tag)
# `2012-10-17` is a string in a template, not a day.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Any:  # noqa: ANN401
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with the template's tags


@dataclass(frozen=True, slots=True)
class Resolver:
    """Replaces intrinsic functions by local values.

    Args:
        refs: What `!Ref X` gives, for parameters, pseudo parameters and resources.
        attribute: What `!GetAtt X.Y` gives.
        conditions: The template's Conditions, unresolved.
        mappings: The template's Mappings.
    """

    refs: Mapping[str, Any]
    attribute: Callable[[str, str], Any]
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item != NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument), *_ = value.items()
            rule = _RULES.get(key)
            # `Condition` is a function where it names one; IAM statements have a key of that name.
            if rule is not None and (key != "Condition" or isinstance(argument, str)):
                return rule(self, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item != NO_VALUE}

    def holds(self, condition: str) -> bool:
        if condition not in self.conditions:
            raise TemplateError(
                f"condition {condition}", "no such entry", "one of Conditions", "declare it"
            )
        return bool(self.resolve(self.conditions[condition]))

    def ref(self, name: str) -> Any:  # noqa: ANN401
        if name not in self.refs:
            raise TemplateError(
                f"!Ref {name}",
                "no parameter with a Default and no resource of that name",
                "a name in Parameters or Resources",
                "give the parameter a Default or correct the name",
            )
        return self.refs[name]

    def named(self, name: str) -> Any:  # noqa: ANN401
        """Return what `${name}` stands for: a reference, or an attribute where a dot says so."""
        if name not in self.refs and "." in name:
            resource, attribute = name.split(".", 1)
            return self.attribute(resource, attribute)
        return self.ref(name)


def _sub(resolver: Resolver, argument: Any) -> str:  # noqa: ANN401
    text, given = (argument, {}) if isinstance(argument, str) else argument
    values = resolver.resolve(given)

    def value(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return "${" + name + "}"
        name = name.strip()
        return str(values[name] if name in values else resolver.named(name))

    return _REFERENCE.sub(value, text)


def _get_att(resolver: Resolver, argument: Any) -> Any:  # noqa: ANN401
    resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return resolver.attribute(resource, attribute)


def _join(resolver: Resolver, argument: Any) -> str:  # noqa: ANN401
    separator, items = argument
    return str(separator).join(str(item) for item in resolver.resolve(items))


def _if(resolver: Resolver, argument: Any) -> Any:  # noqa: ANN401
    condition, then, otherwise = argument
    return resolver.resolve(then if resolver.holds(condition) else otherwise)


def _equals(resolver: Resolver, argument: Any) -> bool:  # noqa: ANN401
    left, right = resolver.resolve(argument)
    return str(left) == str(right)


def _select(resolver: Resolver, argument: Any) -> Any:  # noqa: ANN401
    index, items = resolver.resolve(argument)
    return items[int(index)]


def _find_in_map(resolver: Resolver, argument: Any) -> Any:  # noqa: ANN401
    table, first, second = resolver.resolve(argument[:3])
    return resolver.resolve(resolver.mappings[table][first][second])


_RULES: Mapping[str, Callable[[Resolver, Any], Any]] = {
    "Ref": lambda resolver, name: resolver.ref(name),
    "Condition": lambda resolver, name: resolver.holds(name),
    "Fn::Sub": _sub,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::Not": lambda resolver, items: not resolver.resolve(items[0]),
    "Fn::And": lambda resolver, items: all(resolver.resolve(item) for item in items),
    "Fn::Or": lambda resolver, items: any(resolver.resolve(item) for item in items),
    "Fn::Select": _select,
    "Fn::Split": lambda resolver, items: str(resolver.resolve(items[1])).split(items[0]),
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": lambda resolver, text: base64.b64encode(
        str(resolver.resolve(text)).encode()
    ).decode(),
    "Fn::ToJsonString": lambda resolver, item: json.dumps(resolver.resolve(item)),
}
