"""What contenders are asked: a model, and a request to it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime as ort
from bench.cases import DIGITS, POOLED, Case, digits, image
from support import models

ROWS, IMAGES = "rows", "images"


@dataclass(frozen=True)
class Subject:
    """A model with one input and one output.

    Args:
        case: The request, in TensorFlow Serving's form; it names the model.
        file: The model.
        items: How a batch nests: "rows" or "images".
    """

    case: Case
    file: Path
    items: str

    @property
    def model(self) -> str:
        return self.case.model

    @property
    def input(self) -> str:
        return self._session().get_inputs()[0].name

    def expected(self) -> np.ndarray:
        """Return what `session.run` gives."""
        [output] = self._session().run(None, {self.input: self.case.batch})
        return output

    def _session(self) -> ort.InferenceSession:
        return ort.InferenceSession(self.file)


def row() -> Subject:
    return Subject(digits(), DIGITS, ROWS)


def one_image(stack: ExitStack) -> Subject:
    """Return a subject with 3 MB of JSON and next to nothing to run."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="hearth-subject-")))
    onnx.save(models.model(POOLED), folder / "pooled.onnx")
    return Subject(image(), folder / "pooled.onnx", IMAGES)
