"""Trains the tree and linear models and writes them as ONNX.

Run it as: python tests/models/train_sklearn.py [name ...]
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import catalogue
import onnx
from data import SETS
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 7
OPSETS = {"": 17, "ai.onnx.ml": 3}
FOLDER = Path(__file__).parent
log = logging.getLogger("train_sklearn")


def forest() -> BaseEstimator:
    return RandomForestClassifier(n_estimators=24, max_leaf_nodes=100, random_state=SEED)


def logistic() -> BaseEstimator:
    return make_pipeline(StandardScaler(), LogisticRegression())


def boosted_trees() -> BaseEstimator:
    return GradientBoostingRegressor(
        n_estimators=100, learning_rate=0.05, max_depth=2, subsample=0.7, random_state=SEED
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    build: Callable[[], BaseEstimator]
    data: str
    task: str
    input: str
    outputs: tuple[str, ...]


SCORED = ("label", "probabilities")
RECIPES = {
    "digits_forest": Recipe(forest, "digits", "classification", "pixels", SCORED),
    "cancer_logreg": Recipe(logistic, "breast-cancer", "classification", "features", SCORED),
    "diabetes_gbr": Recipe(boosted_trees, "diabetes", "regression", "features", ("progression",)),
}


def main(names: list[str]) -> None:
    for name in names or RECIPES:
        recipe, path = RECIPES[name], FOLDER / f"{name}.onnx"
        split = SETS[recipe.data]()
        log.info("%s: fitting on %d rows", name, len(split.train_x))
        model = recipe.build().fit(split.train_x, split.train_y)
        export(model, recipe, split.train_x.shape[1], path)
        entry = catalogue.describe(path, recipe.data, recipe.task, Path(__file__).name)
        catalogue.record(entry)
        metric = entry.metric
        log.info("%s: held-out %s %.4f, %d bytes", name, metric.name, metric.value, entry.bytes)


def export(model: BaseEstimator, recipe: Recipe, width: int, path: Path) -> None:
    converted = to_onnx(
        model,
        initial_types=[(recipe.input, FloatTensorType([None, width]))],
        options={"zipmap": False} if recipe.task == "classification" else None,
        target_opset=OPSETS,
    )
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for output, name in zip(converted.graph.output, recipe.outputs, strict=True):
        _rename(converted.graph, output, name)
    onnx.save(converted, path)


def _rename(graph: onnx.GraphProto, output: onnx.ValueInfoProto, name: str) -> None:
    for node in graph.node:
        node.output[:] = [name if known == output.name else known for known in node.output]
    output.name = name


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
