"""S3 in a process of its own (moto's server), with models in it that were published and proven.

Usage: python -m bench.bucket, with models (one JSON object: name to file) on standard input and
AWS_ENDPOINT_URL set: publishes them the usual way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BUCKET, REGION = "hearth-bench", "eu-central-1"
# Where the plain copies of models lie: what a handler fetches that knows nothing of Hearth.
PLAIN = "plain"


@contextmanager
def serving(models: Mapping[str, Path]) -> Iterator[str]:
    """Give the URL of an S3 that has these models, published and as plain objects."""
    with moto() as url:
        environment = {**os.environ, **credentials(url), "PYTHONPATH": str(_TESTS)}
        subprocess.run(
            [sys.executable, "-m", "bench.bucket"],
            input=json.dumps({name: str(path) for name, path in models.items()}),
            env=environment,
            text=True,
            check=True,
        )
        yield url


@contextmanager
def moto() -> Iterator[str]:
    """Give the URL of an empty S3."""
    plan = {"region": REGION, "buckets": [], "buses": [], "rules": []}
    process = subprocess.Popen(
        [sys.executable, "-m", "hearth_local.aws_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with process:
        process.stdin.write(json.dumps(plan).encode() + b"\n")
        process.stdin.flush()
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def credentials(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


_TESTS = Path(__file__).parents[1]


def main() -> None:
    import boto3
    from support import bundle

    with tempfile.TemporaryDirectory() as folder:
        s3 = boto3.client("s3")
        made = bundle.create(BUCKET, REGION, Path(folder))
        for name, path in json.load(sys.stdin).items():
            made.serve(name, Path(path))
            s3.upload_file(path, BUCKET, f"{PLAIN}/{name}.onnx")


if __name__ == "__main__":
    main()
