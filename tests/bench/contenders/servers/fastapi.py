"""FastAPI under uvicorn."""

import os

import uvicorn
from bench.contenders import asgi
from bench.contenders.schemas import NESTINGS
from onnxruntime import InferenceSession

if __name__ == "__main__":
    nesting = NESTINGS[os.environ["BENCH_ITEMS"]]
    app = asgi.app(InferenceSession(os.environ["BENCH_FILE"]), nesting, list[float])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), access_log=False)
