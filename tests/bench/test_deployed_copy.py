"""What the bench on AWS deploys beside a stack runs where it will: under `awslambdaric`, with predict's layers."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import boto3
import numpy as np
import pytest
from bench import aws, bucket, deployed_copy, sandbox, subject
from hearth_local import layer_view, template

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["floor", "naive"])
def test_contender_answers_from_its_zip_file(tmp_path: Path, name: str) -> None:
    """A contender's zip file has all that its handler needs besides the layers of predict."""
    folder = tmp_path / "task"
    zipfile.ZipFile(io.BytesIO(deployed_copy.bundled())).extractall(folder)
    predict = template.load(ROOT / "template.yaml").function("predict")
    views = layer_view.build(predict.layers, tmp_path / "views")
    row = subject.row()
    with bucket.moto() as url:
        s3 = boto3.Session("local", "local", region_name="us-east-1").client("s3", endpoint_url=url)
        s3.create_bucket(Bucket=bucket.BUCKET)
        s3.upload_file(str(row.file), bucket.BUCKET, aws.KEY)
        environment = {
            "PYTHONPATH": layer_view.join(views.search_path(folder, predict.layers)),
            "LAMBDA_TASK_ROOT": str(folder),
            "TMPDIR": str(tmp_path),
            "BENCH_FILE": str(folder / "model.onnx"),
            "BENCH_BATCH": str(folder / "batch.npy"),
            "BENCH_BUCKET": bucket.BUCKET,
            "BENCH_KEY": aws.KEY,
            **bucket.credentials(url),
        }
        handler = f"bench.contenders.functions.{name}.handler"
        worker = sandbox.Worker(
            [sys.executable, "-S", "-m", "awslambdaric", handler], environment, folder
        )
        event = json.dumps(row.case.event("/instances", row.input)).encode()
        life = sandbox.live(worker, [event], tmp_path / "life")
    found = row.case.read(json.loads(life.served[0].payload))
    assert np.allclose(found, row.expected(), rtol=1e-5, atol=1e-5)
