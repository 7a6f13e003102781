"""Writes a SAM template as CloudFormation will see it: with everything that SAM generates.

Runs in an environment that holds aws-sam-translator; needs no network and no credentials.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# SAM wants to see code that was uploaded; where to makes no difference to what it generates.
_UPLOADED = "s3://bucket/key"
_CODE = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Application": "Location",
}


class _NoManagedPolicies:
    """The part of SAM's policy loader that it wants; managed policies are looked up by it alone."""

    def load(self) -> dict[str, str]:
        return {}


def expand(text: str) -> dict[str, Any]:
    """Return what SAM makes of a SAM template, with the defaults of its parameters."""
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        code = _CODE.get(resource["Type"])
        if code:
            resource["Properties"][code] = _UPLOADED + (".yaml" if code == "Location" else "")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return dict(transform(template, {}, _NoManagedPolicies()))


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(json.dumps(expand(source.read_text(encoding="utf-8")), indent=1), "utf-8")
