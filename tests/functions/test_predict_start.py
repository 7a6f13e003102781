"""What a start of predict brings into its process: no more than its answers need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hearth.stores.aws_s3 import S3Blobs, S3Documents
from support import bundle
from support.events import http

BUCKET = "hearth-models"
ANSWER = """
import json, sys
import predict
imported = sorted(sys.modules)
answer = predict.handler(json.loads(sys.argv[1]), None)
whole = [name for name, module in sys.modules.items() if vars(module).get("__file__")]
told = {"imported": imported, "after": sorted(sys.modules), "whole": whole, "answer": answer}
print(json.dumps(told))
"""


# By their own files: what stands for them in a start has none.
UNUSED = ("ast", "dis", "inspect", "pickle", "platform", "urllib.parse")


def test_prediction_needs_no_botocore(server_s3: Any, onnx_file: Any, tmp_path: Path) -> None:
    """Neither the import nor the first answer, model and all, costs what botocore costs."""
    told = first_answer(server_s3, onnx_file, tmp_path, {})
    for modules in (told["imported"], told["after"]):
        assert not {"botocore", "boto3", "urllib3"} & set(modules)


def test_start_imports_nothing_that_nobody_looks_into(
    server_s3: Any, onnx_file: Any, tmp_path: Path
) -> None:
    """Where Lambda starts a process, what numpy and others merely name stays out to the first answer."""
    told = first_answer(
        server_s3, onnx_file, tmp_path, {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}
    )
    whole = set(told["whole"])
    # Older versions of Python's own pathlib name it.
    allowed = {"urllib.parse"} if sys.version_info < (3, 12) else set()
    assert not whole & (set(UNUSED) - allowed)


def first_answer(
    server_s3: Any, onnx_file: Any, tmp_path: Path, more: dict[str, str]
) -> dict[str, Any]:
    """Return what a fresh process had imported when it had answered its first request."""
    documents, blobs = S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3)
    bundle.around(documents, blobs, tmp_path).serve("m", onnx_file())
    event = http("POST", "/v1/models/m:predict", '{"instances": [[1, 2, 3, 4]]}')
    environment = {
        **os.environ,
        "HEARTH_BUCKET": BUCKET,
        "HEARTH_FILES_DIR": str(tmp_path / "files"),
        **more,
    }
    command = [sys.executable, "-c", ANSWER, json.dumps(event)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(told["answer"]["body"]) == {"predictions": [[3, 5, 7, 9]]}
    return told
