"""Flow 1, predict: read -> resolve -> open -> decode -> check -> run -> encode -> record."""

from __future__ import annotations

import time
from uuid import uuid4

from hearth.domain.errors import (
    HearthError,
    NotBuilt,
    PayloadTooLarge,
)
from hearth.domain.identity import STABLE
from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.edge.problem import of_error, of_unexpected
from hearth.edge.routes import Call, parse_v1, parse_v2
from hearth.serving import record as records
from hearth.serving.asked import Served, ServingProtocol
from hearth.serving.check import conform
from hearth.serving.open_inference import OpenInference
from hearth.serving.record import Record
from hearth.serving.tf_serving import TfServing
from hearth.serving.worker import Worker

ROUTING_KEY = "x-hearth-routing-key"
_PREDICTIONS = ("predict", "infer", "classify", "regress")
# What one invoke can carry: 6 MiB and the envelope, of which base64 takes a third.
ANSWER_LIMIT = 6_291_556
_ENVELOPE = 4096

_TF_SERVING, _OPEN_INFERENCE = TfServing(), OpenInference()


def predict(request: HttpRequest, worker: Worker) -> Answer:
    """Answer one request of either protocol; a prediction's record is written first."""
    started = time.perf_counter()
    call, protocol = _parse(request)
    if call.verb == "metadata":
        return _describe(call, protocol, worker)
    if call.verb not in _PREDICTIONS:
        raise NotBuilt(f"{call.verb} of {request.path[:200]} is not built yet")
    record = Record(request_id=request.request_id, model=call.target.model)
    try:
        answer = _predict(request, (call, protocol), worker, record)
    except HearthError as error:
        record.error = type(error).__name__
        answer = of_error(error, request.path)
    except Exception as error:
        record.error = type(error).__name__
        _finish(record, of_unexpected(error), started)
        raise
    record.known = worker.catalogue.knows(call.target.model)
    return _finish(record, answer, started)


def _finish(record: Record, answer: Answer, started: float) -> Answer:
    record.status = answer.status
    record.latency_ms = (time.perf_counter() - started) * 1000
    records.write(record)
    return answer


def _predict(
    request: HttpRequest, parsed: tuple[Call, ServingProtocol], worker: Worker, record: Record
) -> Answer:
    call, protocol = parsed
    record.route = call.target.label or ("" if call.target.version else STABLE)
    _require_built(call, request)
    asked = protocol.read(request)
    key = request.headers.get(ROUTING_KEY) or asked.id or request.request_id or uuid4().hex
    route = worker.catalogue.route(call.target, key)
    record.version, record.why = route.version, route.why
    opened, cold = worker.open(route)
    record.load_ms = opened.load_ms if cold else 0.0
    signature = opened.manifest.signature
    inputs = protocol.decode(asked, signature)
    conform(inputs, signature)
    ran = time.perf_counter()
    outputs = opened.session.run(inputs, protocol.wanted(asked, signature))
    record.model_ms = (time.perf_counter() - ran) * 1000
    return _bounded(protocol.encode(asked, outputs, Served(route, opened.manifest)))


def _parse(request: HttpRequest) -> tuple[Call, ServingProtocol]:
    if request.path.startswith("/v2"):
        return parse_v2(request.method, request.path), _OPEN_INFERENCE
    return parse_v1(request.method, request.path), _TF_SERVING


def _describe(call: Call, protocol: ServingProtocol, worker: Worker) -> Answer:
    route = worker.catalogue.route(call.target, "")
    opened, _ = worker.open(route)
    versions = worker.catalogue.versions(route.model)
    return protocol.metadata(Served(route, opened.manifest), versions)


def _require_built(call: Call, request: HttpRequest) -> None:
    if call.verb not in ("predict", "infer"):
        raise NotBuilt(f"{call.verb} of {request.path[:200]} is not built yet")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise NotBuilt(
            "compressed requests are not built yet",
            got=request.headers["content-encoding"],
            remedy="send the body uncompressed",
        )


def _bounded(answer: Answer) -> Answer:
    # Within the invoke's JSON, bytes become base64 and each quote in a text gets a backslash.
    escapes = answer.body.count(b'"') + answer.body.count(b"\\")
    size = len(answer.body) * 4 // 3 if answer.binary else len(answer.body) + escapes
    if size + _ENVELOPE > ANSWER_LIMIT:
        raise PayloadTooLarge(
            "the answer is larger than a Lambda can give",
            got=f"{size} bytes",
            expected=f"at most {ANSWER_LIMIT - _ENVELOPE}",
            remedy="ask for fewer rows or outputs, or for binary outputs",
        )
    return answer
