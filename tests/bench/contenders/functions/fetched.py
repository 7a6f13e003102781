"""A model fetched as people fetch it, with boto3 while the sandbox starts, and opened."""

import os
import tempfile
from pathlib import Path

import boto3
from onnxruntime import InferenceSession


def session() -> InferenceSession:
    path = str(Path(tempfile.gettempdir()) / "model.onnx")
    boto3.client("s3").download_file(os.environ["BENCH_BUCKET"], os.environ["BENCH_KEY"], path)
    return InferenceSession(path)
