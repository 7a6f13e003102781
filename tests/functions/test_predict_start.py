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
print(json.dumps({"imported": imported, "after": sorted(sys.modules), "answer": answer}))
"""


def test_prediction_needs_no_botocore(server_s3: Any, onnx_file: Any, tmp_path: Path) -> None:
    """Neither the import nor the first answer, model and all, costs what botocore costs."""
    documents, blobs = S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3)
    bundle.around(documents, blobs, tmp_path).serve("m", onnx_file())
    event = http("POST", "/v1/models/m:predict", '{"instances": [[1, 2, 3, 4]]}')
    environment = {
        **os.environ,
        "HEARTH_BUCKET": BUCKET,
        "HEARTH_FILES_DIR": str(tmp_path / "files"),
    }
    command = [sys.executable, "-c", ANSWER, json.dumps(event)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(told["answer"]["body"]) == {"predictions": [[3, 5, 7, 9]]}
    for modules in (told["imported"], told["after"]):
        assert not {"botocore", "boto3", "urllib3"} & set(modules)
