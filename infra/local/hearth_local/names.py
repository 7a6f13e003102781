"""The names and ARNs that resources have in the local stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hearth_local.errors import TemplateError
from hearth_local.intrinsics import NO_VALUE, Resolver

ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK = "hearth"
API_ID = "local"
# Stands in resolved values for the gateway's address, which is known only once its port is.
API_URL = f"https://{API_ID}.execute-api.{REGION}.amazonaws.com"

_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": NO_VALUE,
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/local",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_NAME_PROPERTY = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Events::EventBus": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
}
# What comes before the name in the ARN of a resource of this type.
_ARN = {
    "AWS::Serverless::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
    "AWS::S3::Bucket": "arn:aws:s3:::",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
    "AWS::Events::EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/",
}


class Names(Mapping[str, Any]):
    """What `!Ref` gives, worked out when asked for: one resource's name may rest on another's."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._parameters: Mapping[str, Any] = document.get("Parameters", {})
        self._resources: Mapping[str, Any] = document["Resources"]
        self.resolver = Resolver(
            self, self.attribute, document.get("Conditions", {}), document.get("Mappings", {})
        )

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._resources:
            return self._resource(name)
        if "Default" in self._parameters.get(name, {}):
            return _parameter(self._parameters[name])
        if name == "ServerlessHttpApi":  # SAM adds it where no event names an API
            return API_ID
        if function := self._aliased(name):
            return self.attribute(function, "Arn")
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return (
            name in _PSEUDO
            or name in self._resources
            or name == "ServerlessHttpApi"
            or "Default" in self._parameters.get(str(name), {})
            or self._aliased(str(name)) != ""
        )

    def __iter__(self) -> Iterator[str]:
        return iter({*_PSEUDO, *self._resources, *self._parameters})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def attribute(self, resource: str, attribute: str) -> str:
        kind = self._kind(resource)
        name = str(self[resource])
        if attribute == "ApiEndpoint":
            return API_URL
        if attribute in {"Arn", "TopicArn", "FunctionArn"} and kind in _ARN:
            return _ARN[kind] + name + (":*" if kind == "AWS::Logs::LogGroup" else "")
        if attribute in {"Name", "QueueName", "Alias", "Version"}:
            return name
        return f"{name}.{attribute}"

    def _aliased(self, name: str) -> str:
        """Return the function whose alias or version, as SAM names them, a name is."""
        for function, resource in self._resources.items():
            own = (f"{function}.Alias", f"{function}.Version", f"{function}Alias")
            if resource["Type"] == "AWS::Serverless::Function" and name.startswith(own):
                return str(function)
        return ""

    def _kind(self, resource: str) -> str:
        if resource == "ServerlessHttpApi":
            return "AWS::Serverless::HttpApi"
        if resource not in self._resources:
            raise TemplateError(
                f"!GetAtt {resource}", "no such resource", "one of Resources", "correct the name"
            )
        return str(self._resources[resource]["Type"])

    def _resource(self, name: str) -> str:
        resource = self._resources[name]
        kind = resource["Type"]
        if kind == "AWS::Serverless::HttpApi":
            return API_ID
        if kind == "AWS::Serverless::LayerVersion":
            return name
        given = resource.get("Properties", {}).get(_NAME_PROPERTY.get(kind, ""))
        local = str(self.resolver.resolve(given)) if given else f"{STACK}-{name}"
        return local.lower() if kind == "AWS::S3::Bucket" else local


def _parameter(declared: Mapping[str, Any]) -> Any:  # noqa: ANN401
    value = declared["Default"]
    if "List" in declared.get("Type", "String") and isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return value
