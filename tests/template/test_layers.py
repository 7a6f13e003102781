"""Layers merge into one /opt/python on Lambda: what must hold so that they can."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hearth_local.layer_view import parse_requirements
from hearth_local.template import Template


def test_namespace_root_is_a_namespace(root: Path) -> None:
    """An `__init__.py` at the root of `hearth` would hide all layers but one, on this machine only."""
    assert list(root.glob("layers/*/python/__init__.py")) == []
    assert list(root.glob("layers/*/python/hearth/__init__.py")) == []


def test_package_of_hearth_is_whole_in_one_layer(root: Path) -> None:
    """Two layers that each hold a part of one package would overwrite each other's `__init__.py`."""
    packages = Counter(path.name for path in root.glob("layers/*/python/hearth/*") if path.is_dir())
    assert [name for name, count in packages.items() if count > 1 and name != "__pycache__"] == []


def test_wheel_is_pinned_by_one_layer_alone(root: Path) -> None:
    """What two layers bring is paid for twice, and which of the two is imported is chance."""
    pinned: Counter[str] = Counter()
    for file in root.glob("layers/*/requirements.txt"):
        wanted = parse_requirements(file.read_text(encoding="utf-8"))
        pinned.update({requirement.name for requirement in wanted})
    assert {name: count for name, count in pinned.items() if count > 1} == {}
    assert {"numpy", "protobuf", "onnxruntime"} <= set(pinned)


def test_requirement_carries_its_hashes_and_no_address(root: Path) -> None:
    """A layer is built from files that are known byte by byte, wherever they are fetched from."""
    for file in [*root.glob("layers/*/requirements.txt"), *root.glob("requirements/*.txt")]:
        text = file.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all("==" in line and line.endswith("\\") for line in lines), file
        assert not re.search(r"https?://|index-url|find-links", text), file


def test_hashes_of_layers_are_fresh(root: Path) -> None:
    """A layer that changed stands in the environment of its functions, else `make hashes`."""
    command = [sys.executable, "infra/hashes.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def version_of(resources: dict[str, Any]) -> str:
    (version,) = [name for name, r in resources.items() if r["Type"] == "AWS::Lambda::Version"]
    return version


def test_changed_layer_publishes_a_new_version_of_predict(
    expand: Callable[[str], dict[str, Any]], text: str, stack: Template
) -> None:
    """The alias and its snapshot move on when a layer does, because its hash is in the environment."""
    fresh = stack.function("predict").environment["HEARTH_LAYERS"]
    assert version_of(expand(text)) != version_of(expand(text.replace(fresh, "another")))


def test_layer_alone_would_publish_nothing(
    expand: Callable[[str], dict[str, Any]], text: str
) -> None:
    """SAM makes no new version for a layer that changed: the reason why the hash is there."""
    changed = text.replace("Serving, with ONNX Runtime and numpy.", "Serving, with something else.")
    assert changed != text
    assert version_of(expand(text)) == version_of(expand(changed))


def test_snapshot_is_taken_while_the_disk_is_small_enough(
    expand: Callable[[str], dict[str, Any]], text: str
) -> None:
    """SnapStart takes 512 MB of ephemeral storage at most: it is on by default and goes with more."""
    predict = expand(text)["PredictFunction"]["Properties"]
    assert predict["EphemeralStorage"] == {"Size": {"Ref": "PredictStorageMb"}}
    assert predict["SnapStart"] == {
        "ApplyOn": {"Fn::If": ["PredictFitsSnapshot", "PublishedVersions", "None"]}
    }


def test_names_belong_to_the_stack(expanded: dict[str, Any]) -> None:
    """Two stacks live side by side in one account: no resource has a fixed name."""
    named = {
        "FunctionName",
        "LayerName",
        "LogGroupName",
        "Name",
        "RoleName",
        "BucketName",
        "QueueName",
    }
    own = {"AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Logs::LogGroup"}
    own |= {"AWS::Scheduler::Schedule", "AWS::IAM::Role", "AWS::S3::Bucket", "AWS::SQS::Queue"}
    own |= {"AWS::Events::Rule"}
    fixed = [
        name
        for name, resource in expanded.items()
        if resource["Type"] in own
        for key, value in resource["Properties"].items()
        if key in named and "AWS::StackName" not in str(value)
    ]
    assert fixed == []
