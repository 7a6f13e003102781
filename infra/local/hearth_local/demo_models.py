"""Real models for the demo: handwritten digits, which scikit-learn brings along."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hearth.domain import registry_entry as entries
from hearth.domain.registry_entry import OFF, Policy
from hearth.publishing.publication import Publisher, Source
from hearth.stores.clock import SystemClock

from hearth_local import library
from hearth_local.target import Target
from hearth_local.waiting import wait_until_loaded

if TYPE_CHECKING:
    from hearth_local.stack import LocalStack

MODEL = "digits"
_SEED = 7
_HELD_OUT = 0.25


@dataclass(frozen=True, slots=True)
class Digits:
    """The data set, split once: pixels float32 [rows, 64] from 0 to 16, labels int64 [rows]."""

    train: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.float32]
    held_out_labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model as its trainer hands it over: files, and its accuracy on the held-out rows."""

    path: Path
    evaluation: Path
    baseline: Path
    parameters: int
    accuracy: float


def digits() -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train, held_out, train_labels, held_out_labels = train_test_split(
        pixels.astype(np.float32),
        labels.astype(np.int64),
        test_size=_HELD_OUT,
        random_state=_SEED,
        stratify=labels,
    )
    return Digits(train, train_labels, held_out, held_out_labels)


def train(kind: str, data: Digits, folder: Path) -> Trained:
    """Train a `linear` or a `network` classifier and write it as ONNX with its data files."""
    from skl2onnx import to_onnx

    classifier = _classifier(kind)
    classifier.fit(data.train, data.train_labels)
    folder.mkdir(parents=True, exist_ok=True)
    # ZipMap would turn the scores into a list of maps, which no serving protocol carries.
    options = {id(classifier[-1]): {"zipmap": False}}
    model = to_onnx(classifier, data.train[:1], options=options, target_opset=21)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    np.savez_compressed(folder / "evaluation.npz", X=data.held_out, target=data.held_out_labels)
    np.savez_compressed(folder / "reference.npz", X=data.train)
    return Trained(
        path=folder / "model.onnx",
        evaluation=folder / "evaluation.npz",
        baseline=folder / "reference.npz",
        parameters=_parameters(classifier[-1]),
        accuracy=float(classifier.score(data.held_out, data.held_out_labels)),
    )


def _classifier(kind: str) -> Any:  # noqa: ANN401 (a scikit-learn pipeline)
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    if kind == "linear":
        return make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500))
    return make_pipeline(
        MinMaxScaler(), MLPClassifier((768, 384), max_iter=200, alpha=1e-3, random_state=_SEED)
    )


def _parameters(classifier: Any) -> int:  # noqa: ANN401
    if hasattr(classifier, "coefs_"):
        return sum(part.size for part in (*classifier.coefs_, *classifier.intercepts_))
    return int(classifier.coef_.size + classifier.intercept_.size)


def source(trained: Trained, note: str) -> Source:
    return Source(
        model=MODEL,
        path=trained.path,
        evaluation=trained.evaluation,
        baseline=trained.baseline,
        class_labels=tuple("0123456789"),
        created_by=library.who(),
        note=note,
    )


def target_of(stack: LocalStack) -> Target:
    """Return a running stack as the commands see it."""
    from hearth_local import target

    return target.find(stack.state_dir)


def publish(stack: LocalStack) -> None:
    """Publish the demo models into a running stack and wait until they answer."""
    found = target_of(stack)
    data = digits()
    publisher = Publisher(library.artefacts(found), SystemClock())
    registry, actor = library.registry(found), library.actor("demo models")
    # Two versions are what the README shows; a third one comes when it is asked for.
    registry.change(MODEL, lambda now: entries.set_policy(now, Policy(optimize=OFF), actor))
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("linear", "network"):
            trained = train(kind, data, Path(folder) / kind)
            manifest = publisher.publish(source(trained, kind)).manifest
            wait_until_loaded(registry, manifest.model, manifest.version, timeout_s=60)
