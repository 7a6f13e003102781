"""Hearth in this process: a bucket of moto's, a publisher, a loader and a predict sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import ml_dtypes
import numpy as np
from hearth.domain.errors import HearthError
from hearth.edge.door import respond
from hearth.edge.settings import PredictSettings
from hearth.publishing.publication import Source
from hearth.serving import golden
from hearth.serving.golden import GoldenCase
from hearth.serving.prediction import predict
from hearth.serving.stock import Stock
from hearth.serving.worker import Worker
from hearth.stores.aws_payloads import S3Payloads
from support import bundle
from support.bundle import Bundle
from support.calling import Caller
from support.network import mocked_aws

from nodes.cases import Case

_BUCKET, _REGION = "hearth-nodes", "eu-central-1"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": _REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class NotProven(HearthError):
    """A version that was published and did not become servable; the registry says why."""


@dataclass(frozen=True)
class Sandbox:
    folder: Path
    bundle: Bundle
    caller: Caller

    def serve(self, case: Case) -> None:
        """Publish a case's model under the case's name, with the case as golden, and prove it.

        Raises:
            HearthError: If it is not published.
            NotProven: If it is, and cannot be proven.
        """
        path, cases = self.folder / "model.onnx", None
        path.write_bytes(case.model)
        if case.plain:
            cases = self.folder / "golden.npz"
            golden.save([_golden(case)], cases)
        source = Source(case.name, path, golden=cases, rtol=case.rtol, atol=case.atol)
        outcome = self.bundle.publish(source)
        if outcome.state != "AVAILABLE":
            raise NotProven(f"{outcome.state}: {outcome.error_message}")


@contextmanager
def opened(folder: Path) -> Iterator[Sandbox]:
    """Open a sandbox that keeps its files in a folder."""
    with patch.dict(os.environ, _ENVIRONMENT), mocked_aws():
        made = bundle.create(_BUCKET, _REGION, folder)
        # Room for few models: what was asked is not asked again.
        settings = PredictSettings(_BUCKET, cache_mb=1, files_dir=str(folder / "serving"))
        stock = Stock(made.registry, made.artefacts, settings)
        worker = Worker(stock, S3Payloads(_BUCKET), settings)
        caller = Caller(lambda event, _: respond(event, lambda r: predict(r, worker)))
        yield Sandbox(folder, made, caller)


def _golden(case: Case) -> GoldenCase:
    inputs = {
        name: array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array
        for name, array in case.inputs.items()
    }
    # The bits of a rounded BF16 say nothing of how close it is: outputs of it are left out, and
    # Hearth takes what the model gives.
    outputs = {
        name: array for name, array in case.outputs.items() if array.dtype != ml_dtypes.bfloat16
    }
    return GoldenCase(inputs, outputs)
