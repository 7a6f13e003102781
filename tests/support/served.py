"""The models that the suite of independent clients asks for, on a local stack: a program.

It prints one line, `{"url": ...}`, once every model answers, and stops when its standard input ends.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from hearth.publishing.publication import Publisher, Source
from hearth.stores.clock import SystemClock
from hearth_local import library, target
from hearth_local.stack import LocalStack
from hearth_local.target import Target
from hearth_local.waiting import wait_until_loaded

from support import models, zoo

ROOT = Path(__file__).parents[2]
LOAD_TIMEOUT_S = 60
CLASSES = ("cat", "dog", "bird")
# What becomes of each name, version by version.
SERVED = {
    "doubled": [models.DOUBLED],
    "versioned": [models.DOUBLED, models.TRIPLED],
    "switched": [models.DOUBLED],
    "counted": [models.DOUBLED],
    "pair": [zoo.PAIR],
    "joined": [zoo.JOINED],
    "scalar": [zoo.SCALAR],
    "text": [zoo.TEXT],
    "total": [zoo.TOTAL],
    "zeros": [zoo.ZEROS],
    "halved": [zoo.HALVED],
    "divided": [zoo.DIVIDED],
    "paired": [zoo.PAIRED],
    "half_plus_three": [zoo.HALF_PLUS_THREE],
    "tagged": [zoo.TAGGED],
    "scores": [zoo.SCORED],
    "row": [zoo.SCORE_ROW],
    "animals": [zoo.SCORED],
    "same-BF16": [zoo.same("BF16")],
    **{f"same-{datatype}": [zoo.same(datatype)] for datatype in zoo.ELEMENTS},
}
LABELS = {"animals": CLASSES}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hearth-clients-") as name:
        folder = Path(name)
        (folder / "template.yaml").symlink_to(ROOT / "template.yaml")
        state = folder / ".hearth"
        with LocalStack(folder / "template.yaml", state, schedules=False) as stack:
            publish(target.find(state), folder)
            print(json.dumps({"url": stack.url}), flush=True)
            sys.stdin.read()


def publish(bundle: Target, folder: Path) -> None:
    """Publish everything, then wait: the stack proves two versions at a time."""
    artefacts, registry = library.artefacts(bundle), library.registry(bundle)
    publisher = Publisher(artefacts, SystemClock())
    published = []
    for model, versions in SERVED.items():
        for text in versions:
            path = folder / "model.onnx"
            path.write_bytes(models.model(text).SerializeToString())
            source = Source(model, path, class_labels=LABELS.get(model, ()))
            published.append(publisher.publish(source).manifest)
    for manifest in published:
        status = wait_until_loaded(registry, manifest.model, manifest.version, LOAD_TIMEOUT_S, 0.05)
        assert status.state == "AVAILABLE", (manifest.model, status)


if __name__ == "__main__":
    main()
