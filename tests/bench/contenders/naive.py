"""A handler without a framework: json, numpy, `session.run`. It checks nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import orjson
from onnxruntime import InferenceSession

JSON = {"Content-Type": "application/json"}


def _orjson_dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


class Naive:
    """TF Serving's predict and Open Inference's infer for a model of one input and one output."""

    def __init__(self, session: InferenceSession, loads=json.loads, dumps=json.dumps) -> None:
        self._session, self._loads, self._dumps = session, loads, dumps
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    @classmethod
    def with_orjson(cls, session: InferenceSession) -> Naive:
        return cls(session, orjson.loads, _orjson_dumps)

    def instances(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        body = self._loads(event["body"])
        outputs = self._run(np.array(body["instances"], np.float32))
        return self._answer({"predictions": outputs.tolist()})

    def inputs(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        body = self._loads(event["body"])
        outputs = self._run(np.array(body["inputs"], np.float32))
        return self._answer({"outputs": outputs.tolist()})

    def infer(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        tensor = self._loads(event["body"])["inputs"][0]
        outputs = self._run(np.array(tensor["data"], np.float32).reshape(tensor["shape"]))
        return self._answer(self._document(outputs, data=outputs.ravel().tolist()))

    def infer_binary(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        body = base64.b64decode(event["body"])
        length = int(event["headers"]["inference-header-content-length"])
        tensor = self._loads(body[:length])["inputs"][0]
        outputs = self._run(np.frombuffer(body, np.float32, offset=length).reshape(tensor["shape"]))
        size = {"binary_data_size": outputs.nbytes}
        head = self._dumps(self._document(outputs, parameters=size)).encode()
        return {
            "statusCode": 200,
            "headers": {
                "Content-Type": "application/octet-stream",
                "Inference-Header-Content-Length": str(len(head)),
            },
            "body": base64.b64encode(head + outputs.tobytes()).decode(),
            "isBase64Encoded": True,
        }

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input: batch})[0]

    def _document(self, outputs: np.ndarray, **data: Any) -> dict[str, Any]:
        shape = list(outputs.shape)
        tensor = {"name": self._output, "datatype": "FP32", "shape": shape, **data}
        return {"model_name": "model", "outputs": [tensor]}

    def _answer(self, document: dict[str, Any]) -> dict[str, Any]:
        return {"statusCode": 200, "headers": JSON, "body": self._dumps(document)}
