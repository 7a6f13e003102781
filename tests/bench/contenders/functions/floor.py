"""The least that a model on Lambda can cost: ONNX Runtime, a file on local disk, one run.

It reads no request and fetches nothing; its answer is that of one fixed row.
"""

import json
import os

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

options = SessionOptions()
options.intra_op_num_threads = 1  # no threads to start: the least
session = InferenceSession(os.environ["BENCH_FILE"], options)
row = np.array([json.loads(os.environ["BENCH_ROW"])], np.float32)


def handler(event, context):
    [output] = session.run(None, {"pixels": row})
    return {"statusCode": 200, "body": json.dumps({"predictions": output.tolist()})}
