"""FastAPI under uvicorn."""

import os

import uvicorn
from bench.contenders import asgi
from onnxruntime import InferenceSession

if __name__ == "__main__":
    app = asgi.app(InferenceSession(os.environ["BENCH_FILE"]), list[list[float]], list[float])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), access_log=False)
