"""KServe's SDK: a model of its own, TensorFlow Serving's protocol."""

import os

import numpy as np
import uvicorn
from kserve import Model, ModelServer
from onnxruntime import InferenceSession


class _Loopback(uvicorn.Config):
    """KServe listens on every address and has no setting for it; a bench stays on its machine."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "host": "127.0.0.1"})


class Served(Model):
    def load(self):
        self.session = InferenceSession(os.environ["BENCH_FILE"])
        self.input = self.session.get_inputs()[0].name
        self.ready = True
        return self.ready

    def predict(self, payload, headers=None, response_headers=None):
        batch = np.array(payload["instances"], np.float32)
        [output] = self.session.run(None, {self.input: batch})
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    uvicorn.Config = _Loopback
    model = Served("model")
    model.load()
    port = int(os.environ["BENCH_PORT"])
    ModelServer(http_port=port, workers=1, enable_grpc=False).start([model])
