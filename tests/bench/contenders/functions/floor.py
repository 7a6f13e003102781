"""The least that a model on Lambda can cost: ONNX Runtime, a file on local disk, one run.

It reads no request and fetches nothing; its answer is that of one fixed batch.
"""

import json
import os

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

options = SessionOptions()
options.intra_op_num_threads = 1  # no threads to start: the least
session = InferenceSession(os.environ["BENCH_FILE"], options)
name = session.get_inputs()[0].name
batch = np.load(os.environ["BENCH_BATCH"])


def handler(event, context):
    [output] = session.run(None, {name: batch})
    return {"statusCode": 200, "body": json.dumps({"predictions": output.tolist()})}
