"""What the handlers are asked: models, batches, and the events that carry them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from support import events
from support.calling import infer_body

DIGITS = Path(__file__).parents[1] / "models/digits_mlp.onnx"
# One number for each channel of each image: next to nothing to run, next to nothing to answer.
POOLED = """
pooled (float[N, 3, 224, 224] x) => (float[N, 3, 1, 1] y) { y = GlobalAveragePool(x) }
"""
# As much to answer as was asked.
NEGATED = "negated (float[N, 3, 224, 224] x) => (float[N, 3, 224, 224] y) { y = Neg(x) }"


@dataclass(frozen=True)
class Case:
    """One request.

    Args:
        title: Its name in the table.
        model: The model asked.
        form: "instances", "inputs", "flat", "nested" (Open Inference's `data`) or "binary".
        batch: The input.
    """

    title: str
    model: str
    form: str
    batch: np.ndarray

    @property
    def path(self) -> str:
        tfs = self.form in ("instances", "inputs")
        return f"/v1/models/{self.model}:predict" if tfs else f"/v2/models/{self.model}/infer"

    @property
    def method(self) -> str:
        """What the contenders call it: infer takes `data` flat and nested alike."""
        names = {"flat": "infer", "nested": "infer", "binary": "infer_binary"}
        return names.get(self.form, self.form)

    def event(self, path: str, name: str) -> dict[str, Any]:
        """Return the event for this path and input name, as Lambda's runtime reads it.

        API Gateway hands JSON on as text and everything else in base64.
        """
        body, headers = self._body(name)
        binary = self.form == "binary"
        kind = "application/octet-stream" if binary else "application/json"
        event = events.http("POST", path, b"", {"content-type": kind, **headers})
        event["headers"]["content-length"] = str(len(body))
        event["isBase64Encoded"] = binary
        event["body"] = base64.b64encode(body).decode() if binary else body.decode()
        return json.loads(json.dumps(event))

    def _body(self, name: str) -> tuple[bytes, dict[str, str]]:
        # As clients send them: the float32's own value, in the digits of a double.
        if self.form in ("instances", "inputs"):
            return json.dumps({self.form: self.batch.tolist()}).encode(), {}
        item = {"name": name, "shape": list(self.batch.shape), "datatype": "FP32"}
        if self.form == "binary":
            item["parameters"] = {"binary_data_size": self.batch.nbytes}
            return infer_body([item], self.batch.tobytes(), parameters={"binary_data_output": True})
        flat = self.batch.ravel() if self.form == "flat" else self.batch
        return json.dumps({"inputs": [{**item, "data": flat.tolist()}]}).encode(), {}

    def read(self, response: dict[str, Any]) -> np.ndarray:
        """Return the one output in an answer."""
        assert response["statusCode"] == 200, response["body"][:500]
        if self.form == "binary":
            return _read_binary(response)
        document = json.loads(response["body"])
        if self.form in ("instances", "inputs"):
            [(_, values)] = document.items()
            return np.array(values, np.float32)
        [tensor] = document["outputs"]
        return np.array(tensor["data"], np.float32).reshape(tensor["shape"])


def _read_binary(response: dict[str, Any]) -> np.ndarray:
    headers = {name.lower(): value for name, value in response["headers"].items()}
    length = int(headers["inference-header-content-length"])
    body = base64.b64decode(response["body"], validate=True)
    [tensor] = json.loads(body[:length])["outputs"]
    return np.frombuffer(body, np.float32, offset=length).reshape(tensor["shape"])


def digits() -> Case:
    row = (load_digits().data[:1] / 16).astype(np.float32)
    return Case("row of 64, TF Serving `instances`", "digits", "instances", row)


def digits_in(form: str, title: str) -> Case:
    return replace(digits(), form=form, title=f"row of 64, {title}")


def image() -> Case:
    batch = np.random.default_rng(3).standard_normal((1, 3, 224, 224), np.float32)
    return Case("an image, TF Serving `instances`", "pooled", "instances", batch)


def cases() -> list[Case]:
    images = np.random.default_rng(3).standard_normal((8, 3, 224, 224), np.float32)
    few = images[:2]
    forms = {
        "instances": "TF Serving `instances`",
        "inputs": "TF Serving `inputs`",
        "flat": "Open Inference, flat `data`",
        "nested": "Open Inference, nested `data`",
        "binary": "Open Inference, binary",
    }
    echoed = ("instances", "flat", "binary")
    return [
        digits(),
        *(digits_in(form, forms[form]) for form in ("flat", "binary")),
        *(Case(f"8 images, {title}", "pooled", form, images) for form, title in forms.items()),
        *(Case(f"2 images and back, {forms[form]}", "negated", form, few) for form in echoed),
    ]
