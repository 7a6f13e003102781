"""LitServe: one inference worker behind one API server."""

import os

import litserve
import numpy as np
from onnxruntime import InferenceSession


class Served(litserve.LitAPI):
    def setup(self, device):
        self.session = InferenceSession(os.environ["BENCH_FILE"])
        self.name = self.session.get_inputs()[0].name

    def decode_request(self, request):
        return np.array(request["instances"], np.float32)

    def predict(self, batch):
        return self.session.run(None, {self.name: batch})[0]

    def encode_response(self, output):
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Served(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), generate_client_file=False)
