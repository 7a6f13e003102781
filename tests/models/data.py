"""The data sets behind the models, each split once and for all into training and held-out rows.

All three ship inside scikit-learn. The held-out quarter never reaches a training script, so every
figure taken on it, now or after an optimisation, compares with the catalogue's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets
from sklearn.model_selection import train_test_split

Features = npt.NDArray[np.float32]
Targets = npt.NDArray[Any]

HELD_OUT = 0.25
SEED = 20


@dataclass(frozen=True, slots=True)
class Split:
    train_x: Features
    train_y: Targets
    held_out_x: Features
    held_out_y: Targets

    def shaped(self, *sample: int) -> "Split":
        """Return the same rows with each sample in the given shape."""
        return Split(
            self.train_x.reshape(-1, *sample),
            self.train_y,
            self.held_out_x.reshape(-1, *sample),
            self.held_out_y,
        )


def digits() -> Split:
    """Return 1797 handwritten digits: 64 pixels in [0, 1], row by row, with INT64 labels 0-9."""
    bunch = datasets.load_digits()
    return _split(bunch.data / 16, bunch.target.astype(np.int64), stratified=True)


def breast_cancer() -> Split:
    """Return 569 tumours: 30 measurements, with the labels "malignant" and "benign"."""
    bunch = datasets.load_breast_cancer()
    return _split(bunch.data, bunch.target_names[bunch.target].astype(object), stratified=True)


def diabetes() -> Split:
    """Return 442 patients: 10 measurements in their own units, with FP32 disease progression."""
    bunch = datasets.load_diabetes(scaled=False)
    return _split(bunch.data, bunch.target.astype(np.float32), stratified=False)


SETS: dict[str, Callable[[], Split]] = {
    "digits": digits,
    "breast-cancer": breast_cancer,
    "diabetes": diabetes,
}


def _split(x: npt.NDArray[np.float64], y: Targets, *, stratified: bool) -> Split:
    train_x, held_out_x, train_y, held_out_y = train_test_split(
        x.astype(np.float32),
        y,
        test_size=HELD_OUT,
        random_state=SEED,
        stratify=y if stratified else None,
    )
    return Split(train_x, train_y, held_out_x, held_out_y)
