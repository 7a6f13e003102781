"""predict: an HTTP request, a direct invoke or a queue's message becomes a prediction."""

from __future__ import annotations

import gc
import os

KIND = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE")  # set wherever Lambda starts a process
if KIND:
    gc.disable()  # until the start is over: nearly all that it allocates is there to stay
    from hearth.serving.deferred import defer

    defer()

from functools import cache
from typing import Any

from hearth.domain.errors import BadRequest
from hearth.edge.answers import Answer
from hearth.edge.door import drain, invoke, respond
from hearth.edge.events import Event, HttpRequest, is_direct, is_http, is_queue_batch
from hearth.edge.settings import PredictSettings
from hearth.serving import start
from hearth.serving.stock import Stock
from hearth.stores import s3_objects
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry


def open_stock() -> Stock:
    settings = PredictSettings.from_env(os.environ)
    documents = S3Documents(settings.bucket)
    artefacts = Artefacts(documents, S3Blobs(settings.bucket))
    return Stock(Registry(documents), artefacts, settings)


# S3's answers come while what follows, ONNX Runtime above all, takes its time to be imported.
BEGUN = start.begin(open_stock(), KIND) if KIND else None

from hearth.serving.prediction import predict
from hearth.serving.worker import Worker


@cache
def assemble() -> Worker:
    stock = BEGUN.stock if BEGUN else open_stock()
    return Worker(stock, S3Payloads(stock.settings.bucket), stock.settings)


def handler(event: Event, context: Any) -> Any:  # noqa: ANN401 (AWS's context, any JSON)
    def flow(request: HttpRequest) -> Answer:
        return predict(request, assemble())

    if is_http(event):
        return respond(event, flow, identified=True)
    if is_queue_batch(event):
        return drain(
            event,
            flow,
            context.aws_request_id,
            lambda: context.get_remaining_time_in_millis() / 1e3,
        )
    if is_direct(event):
        return invoke(event, flow, context.aws_request_id)
    raise BadRequest(
        "the event is of no known kind",
        got=sorted(map(str, event))[:12],
        expected="an HTTP API 2.0 event, an SQS batch, or an object with 'route'",
    )


if BEGUN:
    start.finish(BEGUN, assemble(), disconnect=s3_objects.renew)
