"""A BentoML service of one worker."""

import os

import bentoml
import numpy as np
from onnxruntime import InferenceSession


@bentoml.service(workers=1)
class Digits:
    def __init__(self) -> None:
        self.session = InferenceSession(os.environ["BENCH_FILE"])

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> dict[str, list[list[float]]]:
        rows = np.array(instances, np.float32)
        [output] = self.session.run(None, {"pixels": rows})
        return {"predictions": output.tolist()}
