"""A BentoML service of one worker."""

import os

import bentoml
import numpy as np
from onnxruntime import InferenceSession


@bentoml.service(workers=1)
class Served:
    def __init__(self) -> None:
        self.session = InferenceSession(os.environ["BENCH_FILE"])
        self.name = self.session.get_inputs()[0].name

    @bentoml.api
    def predict(self, instances: list) -> dict:
        batch = np.array(instances, np.float32)
        [output] = self.session.run(None, {self.name: batch})
        return {"predictions": output.tolist()}
