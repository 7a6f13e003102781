"""Projects of toy functions, made in a temporary folder, and stacks that run them."""

import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hearth_local.stack import LocalStack

CLIENTS = ("awslambdaric", "small")


def write_project(folder, functions, layers=None, resources=None):
    """Write a template and the functions' code; return the template's path.

    functions: name -> (code, further properties); layers: name -> requirements text.
    """
    made = dict(resources or {})
    for name, (code, properties) in functions.items():
        place = folder / "functions" / name
        place.mkdir(parents=True)
        (place / f"{name}.py").write_text(textwrap.dedent(code))
        made[f"{name.title()}Function"] = {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": f"functions/{name}/",
                "Handler": f"{name}.handler",
                **properties,
            },
        }
    for name, requirements in (layers or {}).items():
        place = folder / "layers" / name
        (place / "python").mkdir(parents=True)
        (place / "requirements.txt").write_text(requirements)
        made[f"{name.title()}Layer"] = {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {"ContentUri": f"layers/{name}"},
        }
    document = {
        "Globals": {"Function": {"Runtime": "python3.13", "Timeout": 5, "MemorySize": 256}},
        "Resources": made,
    }
    template = folder / "template.yaml"
    template.write_text(yaml.safe_dump(document))
    return template


BUCKET = {
    "ModelBucket": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"},
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    }
}


@pytest.fixture(scope="session")
def project():
    return SimpleNamespace(write=write_project, bucket=BUCKET)


@pytest.fixture(scope="session")
def run_stack():
    """Return a function that makes a stack in the template's folder (not started)."""

    def make(template: Path, **options) -> LocalStack:
        return LocalStack(template, template.parent / ".hearth", **options)

    return make
